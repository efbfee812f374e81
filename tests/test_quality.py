"""A floor under what the shipped model does to sound, so that quality cannot rot while all else
passes."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.comparison.examples import Examples, build_bank
from experiments.comparison.suite import load_suite
from lcr.evaluation.metrics import score
from lcr.instruction import Task
from tests.shipped import shipped_model

FLOOR_DB = 5.0
"""It gains 7.1 dB on these mixtures."""
LEAST_OF_ONE_DB = 0.0

pytestmark = pytest.mark.slow


def test_the_shipped_model_gains_five_db_on_a_mixture_of_every_task() -> None:
    config = load_suite("studio", overrides=["per_task=1"])
    examples = Examples(config, build_bank(config.bank))
    system = shipped_model()
    gains_db: dict[Task, float] = {}
    for index in examples.indices:
        example = examples[index]
        mixture = example.mixture[None]
        remix = system.remix(mixture, example.sample_rate, example.prompt)
        scores = score(estimate=remix.audio, reference=example.target[None], mixture=mixture)
        gain_db = scores.metrics["snr_improvement_db"]
        assert gain_db is not None
        gains_db[example.instruction.task] = gain_db
    assert set(gains_db) == set(Task)
    without_ovc = [gain_db for task, gain_db in gains_db.items() if task is not Task.OVC]
    assert np.mean(without_ovc) >= FLOOR_DB, gains_db
    assert min(without_ovc) > LEAST_OF_ONE_DB, gains_db
