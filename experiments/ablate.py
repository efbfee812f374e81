"""Train several forms of one recipe under equal conditions: `ablate.py PLAN.toml --out DIR …`.

A plan names a recipe and its arms, each a list of `--set` overrides, and the seeds to train every
arm with. Whatever else is on the command line goes to `train.py` (--field, --studio, --processes).
Arms are trained one after another and shipped to DIR/ARM; the same command goes on where it was
stopped. In the end it prints the comparison of all arms to start.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.errors import ConfigError
from experiments.recipe import load_recipe
from experiments.ship import ship
from experiments.suite import build, read_toml
from lcr.errors import LcrError
from lcr.joint import CONFIG_FILE

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One form of the recipe."""

    set: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`recipe` is the name of a file in experiments/recipes, or the path of another."""

    recipe: str
    arms: Mapping[str, Arm]
    seeds: tuple[int, ...] = (0,)


@dataclass(frozen=True, kw_only=True)
class Training:
    """One arm with one seed, as `train.py` and `ship.py` take it."""

    name: str
    recipe: Path
    overrides: tuple[str, ...]


def load_plan(path: Path, overrides: Sequence[str] = ()) -> list[Training]:
    """Every training of a plan, seeds of an arm one after another. Raises ConfigError for a plan
    or an arm that could not be trained."""
    plan = build(Plan, read_toml(path, what="plan"), where=str(path))
    if not plan.arms or not plan.seeds:
        raise ConfigError(f"{path}: a plan needs at least one arm and one seed")
    recipe = _HERE / "recipes" / f"{plan.recipe}.toml"
    if not recipe.exists():
        recipe = Path(plan.recipe)
    trainings = []
    for name, arm in plan.arms.items():
        for seed in plan.seeds:
            chosen = (*arm.set, *overrides, f"loop.seed={seed}")
            load_recipe(recipe, chosen)
            told = name if len(plan.seeds) == 1 else f"{name}-seed{seed}"
            trainings.append(Training(name=told, recipe=recipe, overrides=chosen))
    return trainings


def train(training: Training, out: Path, arguments: Sequence[str]) -> Path:
    """Train and ship to OUT/NAME unless that is done. Raises ConfigError when training fails."""
    model, run = out / training.name, out / "runs" / training.name
    if (model / CONFIG_FILE).exists():
        return model
    sets = [word for override in training.overrides for word in ("--set", override)]
    command = [str(_HERE / "train.py"), str(training.recipe), "--run", str(run), *sets, *arguments]
    print(f"{training.name}:", flush=True)
    if subprocess.run([sys.executable, *command], check=False).returncode:
        raise ConfigError(f"training {training.name} did not end well; the same command goes on")
    ship(training.recipe, run, model, training.overrides)
    return model


def comparison(models: Mapping[str, Path]) -> str:
    """The command that compares the arms; the first is the one that others are tested against."""
    words = ["python", "experiments/compare.py", "--systems", ",".join(models)]
    for name, model in models.items():
        words += ["--set", f'options.{name}={{system="lcr",weights="{model}"}}']
    return shlex.join(words)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", metavar="A,B,…", help="these arms of the plan")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for all")
    options, more = parser.parse_known_args(argv)
    try:
        trainings = load_plan(options.plan, options.set)
        if options.only:
            wanted = options.only.split(",")
            missing = set(wanted) - {training.name for training in trainings}
            if missing:
                raise ConfigError(f"{options.plan} has no arm {', '.join(sorted(missing))}")
            trainings = [training for training in trainings if training.name in wanted]
        models = {t.name: train(t, options.out, more) for t in trainings}
    except LcrError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        return 130
    print(comparison(models))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
