"""Which estimate is of which source: what permutation-invariant training minimises over (Table VII,
"MM + PIT"; Kolbaek et al., 2017), and how the oracle cascade finds its sources (section VI-A).

What every estimate would cost as every source comes from inner products alone, one matrix product
for all pairs (the waveforms of the pairs are never formed). It serves to choose; the loss itself
is computed on the chosen pairs, so nothing is lost by cancellation and the gradient is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import permutations
from typing import Literal

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from lcr.training.losses import negative_snr

Measure = Literal["snr", "si_sdr"]

_FEW = 4
"""Up to so many sources all orders are tried at once, on the device; from 5 on (120 orders) the
Hungarian method, on the CPU."""
_BLOCK = 8192
"""Samples at a time that are held in double precision."""
_LEAST_SHARE = 1e-8
"""Least share of an estimate's power that counts as lying along its reference (-80 dB)."""


@dataclass(frozen=True)
class Matched:
    """`loss` (batch,) of the best order in dB, and `order` (batch, sources): which estimate is of
    each reference."""

    loss: Tensor
    order: Tensor

    def reorder(self, estimate: Tensor) -> Tensor:
        """`estimate` (batch, sources, ...), in the order of the references."""
        return _pick(estimate, self.order)


def pit_loss(
    *,
    estimate: Tensor,
    reference: Tensor,
    measure: Measure = "snr",
    zero_mean: bool = False,
    ceiling_db: float = 30.0,
) -> Matched:
    """Mean negative SNR (or SI-SDR) in dB of `estimate` (batch, sources, samples) in its best
    order against `reference`, of the same shape; any number of sources.

    Soft-capped at `ceiling_db` and defined for silent references as `negative_snr` is. The order
    has no gradient. Estimates that are not finite give such a loss, in an arbitrary order. Raises
    ValueError for other shapes.
    """
    _check(estimate, reference)
    if estimate.shape != reference.shape:
        raise ValueError(
            "as many estimates as references, of equal length, are needed; got "
            f"{tuple(estimate.shape)} and {tuple(reference.shape)}"
        )
    if zero_mean:
        estimate, reference = _centred(estimate), _centred(reference)
    cost = pairwise_cost(
        estimate=estimate, reference=reference, measure=measure, ceiling_db=ceiling_db
    )
    chosen = assignment(cost)
    # References rather than estimates change places: no gradient has to follow.
    target = _pick(reference, chosen)
    if measure == "si_sdr":
        estimate, target = _along(estimate, target)
    losses = negative_snr(estimate=estimate, reference=target, ceiling_db=ceiling_db)
    return Matched(losses.mean(-1), chosen.argsort(-1))


@torch.no_grad()
def pairwise_cost(
    *, estimate: Tensor, reference: Tensor, measure: Measure = "snr", ceiling_db: float = 30.0
) -> Tensor:
    """What every estimate costs as every reference, (batch, estimates, references) in dB, in
    double precision and without gradient, from waveforms (batch, estimates or references, samples).

    Raises ValueError for other shapes.
    """
    _check(estimate, reference)
    samples = estimate.shape[-1]
    # |e - r|^2 = |e|^2 - 2 <e, r> + |r|^2 cancels; products of floats are exact in double.
    # Apple's GPUs have no doubles: what is left there, some 60 dB, is enough to choose by.
    precise = torch.float32 if estimate.device.type == "mps" else torch.float64
    inner = estimate.new_zeros((*estimate.shape[:2], reference.shape[1]), dtype=precise)
    powers = [x.new_zeros(x.shape[:2], dtype=precise) for x in (estimate, reference)]
    for pair in zip(*(torch.split(x, _BLOCK, -1) for x in (estimate, reference)), strict=True):
        e, r = (x.to(precise) for x in pair)
        inner += e @ r.mT
        for power, x in zip(powers, (e, r), strict=True):
            power += torch.linalg.vecdot(x, x)
    e2, r2 = powers[0].unsqueeze(2) / samples, powers[1].unsqueeze(1) / samples
    inner /= samples
    if measure == "snr":
        return _snr_cost((e2 - 2 * inner + r2).clamp_min(0), r2.expand_as(inner), ceiling_db)
    along = inner.square() / r2.clamp_min(torch.finfo(precise).tiny)
    level = torch.maximum(along, _LEAST_SHARE * e2).clamp_min(torch.finfo(precise).tiny)
    return _snr_cost((e2 - along).clamp_min(0) / level, along / level, ceiling_db)


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
    estimates, references = cost.shape[-2:]
    cost = cost.to(torch.promote_types(cost.dtype, torch.float32))
    cost = cost.nan_to_num(nan=torch.inf).clamp(-1e30, 1e30)
    if estimates == references <= _FEW:
        orders = torch.tensor(_orders(estimates), device=cost.device)
        totals = cost[..., torch.arange(estimates, device=cost.device), orders].sum(-1)
        return orders[totals.argmin(-1)]
    matrices = cost.reshape(-1, estimates, references)
    chosen = torch.full(matrices.shape[:2], -1)
    for row, matrix in zip(chosen, matrices.cpu().numpy(), strict=True):
        of, to = linear_sum_assignment(matrix)
        row[torch.from_numpy(of)] = torch.from_numpy(to)
    return chosen.view(cost.shape[:-1]).to(cost.device)


@cache
def _orders(count: int) -> tuple[tuple[int, ...], ...]:
    return tuple(permutations(range(count)))


def _check(estimate: Tensor, reference: Tensor) -> None:
    ends = [(len(x), x.shape[-1]) for x in (estimate, reference) if x.dim() == 3]
    if len(ends) < 2 or ends[0] != ends[1]:
        raise ValueError(
            "waveforms (batch, sources, samples) of one batch and length are needed; got "
            f"{tuple(estimate.shape)} and {tuple(reference.shape)}"
        )


def _pick(waves: Tensor, which: Tensor) -> Tensor:
    return waves[torch.arange(len(which), device=which.device).unsqueeze(1), which]


def _centred(wave: Tensor) -> Tensor:
    return wave - wave.mean(-1, keepdim=True)


def _snr_cost(error: Tensor, power: Tensor, ceiling_db: float) -> Tensor:
    """`negative_snr` knows waveforms by two powers alone; here one sample each stands for them."""
    root = power.sqrt().unsqueeze(-1)
    estimate = root - error.sqrt().unsqueeze(-1)
    return negative_snr(estimate=estimate, reference=root, ceiling_db=ceiling_db)


def _along(estimate: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """What SI-SDR is the SNR of: the estimate, and the part of it that lies along the reference,
    both scaled so that the latter's power is one (or less, below `_LEAST_SHARE`)."""
    tiny = torch.finfo(estimate.dtype).tiny
    power = reference.square().mean(-1, keepdim=True).clamp_min(tiny)
    along = (estimate * reference).mean(-1, keepdim=True) / power * reference
    shares = (along, _LEAST_SHARE**0.5 * estimate)
    level = torch.maximum(*(x.square().mean(-1, keepdim=True) for x in shares))
    level = level.clamp_min(tiny).sqrt()
    return estimate / level, along / level
