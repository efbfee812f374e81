"""Runs of compare.py for processes of their own, to the end or killed on the way."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from experiments import compare


def whole_lines(out: Path) -> int:
    """Complete records under an output folder."""
    return sum(path.read_bytes().count(b"\n") for path in out.glob("*/*.jsonl"))


def run_to_end(arguments: list[str]) -> None:
    """Run and end this process with the command's status."""
    sys.exit(compare.main(arguments))


def run_until_killed(arguments: list[str], out: Path, records: int, delay_s: float) -> None:
    """Run; kill -9 this process `delay_s` after more than `records` records are there.

    From within, so that on a busy machine the killer is not late while the run goes on.
    """

    def kill() -> None:
        while whole_lines(out) <= records:
            time.sleep(0.001)
        time.sleep(delay_s)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    compare.main(arguments)
