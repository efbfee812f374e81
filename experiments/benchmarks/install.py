"""What does a newcomer wait for? `python -m experiments.benchmarks.install`.

Builds the wheel of this checkout with the default model exported in it, installs it with the extra
`run` in an empty environment, and there remixes five seconds of sound, beside an `import torch` of
this environment in the same minutes. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from experiments.command import command, option
from experiments.export import DEFAULT, export
from lcr.audio.core import read_audio, write_audio
from lcr.checkpoints import find_checkpoint
from lcr.errors import LcrError
from lcr.runtime import FOLDER, VARIABLE

ROOT = Path(__file__).parents[2]
SECONDS, RATE = 5, 16_000
UNWANTED = ("torch", "transformers", "tokenizers", "scipy", "gradio", "onnx")
"""Packages that must not come with `run`."""


class InstallError(LcrError):
    """Something that a newcomer would type fails; the message ends with what it printed."""


def build_wheel(folder: Path) -> Path:
    """The wheel of the files that git knows, with the default model exported anew, in `folder`."""
    tree = folder / "tree"
    named = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, named):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)
    for name in DEFAULT:
        export(find_checkpoint(name), tree / "lcr" / "weights" / name / FOLDER)
    wheel = ["wheel", "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(folder)]
    _run([sys.executable, "-m", "pip", *wheel, str(tree)])
    shutil.rmtree(tree)
    (made,) = folder.glob("*.whl")
    return made


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel and its extra `run` in a new environment in `folder`, whose `python` is
    returned."""
    _run([sys.executable, "-m", "venv", str(folder)])
    python = folder / "bin" / "python"
    _run([str(python), "-m", "pip", "install", "--quiet", f"{wheel}[run]"])
    return python


def examine(python: Path, folder: Path, rounds: int) -> dict[str, object]:
    """Sizes and times of the environment of `python`; sounds go through `folder`."""
    (packages,) = (python.parents[1] / "lib").glob("python3*/site-packages")
    unwanted = [name for name in UNWANTED if (packages / name).is_dir()]
    if unwanted:
        raise InstallError(f"{', '.join(unwanted)} came with the extra run")
    sizes = {p.name: _size(p) for p in packages.iterdir() if p.name not in ("pip", "setuptools")}
    source, target = folder / "noise.wav", folder / "remixed.wav"
    noise = np.random.default_rng(0).normal(0, 0.1, (1, SECONDS * RATE)).astype(np.float32)
    write_audio(source, noise, RATE)
    lcr = str(python.parent / "lcr")
    remix = [lcr, "remix", str(source), "turn the rain down", "-o", str(target)]
    times: dict[str, list[float]] = {"remix": [], "help": [], "import torch": []}
    _timed(remix)  # writes the bytecode, as the first use does
    _run([lcr, "doctor"])
    _run(["sh", "-c", f"'{lcr}' live --pipe 'turn the rain down' < '{source}' > '{target}'"])
    for _ in range(rounds):
        times["remix"].append(_timed(remix))
        times["help"].append(_timed([lcr, "--help"]))
        if find_spec("torch") is not None:
            times["import torch"].append(_timed([sys.executable, "-c", "import torch"]))
    remixed = read_audio(target).audio
    if remixed.shape != noise.shape or np.array_equal(remixed, noise):
        raise InstallError(f"the remix is not one: {remixed.shape}")
    largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:6]
    return {
        "installed_mib": round(sum(sizes.values()) / 2**20, 1),
        "largest_mib": {name: round(sizes[name] / 2**20, 1) for name in largest},
        "seconds": {k: round(statistics.median(v), 2) for k, v in times.items() if v},
        "remix_peak_mib": round(_peak_mib(remix), 1),
    }


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _run(argv: Sequence[str]) -> None:
    # As a newcomer's shell: nothing of this environment, none of its folders.
    left = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", VARIABLE)}
    left.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        argv, env=left, cwd=tempfile.gettempdir(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()
        raise InstallError(f"{' '.join(argv[:4])} ended with {done.returncode}: {words[-2000:]}")


def _timed(argv: Sequence[str]) -> float:
    began = time.perf_counter()
    _run(argv)
    return time.perf_counter() - began


def _peak_mib(argv: Sequence[str]) -> float:
    """Of the largest process that `argv` starts."""
    code = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=2);"
    code += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, *argv], capture_output=True, text=True, check=True
    )
    return int(done.stdout) / (2**20 if sys.platform == "darwin" else 2**10)


@command(
    __doc__,
    option("--rounds", type=int, default=5),
    option("--wheel-dir", type=Path, metavar="DIR", help="keep the wheel here"),
)
def main(options: argparse.Namespace) -> None:
    """Build, install, remix; print sizes in MiB and median seconds."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        wheel = build_wheel(folder)
        began = time.perf_counter()
        python = install(wheel, folder / "venv")
        told: dict[str, object] = {
            "wheel_mib": round(wheel.stat().st_size / 2**20, 1),
            "install_s": round(time.perf_counter() - began, 1),
        }
        print(json.dumps(told | examine(python, folder, options.rounds), indent=1))
        if options.wheel_dir is not None:
            options.wheel_dir.mkdir(parents=True, exist_ok=True)
            shutil.copy(wheel, options.wheel_dir)


if __name__ == "__main__":
    raise SystemExit(main())
