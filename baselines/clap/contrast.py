"""The contrastive loss, and retrieval under the similarities that it trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lcr.instruction import Description


def contrastive_loss(*, logits: Tensor, fits: Tensor, unknown: Tensor) -> Tensor:
    """Symmetric InfoNCE in nats between texts and clips, with any number of positives.

    `logits` (texts, clips) are scaled similarities; `fits` tells which clips a text is true of,
    `unknown` of which nobody knows: those are left out (both bool, (texts, clips)). The target of
    a text is spread evenly over the clips that it fits, and the other way round (as in UniCL, Yang
    et al., CVPR 2022): with one pair each it is the loss of CLIP and CLAP. Clips that no text fits
    are negatives of the texts alone.
    """
    known = logits.float().masked_fill(unknown, -torch.inf)
    return (_one_way(known, fits) + _one_way(known.T, fits.T)) / 2


def _one_way(logits: Tensor, fits: Tensor) -> Tensor:
    some = fits.any(-1)
    logits, fits = logits[some], fits[some]
    told = torch.where(fits, logits.log_softmax(-1), 0.0).sum(-1) / fits.sum(-1)
    return -told.mean()


@dataclass(frozen=True)
class Retrieval:
    """How many of `count` clips (and of as many descriptions, one a clip) were found right.

    `top1`: the clip's description is the nearest of all distinct ones. `recall1`, `recall5`: a
    clip of the description is among the one or five clips nearest to it. `chance` is what `top1`
    is expected to be by guessing.
    """

    top1: int
    recall1: int
    recall5: int
    chance: float
    count: int


def retrieval(
    *,
    clips: Tensor,
    described: Sequence[Description],
    texts: Tensor,
    distinct: Sequence[Description],
    own: range,
) -> Retrieval:
    """Count for the clips `own` among all: `clips` (clips, width) of which `described` is true,
    `texts` (distinct, width) of the distinct descriptions; all unit vectors.

    Sums over parts of the clips are the whole's. Ties count as misses.
    """
    if not described:
        return Retrieval(top1=0, recall1=0, recall5=0, chance=0.0, count=0)
    at = {description: i for i, description in enumerate(distinct)}
    truth = torch.tensor([at[d] for d in described], dtype=torch.long)
    mine = truth[own.start : own.stop]
    similarity = clips @ texts.T  # (clips, distinct)
    rows = similarity[own.start : own.stop]
    right = rows.gather(1, mine.unsqueeze(1))
    better = (rows >= right).sum(1) - 1  # itself apart
    # From the text's side: how many wrong clips are as near as the nearest right one?
    columns = similarity[:, mine].T  # (own clips, clips)
    same = truth.unsqueeze(0) == mine.unsqueeze(1)
    nearest = columns.masked_fill(~same, -torch.inf).amax(1, keepdim=True)
    before = ((columns >= nearest) & ~same).sum(1)
    return Retrieval(
        top1=int((better == 0).sum()),
        recall1=int((before < 1).sum()),
        recall5=int((before < 5).sum()),
        chance=len(mine) / len(distinct),
        count=len(mine),
    )
