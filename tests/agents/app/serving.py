"""The page, served by the command in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]


@contextmanager
def served_page(
    folder: Path, *options: str, end: signal.Signals = signal.SIGTERM
) -> Iterator[tuple[str, int]]:
    """Its address and process number; ended by `end` it leaves no file in `folder`."""
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(
        [sys.executable, "-m", "lcr.cli", "app", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    try:
        assert server.stdout is not None
        said = server.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert found, said + server.stdout.read()
        yield found[0], server.pid
    finally:
        server.send_signal(end)
        left, _ = server.communicate(timeout=60)
    assert server.returncode == 0, left
    assert [one for one in folder.iterdir() if one.name.startswith("lcr-app")] == []
