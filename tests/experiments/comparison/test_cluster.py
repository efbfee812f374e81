"""Ray: a killed worker and a killed node cost nothing but time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from experiments import compare
from experiments.comparison.records import comparable, read_records

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]
SYSTEMS = "mixture,ideal-ratio-mask"
PER_TASK = 7  # 224 records


def command(suite: Path, out: Path, *more: str) -> list[str]:
    found = ["--suite", str(suite), "--out", str(out), "--device", "cpu", "--systems", SYSTEMS]
    return [*found, "--per-task", str(PER_TASK), "--examples", "0", *more]


def results(out: Path) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for path in sorted(out.glob("*/*.jsonl")):
        found[path.name] = [comparable(record) for record in read_records(path).records]
        for record in found[path.name]:
            del record["code"], record["env"]
    return found


def workers() -> list[int]:
    """Processes of actors."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().startswith(b"ray::_Actor"):
                found.append(int(path.parent.name))
    return found


def when_recorded(out: Path, count: int, act: Any) -> threading.Thread:
    def watch() -> None:
        while sum(path.read_bytes().count(b"\n") for path in out.glob("*/*.jsonl")) < count:
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_a_killed_worker_and_a_killed_node_change_nothing(suite: Path, tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    assert compare.main(command(suite, tmp_path / "here")) == 0
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    try:
        node = cluster.add_node(num_cpus=2)
        ray.init(address=cluster.address, log_to_driver=False)
        out = tmp_path / "ray"

        def kill_worker() -> None:
            os.kill(workers()[0], signal.SIGKILL)

        first = when_recorded(out, 40, kill_worker)
        second = when_recorded(out, 110, lambda: cluster.remove_node(node, allow_graceful=False))
        assert compare.main(command(suite, out, "--executor", "ray")) == 0
        first.join(timeout=60)
        second.join(timeout=60)
        assert not first.is_alive()
        assert not second.is_alive()
    finally:
        ray.shutdown()
        cluster.shutdown()
    found = results(out)
    assert found == results(tmp_path / "here")
    assert [len(some) for some in found.values()] == [16 * PER_TASK] * 2
    summary = json.loads((out / "tiny" / "summary.json").read_text())
    assert [s["failed"] for s in summary["systems"]] == [0, 0]
