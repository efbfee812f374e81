"""Where a run happens: code, versions, device, threads, memory; and a limit on time."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType

from experiments.comparison.errors import ConfigError
from experiments.comparison.records import CodeRecord, EnvRecord
from lcr.catalogue.machine import cpu_model

ROOT = Path(__file__).resolve().parents[2]
_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


class TimeIsUp(BaseException):
    """The time one example may take is over. Not an Exception: no system's handler eats it."""


def resolve_device(wanted: str) -> str:
    """`cpu` or `cuda` for `cpu | cuda | auto`. Raises ConfigError where there is no CUDA."""
    if wanted == "cpu":
        return "cpu"
    usable = False
    if importlib.util.find_spec("torch") is not None:
        import torch

        usable = torch.cuda.is_available()
    if wanted == "cuda" and not usable:
        raise ConfigError("--device cuda: torch finds no CUDA device here; use cpu or auto")
    return "cuda" if usable else "cpu"


def code_state() -> CodeRecord:
    """Say which commit this checkout is at, and whether tracked files differ from it; None
    outside of git."""
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no") if commit else None
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def environment(device: str) -> EnvRecord:
    """Say which Python, torch, device and number of threads a run has."""
    try:
        torch_version = version("torch")
    except PackageNotFoundError:
        torch_version = None
    torch = sys.modules.get("torch")
    if torch is not None:
        threads = torch.get_num_threads()
    elif hasattr(os, "sched_getaffinity"):
        threads = len(os.sched_getaffinity(0))
    else:
        threads = os.cpu_count() or 1
    if device == "cuda" and torch is not None:
        device = f"cuda ({torch.cuda.get_device_name()})"
    return {
        "python": platform.python_version(),
        "torch": torch_version,
        "device": device,
        "threads": threads,
    }


class MemoryMeter:
    """Peak growth of this process's resident memory between two moments, best effort.

    Linux lets a process reset its peak (`/proc/self/clear_refs`), so each span is measured on its
    own. Elsewhere only the peak since the start is known: a span that stays below an earlier
    peak then reads as 0 growth.
    """

    def __init__(self, device: str) -> None:
        self._cuda = device == "cuda"
        if self._cuda:
            importlib.import_module("torch")
        self._can_reset = _reset_peak()

    def start(self) -> None:
        self._can_reset = self._can_reset and _reset_peak()
        self._before = _status_bytes("VmRSS") if self._can_reset else _peak_bytes()
        if self._cuda:
            sys.modules["torch"].cuda.reset_peak_memory_stats()

    def growth_bytes(self) -> int:
        """How many bytes memory rose, at its peak since `start`, above what was resident then."""
        return max(0, _peak_bytes() - self._before)

    def device_bytes(self) -> int | None:
        """Peak memory that torch held on the accelerator, weights included; None without one."""
        return sys.modules["torch"].cuda.max_memory_allocated() if self._cuda else None


def _reset_peak() -> bool:
    try:
        _CLEAR_REFS.write_text("5")
    except OSError:
        return False
    return True


def _status_bytes(name: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def _peak_bytes() -> int:
    if _STATUS.exists():
        return _status_bytes("VmHWM")
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeIsUp in the body once `seconds` are over; 0 sets no limit.

    Only between Python instructions of the main thread: a long call into C ends first.
    Raises ConfigError where the platform has no interval timer.
    """
    if not seconds:
        yield
        return
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        raise ConfigError("timeout_s needs a Unix system and the main thread; set it to 0")

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def machine_line() -> str:
    """Processor, torch and commit: what a measured number must name."""
    state = code_state()
    changed = " with changes" if state["dirty"] else ""
    return f"{cpu_model()}, torch {version('torch')}, commit {state['commit']}{changed}"
