"""Several commands on one output, some killed: every file is one command's whole output or absent,
and who is refused is told by whom."""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from experiments.comparison.records import read_records
from lcr.audio.core import read_audio
from tests.experiments.training.test_train_cli import RECIPE
from tests.experiments.training.test_train_cli import bank as bank  # a fixture

GAINS_DB = (0.0, -6.0, -12.0)
ROUNDS = 40

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of Unix")


def run(program: str, arguments: list[str], log: Path) -> None:
    """Run a command's `main` in a process of its own."""
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    sys.exit(import_module(program).main(arguments))


def commands(kind: str, folder: Path, suite: Path, bank: Path) -> list[tuple[str, list[str]]]:
    """Three commands that write differently to `folder`/out."""
    out = str(folder / "out")
    if kind == "compare":
        return [
            ("experiments.compare", ["--suite", str(suite), "--out", out, "--per-task", "1"]),
            ("experiments.compare", ["--suite", str(suite), "--out", out, "--per-task", "2"]),
            ("experiments.compare", ["--suite", str(suite), "--out", out, "--resume", "never"]),
        ]
    if kind == "train":
        made = []
        for steps in (6, 7, 8):
            recipe = folder / f"{steps}.toml"
            recipe.write_text(RECIPE.format(steps=8))
            more = ["--field", str(bank), "--processes", "1", "--minutes", str(steps / 100)]
            made.append(("experiments.train", [str(recipe), "--run", out, *more]))
        return made
    source = folder / "in"
    target = out if kind == "batch" else f"{out}/a.wav"
    sources = [str(source)] if kind == "batch" else [str(source / "0.wav")]
    command = ["remix", "--system", "mixture", *sources, "leave it", "-o", target]
    return [("lcr.cli", [*command, "--gain-db", str(gain)]) for gain in GAINS_DB]


def check_sounds(folder: Path) -> None:
    (folder / "out").mkdir(exist_ok=True)
    for path in (folder / "out").glob("*.wav"):
        source = "0.wav" if path.name == "a.wav" else path.name
        whole = read_audio(folder / "in" / source).audio
        ratio = np.abs(read_audio(path).audio).max() / np.abs(whole).max()
        gain = min(GAINS_DB, key=lambda db: abs(ratio - 10 ** (db / 20)))
        np.testing.assert_allclose(
            read_audio(path).audio, whole * 10 ** (gain / 20), atol=2**-15, rtol=0
        )


def check_records(folder: Path) -> None:
    for path in folder.glob("out/*/*.jsonl"):
        read = read_records(path)
        assert read.dropped <= 1  # the line at which a kill came
        keys = [(record["example_id"], record["seed"]) for record in read.records]
        assert len(set(keys)) == len(keys)


def check_training(folder: Path) -> None:
    for path in folder.glob("out/state.pt"):
        assert torch.load(path, weights_only=True)["step"] > 0
    for path in folder.glob("out/weights.safetensors"):
        assert load_file(path)


CHECKS: dict[str, Callable[[Path], None]] = {
    "file": check_sounds,
    "batch": check_sounds,
    "compare": check_records,
    "train": check_training,
}


@pytest.mark.rehearsal
def test_forty_rounds(suite: Path, bank: Path, tmp_path: Path) -> None:
    processes = multiprocessing.get_context("forkserver")
    ours = ["lcr.cli", "lcr.api", "baselines.mixture", "experiments.comparison.report"]
    processes.set_forkserver_preload(
        [*ours, "experiments.compare", "experiments.train", "torch._dynamo"]
    )
    rng = random.Random(20240203)
    refused = killed = 0
    for number in range(ROUNDS):
        kind = ("file", "batch", "batch", "file", "compare", "batch", "train", "file")[number % 8]
        folder = tmp_path / f"{number}"
        (folder / "in").mkdir(parents=True)
        for name in range(6 if kind == "batch" else 1):
            noise = np.random.default_rng(name).uniform(-0.5, 0.5, 1_000_000 // (1 + 4 * name))
            soundfile.write(folder / "in" / f"{name}.wav", noise, 16_000, subtype="PCM_16")
        started: list[tuple[BaseProcess, Path]] = []
        chosen = rng.sample(commands(kind, folder, suite, bank), rng.choice((2, 3)))
        for index, (program, arguments) in enumerate(chosen):
            log = folder / f"{index}.log"
            log.touch()
            process = processes.Process(target=run, args=(program, arguments, log))
            process.start()
            started.append((process, log))
            time.sleep(rng.choice((0, 0.1, 0.5, 3)) * rng.random())
        for process, _ in started:
            if rng.random() < 0.4 and process.is_alive() and process.pid is not None:
                killed += 1
                os.kill(process.pid, rng.choice((signal.SIGKILL, signal.SIGTERM)))
        for process, log in started:
            process.join()
            told = log.read_text()
            # SIGTERM before the command has begun ends it as it ends any program.
            assert process.exitcode in (0, 2, 143, -signal.SIGKILL, -signal.SIGTERM), told
            if process.exitcode == 2:
                refused += 1
                (holder,) = re.findall(r"process (\d+)", told)
                assert int(holder) in {other.pid for other, _ in started if other is not process}
        CHECKS[kind](folder)
        left = [path for path in folder.rglob("*.part")]
        dead = [p for p, _ in started if p.exitcode == -signal.SIGKILL]
        assert len(left) <= len(dead)
    assert refused > 5
    assert killed > 5
