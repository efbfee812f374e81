"""Batches made ahead are the batches, whoever makes them and wherever the run goes on."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from lcr.training.data import Blend, TrainingConfig, TrainingMixtures
from lcr.training.loader import LoadedMixtures
from tests.lcr.data.test_mixtures import ToyBank

CONFIG = TrainingConfig(mixtures=2, instructions=2, duration_s=0.5)
# Python 3.12 warns of threads at a fork, PyTorch of more workers than cores: neither matters here.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]


def blends() -> list[Blend]:
    return [Blend(ToyBank(), ToyBank(), 1.0)]


def generator(seed: int, step: int) -> np.random.Generator:
    return np.random.default_rng([seed, step])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("start", [0, 3])
def test_batches_and_generators_are_the_same(workers: int, start: int) -> None:
    plain = TrainingMixtures(blends(), CONFIG)
    loaded = LoadedMixtures(blends(), CONFIG, workers=workers)
    loaded.make_ahead(partial(generator, 7), start, 6)
    for step in range(start, 6):
        one, other = generator(7, step), generator(7, step)
        expected, made = plain.batch(one), loaded.batch(other)
        assert torch.equal(made.sources, expected.sources)
        assert torch.equal(made.gains, expected.gains)
        assert made.prompts == expected.prompts
        assert one.bit_generator.state == other.bit_generator.state
    loaded.stop()
    assert torch.equal(loaded.batch(generator(8, 0)).sources, plain.batch(generator(8, 0)).sources)
    assert loaded.waited_s > 0


def test_a_batch_of_another_step_is_refused() -> None:
    loaded = LoadedMixtures(blends(), CONFIG, workers=1)
    loaded.make_ahead(partial(generator, 0), 0, 4)
    with pytest.raises(RuntimeError, match="draws its batch first"):
        loaded.batch(generator(0, 1))
    loaded.stop()


def test_prompts_are_the_same_and_count_as_waiting() -> None:
    loaded = LoadedMixtures(blends(), CONFIG)
    plain = TrainingMixtures(blends(), CONFIG)
    assert loaded.prompts(3, generator(0, 0)) == plain.prompts(3, generator(0, 0))
    assert loaded.waited_s > 0


def test_tensors_go_to_the_device() -> None:
    loaded = LoadedMixtures(blends(), CONFIG, device=torch.device("meta"))
    batch = loaded.batch(generator(0, 0))
    assert batch.sources.is_meta
    assert batch.gains.is_meta
