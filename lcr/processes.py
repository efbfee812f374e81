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
    """A pool of processes that each call `begin(*arguments)` first. They end whenever this process
    ends, even by kill -9, after which those of the standard library would wait for ever."""
    return ProcessPoolExecutor(processes, initializer=partial(_begin, begin, *arguments))


def _begin(begin: Callable[..., object], *arguments: object) -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    begin(*arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
