"""Which estimate is of which source: what permutation-invariant training minimises over (Table VII,
"MM + PIT"; Kolbaek et al., 2017), and how the oracle cascade finds its sources (section VI-A).

SNR and SI-SDR need three inner products a pair, so one matrix product serves all pairs. They are
those of doubles, which are exact for floats: near perfection nothing is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from lcr.losses.snr import negative_snr, snr_loss_of

Measure = Literal["snr", "si_sdr"]

_LEAST_SHARE = 1e-8
"""Least share of an estimate's power that counts as lying along its reference (-80 dB)."""
_TINY = 1e-30
"""Power far below any sound: keeps silence from dividing by zero."""


@dataclass(frozen=True)
class Matched:
    """`loss` (batch,) of the best order in dB, and `order` (batch, sources): which estimate is of
    each reference."""

    loss: Tensor
    order: Tensor

    def reorder(self, estimate: Tensor) -> Tensor:
        """`estimate` (batch, sources, ...), in the order of the references."""
        return _pick(estimate, self.order)


def pit_loss(*, estimate: Tensor, reference: Tensor, ceiling_db: float = 30.0) -> Matched:
    """Mean negative SNR in dB of `estimate` (batch, sources, samples) in its best order against
    `reference`, of the same shape; any number of sources.

    Soft-capped at `ceiling_db` and defined for silent references as `negative_snr` is. Gradients
    go through the chosen pairs. Estimates that are not finite give such a loss, in an arbitrary
    order. Raises ValueError for other shapes.
    """
    if estimate.shape != reference.shape:
        raise ValueError(
            "as many estimates as references, of equal length, are needed; got "
            f"{tuple(estimate.shape)} and {tuple(reference.shape)}"
        )
    cost = pairwise_cost(estimate=estimate, reference=reference, ceiling_db=ceiling_db)
    chosen = assignment(cost)
    losses = negative_snr(
        estimate=estimate, reference=_pick(reference, chosen), ceiling_db=ceiling_db
    )
    return Matched(losses.mean(-1), chosen.argsort(-1))


@torch.no_grad()
def pairwise_cost(
    *, estimate: Tensor, reference: Tensor, measure: Measure = "snr", ceiling_db: float = 30.0
) -> Tensor:
    """What every estimate costs as every reference, (batch, estimates, references) in dB, in
    double precision and without gradient, from waveforms (batch, estimates or references, samples).

    Raises ValueError for other shapes.
    """
    ends = [(len(x), x.shape[-1]) for x in (estimate, reference) if x.dim() == 3]
    if len(ends) < 2 or ends[0] != ends[1]:
        raise ValueError(
            "waveforms (batch, sources, samples) of one batch and length are needed; got "
            f"{tuple(estimate.shape)} and {tuple(reference.shape)}"
        )
    # Apple's GPUs have no doubles: there, errors some 60 dB below a source are lost.
    precise = torch.float32 if estimate.device.type == "mps" else torch.float64
    estimate, reference = estimate.to(precise), reference.to(precise)
    own = estimate.square().mean(-1).unsqueeze(2)
    true = reference.square().mean(-1).unsqueeze(1)
    shared = estimate @ reference.mT / estimate.shape[-1]
    if measure == "snr":
        error = (own - 2 * shared + true).clamp_min(0)
        return snr_loss_of(error=error, power=true, ceiling_db=ceiling_db)
    # The power of what does not lie along the reference, by that of what does.
    along = shared.square() / true.clamp_min(_TINY)
    aside = (own - along).clamp_min(0) + _TINY
    error = aside / torch.maximum(along, _LEAST_SHARE * (own + _TINY))
    return snr_loss_of(error=error, power=torch.ones_like(true), ceiling_db=ceiling_db)


def permutation_invariant(cost: Tensor) -> Tensor:
    """The lowest mean cost of any one-to-one assignment, (...,), from what each estimate costs as
    each reference, (..., estimates, references); the assignment itself has no gradient.

    With `negative_snr` as the cost and `SoundRemixer.parts` as the estimates, the references are
    the sources as the target holds them. Raises ValueError unless `cost` is square.
    """
    if cost.shape[-1] != cost.shape[-2]:
        raise ValueError(f"as many estimates as references are needed, got {tuple(cost.shape)}")
    return cost.gather(-1, assignment(cost).unsqueeze(-1)).squeeze(-1).mean(-1)


@torch.no_grad()
def assignment(cost: Tensor) -> Tensor:
    """The reference of each estimate, (..., estimates), in the one-to-one assignment of lowest
    total `cost` (..., estimates, references); -1 for estimates that are left over.

    Costs that are not finite count as the dearest.
    """
    dear = cost.cpu().double().nan_to_num(nan=torch.inf).clamp(-1e30, 1e30)
    matrices = dear.reshape(-1, *cost.shape[-2:])
    chosen = torch.full(matrices.shape[:2], -1)
    for row, matrix in zip(chosen, matrices.numpy(), strict=True):
        of, to = linear_sum_assignment(matrix)
        row[torch.from_numpy(of)] = torch.from_numpy(to)
    return chosen.view(cost.shape[:-1]).to(cost.device)


def _pick(waves: Tensor, which: Tensor) -> Tensor:
    """Of (batch, sources, ...) those that `which` (batch, sources) names, in its order."""
    return waves[torch.arange(len(waves), device=which.device).unsqueeze(1), which]
