"""Ray: a killed worker and a killed node cost nothing but time."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from experiments import compare
from experiments.comparison.records import comparable, read_records
from tests.environments import make_environment

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]
ROOT = Path(__file__).parents[3]
HAS_RAY = importlib.util.find_spec("ray") is not None
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
    """Processes of actors on the nodes that this process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            pid = int(path.parent.name)
            if path.read_bytes().startswith(b"ray::_Actor") and parent(parent(pid)) == os.getpid():
                found.append(pid)
    return found


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def when_recorded(out: Path, count: int, act: Any) -> threading.Thread:
    def watch() -> None:
        while sum(path.read_bytes().count(b"\n") for path in out.glob("*/*.jsonl")) < count:
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


@pytest.mark.skipif(HAS_RAY, reason="the test below runs here")
def test_ray_in_an_environment_of_its_own(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "environment", "ray>=2.50")
    command = [python, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, f"--basetemp={tmp_path / 'there'}", __file__],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "1 passed, 1 skipped" in done.stdout
    shutil.rmtree(tmp_path / "environment")


@pytest.mark.skipif(not HAS_RAY, reason="the test above brings it")
def test_a_killed_worker_and_a_killed_node_change_nothing(suite: Path, tmp_path: Path) -> None:
    import ray
    from ray.cluster_utils import Cluster

    assert compare.main(command(suite, tmp_path / "here")) == 0
    # An actor takes a processor, so that each node holds one and the last must move.
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        node = cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False)
        out = tmp_path / "ray"

        def kill_worker() -> None:
            os.kill(workers()[0], signal.SIGKILL)

        def replace_node() -> None:
            cluster.remove_node(node, allow_graceful=False)
            cluster.add_node(num_cpus=1)

        first = when_recorded(out, 40, kill_worker)
        second = when_recorded(out, 110, replace_node)
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
