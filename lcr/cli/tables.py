"""Tables of lists that commands print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table

Column = Literal["fold", "whole", "right"]
"""May its words be broken over lines, or not, or is it of numbers?"""


def print_table(
    console: Console, columns: Mapping[str, Column], rows: Iterable[Sequence[str]]
) -> None:
    """A table with a head for each column, legible from 80 characters on."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head, kind in columns.items():
        justify: Literal["left", "right"] = "right" if kind == "right" else "left"
        table.add_column(head, justify=justify, no_wrap=kind != "fold", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def print_notes(console: Console, notes: Iterable[str]) -> None:
    for note in notes:
        console.print(note, markup=False, highlight=False)
