"""Environments beside this one, for what wants other packages than ours."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest


def make_environment(home: Path, *requirements: str) -> Path:
    """The Python of a new environment with `requirements`; all else is lent from this one. Skips
    the test where there is no package index."""
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    own = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    lent = [sysconfig.get_path("purelib"), *(p for p in sys.path if p.endswith("site-packages"))]
    (Path(own) / "lent.pth").write_text(f"import sys; sys.path += {lent!r}\n")
    install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    done = subprocess.run([*install, *requirements], capture_output=True, text=True)
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("there is no package index")
    assert done.returncode == 0, done.stderr
    return python
