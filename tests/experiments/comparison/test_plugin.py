"""A third-party package, built and installed by pip on a path of its own, takes part unchanged."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

_PROGRAM = """
import json
from lcr.registry import available, create
from lcr.testing import check_remixer, make_case
system = next(s for s in available() if s.name == "half-volume")
check_remixer(lambda: create("half-volume"))
case = make_case(1000, channels=2)
remix = create("half-volume", gain=0.25).remix(case.mixture, 16_000, "Keep only the rain.")
error = float(abs(remix.audio - 0.25 * case.mixture).max())
print(json.dumps({"distribution": system.distribution, "target": system.target, "error": error}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the plug-in from a copy of its source."""
    if importlib.util.find_spec("pip") is None or importlib.util.find_spec("setuptools") is None:
        pytest.skip("needs pip and setuptools in this environment")
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(ROOT / "tests" / "plugin_package", folder / "source")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--disable-pip-version-check"]
    command += ["--target", str(folder / "site"), str(folder / "source")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.mark.rehearsal
def test_an_installed_plugin_is_listed_conforms_and_runs(installed: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(installed), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "distribution": "half-volume-remixer",
        "target": "half_volume_remixer:HalfVolume",
        "error": 0.0,
    }


def test_without_its_path_the_plugin_is_unknown() -> None:
    program = "from lcr.registry import create; create('half-volume')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode != 0
    assert "UnknownSystemError: unknown system 'half-volume'" in done.stderr


@pytest.mark.rehearsal
def test_it_is_compared_and_reported(installed: Path, tmp_path: Path, suite: Path) -> None:
    command = [sys.executable, str(ROOT / "experiments" / "compare.py"), "--suite", str(suite)]
    done = subprocess.run(
        [*command, "--systems", "mixture,half-volume", "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(installed)},
    )
    assert done.returncode == 0, done.stderr
    assert "half-volume" in done.stdout
    folder = tmp_path / "out" / "tiny"
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    (system,) = (s for s in summary["systems"] if s["name"] == "half-volume")
    assert (system["n"], system["of"]) == (16, 16)
    assert system["tasks"]["OVC"]["mean"] is not None
    assert "half-volume" in (folder / "report.html").read_text(encoding="utf-8")
