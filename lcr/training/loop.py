"""The training loop: a time budget, exact resume, several single-threaded processes.

Every batch comes from a generator seeded by (seed, step, process), so a run that was stopped and
resumed draws what an undisturbed one would have drawn; weights, optimiser, EMA and time spent come
from the state file. Small recurrent layers gain nothing from a second thread, so a second core is
used by a second process that averages gradients with the first.
"""

from __future__ import annotations

import csv
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from lcr.data.mixtures import Example
from lcr.training.stages import Stage

_MUON_PARTS = ("stem", "blocks", "split", "loudness", "masks", "matches")


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """How long and how fast to learn.

    The rate warms up linearly, stays, and falls linearly to `final_rate` of itself over the last
    `decay_share` of `steps` (of which the time budget may leave some for a later resume).
    """

    steps: int = 3000
    warmup_steps: int = 60
    decay_share: float = 0.4
    final_rate: float = 0.03
    optimiser: Literal["adamw", "muon"] = "muon"
    rate: float = 1.5e-3
    muon_rate: float = 3e-3
    """Muon's own rate, in AdamW's scale (its updates are matched to AdamW's size)."""
    module_rates: Mapping[str, float] | None = None
    """Learning rates by module name ("reader"), where they differ from `rate`."""
    weight_decay: float = 1e-2
    clip_norm: float = 5.0
    ema: float = 0.99
    validate_every: int = 200
    save_every: int = 25
    seed: int = 0

    def rate_at(self, step: int) -> float:
        """Factor on the rate for update number `step`, from 0."""
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        start = self.steps * (1 - self.decay_share)
        if step <= start:
            return warm
        left = max(0.0, (self.steps - step) / max(1.0, self.steps - start))
        return warm * max(self.final_rate, left)


def build_optimisers(modules: nn.ModuleDict, config: LoopConfig) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon for the matrices inside the remixer's blocks and AdamW for
    the rest (embeddings, FiLM, biases, the reader), at rates that move both alike."""
    adam: list[dict[str, Any]] = []
    muon: list[nn.Parameter] = []
    for name, module in modules.items():
        rate = float((config.module_rates or {}).get(name, config.rate))
        rest = []
        for key, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            inner = name == "remixer" and key.split(".")[0] in _MUON_PARTS and parameter.dim() == 2
            if config.optimiser == "muon" and inner and "named" not in key:
                muon.append(parameter)
            else:
                rest.append(parameter)
        adam.append({"params": rest, "base": rate})
    found: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(adam, lr=config.rate, betas=(0.9, 0.99), weight_decay=config.weight_decay)
    ]
    if muon:
        base = config.muon_rate
        found.append(
            torch.optim.Muon(
                [{"params": muon, "base": base}],
                lr=base,
                weight_decay=config.weight_decay,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    return found


class Loop:
    """Trains one stage in one of `world` processes; process 0 writes files.

    `folder` gets state.pt (resume), log.csv (a row a validation) and TensorBoard events.
    """

    def __init__(
        self,
        stage: Stage,
        config: LoopConfig,
        folder: Path,
        examples: Mapping[str, Sequence[Example]],
        *,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.stage, self.config, self.folder = stage, config, folder
        self.examples, self.rank, self.world = examples, rank, world
        self.step, self.seconds = 0, 0.0
        self._trained = [p for p in stage.modules.parameters() if p.requires_grad]
        self.optimisers = build_optimisers(stage.modules, config)
        self._average = [p.detach().clone() for p in self._trained]

    @property
    def state_path(self) -> Path:
        return self.folder / "state.pt"

    def resume(self) -> bool:
        """Load the state if there is one. Every process reads the same file."""
        if not self.state_path.exists():
            return False
        state = torch.load(self.state_path, map_location="cpu", weights_only=True)
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        with torch.no_grad():
            for parameter, value in zip(self._trained, state["trained"], strict=True):
                parameter.copy_(value)
        for average, value in zip(self._average, state["average"], strict=True):
            average.copy_(value)
        for optimiser, kept in zip(self.optimisers, state["optimisers"], strict=True):
            rates = [group["base"] for group in optimiser.param_groups]
            optimiser.load_state_dict(kept)
            # The recipe's rates hold, not those of the day the state was written.
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["base"] = rate
        return True

    def save(self) -> None:
        """Write the whole state; a crash leaves the previous one (write aside, then rename)."""
        if self.rank:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "trained": [p.detach() for p in self._trained],
            "average": self._average,
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
            try:
                torch.save(state, file)
            except BaseException:
                Path(file.name).unlink()
                raise
        os.replace(file.name, self.state_path)

    def run(
        self, *, budget_s: float, report: Callable[[int, int, dict[str, float]], None]
    ) -> dict[str, float]:
        """Train until `steps` or until `budget_s` seconds of this call are spent.

        Returns the last validation's figures (with EMA weights), {} if there was none.
        """
        start, before, scores = time.monotonic(), self.seconds, {}
        while self.step < self.config.steps:
            figures = self._update()
            self.step += 1
            self.seconds = before + time.monotonic() - start
            report(self.step, self.config.steps, figures)
            if self.step % self.config.save_every == 0:
                self.save()
            if self.step % self.config.validate_every == 0 or self.step == self.config.steps:
                scores = self.validate()
                self._log({**figures, **scores})
            if self._stop(time.monotonic() - start > budget_s):
                break
        self.seconds = before + time.monotonic() - start
        self.save()
        return scores

    def _update(self) -> dict[str, float]:
        config = self.config
        rng = np.random.default_rng([config.seed, self.step, self.rank])
        torch.manual_seed(int(rng.integers(2**31)))  # dropout follows the step, not the history
        for group in (g for o in self.optimisers for g in o.param_groups):
            group["lr"] = group["base"] * config.rate_at(self.step)
        self.stage.modules.train()
        loss, figures = self.stage.loss(rng)
        self.stage.modules.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._share_gradients()
        norm = nn.utils.clip_grad_norm_(self._trained, config.clip_norm)
        # One odd batch must not ruin the weights; the figure `skipped` tells that there was one.
        finite = bool(torch.isfinite(norm))
        if finite:
            for optimiser in self.optimisers:
                optimiser.step()
        # A short average at first, or it would remember the untrained weights for long.
        decay = min(config.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self._average, [p.detach() for p in self._trained], 1 - decay)
        return {**figures, "gradient_norm": float(norm), "skipped": float(not finite)}

    def _share_gradients(self) -> None:
        if self.world == 1:
            return
        grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self._trained]
        flat = torch.cat([g.flatten() for g in grads])
        dist.all_reduce(flat)
        flat /= self.world
        for parameter, part in zip(
            self._trained, torch.split(flat, [p.numel() for p in self._trained]), strict=True
        ):
            parameter.grad = part.view_as(parameter).clone()

    def _stop(self, spent: bool) -> bool:
        if self.world == 1:
            return spent
        flag = torch.tensor([float(spent)])
        dist.all_reduce(flag, op=dist.ReduceOp.MAX)
        return bool(flag.item())

    def validate(self) -> dict[str, float]:
        """Mean figures of every validation set under the averaged weights."""
        kept = [p.detach().clone() for p in self._trained]
        self._put(self._average)
        self.stage.modules.eval()
        found: dict[str, float] = {}
        with torch.no_grad():
            for name, examples in self.examples.items():
                mine = examples[self.rank :: self.world]
                for key, value in self._means(self.stage.validate(mine)).items():
                    found[f"{name}/{key}"] = value
        self._put(kept)
        return found

    def _means(self, scores: Any) -> dict[str, float]:  # noqa: ANN401
        gathered: list[Any] = [(scores.values, scores.count)]
        if self.world > 1:
            gathered = [None] * self.world
            dist.all_gather_object(gathered, (scores.values, scores.count))
        total = sum(count for _, count in gathered)
        sums: dict[str, float] = {}
        for values, _ in gathered:
            for key, value in values.items():
                sums[key] = sums.get(key, 0.0) + value
        means: dict[str, float] = {}
        tasks: list[float] = []
        for key, value in sums.items():
            if key.startswith("task/"):
                means[key] = value / sums["count/" + key[5:]]
                if key != "task/OVC":
                    tasks.append(means[key])
            elif not key.startswith("count/") and key != "snri_without_ovc_db":
                means[key] = value / total
        if tasks:
            # As in every table: the mean of the tasks' means.
            means["snri_without_ovc_db"] = sum(tasks) / len(tasks)
        return means

    def _put(self, values: Sequence[Tensor]) -> None:
        with torch.no_grad():
            for parameter, value in zip(self._trained, values, strict=True):
                parameter.copy_(value)

    def averaged(self) -> dict[str, dict[str, Tensor]]:
        """The averaged weights by module and name, ready to ship."""
        self._put(self._average)
        return {
            name: {key: value.detach().clone() for key, value in module.state_dict().items()}
            for name, module in self.stage.modules.items()
        }

    def _log(self, figures: Mapping[str, float]) -> None:
        if self.rank:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        row = {"step": float(self.step), "seconds": round(self.seconds, 1), **figures}
        path = self.folder / "log.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(row)
            writer.writerow([f"{value:.5g}" for value in row.values()])
        self._tensorboard(figures)

    def _tensorboard(self, figures: Mapping[str, float]) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:  # the train extra is not installed: the CSV has everything
            return
        with SummaryWriter(str(self.folder / "tensorboard")) as writer:
            for key, value in figures.items():
                writer.add_scalar(key, value, self.step)
