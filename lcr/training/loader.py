"""Training mixtures made ahead by other processes, and how long training waited for them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from lcr.data.authors.mixtures import PaperMixtures
from lcr.prompts.generator import Prompt
from lcr.training.data import Batch, Blend, TrainingConfig, TrainingMixtures

GeneratorAt = Callable[[int], np.random.Generator]
"""Step number to the generator its batch is drawn from; picklable."""


@dataclass(frozen=True)
class _Made:
    """A batch with the generator's state before and after it was drawn."""

    batch: Batch
    before: Any
    after: Any


class _Steps(Dataset[_Made]):
    """A dataset whose item i is the batch of training step i."""

    def __init__(self, mixtures: TrainingMixtures, generator_at: GeneratorAt) -> None:
        self._mixtures, self._generator_at = mixtures, generator_at

    def __getitem__(self, step: int) -> _Made:
        rng = self._generator_at(step)
        before = rng.bit_generator.state
        # The base class's: the loader's own would look for a batch made ahead.
        batch = TrainingMixtures.batch(self._mixtures, rng)
        return _Made(batch, before, rng.bit_generator.state)


class LoadedMixtures(TrainingMixtures):
    """TrainingMixtures whose batches lie ready, on the training device.

    Exact: `batch(rng)` returns the batch and leaves the generator in the state that it would have
    without other processes, for any number of them; so runs can be stopped and resumed at will.
    """

    def __init__(
        self,
        blends: Sequence[Blend],
        config: TrainingConfig,
        given: PaperMixtures | None = None,
        *,
        workers: int = 0,
        device: torch.device | None = None,
    ) -> None:
        super().__init__(blends, config, given)
        self._workers, self._device = workers, device
        self._ready: Iterator[_Made] | None = None
        self.waited_s = 0.0
        """Seconds spent in `batch` and `prompts` so far."""

    def make_ahead(self, generator_at: GeneratorAt, start: int, stop: int) -> None:
        """From now on make the batches of steps start, ..., stop - 1 ahead, in order.

        A stage must then ask for its batch once a step and draw nothing from the step's generator
        before it. Does nothing without workers.
        """
        if not self._workers:
            return
        loader = DataLoader(
            _Steps(self, generator_at),
            sampler=range(start, stop),
            batch_size=None,
            num_workers=self._workers,
            collate_fn=_as_it_is,
            generator=torch.Generator(),  # or it would draw from the global one
            # Banks are shared with forked processes, not copied to them.
            multiprocessing_context="fork" if sys.platform == "linux" else None,
        )
        self._ready = iter(loader)

    def stop(self) -> None:
        """Stop the processes that make batches ahead."""
        self._ready = None

    def batch(self, rng: np.random.Generator) -> Batch:
        began = time.perf_counter()
        batch = super().batch(rng) if self._ready is None else _match(next(self._ready), rng)
        if self._device is not None:
            batch = replace(
                batch, sources=batch.sources.to(self._device), gains=batch.gains.to(self._device)
            )
        self.waited_s += time.perf_counter() - began
        return batch

    def prompts(self, count: int, rng: np.random.Generator) -> list[Prompt]:
        began = time.perf_counter()
        found = super().prompts(count, rng)
        self.waited_s += time.perf_counter() - began
        return found


def _match(made: _Made, rng: np.random.Generator) -> Batch:
    if made.before != rng.bit_generator.state:
        raise RuntimeError(
            "a batch was asked for from another generator than the one of the next step; with "
            "loader workers a stage draws its batch first, and once a step"
        )
    rng.bit_generator.state = made.after
    return made.batch


def _as_it_is(made: Any) -> Any:  # noqa: ANN401 (DataLoader's own type)
    return made
