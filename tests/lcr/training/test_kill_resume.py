"""kill -9 and full disks, for real: what is resumed ends where an undisturbed run ends, bitwise."""

from __future__ import annotations

import csv
import multiprocessing
import random
import signal
import socket
import sys
from dataclasses import replace
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import pytest
import torch

from lcr.training.loop import LoopConfig
from tests.lcr.training.killed_training import Job, Kill, train

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of Unix"),
]

# Saves at most steps; validations that fall on saves, between them and next to them; a plateau
# whose state decides the rates of later steps.
CONFIG = LoopConfig(
    steps=20,
    warmup_steps=5,
    schedule="plateau",
    patience=1,
    rate=0.5,
    muon_rate=0.5,
    ema=0.9,
    save_every=2,
    validate_every=5,
)
KILLS = (
    *(Kill("any", seed) for seed in range(3)),
    Kill("not renamed", saves=1),
    Kill("half written", saves=1),
    Kill("renamed", saves=1),
)


@pytest.fixture(scope="module")
def processes() -> BaseContext:
    """Real processes, forked from one that has imported the program: their start is cheap."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.lcr.training.killed_training", "torch._dynamo"])
    return context


def run(processes: BaseContext, *jobs: Job) -> list[int]:
    """Exit codes of processes that ran at the same time."""
    started = [processes.Process(target=train, args=(job,)) for job in jobs]
    for process in started:
        process.start()
    for process in started:
        process.join()
    return [process.exitcode or 0 for process in started]


def pair(folder: Path, config: LoopConfig, kill: Kill | None = None, dies: int = 0) -> list[Job]:
    """Two processes on one state; process `dies` gets the kill."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [
        Job(folder, config, rank, 2, port, kill=kill if rank == dies else None) for rank in (0, 1)
    ]


def everything(folder: Path) -> tuple[list[torch.Tensor], list[Any], list[dict[str, str]]]:
    """All tensors and plain values of the last state, and the log, all but the times."""
    state = torch.load(folder / "state.pt", weights_only=True)
    del state["seconds"]
    tensors: list[torch.Tensor] = []
    plain: list[Any] = []

    def walk(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            tensors.append(value)
        elif isinstance(value, dict):
            for key in value:
                plain.append(key)
                walk(value[key])
        elif isinstance(value, (list, tuple)):
            for item in value:
                walk(item)
        else:
            plain.append(value)

    walk(state)
    with (folder / "log.csv").open(newline="") as file:
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    return tensors, plain, rows


def assert_same(a: Path, b: Path) -> None:
    (one, told, rows), (other, told_too, rows_too) = everything(a), everything(b)
    assert told == told_too
    assert rows == rows_too
    assert len(one) == len(other)
    assert all(torch.equal(x, y) for x, y in zip(one, other, strict=True))


def test_kills_at_any_moment_then_resume_equal_an_undisturbed_run(
    tmp_path: Path, processes: BaseContext
) -> None:
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    assert run(processes, Job(calm, CONFIG)) == [0]
    order = list(KILLS)
    random.Random(20240203).shuffle(order)
    for kill in order:
        assert run(processes, Job(rough, CONFIG, kill=kill)) == [-signal.SIGKILL], (
            f"the run had ended before it was killed: {kill}"
        )
    left = torch.load(rough / "state.pt", weights_only=True)["step"]
    assert 0 < left < CONFIG.steps
    assert run(processes, Job(rough, CONFIG)) == [0]
    assert_same(calm, rough)
    rows = everything(calm)[2]
    assert [row["step"] for row in rows] == ["5", "10", "15", "20"]
    assert float(rows[-1]["rate_factor"]) < 1  # the plateau was reached, or it proves nothing


def test_two_processes_are_killed_and_go_on_bitwise(tmp_path: Path, processes: BaseContext) -> None:
    config = replace(CONFIG, optimiser="adamw", steps=12)
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    assert run(processes, *pair(calm, config)) == [0, 0]
    for dies in (0, 1):
        codes = run(processes, *pair(rough, config, Kill("any", seed=dies), dies))
        assert codes[dies] == -signal.SIGKILL
        assert codes[1 - dies] != 0, "half of the processes must not go on alone"
    assert run(processes, *pair(rough, config)) == [0, 0]
    assert_same(calm, rough)


def test_two_processes_learn_what_one_learns_of_both_batches(
    tmp_path: Path, processes: BaseContext
) -> None:
    config = replace(CONFIG, optimiser="adam", steps=12, rate=1e-3)
    alone = replace(config, accumulate=2)
    two, one, moved = tmp_path / "two", tmp_path / "one", tmp_path / "moved"
    assert run(processes, *pair(two, config)) == [0, 0]
    assert run(processes, Job(one, alone)) == [0]
    # From two processes to one and back, each after a kill.
    assert -signal.SIGKILL in run(processes, *pair(moved, config, Kill("renamed", saves=2)))
    kill = Kill("renamed", saves=2)
    assert run(processes, Job(moved, alone, kill=kill)) == [-signal.SIGKILL]
    assert run(processes, *pair(moved, config)) == [0, 0]
    expected, _, rows = everything(one)
    for folder in (two, moved):
        found, _, rows_too = everything(folder)
        for x, y in zip(found, expected, strict=True):
            torch.testing.assert_close(x, y, rtol=1e-5, atol=1e-5)
        for row, row_too in zip(rows, rows_too, strict=True):
            for key in ("snri_db", "toy/snri_db", "rate_factor"):
                assert float(row[key]) == pytest.approx(float(row_too[key]), abs=1e-5)


def test_two_processes_learn_what_one_learns_of_a_batch_of_both(
    tmp_path: Path, processes: BaseContext
) -> None:
    """In float64: in float32 the order of a sum changes its last digits, and Adam makes such a
    difference of a gradient near zero as large as a step."""
    config = replace(CONFIG, optimiser="adam", steps=12, rate=1e-3, schedule="decay")
    two, one = tmp_path / "two", tmp_path / "one"
    jobs = pair(two, config)
    assert run(processes, *(replace(job, precise=True) for job in jobs)) == [0, 0]
    assert run(processes, Job(one, config, precise=True, doubled=True)) == [0]
    (found, _, rows), (expected, _, rows_too) = everything(two), everything(one)
    for x, y in zip(found, expected, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-9, atol=1e-9)
    for row, row_too in zip(rows, rows_too, strict=True):
        assert float(row["snri_db"]) == pytest.approx(float(row_too["snri_db"]), abs=1e-5)


@pytest.mark.parametrize("kind", ["too large", "no space"])
def test_a_full_disk_leaves_the_previous_state(
    tmp_path: Path, processes: BaseContext, kind: str
) -> None:
    """The kernel itself refuses: a limit on file size in the middle of the state, or at its end."""
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    config = replace(CONFIG, optimiser="adamw", steps=6)
    assert run(processes, Job(calm, config)) == [0]
    assert run(processes, Job(rough, config, kill=Kill("renamed", saves=2))) == [-signal.SIGKILL]
    before = (rough / "state.pt").read_bytes()
    if kind == "no space":
        full = Job(rough, config, full=True)
    else:
        full = Job(rough, config, largest_file=len(before) // 2)
    assert run(processes, full) == [3]
    assert (rough / "state.pt").read_bytes() == before
    assert not list(rough.glob(".*.part"))
    assert run(processes, Job(rough, config)) == [0]
    assert_same(calm, rough)
