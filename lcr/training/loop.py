"""The training loop: a time budget, exact resume, any number of processes (by accelerate).

Every batch comes from a generator seeded by (seed, step, process), so a run that was stopped and
resumed draws what an undisturbed one would have drawn; everything else that steps depend on comes
from the state file. Small recurrent layers gain nothing from a second thread, so a second core is
used by a second process that averages gradients with the first.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, gather_object
from torch import Tensor, nn

from lcr.data.mixtures import Example
from lcr.errors import LcrError
from lcr.training.config import LoopConfig, Precision
from lcr.training.loader import LoadedMixtures
from lcr.training.logs import TrainingLog
from lcr.training.samples import Estimating, write_samples
from lcr.training.stages import Scores, Stage
from lcr.training.state import TrainingState, put

__all__ = ["Loop", "LoopConfig", "make_accelerator", "step_generator"]

Report = Callable[[int, int, dict[str, float]], None]


def make_accelerator(*, cpu: bool, precision: Precision = "no") -> Accelerator:
    """Set up this process: its device, the processes it trains with, and its precision (float32 on
    a CPU)."""
    # A static graph: what the first step leaves out of the loss may stay without gradients.
    parallel = DistributedDataParallelKwargs(static_graph=True)
    return Accelerator(
        cpu=cpu, mixed_precision="no" if cpu else precision, kwargs_handlers=[parallel]
    )


def step_generator(seed: int, rank: int, step: int) -> tuple[np.random.Generator, int]:
    """What batch number `rank` of a step is drawn from, and the seed of its dropout: both follow
    the step, not the history."""
    rng = np.random.default_rng([seed, step, rank])
    return rng, int(rng.integers(2**31))


def _batch_generator(seed: int, rank: int, each: int, number: int) -> np.random.Generator:
    """Of the batch `number` of a process, all steps together, that takes `each` of them a step."""
    return step_generator(seed, rank * each + number % each, number // each)[0]


class _Objective(nn.Module):
    """A stage's loss as the forward pass of one module, which is what accelerate wraps."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.parts, self._stage = stage.modules, stage

    def forward(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        return self._stage.loss(rng)


class Loop:
    """Trains one stage in each process of `accelerator`; the main one writes files.

    `folder` gets state.pt (resume), log.csv (a row a validation), TensorBoard events and, when
    the config asks for them, samples/. Without an accelerator it is one process on the CPU.
    `about` is kept in the state: a run that was begun by another one does not go on.
    `loader` holds the stage's mixtures, where the loop is to have them made ahead and to tell the
    share of time spent waiting for them.
    """

    def __init__(
        self,
        stage: Stage,
        config: LoopConfig,
        folder: Path,
        examples: Mapping[str, Sequence[Example]],
        *,
        accelerator: Accelerator | None = None,
        loader: LoadedMixtures | None = None,
        about: Mapping[str, object] | None = None,
    ) -> None:
        self.stage, self.config, self.folder = stage, config, folder
        self.examples, self.loader = examples, loader
        self._whole: Callable[[], AbstractContextManager[None]] = nullcontext
        self.accelerator = accelerator or make_accelerator(cpu=True)
        self.rank, self.world = self.accelerator.process_index, self.accelerator.num_processes
        if config.samples and not isinstance(stage, Estimating):
            raise LcrError(
                f"samples = {config.samples}, but a {type(stage).__name__} makes no audio; set "
                "samples to 0"
            )
        objective = _Objective(stage)
        if config.recompute or config.shard:
            from lcr.training import large  # with transformers

            if config.recompute:
                large.recompute(stage.modules)
            if config.shard and self.world > 1:  # before they are moved: there may be no room
                large.shard(stage.modules, self.accelerator.device, self.world)
                large.hide_parts(objective)
                self._whole = partial(large.whole, stage.modules)
        stage.modules.to(self.accelerator.device)
        self.state = TrainingState(stage.modules, config, about)
        self._objective: nn.Module = self.accelerator.prepare(objective)
        self._spent_s = 0.0

    @property
    def step(self) -> int:
        return self.state.step

    @property
    def done(self) -> float:
        """The share of the training that lies behind, 0 to 1."""
        return self.config.done(self.state.step, self.state.seconds)

    @property
    def seconds(self) -> float:
        """Time trained so far, over all calls, by the clock that the config's `minutes` names."""
        return self.state.seconds

    @property
    def state_path(self) -> Path:
        return self.folder / "state.pt"

    def resume(self) -> bool:
        """Load the state if there is one. Every process reads the same file. Raises StateError."""
        if not self.state_path.exists():
            return False
        self.state.load(self.state_path)
        return True

    def save(self) -> None:
        """Write the whole state; a crash leaves the previous one. Raises OSError."""
        if self.rank == 0:
            self.state.save(self.state_path)

    def run(self, *, budget_s: float, report: Report) -> dict[str, float]:
        """Train until the config's `steps` (or `minutes`) are over, or until `budget_s` seconds of
        this call are spent.

        Returns the last validation's figures (with averaged weights), {} if there was none.
        """
        config, state = self.config, self.state
        log = TrainingLog(self.folder, state.step) if self.rank == 0 else None
        self.make_ahead()
        scores: dict[str, float] = {}
        own = config.minutes is not None and self.accelerator.device.type == "cpu"
        clock = time.process_time if own else time.monotonic
        began, start, before = time.monotonic(), clock(), state.seconds
        try:
            while self.done < 1:
                figures = self.update()
                state.seconds = before + clock() - start
                ended = self.done >= 1
                if config.minutes is not None:
                    ended = self._any(ended)
                report(state.step, config.steps, figures)
                # What a validation changes is saved with the step that it followed.
                if state.step % config.validate_every == 0 or ended:
                    figures = _mean(gather_object([figures]))
                    scores = self._validate_and_adapt()
                    if log is not None:
                        log.add(state.step, state.seconds, {**figures, **scores})
                if state.step % config.save_every == 0:
                    self.save()
                if ended or self._any(time.monotonic() - began > budget_s):
                    break
        finally:
            if self.loader is not None:
                self.loader.stop()
            if log is not None:
                log.close()
        state.seconds = before + clock() - start
        self.save()
        return scores

    def make_ahead(self) -> None:
        """Let the loader begin to make the batches of the steps to come, if there is one."""
        if self.loader is not None:
            each = self.config.accumulate
            make = partial(_batch_generator, self.config.seed, self.rank, each)
            last = self.config.steps * each if self.config.minutes is None else sys.maxsize
            self.loader.make_ahead(make, self.step * each, last)

    @property
    def loader_share(self) -> float:
        """The share of the time of all updates so far that went into waiting for batches."""
        return 0.0 if self.loader is None else self.loader.waited_s / max(self._spent_s, 1e-9)

    def update(self) -> dict[str, float]:
        """Train one step; returns its figures, means over this process's batches."""
        config, state = self.config, self.state
        began = time.perf_counter()
        factor = config.rate_at(state.step, state.seconds) * state.plateau.factor
        for group in (g for o in state.optimisers for g in o.param_groups):
            group["lr"] = group["base"] * factor
        self.stage.modules.train()
        self.stage.modules.zero_grad()
        told = []
        for number in range(self.rank * config.accumulate, (self.rank + 1) * config.accumulate):
            rng, dropout = step_generator(config.seed, number, state.step)
            torch.manual_seed(dropout)
            loss, batch_figures = self._objective(rng)
            # With several processes the sum so far is averaged again, which changes nothing.
            self.accelerator.backward(loss / config.accumulate)
            told.append(batch_figures)
        norm = nn.utils.clip_grad_norm_(state.trained, config.clip_norm or math.inf)
        # One odd batch must not ruin the weights; the figure `skipped` tells that there was one.
        finite = bool(torch.isfinite(norm))
        if finite:
            for optimiser in state.optimisers:
                optimiser.step()
        if config.ema:
            # A short average at first, or it would remember the untrained weights for long.
            decay = min(config.ema, (1 + state.step) / (10 + state.step))
            torch._foreach_lerp_(state.average, [p.detach() for p in state.trained], 1 - decay)
        figures = {**_mean(told), "gradient_norm": float(norm), "skipped": float(not finite)}
        state.step += 1
        self._spent_s += time.perf_counter() - began
        if self.loader is not None:
            figures["loader_share"] = self.loader_share
        return figures

    def _any(self, flag: bool) -> bool:
        """Whether `flag` is set in any process, so that all stop at the same step."""
        if self.world == 1:
            return flag
        told = torch.tensor(float(flag), device=self.accelerator.device)
        return bool(self.accelerator.reduce(told, "sum").item())

    def validate(self) -> dict[str, float]:
        """Mean figures of every validation set under the averaged weights."""
        return self._with_average(self._scores)

    def _validate_and_adapt(self) -> dict[str, float]:
        scores = self._with_average(self._scores_and_samples)
        if self.config.schedule == "plateau":
            watched = [v for k, v in scores.items() if k.partition("/")[2] == self.config.watch]
            if not watched:
                raise LcrError(
                    f"watch = {self.config.watch!r} is no figure of this stage's validation; "
                    f"there are: {', '.join(sorted(k.partition('/')[2] for k in scores))}"
                )
            figure = sum(watched) / len(watched)
            self.state.plateau.update(figure, patience=self.config.patience)
            scores["rate_factor"] = self.state.plateau.factor
        return scores

    def _with_average(self, work: Callable[[], dict[str, float]]) -> dict[str, float]:
        kept = [p.detach().clone() for p in self.state.trained]
        put(self.state.trained, self.state.average)
        self.stage.modules.eval()
        with torch.no_grad(), self._whole():
            found = work()
        put(self.state.trained, kept)
        return found

    def _scores(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, examples in self.examples.items():
            mine = examples[self.rank :: self.world]
            scores = gather_object([self.stage.validate(mine)])
            found |= {f"{name}/{key}": value for key, value in _means(scores).items()}
        return found

    def _scores_and_samples(self) -> dict[str, float]:
        if self.rank == 0 and self.config.samples and isinstance(self.stage, Estimating):
            some = {name: e[: self.config.samples] for name, e in self.examples.items()}
            write_samples(self.stage, some, self.folder / "samples", self.state.step)
        return self._scores()

    def averaged(self) -> dict[str, dict[str, Tensor]]:
        """The averaged weights by module and name, ready to ship."""
        put(self.state.trained, self.state.average)
        return {
            name: {key: value.detach().clone() for key, value in module.state_dict().items()}
            for name, module in self.stage.modules.items()
        }


def _mean(told: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: fmean(figures[key] for figures in told) for key in told[0]}


def _means(gathered: Sequence[Scores]) -> dict[str, float]:
    """Turn the sums of all processes into the figures of a validation."""
    total = sum(scores.count for scores in gathered)
    sums: dict[str, float] = {}
    for scores in gathered:
        for key, value in scores.values.items():
            sums[key] = sums.get(key, 0.0) + value
    means: dict[str, float] = {}
    tasks: dict[str, float] = {}
    for key, value in sums.items():
        if key.startswith("task/"):
            means[key] = value / sums["count/" + key[5:]]
            tasks[key] = means[key]
        elif not key.startswith("count/") and key != "snri_without_ovc_db":
            means[key] = value / total
    if tasks:
        # As in every table: the mean of the tasks' means.
        means["snri_db"] = fmean(tasks.values())
        tasks.pop("task/OVC", None)
        if tasks:
            means["snri_without_ovc_db"] = fmean(tasks.values())
    return means
