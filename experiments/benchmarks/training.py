"""What does the training engine cost?
`python -m experiments.benchmarks.training [--processes 1 2]`.

One update of a recipe by `lcr.training.loop` (accelerate, averaged weights, figures, finite
check) against a plain PyTorch loop on the same model, batches and optimisers: loss, backward, clip,
step, and with several processes one all-reduce of the flat gradient written by hand (the engine's
own method before accelerate). Then the share of a step that making its batch takes.
"""

from __future__ import annotations

import argparse
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.multiprocessing.spawn import start_processes

from experiments.benchmarks.timing import interleaved, print_race
from experiments.comparison.environment import machine_line
from experiments.train import join_processes
from experiments.training.recipe import build_stage
from experiments.training.schema import Recipe, load_recipe
from lcr.data.folder import FolderBank
from lcr.data.studio.bank import StudioBank
from lcr.training.data import Blend, MemoryBank, TrainingMixtures
from lcr.training.loader import LoadedMixtures
from lcr.training.loop import Loop, make_accelerator, step_generator
from lcr.training.optimisers import build_optimisers
from lcr.training.stages import Stage

RECIPE = Path(__file__).parents[1] / "recipes" / "lcr-g-remixer.toml"
OURS, PLAIN = "lcr.training.loop", "plain PyTorch loop"


class PlainLoop:
    """The loop anyone would write first."""

    def __init__(self, stage: Stage, recipe: Recipe) -> None:
        self.stage, self.config = stage, recipe.loop
        self.step = 0
        self.trained = [p for p in stage.modules.parameters() if p.requires_grad]
        self.optimisers = build_optimisers(stage.modules, self.config)

    def update(self) -> None:
        rank = dist.get_rank() if dist.is_initialized() else 0
        rng, dropout = step_generator(self.config.seed, rank, self.step)
        torch.manual_seed(dropout)
        self.stage.modules.train()
        loss, _ = self.stage.loss(rng)
        self.stage.modules.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if dist.is_initialized():
            self._average_gradients()
        nn.utils.clip_grad_norm_(self.trained, self.config.clip_norm)
        for optimiser in self.optimisers:
            optimiser.step()
        self.step += 1

    def _average_gradients(self) -> None:
        grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self.trained]
        flat = torch.cat([g.flatten() for g in grads])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        sizes = [p.numel() for p in self.trained]
        for parameter, part in zip(self.trained, torch.split(flat, sizes), strict=True):
            parameter.grad = part.view_as(parameter).clone()


def blends(field: str | None) -> list[Blend]:
    """A folder's recordings, or a few clips of the embedded bank, in memory."""
    if field is not None:
        bank = MemoryBank(FolderBank(Path(field), attributes=("gender", "pitch")), "train")
    else:
        small = StudioBank(speech_per_split={"train": 40}, clips_per_class={"train": 1})
        bank = MemoryBank(small, "train")
    return [Blend(bank, bank, 1.0)]


def race(rank: int, options: argparse.Namespace, world: int, port: int, found: list[Blend]) -> None:
    """One process's part; the first prints."""
    torch.set_flush_denormal(True)
    if world > 1:
        join_processes(rank, world, port, options.threads)
    accelerator = make_accelerator(cpu=True)
    torch.set_num_threads(options.threads)
    recipe = load_recipe(options.recipe, options.set)
    # The plain loop has no warm-up: at full rates from the start both must make the same weights.
    recipe = replace(recipe, init={}, loop=replace(recipe.loop, warmup_steps=0))

    def engine(workers: int) -> Loop:
        loader = LoadedMixtures(found, recipe.training, workers=workers)
        stage = build_stage(recipe, loader)
        return Loop(stage, recipe.loop, Path(), {}, accelerator=accelerator, loader=loader)

    loop = engine(0)
    plain = PlainLoop(build_stage(recipe, TrainingMixtures(found, recipe.training)), recipe)
    times = interleaved({OURS: loop.update, PLAIN: plain.update}, options.rounds)
    same = all(torch.equal(a, b) for a, b in zip(loop.state.trained, plain.trained, strict=True))
    if rank == 0:
        title = f"one update of {recipe.name}, {world} process(es)"
        print_race(title, times, OURS)
        print(f"  weights of the two are {'' if same else 'not '}bitwise equal")
        print(f"  loader_share, batches made in the step: {100 * loop.loader_share:.2f} %")
    if options.workers:
        other = engine(options.workers)
        other.make_ahead()
        for _ in range(options.rounds):
            other.update()
        if other.loader is not None:
            other.loader.stop()
        if rank == 0:
            print(
                f"  loader_share, {options.workers} loader process(es) each: "
                f"{100 * other.loader_share:.2f} %"
            )
    accelerator.end_training()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--processes", type=int, nargs="+", default=[1])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", type=int, default=0, help="also with that many loader workers")
    parser.add_argument("--field", help="folder with recordings; default: the embedded bank")
    options = parser.parse_args(arguments)
    print(machine_line(), flush=True)
    found = blends(options.field)
    for world in options.processes:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        start_processes(  # type: ignore[no-untyped-call]
            race, (options, world, port, found), nprocs=world, start_method="fork"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
