"""The PIT loss: asteroid's in value and gradient, exact where the Gram form could cancel, defined
for silence and for any number of sources."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lcr.evaluation.metrics import si_sdr_db
from lcr.losses.pit import assignment, pairwise_cost, permutation_invariant, pit_loss
from lcr.losses.snr import negative_snr
from tests.lcr.evaluation.test_metrics import library


def shuffled(
    sources: int, *, error: float = 0.3, batch: int = 2, samples: int = 4000, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Estimates, references, and which estimate is of each reference."""
    random = torch.Generator().manual_seed(seed)
    reference = 0.1 * torch.randn(batch, sources, samples, generator=random) + 0.05
    order = torch.stack([torch.randperm(sources, generator=random) for _ in range(batch)])
    noise = 0.1 * error * torch.randn(batch, sources, samples, generator=random)
    rows = torch.arange(batch).unsqueeze(1)
    estimate = torch.empty_like(reference)
    estimate[rows, order] = reference + noise
    return estimate, reference, order


def gradient_of(loss: Tensor, estimate: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(loss, estimate)
    return found


@pytest.mark.filterwarnings("ignore:Creating a tensor from a list of numpy.ndarrays:UserWarning")
@pytest.mark.parametrize("error", [0.03, 0.5, 3.0])
@pytest.mark.parametrize("sources", range(2, 13))
def test_it_is_asteroids_loss(sources: int, error: float) -> None:
    """Within 1e-5 dB where asteroid's own floor of -80 dB is far: above an SNR of -20 dB."""
    losses = library("asteroid.losses")
    pairwise = losses.pairwise_neg_snr
    wrapper = losses.PITLossWrapper(pairwise, pit_from="pw_mtx")
    estimate, reference, _ = shuffled(sources, error=error, seed=sources)
    # asteroid takes the means away first.
    estimate, reference = (x - x.mean(-1, keepdim=True) for x in (estimate, reference))
    estimate.requires_grad_()
    ours = pit_loss(estimate=estimate, reference=reference, ceiling_db=math.inf)
    if sources < 10:
        theirs, reordered = wrapper(estimate, reference, return_est=True)
    else:  # the wrapper refuses; what it would do does not
        best, order = wrapper.find_best_perm(pairwise(estimate, reference))
        theirs, reordered = best.mean(), wrapper.reorder_source(estimate, order)
    torch.testing.assert_close(ours.loss.mean(), theirs, atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.reorder(estimate), reordered, atol=0, rtol=0)
    mine, other = gradient_of(ours.loss.mean(), estimate), gradient_of(theirs, estimate)
    torch.testing.assert_close(mine, other, atol=1e-5 * float(other.abs().max()), rtol=0)


@pytest.mark.parametrize("sources", [1, 2, 4, 5, 40])
def test_it_finds_which_estimate_is_of_which_source(sources: int) -> None:
    estimate, reference, order = shuffled(sources)
    found = pit_loss(estimate=estimate, reference=reference)
    assert torch.equal(found.order, order)
    straight = negative_snr(estimate=found.reorder(estimate), reference=reference)
    torch.testing.assert_close(found.loss, straight.mean(-1))


@given(sources=st.integers(1, 6), seed=st.integers(0, 99), error=st.floats(0.01, 10))
@settings(max_examples=30)
def test_it_is_the_least_loss_of_all_orders(sources: int, seed: int, error: float) -> None:
    estimate, reference, _ = shuffled(sources, error=error, samples=60, seed=seed)
    every = [
        negative_snr(estimate=estimate[:, order], reference=reference).mean(-1)
        for order in map(list, permutations(range(sources)))
    ]
    found = pit_loss(estimate=estimate, reference=reference)
    torch.testing.assert_close(found.loss, torch.stack(every).amin(0), atol=1e-5, rtol=1e-5)
    cost = negative_snr(estimate=estimate.unsqueeze(2), reference=reference.unsqueeze(1))
    torch.testing.assert_close(found.loss, permutation_invariant(cost), atol=1e-5, rtol=1e-5)


@given(
    level_db=st.floats(-50, 0),
    error_db=st.floats(-100, 20),
    offset=st.floats(-1, 1),
    sources=st.integers(2, 6),
)
@settings(max_examples=50)
def test_nearly_perfect_estimates_lose_nothing_to_cancellation(
    level_db: float, error_db: float, offset: float, sources: int
) -> None:
    """All pairs from inner products alone are those of the waveforms, at any level and error."""
    random = torch.Generator().manual_seed(sources)
    reference, noise = torch.randn(2, 1, sources, 20_000, generator=random)
    reference = 10 ** (level_db / 20) * reference + offset
    estimate = reference + 10 ** ((level_db + error_db) / 20) * noise
    found = pairwise_cost(estimate=estimate, reference=reference, ceiling_db=100.0)
    exact = negative_snr(
        estimate=estimate.double().unsqueeze(2),
        reference=reference.double().unsqueeze(1),
        ceiling_db=100.0,
    )
    torch.testing.assert_close(found, exact, atol=1e-3, rtol=0)


def test_references_80_db_apart_are_told_apart() -> None:
    """In single precision both orders of these look alike."""
    one, other = torch.randn(2, 9000, dtype=torch.float64)
    reference = torch.stack([one, one + 1e-4 * other]).float().unsqueeze(0)
    found = pit_loss(estimate=reference.flip(1), reference=reference, ceiling_db=100.0)
    assert found.order.tolist() == [[1, 0]]
    assert found.loss.item() == pytest.approx(-100, abs=1e-3)


@given(gain_db=st.floats(-60, 60), sources=st.integers(2, 5))
@settings(max_examples=20)
def test_si_sdr_does_not_see_the_level(gain_db: float, sources: int) -> None:
    estimate, reference, order = shuffled(sources, error=0.5)
    quiet = float(10 ** (gain_db / 20)) * estimate
    cost = pairwise_cost(estimate=quiet, reference=reference, measure="si_sdr", ceiling_db=math.inf)
    assert torch.equal(assignment(cost).argsort(-1), order)
    for i, e in enumerate(np.asarray(estimate[0])):
        for j, r in enumerate(np.asarray(reference[0])):
            metric = si_sdr_db(estimate=e, reference=r).value
            assert cost[0, i, j].item() == pytest.approx(-float(metric or 0), abs=1e-3)


@pytest.mark.parametrize("sources", [3, 6])
def test_silence_has_a_finite_loss_and_gradient(sources: int) -> None:
    estimate, reference, _ = shuffled(sources)
    estimate[0, 0], estimate[1] = 0, 0
    reference[0, 1], reference[1, :2] = 0, 0
    estimate.requires_grad_()
    loss = pit_loss(estimate=estimate, reference=reference).loss.mean()
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient_of(loss, estimate)).all()


def test_a_silent_estimate_is_no_good_estimate() -> None:
    _, reference, _ = shuffled(3)
    silent = pit_loss(estimate=0 * reference, reference=reference)
    torch.testing.assert_close(silent.loss, torch.zeros(2), atol=1e-2, rtol=0)
    cost = pairwise_cost(estimate=0 * reference, reference=reference, measure="si_sdr")
    torch.testing.assert_close(cost, torch.full((2, 3, 3), 80.0).double(), atol=1e-2, rtol=0)


@pytest.mark.parametrize("sources", [2, 7])
def test_an_odd_batch_is_told_by_its_loss_and_stops_nothing(sources: int) -> None:
    estimate, reference, _ = shuffled(sources)
    estimate[0, 1] = torch.nan
    found = pit_loss(estimate=estimate, reference=reference)
    assert found.loss.isnan().tolist() == [True, False]
    assert sorted(found.order[0].tolist()) == list(range(sources))


def test_estimates_to_spare_are_left_over() -> None:
    estimate, reference, order = shuffled(5)
    for kept in (1, 3, 5):
        cost = pairwise_cost(estimate=estimate, reference=reference[:, :kept])
        chosen = assignment(cost)
        for row, places in zip(chosen.tolist(), order.tolist(), strict=True):
            assert [row.index(i) for i in range(kept)] == places[:kept]
            assert row.count(-1) == 5 - kept
    # And references to spare stay without an estimate.
    assert (assignment(cost.mT[:, :2]) >= 0).all()


def test_half_precision_costs_are_assigned() -> None:
    cost = torch.eye(6, dtype=torch.bfloat16)[[3, 0, 5, 1, 2, 4]]
    assert assignment(-cost).tolist() == [3, 0, 5, 1, 2, 4]


@pytest.mark.parametrize(
    ("estimate", "reference"),
    [((2, 3, 9), (2, 4, 9)), ((2, 3, 9), (2, 3, 8)), ((3, 9), (3, 9)), ((1, 3, 9), (2, 3, 9))],
)
def test_other_shapes_are_refused(estimate: tuple[int, ...], reference: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="are needed; got"):
        pit_loss(estimate=torch.zeros(estimate), reference=torch.zeros(reference))
