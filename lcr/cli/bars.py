"""Bars on standard error while something takes long, and lines that do not tear them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from lcr.errors import one_line, printable

if TYPE_CHECKING:
    from rich.progress import Progress


class Bars:
    """A bar for the step at hand and, where there are several, one for all; nothing but lines where
    standard error is no terminal."""

    def __init__(self, command: str, *, total: int) -> None:
        self._command, self._total = command, total
        self._progress: Progress | None = None

    def __enter__(self) -> Bars:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._progress = Progress(console=Console(stderr=True), transient=True)
            self._progress.start()
            if self._total > 1:
                self._progress.add_task("all", total=self._total)
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Callable[[float], object]]:
        """Show the bar of one step. Yields a function to call with each share (0 to 1) of the step
        that is done since the call before."""
        progress = self._progress
        if progress is None:
            yield lambda share: None
            return
        from rich.markup import escape

        task = progress.add_task(escape(printable(name)), total=1.0)
        try:
            yield lambda share: progress.advance(task, share)
        finally:
            progress.remove_task(task)
            for whole in progress.task_ids[:1]:
                progress.advance(whole)

    def line(self, text: str) -> None:
        """One line for a person, whatever is in `text`."""
        self.print(f"{self._command}: {one_line(text)}", sys.stderr)

    def print(self, text: str, to: TextIO) -> None:
        text = printable(text)
        if self._progress is not None and to.isatty():
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=to, flush=True)
