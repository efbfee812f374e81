"""Train several forms of one recipe under equal conditions: `ablate.py PLAN.toml --out DIR …`.

A plan names a recipe and its arms, each a list of `--set` overrides, and the seeds to train every
arm with. It may name a reader's recipe too, by which every arm first trains a reader of its own; an
arm may have a recipe of its own, and a place of its own to ship to.
Whatever else is on the command line goes to `train.py` (--field, --studio, --processes). All arms
are trained with one seed before any with the next, and shipped to DIR/ARM; the same command goes on
where it was stopped. In the end it prints the comparison of all joint arms to start.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from experiments.command import command, option, set_option
from experiments.comparison.config import build, read_config
from experiments.comparison.errors import ConfigError
from experiments.training.schema import load_recipe
from experiments.training.shipping import CURVE_FILE, check_recipe, read_curve, ship, write_curve
from lcr.checkpoints import CONFIG_FILE

_EXPERIMENTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One form of a plan's recipe. `set` changes keys of the recipe and `reader_set` keys of the
    reader's recipe. `recipe` replaces the plan's recipe; `into` is a folder of the project, such as
    "lcr/weights", that the result ships to in place of --out."""

    set: tuple[str, ...] = ()
    reader_set: tuple[str, ...] = ()
    recipe: str = ""
    into: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`recipe` is the name of a file in experiments/recipes, or the path of another; so is
    `reader`, the recipe of a reader stage, "" for none. `set` and `reader_set` are for all arms."""

    recipe: str = ""
    reader: str = ""
    set: tuple[str, ...] = ()
    reader_set: tuple[str, ...] = ()
    arms: Mapping[str, Arm]
    seeds: tuple[int, ...] = (0,)


@dataclass(frozen=True, kw_only=True)
class Training:
    """One arm with one seed, as `train.py` and `ship.py` take it; `reader` is what it starts
    from, trained before it. `into` is where it ships to, None for --out."""

    name: str
    recipe: Path
    overrides: tuple[str, ...]
    reader: Training | None = None
    into: Path | None = None


def load_plan(path: Path, overrides: Sequence[str] = ()) -> list[Training]:
    """List every training of a plan, all arms of a seed before the next seed, so that a plan cut
    short has whole comparisons. Raises ConfigError for a plan or an arm that could not be
    trained."""
    plan = build(Plan, read_config(path, what="plan"), where=str(path))
    if not plan.arms or not plan.seeds:
        raise ConfigError(f"{path}: a plan needs at least one arm and one seed")
    trainings = []
    for seed in plan.seeds:
        for name, arm in plan.arms.items():
            label = name if len(plan.seeds) == 1 else f"{name}-seed{seed}"
            reader = None
            if plan.reader:
                chosen = (*plan.reader_set, *arm.reader_set, f"loop.seed={seed}")
                reader = _training(f"{label}-reader", plan.reader, chosen)
            elif arm.reader_set:
                raise ConfigError(f"{path}: arm {name} has reader_set, but the plan no reader")
            chosen = (*plan.set, *arm.set, *overrides, f"loop.seed={seed}")
            if not (recipe := arm.recipe or plan.recipe):
                raise ConfigError(f"{path}: neither the plan nor arm {name} names a recipe")
            into = _EXPERIMENTS.parent / arm.into if arm.into else None
            training = _training(label, recipe, chosen)
            trainings.append(replace(training, reader=reader, into=into))
    return trainings


def _training(name: str, recipe: str, overrides: tuple[str, ...]) -> Training:
    path = _EXPERIMENTS / "recipes" / f"{recipe}.toml"
    if not path.exists():
        path = Path(recipe)
    load_recipe(path, overrides)
    return Training(name=name, recipe=path, overrides=overrides)


def train(training: Training, out: Path, arguments: Sequence[str]) -> Path:
    """Train and ship to OUT/NAME unless that is done. Raises ConfigError when training
    fails, or was done by another plan."""
    model, run = (training.into or out) / training.name, out / "runs" / training.name
    overrides = training.overrides
    if training.reader is not None:
        start = out / "runs" / training.reader.name
        overrides = (*overrides, f'init.reader="{start.resolve()}"')
    if (model / CONFIG_FILE).exists():
        if (weights := run / "weights.safetensors").exists():
            check_recipe(weights, load_recipe(training.recipe, overrides))
        return model
    if training.reader is not None:
        _run(training.reader, out, training.reader.overrides, arguments)
    _run(training, out, overrides, arguments)
    ship(training.recipe, run, model, overrides)
    write_curve(read_curve([(training.name, run)]), model / CURVE_FILE)
    return model


def _run(training: Training, out: Path, overrides: Sequence[str], arguments: Sequence[str]) -> Path:
    """Train once in a process of its own; the folder of the finished run."""
    run = out / "runs" / training.name
    sets = [word for override in overrides for word in ("--set", override)]
    command = [
        str(_EXPERIMENTS / "train.py"),
        str(training.recipe),
        "--run",
        str(run),
        *sets,
        *arguments,
    ]
    print(f"{training.name}:", flush=True)
    if subprocess.run([sys.executable, *command], check=False).returncode:
        raise ConfigError(f"training {training.name} did not end well; the same command goes on")
    return run


def comparison(models: Mapping[str, Path]) -> str:
    """Write the command that compares the arms; the others are tested against the first."""
    words = ["python", "experiments/compare.py", "--systems", ",".join(models)]
    for name, model in models.items():
        words += ["--set", f'options.{name}={{system="lcr",weights="{model}"}}']
    return shlex.join(words)


@command(
    __doc__,
    option("plan", type=Path),
    option("--out", type=Path, required=True),
    option("--only", metavar="A,B,…", help="these arms of the plan"),
    set_option("for all"),
    resumes=True,
    passes_on=True,
)
def main(options: argparse.Namespace) -> None:
    """Train and ship the arms, and print how to compare them."""
    trainings = load_plan(options.plan, options.overrides)
    if options.only:
        wanted = options.only.split(",")
        missing = set(wanted) - {training.name for training in trainings}
        if missing:
            raise ConfigError(f"{options.plan} has no arm {', '.join(sorted(missing))}")
        trainings = [training for training in trainings if training.name in wanted]
    models = {t.name: train(t, options.out, options.passed_on) for t in trainings}
    joint = {t.name for t in trainings if load_recipe(t.recipe, t.overrides).stage == "joint"}
    if joint:
        print(comparison({name: models[name] for name in models if name in joint}))


if __name__ == "__main__":
    raise SystemExit(main())
