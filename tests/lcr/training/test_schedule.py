"""Halving after three flat validations, as PyTorch's own scheduler does it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lcr.training.config import LoopConfig
from lcr.training.schedule import Plateau


def test_three_flat_validations_halve_the_rate() -> None:
    plateau = Plateau()
    factors = []
    for figure in (1.0, 2.0, 2.0, 1.5, 1.9, 1.0, 2.5, 2.0, 2.0, 2.0):
        plateau.update(figure, patience=3)
        factors.append(plateau.factor)
    assert factors == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25]


@given(st.lists(st.integers(-3, 3).map(float), max_size=60), st.integers(1, 4))
def test_parity_with_pytorch(figures: list[float], patience: int) -> None:
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    # It halves when more than `patience` are flat.
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, mode="max", factor=0.5, patience=patience - 1, threshold=0.0, eps=0.0
    )
    ours = Plateau()
    for figure in figures:
        theirs.step(figure)
        ours.update(figure, patience=patience)
        assert ours.factor == optimiser.param_groups[0]["lr"]


def test_an_undefined_figure_is_no_progress() -> None:
    plateau = Plateau(best=1.0)
    plateau.update(math.nan, patience=1)
    assert (plateau.best, plateau.factor) == (1.0, 0.5)


def test_the_paper_schedule_warms_up_linearly_and_then_stays() -> None:
    config = LoopConfig(schedule="plateau", warmup_steps=5000, steps=100_000)
    assert config.rate_at(0) == pytest.approx(1 / 5000)
    assert config.rate_at(2499) == pytest.approx(0.5)
    assert config.rate_at(4999) == config.rate_at(99_999) == 1.0
