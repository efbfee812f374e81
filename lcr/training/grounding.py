"""Supervision of the grounded stem: what sounds in every band and frame of a mixture?

The remixing loss tells of one group of sources at a time. The sources of a training mixture are
known, so every band and frame can say which classes and speaking styles make up its energy: the
stem learns to recognise from all of them at once, at the price of one small layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lcr.instruction import Description
from lcr.nn.grounded.bands import BandTransform
from lcr.nn.grounded.remixer import Encoding, GroundedRemixer
from lcr.nn.reader.slots import SlotVocabulary


def energy_shares(transform: BandTransform, sources: Tensor) -> tuple[Tensor, Tensor]:
    """Each source's share of the energy (batch, sources, bands, frames), and the weight of every
    band and frame (batch, bands, frames), mean 1 in each mixture, so that a batch's loss is the
    mean of its mixtures', from `sources` (batch, sources, samples)."""
    level = sources.sum(1).square().mean(-1).add(1e-12).sqrt()
    flat = (sources / level[:, None, None]).flatten(0, 1)
    power = transform.band_power(transform(flat))
    power = power.view(*sources.shape[:2], *power.shape[1:])
    total = power.sum(1).add(1e-8)
    weight = total.pow(0.25)  # loud parts count more, but not as their energy
    return power / total.unsqueeze(1), weight / weight.mean((-2, -1), keepdim=True)


def grounding_loss(
    remixer: GroundedRemixer,
    encoding: Encoding,
    sources: Tensor,
    descriptions: Sequence[Sequence[Description]],
    vocabulary: SlotVocabulary,
) -> Tensor:
    """Nats a band and frame: binary cross-entropy between what the stem recognises and the share
    of energy from sources that fit. Attributes that are not known of a source do not count."""
    told = [[vocabulary.describe(one) for one in row] for row in descriptions]
    fits = torch.from_numpy(np.stack([[fit for fit, _ in row] for row in told]))
    known = torch.from_numpy(np.stack([[sure for _, sure in row] for row in told]))
    columns = remixer.classes
    fits, known = fits[..., :columns].to(sources), known[..., :columns].to(sources)
    shares, weight = energy_shares(remixer.transform, sources)
    target = torch.einsum("bskt,bsc->bktc", shares, fits * known)
    sure = torch.einsum("bskt,bsc->bktc", shares, known)
    loss = functional.binary_cross_entropy_with_logits(
        encoding.recognised.float(),
        (target / sure.clamp_min(1e-3)).clamp(0, 1),
        sure * weight.unsqueeze(-1),
        reduction="none",
    )
    return loss.sum(-1).mean()
