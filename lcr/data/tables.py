"""The tables that published corpora come with."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from lcr.errors import LcrError

LINE = "line"
"""Of a row: on which line of its file it ends."""


class LayoutError(LcrError):
    """A corpus is not where it was said to be, or lies otherwise than it is published."""


def read_table(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Rows of a CSV file whose head has `columns`, by column, and their `LINE`. Raises LayoutError,
    OSError, UnicodeDecodeError."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        head = next(rows, [])
        if missing := [column for column in columns if column not in head]:
            raise LayoutError(
                f"{path} begins with {','.join(head)[:80]!r}; it lacks {', '.join(missing)}"
            )
        for row in rows:
            found = dict(zip(head, row, strict=False))
            if any(column not in found for column in columns):
                raise LayoutError(f"{path} line {rows.line_num} has {len(row)} columns")
            yield found | {LINE: str(rows.line_num)}


def fuss_examples(root: Path, split: str) -> Iterator[list[Path]]:
    """The mixture and its sources of each example that a list of FUSS names. Raises OSError."""
    for line in (root / f"{split}_example_list.txt").read_text("utf-8").splitlines():
        if line:
            yield [root / part for part in line.split("\t") if part]
