"""Telling a person how far a run is: bars with the time left, or one line a stage in a log."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Bars:
    """A `Watcher` that writes to standard error."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)

    @contextlib.contextmanager
    def stage(self, name: str, *, total: int, done: int = 0) -> Iterator[Callable[[], None]]:
        """Show a bar for a system; yields a function to call after each of its `total` examples."""
        if not self._console.is_terminal:
            yield from self._lines(name, total=total, done=done)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task(escape(name), total=total, completed=done)
            yield lambda: progress.advance(task)

    def _lines(self, name: str, *, total: int, done: int) -> Iterator[Callable[[], None]]:
        count = done
        begun = time.perf_counter()

        def advance() -> None:
            nonlocal count
            count += 1

        yield advance
        seconds = time.perf_counter() - begun
        kept = f", {done} of them before" if done else ""
        self._console.print(
            f"{name}: {count} of {total}{kept}, {seconds:.1f} s",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
