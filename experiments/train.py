"""Train a system from a recipe: `python experiments/train.py RECIPE.toml --run DIR --minutes 30`.

Stop it at any time (Ctrl-C, kill -9, --minutes): the same command goes on where it was. Each stage
ends with DIR/weights.safetensors, which the next recipe names under [init]. `accelerate launch` or
`torchrun` may start it too; --processes then means nothing. (To torchrun say --run-dir: it takes
--run for an option of its own.)
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import socket
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from safetensors.torch import save
from torch.multiprocessing.spawn import ProcessExitedException, start_processes

from experiments.command import (
    EXIT_FAILED,
    EXIT_OK,
    command,
    device_option,
    option,
    set_option,
)
from experiments.comparison.environment import resolve_device
from experiments.comparison.errors import ConfigError, OutputError
from experiments.training.recipe import (
    BANK_OPTIONS,
    about,
    bank_digests,
    bank_paths,
    build_stage,
    open_mixtures,
    validation,
)
from experiments.training.schema import Recipe, load_recipe
from lcr.cli.status import EXIT_BAD_INPUT, fail
from lcr.errors import LcrError
from lcr.files import locked, write_whole
from lcr.nn.reader.prompt_reader import PromptReader
from lcr.signals import default_signals
from lcr.training.loader import LoadedMixtures
from lcr.training.loop import Loop, make_accelerator
from lcr.training.queries.stage import NAMES_FILE, QueryStage

__all__ = ["export", "join_processes", "load_recipe", "main"]


def join_processes(rank: int, world: int, port: int, threads: int) -> None:
    """Tell accelerate that this is process `rank` of `world` on this machine."""
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(world),
        LOCAL_WORLD_SIZE=str(world),
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
        OMP_NUM_THREADS=str(threads),
    )


@contextmanager
def ended_at_once() -> Iterator[None]:
    """End this process at once when its work is done or has failed, where it is one of several.
    Else torch, as it takes down their group, may wait for ever for a thread that waits for the
    interpreter's lock. LcrError and OSError are passed on."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    status = EXIT_OK
    try:
        yield
    except (LcrError, OSError):
        raise
    except Exception:
        if not several:
            raise
        traceback.print_exc()
        status = EXIT_FAILED
    if several:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def worker(rank: int, options: argparse.Namespace, recipe: Recipe, port: int) -> None:
    """Run one of several processes on this machine."""
    default_signals()
    join_processes(rank, options.processes, port, options.threads)
    work(options, recipe)


def work(options: argparse.Namespace, recipe: Recipe) -> None:
    """Do this process's part; end with one line and status 2 on what a person can put right."""
    try:
        with ended_at_once():
            _work(options, recipe)
    except LcrError as error:
        if int(os.environ.get("RANK", "0")) == 0:
            fail("train", error)
        raise SystemExit(EXIT_BAD_INPUT) from None


def _work(options: argparse.Namespace, recipe: Recipe) -> None:
    torch.set_flush_denormal(True)
    cpu = options.device == "cpu"
    accelerator = make_accelerator(cpu=cpu, precision=recipe.loop.precision)
    torch.set_num_threads(options.threads)
    paths = bank_paths(options)
    mixtures = open_mixtures(
        recipe,
        paths,
        workers=options.loader_workers,
        device=accelerator.device,
        on_device=options.on_device,
    )
    loop = Loop(
        build_stage(recipe, mixtures),
        recipe.loop,
        options.run,
        validation(recipe, paths),
        accelerator=accelerator,
        about={
            **about(recipe),
            "banks": bank_digests(recipe, paths),
            **({"on_device": True} if options.on_device else {}),
        },
        loader=mixtures if isinstance(mixtures, LoadedMixtures) else None,
    )
    resumed = loop.resume()
    if accelerator.is_main_process:
        count = sum(parameter.numel() for parameter in loop.state.trained)
        where = f"{accelerator.num_processes} x {accelerator.device.type}"
        start = f"resumed at step {loop.step}" if resumed else "from the start"
        print(
            f"{recipe.name}: {count / 1e6:.2f} M trained parameters, {where}, precision "
            f"{accelerator.mixed_precision.replace('no', 'fp32')}, {start}",
            flush=True,
        )
    try:
        scores = _train(loop, options, accelerator.process_index)
        if accelerator.is_main_process:
            export(loop, options.run / "weights.safetensors")
    except OSError as error:
        raise OutputError.of(options.run, error) from error
    if accelerator.is_main_process:
        for key, value in scores.items():
            print(f"{key:40s} {value:8.3f}")
        print(f"weights in {options.run / 'weights.safetensors'}")
    accelerator.end_training()


def _train(loop: Loop, options: argparse.Namespace, rank: int) -> dict[str, float]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, disable=rank > 0 or not sys.stderr.isatty()) as progress:
        bar = progress.add_task("training", total=loop.config.steps)

        command = multiprocessing.parent_process()  # none where this is the command itself

        def report(step: int, total: int, figures: dict[str, float]) -> None:
            if command is not None and not command.is_alive():  # killed: do not live on
                os._exit(1)
            words = " ".join(f"{k} {v:.2f}" for k, v in figures.items())
            progress.update(bar, completed=step, total=total, description=words)
            if rank == 0 and not sys.stderr.isatty() and step % 20 == 0:
                print(f"step {step}/{total} {words}", flush=True)

        return loop.run(budget_s=options.minutes * 60, report=report)


def export(loop: Loop, path: Path) -> None:
    """Write the averaged weights that training changed to one safetensors file, with module
    names as prefixes."""
    tensors: dict[str, torch.Tensor] = {}
    for name, state in loop.averaged().items():
        module = loop.stage.modules[name]
        keep = module.trained_state() if isinstance(module, PromptReader) else state
        tensors.update({f"{name}.{key}": state[key].contiguous() for key in keep})
    if isinstance(loop.stage, QueryStage):
        write_whole(path.parent / NAMES_FILE, json.dumps(loop.stage.about, indent=1))
    told = {
        "step": str(loop.step),
        "seconds": f"{loop.seconds:.0f}",
        "about": json.dumps(loop.state.about),
    }
    write_whole(path, save(tensors, metadata=told))


@command(
    __doc__,
    option("recipe", type=Path),
    option(*("--run", "--run-dir"), type=Path, required=True, help="folder of this stage's state"),
    option("--minutes", type=float, default=1e9, help="stop after this long"),
    device_option(),
    option("--processes", type=int, help="default: one a CPU core, or one a GPU"),
    option("--threads", type=int, default=1, help="threads a process"),
    option(
        "--loader-workers",
        type=int,
        help="processes that make batches ahead, for each training process; default: 0 on a CPU "
        "(no core is free for them), 4 for each GPU",
    ),
    option(
        "--on-device",
        action="store_true",
        help="mix the sources of training.manifest anew, on the device, read and decoded once",
    ),
    *BANK_OPTIONS,
    set_option(),
    resumes=True,
)
def main(options: argparse.Namespace) -> int:
    """Train in this process or in several; returns the exit status."""
    recipe = load_recipe(options.recipe, options.overrides)
    if not options.minutes > 0:
        raise ConfigError(f"--minutes must be positive; got {options.minutes}")
    options.device = resolve_device(options.device)
    gpus = torch.cuda.device_count() if options.device == "cuda" else 0
    if options.processes is None:
        options.processes = gpus or os.cpu_count() or 1
    if options.loader_workers is None:
        options.loader_workers = 4 if gpus else 0
    with locked(options.run) if os.environ.get("RANK", "0") == "0" else nullcontext():
        return _start(options, recipe, gpus)


def _start(options: argparse.Namespace, recipe: Recipe, gpus: int) -> int:
    if options.processes == 1 or "WORLD_SIZE" in os.environ:
        work(options, recipe)
        return EXIT_OK
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Forked ones have all modules at once; a GPU's context does not outlive a fork.
    forked = sys.platform == "linux" and not gpus
    try:
        start_processes(  # type: ignore[no-untyped-call]
            worker,
            (options, recipe, port),
            nprocs=options.processes,
            start_method="fork" if forked else "spawn",
        )
    except ProcessExitedException as error:
        if error.signal_name is not None:
            print(f"a process was ended by {error.signal_name}; the same command goes on")
            return EXIT_FAILED
        return error.exit_code
    except KeyboardInterrupt:  # a signal that only this process got
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    return EXIT_OK


if __name__ == "__main__":
    raise SystemExit(main())
