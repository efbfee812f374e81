"""The summary as tables: in the terminal, as Markdown, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

Summary = Mapping[str, Any]

_NOT_DEFINED = "n/a"

AVERAGES = (("average", "Average"), ("average_without_ovc", "Average without OVC"))


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table as text: a title, column heads and rows of cells."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def grids(summary: Summary) -> tuple[Grid, Grid]:
    """Tasks by systems, then systems by everything else."""
    return _tasks_grid(summary), _systems_grid(summary)


def _tasks_grid(summary: Summary) -> Grid:
    systems = summary["systems"]
    rows: list[tuple[str, ...]] = []
    for task in summary["tasks"]:
        rows.append((task, *(_on(s, task) for s in systems)))
    for key, words in AVERAGES:
        rows.append((words, *(_over_all(s, key) for s in systems)))
    return Grid(
        title=f"{summary['suite']}: SNR improvement in dB, mean [95 % interval]",
        heads=("Task", *(_label(s) for s in systems)),
        rows=tuple(rows),
    )


def _systems_grid(summary: Summary) -> Grid:
    against = summary["compare_to"]
    heads = (
        "System",
        "Rank",
        "Avg. w/o OVC (dB)",
        "Improved",
        f"Wins vs {against}" if against else "Wins",
        "Difference (dB)",
        "p (Holm)",
        "Real-time factor",
        "Peak memory",
        "n of N",
    )
    return Grid(
        title=f"{summary['suite']}: systems",
        heads=heads,
        rows=tuple(_system_row(s) for s in summary["systems"]),
    )


def _system_row(system: Mapping[str, Any]) -> tuple[str, ...]:
    versus = system["versus"]
    return (
        _label(system),
        "–" if system["rank"] is None else str(system["rank"]),
        _over_all(system, "average_without_ovc"),
        _NOT_DEFINED if system["not_defined"] else _percent(system["share_improved"]["mean"]),
        _percent(versus["win_rate"]["mean"]) if versus else "–",
        _interval(versus["difference"]) if versus else "–",
        _p_value(versus["p_holm"]) if versus else "–",
        "–" if system["real_time_factor"] is None else f"{system['real_time_factor']:.3g}",
        "–" if system["peak_bytes"] is None else f"{system['peak_bytes'] / 2**20:.0f} MiB",
        f"{system['n']} of {system['of']}",
    )


def _label(system: Mapping[str, Any]) -> str:
    return f"{system['name']} (bound)" if system["bound"] else str(system["name"])


def _on(system: Mapping[str, Any], task: str) -> str:
    return _NOT_DEFINED if task in system["not_defined"] else _interval(system["tasks"][task])


def _over_all(system: Mapping[str, Any], key: str) -> str:
    return _NOT_DEFINED if system["not_defined"] else _interval(system[key])


def _interval(value: Mapping[str, Any]) -> str:
    if value["mean"] is None:
        return "–"
    if value["low"] is None or value["high"] is None:
        return f"{value['mean']:.1f}"
    return f"{value['mean']:.1f} [{value['low']:.1f}, {value['high']:.1f}]"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def _p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def remarks(summary: Summary) -> list[str]:
    """One sentence for everything the tables need said: failures, what was not run, notes."""
    found = [
        "Systems marked (bound) know the truth and are never ranked; tests against "
        f"{summary['compare_to']} are paired, without OVC, Holm-corrected."
    ]
    for system in summary["systems"]:
        if system["failed"]:
            error = system["first_error"]
            found.append(
                f"{system['name']} failed on {system['failed']} of {system['of']} examples, "
                "scored as the unprocessed mixture; the first: "
                f"{error['type']}: {' '.join(error['message'].split())}"
            )
        if system["not_defined"]:
            others = ", ".join(t for t in summary["tasks"] if t not in system["not_defined"])
            found.append(
                f"{system['name']} does {others or 'none of these tasks'} only: n/a elsewhere, "
                "so it has no average and no rank."
            )
        if system["undefined"]:
            found.append(
                f"{system['name']}: {system['undefined']} of {system['of']} scores are undefined; "
                "the records say why."
            )
    for name, reason in summary["not_run"].items():
        found.append(f"{name} was not run: {reason}")
    return [*found, *summary["notes"]]


def print_tables(summary: Summary, console: Console) -> None:
    """Print all tables and remarks; a table wider than the console is printed in parts."""
    for grid in grids(summary):
        for part, widths in fitted(grid, console.width):
            table = Table(title=escape(part.title), title_justify="left")
            for number, (head, width) in enumerate(zip(part.heads, widths, strict=True)):
                # Text, not markup: a plug-in may be called "[bold]".
                justify: JustifyMethod = "left" if number == 0 else "right"
                table.add_column(escape(head), justify=justify, width=width, overflow="fold")
            for row in part.rows:
                table.add_row(*map(escape, row))
            console.print(table)
    for remark in remarks(summary):
        console.print(remark, markup=False, highlight=False)


def fitted(grid: Grid, width: int) -> list[tuple[Grid, tuple[int, ...]]]:
    """The grid as parts at most `width` characters wide, each with its columns' widths.

    Every part repeats the first column. Heads wrap between words when the whole would not fit
    otherwise; cells do only where one would not fit beside the first column.
    """
    columns = list(zip(grid.heads, *grid.rows, strict=True))
    whole = tuple(max(map(cell_len, column)) for column in columns)
    if _printed_width(whole) <= width:
        return [(grid, whole)]
    narrow = [max(map(cell_len, [*column[0].split(), *column[1:]])) for column in columns]
    narrow[0] = min(narrow[0], width // 2)
    parts: list[list[int]] = []
    for number in range(1, len(columns)):
        if parts and _printed_width([narrow[i] for i in (0, *parts[-1], number)]) <= width:
            parts[-1].append(number)
        else:
            parts.append([number])
    found: list[tuple[Grid, tuple[int, ...]]] = []
    for shown in ([0, *part] for part in parts):
        part = Grid(
            title=grid.title if not found else f"{grid.title} (continued)",
            heads=tuple(grid.heads[i] for i in shown),
            rows=tuple(tuple(row[i] for i in shown) for row in grid.rows),
        )
        found.append((part, tuple(narrow[i] for i in shown)))
    return found


def _printed_width(widths: Sequence[int]) -> int:
    """With a blank on both sides of each column and lines between and around them."""
    return sum(widths) + 3 * len(widths) + 1


def to_markdown(summary: Summary) -> str:
    """The tables and remarks as Markdown."""
    parts = [f"# {cell(summary['suite'])}", ""]
    for grid in grids(summary):
        parts += grid_to_markdown(grid)
    parts += [f"- {cell(remark)}" for remark in remarks(summary)]
    facts = ("data_digest", "config_digest", "per_task", "n_examples", "finished")
    parts += [f"- {name}: {summary[name]}" for name in facts]
    return "\n".join(parts) + "\n"


def grid_to_markdown(grid: Grid) -> list[str]:
    """Lines: a heading, the table, and an empty line."""
    rule = "|" + " --- |" + " ---: |" * (len(grid.heads) - 1)
    rows = [_line(row) for row in grid.rows]
    return [f"## {cell(grid.title)}", "", _line(grid.heads), rule, *rows, ""]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(cell, cells)) + " |"


def cell(text: str) -> str:
    """Text as one line in which Markdown finds nothing to mark up."""
    for sign in "\\|<>*_`":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


CSV_COLUMNS = (
    "suite",
    "system",
    "family",
    "bound",
    "row",
    "mean_snr_improvement_db",
    "low_db",
    "high_db",
    "n_scored",
    "n_ok",
    "n_examples",
    "share_improved",
    "win_rate",
    "compared_to",
    "p_holm",
    "real_time_factor",
    "peak_bytes",
    "config_digest",
    "data_digest",
)


def to_csv(summary: Summary) -> str:
    """One line for each system and each task or average; figures of the whole system repeat."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for system in summary["systems"]:
        versus = system["versus"]
        rows = {task: system["tasks"][task] for task in summary["tasks"]}
        rows |= {words: system[key] for key, words in AVERAGES}
        for row, value in rows.items():
            writer.writerow(
                {
                    "suite": summary["suite"],
                    "system": system["name"],
                    "family": system["family"],
                    "bound": int(system["bound"]),
                    "row": row,
                    "mean_snr_improvement_db": value["mean"],
                    "low_db": value["low"],
                    "high_db": value["high"],
                    "n_scored": value["n"],
                    "n_ok": system["n"],
                    "n_examples": system["of"],
                    "share_improved": system["share_improved"]["mean"],
                    "win_rate": versus["win_rate"]["mean"] if versus else None,
                    "compared_to": versus["system"] if versus else None,
                    "p_holm": versus["p_holm"] if versus else None,
                    "real_time_factor": system["real_time_factor"],
                    "peak_bytes": system["peak_bytes"],
                    "config_digest": system["config_digest"],
                    "data_digest": summary["data_digest"],
                }
            )
    return buffer.getvalue()
