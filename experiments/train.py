"""Train a system from a recipe: `python experiments/train.py RECIPE.toml --run DIR --minutes 30`.

Stop it at any time (Ctrl-C, kill -9, --minutes): the same command goes on where it was. Each stage
ends with DIR/weights.safetensors, which the next recipe names under [init].
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.distributed as dist
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from safetensors.torch import load_file, save_file
from torch.multiprocessing.spawn import ProcessExitedException, start_processes

from experiments.errors import ConfigError
from experiments.suite import build, read_toml
from lcr.data.bank import Bank, Split
from lcr.data.folder import FolderBank
from lcr.data.mixtures import Example, MixtureConfig, MixtureSet
from lcr.data.studio.bank import StudioBank
from lcr.data.studio.classes import LABELS
from lcr.data.studio.pack import PackedBank
from lcr.errors import LcrError
from lcr.joint import WEIGHTS_FILE
from lcr.nn.band_split import BandSplitConfig, BandSplitRemixer
from lcr.nn.prompt_reader import PromptReader, ReaderConfig
from lcr.nn.slots import SlotVocabulary
from lcr.training.data import Blend, MemoryBank, TrainingConfig, TrainingMixtures
from lcr.training.loop import Loop, LoopConfig
from lcr.training.stages import JointStage, ReaderStage, RemixerStage, Stage, StageName


@dataclass(frozen=True, kw_only=True)
class BlendRecipe:
    """Names of banks ("studio", "field") for the speech and the audio of a share of mixtures."""

    speech: str
    audio: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training stage. `init` maps a module ("reader", "remixer") to the folder of an earlier
    run or of a shipped checkpoint."""

    name: str
    stage: StageName
    blends: tuple[BlendRecipe, ...]
    field_attributes: tuple[str, ...] = ("gender", "pitch", "tempo")
    """What the field recordings' manifest is trusted for: the mixer overrides recorded level."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    model: BandSplitConfig = field(default_factory=BandSplitConfig)
    init: Mapping[str, str] = field(default_factory=dict)
    reader_batch: int = 32
    slot_weight: float = 0.1
    validation: int = 96
    """Validation mixtures a bank, of 5 s."""


def load_recipe(path: Path, overrides: Sequence[str]) -> Recipe:
    return build(Recipe, read_toml(path, overrides, what="recipe"), where=str(path))


def open_bank(name: str, recipe: Recipe, paths: Mapping[str, Path], split: Split) -> Bank:
    """ "field" needs --field DIR; "studio" uses the pack of --studio DIR or renders it anew."""
    if name == "field":
        if "field" not in paths:
            raise ConfigError("this recipe trains on field recordings: give --field DIR")
        bank: Bank = FolderBank(paths["field"], attributes=recipe.field_attributes)
        return MemoryBank(bank, split)
    if name != "studio":
        raise ConfigError(f"unknown bank {name!r} in a blend; there are: studio, field")
    if split == "train" and "studio" in paths:
        return PackedBank(paths["studio"])
    return StudioBank(cache_dir=Path(".cache/studio"))


def build_stage(recipe: Recipe, mixtures: TrainingMixtures) -> Stage:
    vocabulary = SlotVocabulary(LABELS)
    torch.manual_seed(recipe.loop.seed)
    if recipe.stage == "reader":
        reader = PromptReader(ReaderConfig(slots=vocabulary.size))
        _initialise(reader, recipe, "reader")
        return ReaderStage(reader, vocabulary, mixtures, recipe.reader_batch)
    remixer = BandSplitRemixer(recipe.model)
    _initialise(remixer, recipe, "remixer")
    if recipe.stage == "remixer":
        return RemixerStage(remixer, vocabulary, mixtures)
    reader = PromptReader(ReaderConfig(slots=vocabulary.size))
    _initialise(reader, recipe, "reader")
    if recipe.init.get("reader") != recipe.init.get("remixer"):
        # A remixer that never met this reader knows nothing of its embedding.
        remixer.ignore_embedding(vocabulary.size)
    return JointStage(reader, remixer, vocabulary, mixtures, recipe.slot_weight)


def _initialise(module: torch.nn.Module, recipe: Recipe, name: str) -> None:
    if name not in recipe.init:
        return
    folder = Path(recipe.init[name])
    choices = (folder / "weights.safetensors", folder / WEIGHTS_FILE)  # a run, or what ships
    path = next((choice for choice in choices if choice.exists()), None)
    if path is None:
        raise ConfigError(f"[init] {name}: no {choices[0]}; finish that stage first")
    state = {
        key.removeprefix(f"{name}."): value.float()
        for key, value in load_file(path).items()
        if key.startswith(f"{name}.")
    }
    missing = module.load_state_dict(state, strict=False)
    lost = [key for key in missing.missing_keys if "lora_" in key or not key.startswith("encoder")]
    if lost or missing.unexpected_keys:
        raise ConfigError(
            f"[init] {name}: {path} does not fit: {(lost + missing.unexpected_keys)[:3]}"
        )


def worker(rank: int, options: argparse.Namespace, recipe: Recipe, port: int) -> None:
    """One process. What a person can put right ends it with one line and status 2."""
    try:
        _work(rank, options, recipe, port)
    except LcrError as error:
        if rank == 0:
            print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _work(rank: int, options: argparse.Namespace, recipe: Recipe, port: int) -> None:
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    world = options.processes
    if world > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
        dist.init_process_group("gloo", rank=rank, world_size=world)
    paths = {k: Path(v) for k, v in (("field", options.field), ("studio", options.studio)) if v}
    names = sorted({n for b in recipe.blends for n in (b.speech, b.audio)})
    banks = {name: open_bank(name, recipe, paths, "train") for name in names}
    blends = [Blend(banks[b.speech], banks[b.audio], b.share) for b in recipe.blends]
    stage = build_stage(recipe, TrainingMixtures(blends, recipe.training))
    loop = Loop(
        stage,
        recipe.loop,
        options.run,
        validation(recipe, names, paths),
        rank=rank,
        world=world,
    )
    resumed = loop.resume()
    if rank == 0:
        count = sum(p.numel() for p in stage.modules.parameters() if p.requires_grad)
        start = f"resumed at step {loop.step}" if resumed else "from the start"
        print(f"{recipe.name}: {count / 1e6:.2f} M trained parameters, {start}", flush=True)
    scores = _train(loop, options, rank)
    if rank == 0:
        export(loop, stage, options.run / "weights.safetensors")
        for key, value in scores.items():
            print(f"{key:40s} {value:8.3f}")
        print(f"weights in {options.run / 'weights.safetensors'}")
    if world > 1:
        dist.destroy_process_group()


def validation(
    recipe: Recipe, names: Sequence[str], paths: Mapping[str, Path]
) -> dict[str, list[Example]]:
    found = {}
    for name in names:
        bank = open_bank(name, recipe, paths, "valid")
        mixtures = MixtureSet(
            bank, split="valid", config=MixtureConfig(), seed=0, name=f"{name}-valid"
        )
        found[name] = [mixtures.example(i) for i in range(recipe.validation)]
    return found


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

        parent = os.getppid()

        def report(step: int, total: int, figures: dict[str, float]) -> None:
            if os.getppid() != parent:  # the command was killed: its processes must not live on
                os._exit(1)
            words = " ".join(f"{k} {v:.2f}" for k, v in figures.items())
            progress.update(bar, completed=step, total=total, description=words)
            if rank == 0 and not sys.stderr.isatty() and step % 20 == 0:
                print(f"step {step}/{total} {words}", flush=True)

        return loop.run(budget_s=options.minutes * 60, report=report)


def export(loop: Loop, stage: Stage, path: Path) -> None:
    """What training changed, averaged, in one safetensors file with module names as prefixes."""
    tensors: dict[str, torch.Tensor] = {}
    for name, state in loop.averaged().items():
        module = stage.modules[name]
        keep = module.trained_state() if isinstance(module, PromptReader) else state
        tensors.update({f"{name}.{key}": state[key].contiguous() for key in keep})
    temporary = path.with_suffix(".tmp")
    save_file(
        tensors, temporary, metadata={"step": str(loop.step), "seconds": f"{loop.seconds:.0f}"}
    )
    os.replace(temporary, path)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    found.add_argument("recipe", type=Path)
    found.add_argument("--run", type=Path, required=True, help="folder of this stage's state")
    found.add_argument("--minutes", type=float, default=1e9, help="stop after this long")
    found.add_argument("--processes", type=int, default=max(1, os.cpu_count() or 1))
    found.add_argument("--threads", type=int, default=1, help="threads a process")
    found.add_argument("--field", help="folder with the field recordings' manifest.csv")
    found.add_argument("--studio", help="folder written by python -m lcr.data.studio.pack")
    found.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        recipe = load_recipe(options.recipe, options.set)
        if options.processes == 1:
            worker(0, options, recipe, 0)
        else:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            start_processes(worker, (options, recipe, port), nprocs=options.processes)  # type: ignore[no-untyped-call]
    except LcrError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ProcessExitedException as error:
        return error.exit_code
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
