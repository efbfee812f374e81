"""Where systems answer: in this process, one after another, or wherever else an `Executor` asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Protocol

from experiments.comparison.environment import MemoryMeter
from experiments.comparison.examples import Examples
from experiments.comparison.systems import Outcome, ReadySystem, run_batch
from lcr.data.mixtures import Example


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a system is to be handed: batches of examples, by index."""

    system: ReadySystem
    batches: Sequence[Sequence[int]]


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of a batch of the `number`-th work."""

    number: int
    examples: Sequence[Example]
    outcomes: Sequence[Outcome]
    started: str
    finished: str


class Executor(Protocol):
    """Where systems answer. `together` says whether it wants the work of all systems at once."""

    together: bool

    def __call__(
        self, works: Sequence[Work], examples: Examples, *, timeout_s: float
    ) -> Iterator[Done]:
        """Do all the work, each system's in order."""
        ...


class InThisProcess:
    """Systems answer here, one after another."""

    together = False

    def __init__(self, device: str) -> None:
        self._meter = MemoryMeter(device)

    def __call__(
        self, works: Sequence[Work], examples: Examples, *, timeout_s: float
    ) -> Iterator[Done]:
        for number, work in enumerate(works):
            for indices in work.batches:
                group = [examples[index] for index in indices]
                started = now()
                outcomes = run_batch(work.system, group, self._meter, timeout_s=timeout_s)
                yield Done(
                    number=number,
                    examples=group,
                    outcomes=outcomes,
                    started=started,
                    finished=now(),
                )


def now() -> str:
    """The time in UTC, as records hold it."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
