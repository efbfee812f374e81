"""Pools of processes that do not outlive their parent."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing.connection import wait
from threading import Thread


def process_pool(
    processes: int, begin: Callable[..., object], *arguments: object
) -> ProcessPoolExecutor:
    """A pool whose processes call `begin(*arguments)` first, and end when this process ends, in
    whatever way: those of the standard library would wait for work for ever after a kill -9."""
    return ProcessPoolExecutor(processes, initializer=partial(_begin, begin, *arguments))


def _begin(begin: Callable[..., object], *arguments: object) -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    begin(*arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
