"""The one writer of tables: a grid of text as Markdown, CSV, LaTeX, or on a terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rich.table
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.markup import escape as escape_rich

_LATEX = {"\\": r"\textbackslash{}", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "–": "--"}
_LATEX |= {"×": r"$\times$", "[": "{[}", "]": "{]}"} | {sign: "\\" + sign for sign in "&%$#_{}"}
_LATEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


@dataclass(frozen=True, kw_only=True)
class Table:
    """A title, column heads and rows of cells, all of them text."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""

    def markdown(self) -> list[str]:
        """Lines of Markdown: the title as a heading where there is one, the table, an empty
        line."""
        rule = "|" + " --- |" + " ---: |" * (len(self.heads) - 1)
        heading = [f"## {escape(self.title)}", ""] if self.title else []
        return [*heading, _line(self.heads), rule, *map(_line, self.rows), ""]

    def latex(self, caption: str) -> list[str]:
        """Lines of a `table` environment that needs nothing but LaTeX itself."""
        width = max(12, 120 // len(self.heads))
        columns = "l" + f"p{{{width}mm}}" * (len(self.heads) - 1)
        heads, *rows = (
            " & ".join(map(escape_latex, row)) + r" \\" for row in (self.heads, *self.rows)
        )
        return [
            r"\begin{table}",
            r"\footnotesize",
            rf"\caption{{{escape_latex(caption)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\hline",
            heads,
            r"\hline",
            *rows,
            r"\hline",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]


def csv_text(heads: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Write rows as comma-separated values; None is an empty cell."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(rows)
    return buffer.getvalue()


def escape(text: str) -> str:
    """Make text one line in which Markdown finds nothing to mark up."""
    for sign in "\\|<>*_`":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def escape_latex(text: str) -> str:
    """Make text in which LaTeX finds nothing to mark up; brackets are no optional arguments."""
    return "".join(_LATEX.get(sign, sign) for sign in text)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(escape, cells)) + " |"


def fact_lines(facts: Mapping[str, object]) -> list[str]:
    """List where figures come from, in Markdown."""
    return [f"- {escape(name)}: {escape(_fact(value))}" for name, value in facts.items()]


def _fact(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_fact(each)}" for name, each in value.items())
    return str(value)


def interval_text(
    value: Mapping[str, Any] | None,
    form: str = ".1f",
    *,
    scale: float = 1.0,
    unit: str = "",
    bounds: bool = True,
) -> str:
    """Write an interval (as JSON) as "mean [low, high]"; a dash where there is no mean."""
    if value is None or value["mean"] is None:
        return "–"
    mean = number_text(scale * value["mean"], form) + unit
    if not bounds or value["low"] is None or value["high"] is None:
        return mean
    low, high = (number_text(scale * value[key], form) for key in ("low", "high"))
    return f"{mean} [{low}, {high}]"


def number_text(value: float, form: str) -> str:
    """Format a number; what rounds to zero has no minus."""
    text = format(value, form)
    return format(0.0, form) if float(text) == 0 else text


def percent_text(share: float | None) -> str:
    """Write a share in whole per cent."""
    return "–" if share is None else f"{100 * share:.0f} %"


def p_value_text(p: float) -> str:
    """Write a p-value with three decimals."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def print_table(table: Table, console: Console) -> None:
    """Print a table; one wider than the console is printed in parts."""
    for part, widths in fitted(table, console.width):
        drawn = rich.table.Table(title=escape_rich(part.title), title_justify="left")
        for number, (head, width) in enumerate(zip(part.heads, widths, strict=True)):
            # Text, not markup: a plug-in may be called "[bold]".
            wraps = any(cell_len(row[number]) > width for row in part.rows)
            justify: JustifyMethod = "left" if number == 0 or wraps else "right"
            drawn.add_column(escape_rich(head), justify=justify, width=width, overflow="fold")
        for row in part.rows:
            drawn.add_row(*map(escape_rich, row))
        console.print(drawn)


def fitted(table: Table, width: int) -> list[tuple[Table, tuple[int, ...]]]:
    """Cut a table into parts at most `width` characters wide, each with its columns' widths.

    Every part repeats the first column. Heads wrap between words when the whole would not fit
    otherwise; cells do only where one would not fit beside the first column.
    """
    columns = list(zip(table.heads, *table.rows, strict=True))
    whole = tuple(max(map(cell_len, column)) for column in columns)
    if _printed_width(whole) <= width:
        return [(table, whole)]
    narrow = [max(map(cell_len, [*column[0].split(), *column[1:]])) for column in columns]
    narrow[0] = min(narrow[0], width // 2)
    beside = max(1, width - _printed_width((narrow[0], 0)))
    narrow[1:] = [min(cells, beside) for cells in narrow[1:]]
    parts: list[list[int]] = []
    for number in range(1, len(columns)):
        if parts and _printed_width([narrow[i] for i in (0, *parts[-1], number)]) <= width:
            parts[-1].append(number)
        else:
            parts.append([number])
    found: list[tuple[Table, tuple[int, ...]]] = []
    for shown in ([0, *part] for part in parts):
        part = Table(
            title=table.title if not found else f"{table.title} (continued)",
            heads=tuple(table.heads[i] for i in shown),
            rows=tuple(tuple(row[i] for i in shown) for row in table.rows),
        )
        found.append((part, tuple(narrow[i] for i in shown)))
    return found


def _printed_width(widths: Sequence[int]) -> int:
    """Add up columns, a blank on both sides of each, and the lines between and around them."""
    return sum(widths) + 3 * len(widths) + 1
