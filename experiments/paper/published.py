"""A table of the paper beside ours: Markdown, CSV and LaTeX, never in one column.

What is measured here and what the paper prints stand in columns of their own, each labelled with
its scale: the paper's models had other data and a thousand times the computing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.comparison.records import write_atomic
from experiments.comparison.table import Table, csv_text
from lcr.evaluation.statistics import Interval

NOT_DEFINED = "n/a"
CSV_COLUMNS = (
    *("table", "block", "column", "row"),
    *("here_system", "here_scale", "here_mean", "here_low", "here_high", "here_n", "here_why_not"),
    "paper",
)
_WIDE = 3  # pairs of columns that fit a page


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What was measured, in `unit` of its table: an interval, or `why` there is none. It is printed
    with `decimals`."""

    interval: Interval | None = None
    why: str = ""
    decimals: int = 1

    def __post_init__(self) -> None:
        if (self.interval is None) == (not self.why):
            raise ValueError("a cell holds either an interval or why there is none")

    @property
    def text(self) -> str:
        found, places = self.interval, self.decimals
        if found is None:
            return self.why
        if found.mean is None:
            return f"not run: {found.reason}"
        if found.low is None or found.high is None:
            return f"{found.mean:.{places}f} [no interval: {found.reason}]"
        return f"{found.mean:.{places}f} [{found.low:.{places}f}, {found.high:.{places}f}]"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One system or setting: ours by row, and the paper's numbers where it has such a column.
    `made` says what ours is: reader, network, training data and budget."""

    title: str
    cells: Mapping[str, Cell]
    paper: Mapping[str, float | None] | None = None
    made: str = ""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Columns over the same rows."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[Column, ...]


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """`number` as in the paper ("II"); `here` says at what scale and on what ours was measured."""

    number: str
    title: str
    here: str
    scale: str
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        return f"table_{('0', 'I', 'II', 'III', 'IV', 'V', 'VI', 'VII').index(self.number)}"


def paper_numbers() -> dict[str, Any]:
    """Load the paper's tables, every value as printed there (`source` says where)."""
    text = (Path(__file__).parent / "paper_tables.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def grids(table: PaperTable) -> Iterator[Table]:
    """Turn the blocks into text, a few columns at a time."""
    for block in table.blocks:
        for first in range(0, len(block.columns), _WIDE):
            columns = block.columns[first : first + _WIDE]
            heads, rows = [""], [[row] for row in block.rows]
            for column in columns:
                heads.append(f"{column.title}, here ({table.scale})")
                for row, line in zip(block.rows, rows, strict=True):
                    line.append(column.cells[row].text)
                if column.paper is not None:
                    heads.append(f"{column.title}, paper")
                    for row, line in zip(block.rows, rows, strict=True):
                        value = column.paper.get(row)
                        line.append(NOT_DEFINED if value is None else _printed(value))
            title = block.title if first == 0 else f"{block.title} (continued)"
            yield Table(title=title, heads=tuple(heads), rows=tuple(map(tuple, rows)))


def _printed(value: float) -> str:
    """Write a number as the paper prints it: MOS with two decimals, dB with one."""
    return f"{value:.1f}" if round(value, 1) == value else f"{value:.2f}"


def to_markdown(table: PaperTable) -> str:
    parts = [f"# Table {table.number}: {table.title}", "", f"Here: {table.here}.", ""]
    parts += [f"Paper: {paper_numbers()['source']}.", ""]
    for grid in grids(table):
        parts += grid.markdown()
    return "\n".join([*parts, *(f"- {note}" for note in notes_of(table))]).rstrip() + "\n"


def notes_of(table: PaperTable) -> list[str]:
    """The table's notes, and of each column what its system here is."""
    made: dict[str, str] = {}  # said once, with the first column that it is true of
    for block in table.blocks:
        for column in block.columns:
            made.setdefault(column.made, f"{column.title} ({block.title})")
    made.pop("", None)
    return [*table.notes, *(f"{where}, here: {words}." for words, where in made.items())]


def to_latex(table: PaperTable) -> str:
    """Write one LaTeX `table` for each grid."""
    parts = [f"% Table {table.number}. Here: {table.here}. Paper: {paper_numbers()['source']}."]
    for grid in grids(table):
        caption = f"Table {table.number}, {table.title}: {grid.title}. Here: {table.here}."
        parts += grid.latex(caption)
    parts += [f"% {note}" for note in notes_of(table)]
    return "\n".join(parts)


def to_csv(table: PaperTable) -> str:
    """Write one line a cell."""
    return csv_text(CSV_COLUMNS, _csv_rows(table))


def _csv_rows(table: PaperTable) -> Iterator[tuple[object, ...]]:
    for block in table.blocks:
        for column in block.columns:
            for row in block.rows:
                cell = column.cells[row]
                found = cell.interval
                here = (found.mean, found.low, found.high, found.n) if found else (None,) * 4
                where = (table.number, block.title, column.title, row, column.made, table.scale)
                yield (*where, *here, cell.why, (column.paper or {}).get(row))


def write(table: PaperTable, folder: Path) -> Sequence[Path]:
    """Write the table in all three forms under `folder`. Raises OutputError."""
    made = {"md": to_markdown(table), "csv": to_csv(table), "tex": to_latex(table)}
    paths = [folder / f"{table.stem}.{ending}" for ending in made]
    for path, text in zip(paths, made.values(), strict=True):
        write_atomic(path, text.encode())
    return paths
