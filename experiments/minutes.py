"""Train on a device that one has for minutes only, in slices:
`python -m experiments.minutes SMALL.toml … LARGE.toml --run DIR --sources SET
--minutes 8 --total 15`.

SET is a set with shards (`lcr data build --shards`, with --part for parts of a size that travels):
its sources are decoded once and mixed anew on the device. The first slice measures how long a step
of each recipe takes there, and chooses the last one whose `loop.steps` fit into --total minutes;
DIR/choice.json keeps both. Each slice goes on where the one before stopped, on another machine too
where DIR is taken along. DIR/weights.safetensors holds the weights in float16 after each.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from experiments import train
from experiments.command import EXIT_OK, command, device_option, option, set_option
from experiments.comparison.environment import resolve_device
from experiments.comparison.errors import ConfigError
from experiments.training.recipe import build_stage, open_mixtures
from experiments.training.schema import Recipe, load_recipe
from lcr.files import write_whole
from lcr.training.loop import Loop, make_accelerator

_WARM, _TIMED = 2, 4
"""Steps of a recipe before its measurement, and in it."""
_SPARE = 0.8
"""Of the time that is left, what steps may take: validation and saving take some, too."""


def seconds_a_step(recipe: Recipe, *, cpu: bool) -> float:
    """How long a training step takes on the device, at the quickest of a few."""
    accelerator = make_accelerator(cpu=cpu, precision=recipe.loop.precision)
    mixtures = open_mixtures(recipe, {}, device=accelerator.device, on_device=True)
    with tempfile.TemporaryDirectory() as folder:
        stage = build_stage(recipe, mixtures)
        loop = Loop(stage, recipe.loop, Path(folder), {}, accelerator=accelerator)
        took = []
        for _ in range(_WARM + _TIMED):
            began = time.perf_counter()
            loop.update()  # it reads the gradient's norm, so the device has finished
            took.append(time.perf_counter() - began)
    accelerator.free_memory()
    return min(took[_WARM:])


def choose(recipes: list[Path], seconds: dict[str, float], steps: list[int], left_s: float) -> Path:
    """The last of the recipes whose steps fit into the time; the first where none does."""
    fitting = [
        path
        for path, count in zip(recipes, steps, strict=True)
        if seconds[str(path)] * count <= _SPARE * left_s
    ]
    return fitting[-1] if fitting else recipes[0]


@command(
    __doc__,
    option("recipes", type=Path, nargs="+", metavar="RECIPE", help="from small to large"),
    option("--run", type=Path, required=True, metavar="DIR"),
    option("--sources", type=Path, required=True, metavar="SET"),
    option("--minutes", type=float, required=True, help="of this slice"),
    option("--total", type=float, required=True, help="minutes of all slices"),
    device_option(),
    set_option(),
    resumes=True,
)
def main(options: argparse.Namespace) -> int:
    """Measure and choose where that is not done yet, then train until the slice is over."""
    began = time.monotonic()
    if not 0 < options.minutes <= options.total:
        raise ConfigError("--minutes must be above 0, and not above --total")
    sets = [*options.overrides, f"training.manifest={json.dumps(str(options.sources.resolve()))}"]
    device = resolve_device(options.device)
    kept = options.run / "choice.json"
    if not kept.exists():
        recipes = [load_recipe(path, sets) for path in options.recipes]
        seconds = {
            str(path): seconds_a_step(recipe, cpu=device == "cpu")
            for path, recipe in zip(options.recipes, recipes, strict=True)
        }
        left_s = 60 * options.total - (time.monotonic() - began)
        steps = [recipe.loop.steps for recipe in recipes]
        chosen = choose(options.recipes, seconds, steps, left_s)
        told = {"recipe": str(chosen), "seconds_a_step": seconds}
        write_whole(kept, json.dumps(told, indent=1))
    told = json.loads(kept.read_text())
    for path, took in told["seconds_a_step"].items():
        print(f"{path}: {1 / took:.1f} steps a second", flush=True)
    left = options.minutes - (time.monotonic() - began) / 60
    words = [told["recipe"], "--run", str(options.run / "run"), "--device", options.device]
    words += ["--processes", "1", "--on-device", "--minutes", str(max(left, 0.001))]
    status = train.main(words + [word for one in sets for word in ("--set", one)])
    if status == EXIT_OK:
        tensors = load_file(options.run / "run" / "weights.safetensors")
        halves = {n: t.half() if t.dtype == torch.float32 else t for n, t in tensors.items()}
        write_whole(options.run / "weights.safetensors", save(halves))
    return status


if __name__ == "__main__":
    raise SystemExit(main())
