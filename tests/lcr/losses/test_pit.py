"""The assignment of PIT: by trying all, by asteroid's wrapper, its gradient."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lcr.losses.pit import permutation_invariant


@given(shape=st.lists(st.integers(1, 3), max_size=2), sources=st.integers(1, 5))
def test_no_other_assignment_is_cheaper(shape: list[int], sources: int) -> None:
    cost = torch.randn(*shape, sources, sources)
    rows = torch.arange(sources)
    every = [
        cost[..., rows, torch.tensor(order)].mean(-1) for order in permutations(range(sources))
    ]
    torch.testing.assert_close(permutation_invariant(cost), torch.stack(every).amin(0))


@pytest.mark.filterwarnings("ignore:Creating a tensor from a list of numpy.ndarrays:UserWarning")
@pytest.mark.slow
def test_it_is_asteroids_loss() -> None:
    losses = pytest.importorskip("asteroid.losses")
    estimate, reference = torch.randn(3, 4, 50), torch.randn(3, 4, 50)
    wrapper = losses.PITLossWrapper(losses.pairwise_mse, pit_from="pw_mtx")
    cost = (estimate.unsqueeze(2) - reference.unsqueeze(1)).square().mean(-1)
    torch.testing.assert_close(permutation_invariant(cost).mean(), wrapper(estimate, reference))


def test_the_gradient_goes_to_what_was_assigned() -> None:
    cost = torch.tensor([[5.0, 1.0], [1.0, 3.0]], requires_grad=True)
    permutation_invariant(cost).backward()
    assert cost.grad is not None
    assert cost.grad.tolist() == [[0, 0.5], [0.5, 0]]


def test_a_matrix_that_is_not_square_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got \(2, 3\)"):
        permutation_invariant(torch.zeros(2, 3))
