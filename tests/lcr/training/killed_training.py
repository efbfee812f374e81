"""Training of a tiny model for processes of their own, to the end or killed on the way."""

from __future__ import annotations

import errno
import io
import os
import random
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from experiments.train import ended_at_once, join_processes
from lcr.data.mixtures import Example
from lcr.prompts.generator import Prompt
from lcr.training.data import Batch
from lcr.training.loop import LoopConfig, step_generator
from lcr.training.stages import RemixerStage, Scores
from tests.lcr.training.test_loop import FAST, loop


@dataclass(frozen=True)
class Kill:
    """kill -9 of a process by itself.

    `moment`: "any" is a random time after some steps of this process; the rest are within a save,
    the `saves`-th of this process: half the state written, all written but not yet renamed, just
    renamed.
    """

    moment: str
    seed: int = 0
    saves: int = 1


class Idle(RemixerStage):
    """With a parameter that has no part in the loss: processes must not wait for its gradient."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.modules["idle"] = nn.Linear(2, 2)


class Precise(Idle):
    """In float64 throughout, without validation; with `doubled` a batch is what two processes draw
    at that step, one after the other."""

    doubled = False
    step = 0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.modules.double()

    def _z(self, prompts: Sequence[Prompt]) -> Tensor:
        return super()._z(prompts).double()

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        ranks = [step_generator(FAST.seed, rank, self.step)[0] for rank in (0, 1)]
        self.step += 1
        parts = [self.mixtures.batch(one) for one in (ranks if self.doubled else [rng])]
        batch = Batch(
            torch.cat([part.sources for part in parts]).double(),
            torch.cat([part.gains for part in parts]).double(),
            [row for part in parts for row in part.prompts],
            [row for part in parts for row in part.descriptions],
        )
        return self._remix_loss(batch, self._z([p for row in batch.prompts for p in row]))

    def validate(self, examples: Sequence[Example]) -> Scores:
        return Scores({}, len(examples))


class Doubled(Precise):
    doubled = True


@dataclass(frozen=True)
class Job:
    folder: Path
    config: LoopConfig = FAST
    rank: int = 0
    world: int = 1
    port: int = 0
    kill: Kill | None = None
    largest_file: int | None = None
    """Bytes a file may have (RLIMIT_FSIZE): a disk that is full at a stated place."""
    precise: bool = False
    """In float64."""
    doubled: bool = False
    """One process on batches of what two draw; in float64."""
    full: bool = False
    """A disk that says at the end of each file that it is full."""


def train(job: Job) -> None:
    """Resume and train to the end; exit status 3 for an OSError, as a full disk gives."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if job.world > 1:
        join_processes(job.rank, job.world, job.port, threads=1)
    kind = Doubled if job.doubled else Precise if job.precise else Idle
    one = loop(job.folder, job.config, kind)
    assert (one.rank, one.world) == (job.rank, job.world)
    one.resume()
    first = one.step
    if job.kill is not None:
        _arm(job.kill, lambda: one.step - first)
    if job.largest_file is not None:
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (job.largest_file, most))
    if job.full:
        os.fsync = _no_space
    try:
        with ended_at_once():
            one.run(budget_s=1e9, report=lambda step, total, figures: None)
            one.accelerator.end_training()
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(3)


def _no_space(descriptor: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _arm(kill: Kill, done: Callable[[], int]) -> None:
    if kill.moment == "any":
        rng = random.Random(kill.seed)
        steps, delay_s = rng.randint(1, 4), rng.uniform(0, 0.05)

        def watch() -> None:
            while done() < steps:
                time.sleep(0.001)
            time.sleep(delay_s)
            _kill()

        threading.Thread(target=watch, daemon=True).start()
        return
    left = kill.saves
    save, rename = torch.save, os.replace

    def save_in_part(state: object, file: io.BufferedWriter) -> None:
        nonlocal left
        left -= 1
        if left == 0 and kill.moment == "half written":
            whole = io.BytesIO()
            save(state, whole)
            file.write(whole.getbuffer()[: len(whole.getbuffer()) // 2])
            file.flush()
            _kill()
        save(state, file)

    def rename_or_not(source: Path, target: Path) -> None:
        dying = left == 0 and target.name == "state.pt"
        if dying and kill.moment == "not renamed":
            _kill()
        rename(source, target)
        if dying:
            _kill()

    torch.save, os.replace = save_in_part, rename_or_not  # type: ignore[assignment]


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
