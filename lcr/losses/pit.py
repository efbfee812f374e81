"""Which estimate is of which source: what permutation-invariant training minimises over (Table VII,
"MM + PIT"; Kolbaek et al., 2017), and how the oracle cascade finds its sources (section VI-A).

SNR and SI-SDR need three inner products a pair, so one matrix product serves all pairs: waveforms
of all pairs are never formed. For SNR it chooses the order, in single precision unless a pair is so
close that cancellation could tell, and the loss comes from the errors of the pairs that are chosen.
Everywhere else the products are those of doubles, which are exact for floats: near perfection
nothing is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import permutations
from typing import Any, Literal

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.autograd.function import once_differentiable

from lcr.losses.snr import snr_loss_of

Measure = Literal["snr", "si_sdr"]

_FEW = 4
"""Up to so many sources all orders are tried at once, on the device; from 5 on (120 orders) the
Hungarian method, on the CPU."""
_BLOCK = 4096
"""Samples at a time that are held in double precision."""
_LEAST_SHARE = 1e-8
"""Least share of an estimate's power that counts as lying along its reference (-80 dB)."""
_STRETCH = 256
"""Samples whose squares are summed in their own precision, in a third of the time of doubles."""
_CLOSE = 1e-3
"""Power of an error, by that of the loudest reference, below which orders are chosen in doubles: in
single precision it is certain to about a ten thousandth of this."""
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

    Soft-capped at `ceiling_db` and defined for silent references as `negative_snr` is. Gradients
    go to the estimates alone, through the chosen pairs. Estimates that are not finite give such a
    loss, in an arbitrary order. Raises ValueError for other shapes.
    """
    _check(estimate, reference)
    if estimate.shape != reference.shape:
        raise ValueError(
            "as many estimates as references, of equal length, are needed; got "
            f"{tuple(estimate.shape)} and {tuple(reference.shape)}"
        )
    single = torch.promote_types(estimate.dtype, torch.float32)
    estimate, reference = estimate.to(single), reference.to(single)
    if measure == "snr":
        own, shared, true = _quick_powers(estimate.detach(), reference, zero_mean)
        apart = _errors(own.unsqueeze(2), shared, true.unsqueeze(1))
        if apart.amin() < _CLOSE * true.amax():
            own, shared, true = _powers(estimate.detach(), reference, zero_mean)
            apart = _errors(own.unsqueeze(2), shared, true.unsqueeze(1))
        chosen = assignment(
            snr_loss_of(error=apart, power=true.unsqueeze(1), ceiling_db=ceiling_db)
        )
        error: Tensor = _ErrorPower.apply(  # type: ignore[no-untyped-call]
            estimate, reference, chosen, zero_mean
        )
        losses = snr_loss_of(error=error, power=true.gather(1, chosen), ceiling_db=ceiling_db)
    else:
        own, shared, true = _powers(estimate.detach(), reference, zero_mean)
        cost = _cost(own.unsqueeze(2), shared, true.unsqueeze(1), measure, ceiling_db)
        chosen = assignment(cost)
        own, shared = _OfPairs.apply(  # type: ignore[no-untyped-call]
            estimate,
            reference,
            chosen,
            own,
            shared.gather(2, chosen.unsqueeze(2)).squeeze(2),
            zero_mean,
        )
        losses = _cost(own, shared, true.gather(1, chosen), measure, ceiling_db)
    return Matched(losses.mean(-1).to(single), chosen.argsort(-1))


@torch.no_grad()
def pairwise_cost(
    *, estimate: Tensor, reference: Tensor, measure: Measure = "snr", ceiling_db: float = 30.0
) -> Tensor:
    """What every estimate costs as every reference, (batch, estimates, references) in dB, in
    double precision and without gradient, from waveforms (batch, estimates or references, samples).

    Raises ValueError for other shapes.
    """
    _check(estimate, reference)
    own, shared, true = _powers(estimate, reference, zero_mean=False)
    return _cost(own.unsqueeze(2), shared, true.unsqueeze(1), measure, ceiling_db)


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
    batch, count = waves.shape[:2]
    rows = which + count * torch.arange(batch, device=which.device).unsqueeze(1)
    # Whole rows at once: four times as fast as indexing by two tensors.
    return waves.flatten(0, 1).index_select(0, rows.flatten()).view(*which.shape, *waves.shape[2:])


@torch.no_grad()
def _quick_powers(
    estimate: Tensor, reference: Tensor, zero_mean: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """`_powers` in the waveforms' own precision, but for the references' power."""
    samples = estimate.shape[-1]
    own = torch.linalg.vector_norm(estimate, dim=-1).square() / samples
    shared = estimate @ reference.mT / samples
    true = _power(reference)
    if zero_mean:
        means, true_means = estimate.mean(-1), reference.mean(-1)
        own = (own - means.square()).clamp_min(0)
        shared = shared - means.unsqueeze(2) * true_means.unsqueeze(1)
        true = (true - true_means.square()).clamp_min(0)
    return own, shared, true


def _power(wave: Tensor) -> Tensor:
    """Mean square over samples (...,), in double precision but for short stretches, where the
    device has it."""
    precise = torch.float32 if wave.device.type == "mps" else torch.float64
    whole = wave.shape[-1] - wave.shape[-1] % _STRETCH
    stretches = wave[..., :whole].reshape(*wave.shape[:-1], -1, _STRETCH)
    parts = (stretches, wave[..., None, whole:])
    sums = [torch.linalg.vector_norm(x, dim=-1).to(precise).square().sum(-1) for x in parts]
    found: Tensor = (sums[0] + sums[1]) / wave.shape[-1]
    return found


class _ErrorPower(torch.autograd.Function):
    """The mean square error of each of `estimate` (batch, sources, samples) as its chosen
    `reference`, (batch, sources), with `zero_mean` of the waveforms less their means."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 (torch's own)
        estimate: Tensor,
        reference: Tensor,
        chosen: Tensor,
        zero_mean: bool,
    ) -> Tensor:
        error = _pick(reference, chosen)
        torch.sub(estimate, error, out=error)
        if zero_mean:
            error -= error.mean(-1, keepdim=True)
        ctx.save_for_backward(error)
        return _power(error)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,  # noqa: ANN401
        to_power: Tensor,
    ) -> tuple[Tensor, None, None, None]:
        (error,) = ctx.saved_tensors
        factor = (2 / error.shape[-1] * to_power).unsqueeze(-1).to(error)
        return error * factor, None, None, None


@torch.no_grad()
def _powers(estimate: Tensor, reference: Tensor, zero_mean: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Mean products over samples: of each estimate with itself (batch, estimates), with every
    reference (batch, estimates, references), and of each reference with itself; with `zero_mean`
    of the waveforms less their means."""
    # Apple's GPUs have no doubles: there, errors some 60 dB below a source are lost.
    precise = torch.float32 if estimate.device.type == "mps" else torch.float64
    batch, count, samples = estimate.shape
    waves = count + reference.shape[1]
    shared = estimate.new_zeros((batch, count, reference.shape[1]), dtype=precise)
    powers, sums = estimate.new_zeros((2, batch, waves), dtype=precise)
    # One buffer for all blocks: fresh memory costs more than arithmetic.
    held = estimate.new_empty((batch, waves, min(_BLOCK, samples)), dtype=precise)
    for e, r in zip(*(torch.split(x, _BLOCK, -1) for x in (estimate, reference)), strict=True):
        both = held[..., : e.shape[-1]]
        both[:, :count].copy_(e)
        both[:, count:].copy_(r)
        shared += both[:, :count] @ both[:, count:].mT
        powers += torch.linalg.vector_norm(both, dim=-1).square()
        if zero_mean:
            sums += both.sum(-1)
    means = sums / samples
    own, true = (powers / samples - means.square()).split([count, waves - count], 1)
    return own, shared / samples - means[:, :count, None] * means[:, None, count:], true


class _OfPairs(torch.autograd.Function):
    """Hands on two mean products of chosen pairs, `own` of `estimate` (batch, sources, samples)
    with itself and `shared` with its chosen `reference`, and back their gradients to `estimate`."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 (torch's own)
        estimate: Tensor,
        reference: Tensor,
        chosen: Tensor,
        own: Tensor,
        shared: Tensor,
        zero_mean: bool,
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(estimate, reference, chosen)
        ctx.zero_mean = zero_mean
        return own.clone(), shared.clone()

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,  # noqa: ANN401
        to_own: Tensor,
        to_shared: Tensor,
    ) -> tuple[Tensor, None, None, None, None, None]:
        estimate, reference, chosen = ctx.saved_tensors
        # factor * (estimate - scale * target): a difference, small where the two are alike.
        factor = 2 * to_own / estimate.shape[-1]
        scale = torch.where(to_own == 0, 0, -to_shared / (2 * to_own))
        scale, factor = (x.unsqueeze(-1).to(estimate) for x in (scale, factor))
        gradient = _pick(reference, chosen).to(estimate)
        torch.addcmul(estimate, scale, gradient, value=-1, out=gradient).mul_(factor)
        if ctx.zero_mean:
            gradient -= gradient.mean(-1, keepdim=True)
        return gradient, None, None, None, None, None


def _errors(own: Tensor, shared: Tensor, true: Tensor) -> Tensor:
    """Mean square errors of pairs."""
    return (own - 2 * shared + true).clamp_min(0)


def _cost(own: Tensor, shared: Tensor, true: Tensor, measure: Measure, ceiling_db: float) -> Tensor:
    """Minus the SNR or SI-SDR in dB of pairs of which the mean products are known."""
    if measure == "snr":
        return snr_loss_of(error=_errors(own, shared, true), power=true, ceiling_db=ceiling_db)
    # The power of what does not lie along the reference, by that of what does.
    along = shared.square() / true.clamp_min(_TINY)
    aside = (own - along).clamp_min(0) + _TINY
    error = aside / torch.maximum(along, _LEAST_SHARE * (own + _TINY))
    return snr_loss_of(error=error, power=torch.ones_like(true), ceiling_db=ceiling_db)
