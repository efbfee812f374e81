"""Plug-ins that misbehave: each is recorded as what it is, and no other system notices."""

from __future__ import annotations

import importlib
import io
import json
import locale
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from experiments.comparison import shared_state
from experiments.comparison.records import comparable, read_records
from tests.experiments.comparison.plugin.misbehaving import WAYS

ROOT = Path(__file__).parents[3]
PLUGIN = Path(__file__).parent / "plugin" / "misbehaving.py"
GOOD = ("mixture", "ideal-ratio-mask", "ideal-binary-mask")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs time limits and forks")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An installed distribution that registers every way to misbehave."""
    folder = tmp_path / "site"
    info = folder / "misbehaving-1.0.dist-info"
    info.mkdir(parents=True)
    shutil.copy(PLUGIN, folder)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: misbehaving\nVersion: 1.0\n")
    points = "".join(f"{name} = misbehaving:{name}\n" for name in WAYS)
    (info / "entry_points.txt").write_text(f"[lcr.remixers]\n{points}")
    return folder


def compare(
    suite: Path, site: Path, out: Path, systems: Sequence[str], *more: str
) -> dict[str, list[dict[str, Any]]]:
    """Run the command; the records by system, and its summary's systems."""
    command = [sys.executable, str(ROOT / "experiments" / "compare.py"), "--suite", str(suite)]
    command += ["--systems", ",".join(systems), "--out", str(out), "--device", "cpu"]
    command += ["--set", 'mixture.tasks=["TSE", "TAE"]', "--set", "timeout_s=10", *more]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(site)}
    )
    assert done.returncode in (0, 1), done.stderr
    (folder,) = out.iterdir()
    summary = json.loads((folder / "summary.json").read_text())
    assert (folder / "report.html").exists()
    assert [s["name"] for s in summary["systems"]] == list(systems)
    assert "from C" not in done.stdout
    return {
        s["name"]: list(read_records(folder / s["records"]).records) for s in summary["systems"]
    }


def check(found: dict[str, list[dict[str, Any]]], ways: Sequence[str]) -> None:
    statuses = {name: [r["status"] for r in found[name]] for name in ways}
    assert statuses == {name: [WAYS[name][0]] * 2 for name in ways}
    for name in ways:
        for one in found[name]:
            gain = one["metrics"]["snr_improvement_db"]
            assert one["status"] == "ok" or gain == 0
            assert (one["error"] is None) == (one["status"] == "ok")


def others(found: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [comparable(record) for name in GOOD for record in found[name]]


@pytest.mark.rehearsal
def test_nothing_a_plugin_does_reaches_the_others(suite: Path, site: Path, tmp_path: Path) -> None:
    ways = tuple(WAYS)
    assert len(ways) >= 30
    alone = compare(suite, site, tmp_path / "alone", GOOD)
    among = compare(suite, site, tmp_path / "among", (GOOD[0], *ways, *GOOD[1:]))
    check(among, ways)
    assert others(among) == others(alone)
    errors = {
        name: among[name][0]["error"] for name in ("exits_well", "is_killed", "half_an_emoji")
    }
    types = ["SystemExit", "ProcessEnded", "InvalidRemix"]
    assert [error["type"] for error in errors.values()] == types
    assert "SIGKILL" in errors["is_killed"]["message"]


def test_what_systems_share_is_put_back(tmp_path: Path) -> None:
    torch = importlib.import_module("torch")

    def state() -> tuple[object, ...]:
        return (
            os.getcwd(), dict(os.environ), locale.setlocale(locale.LC_ALL), sys.stdout, sys.stderr,
            random.getstate(), repr(np.random.get_state()), np.geterr(), torch.get_num_threads(),
            torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled(),
            torch.get_deterministic_debug_mode(), torch.get_rng_state().tolist(),
        )  # fmt: skip

    def change() -> NoReturn:
        os.chdir(tmp_path)
        os.environ["OMP_NUM_THREADS"] = "99"
        locale.setlocale(locale.LC_ALL, "C.UTF-8")
        sys.stdout = sys.stderr = io.StringIO()
        random.seed(0)
        np.random.seed(0)
        np.seterr(all="raise")
        torch.manual_seed(1)
        torch.set_num_threads(3)
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        torch.set_grad_enabled(False)
        torch.use_deterministic_algorithms(True)
        changed.extend(state())
        sys.exit(3)

    changed: list[object] = []
    before = state()
    with pytest.raises(SystemExit), shared_state.kept():
        change()
    assert [a == b for a, b in zip(before, changed, strict=True)] == [False] * len(before)
    assert state() == before
