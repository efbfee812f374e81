"""kill -9 at ten random moments, then resume: the records of an undisturbed run."""

from __future__ import annotations

import json
import multiprocessing
import random
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments.comparison.records import comparable, read_records
from tests.experiments.comparison.killed_run import run_to_end, run_until_killed, whole_lines

KILLS = 10
TOTAL = 2 * 16 * 6


def command(suite: Path, out: Path) -> list[str]:
    return ["--suite", str(suite), "--out", str(out), "--device", "cpu", "--per-task", "6"]


def results(out: Path) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for path in sorted(out.glob("*/*.jsonl")):
        read = read_records(path)
        assert read.dropped == 0
        found[path.name] = [comparable(record) for record in read.records]
        for record in found[path.name]:
            del record["code"]  # the checkout may move on while this test runs
    return found


def sounds(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*.wav"))}


@pytest.mark.rehearsal
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of Unix")
def test_ten_kills_then_resume_equal_an_undisturbed_run(suite: Path, tmp_path: Path) -> None:
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    # Real processes, forked from one that has imported the program: their start costs nothing, and
    # all have the same modules loaded, so that records name one environment.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(
        [
            "tests.experiments.comparison.killed_run",
            "experiments.comparison.report",
            "baselines.mixture",
            "baselines.ideal",
        ]
    )

    def finish(out: Path) -> None:
        process = processes.Process(target=run_to_end, args=(command(suite, out),))
        process.start()
        process.join()
        assert process.exitcode == 0

    finish(calm)
    rng = random.Random(20240203)
    torn = 0
    for kill in range(KILLS):
        records = whole_lines(rough) + rng.randint(0, TOTAL // KILLS - 8)
        arguments = (command(suite, rough), rough, records, rng.uniform(0, 0.01))
        process = processes.Process(target=run_until_killed, args=arguments)
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the run had ended before it was killed"
        torn = tear_last_line(rough, rng) if kill % 2 else 0
    assert 0 < whole_lines(rough) < TOTAL
    assert torn == 1
    finish(rough)
    assert results(rough) == results(calm)
    assert sum(map(len, results(rough).values())) == TOTAL
    assert sounds(rough) == sounds(calm)
    summary = json.loads((rough / "tiny" / "summary.json").read_text())
    assert sum(system["dropped_lines"] for system in summary["systems"]) == 1
    other = json.loads((calm / "tiny" / "summary.json").read_text())
    for mine, theirs in zip(summary["systems"], other["systems"], strict=True):
        assert mine["tasks"] == theirs["tasks"]
        assert mine["average"] == theirs["average"]


def tear_last_line(out: Path, rng: random.Random) -> int:
    """What a power cut can leave: the last line of the newest file, written in part."""
    path = max(out.glob("*/*.jsonl"), key=lambda p: p.stat().st_mtime_ns)
    content = path.read_bytes()
    start = content.rstrip(b"\n").rfind(b"\n") + 1
    path.write_bytes(content[: rng.randint(start + 1, len(content) - 1)])
    return 1
