"""Table VI: the listening test. `python -m experiments.table_6 --ratings DIR`.

DIR holds `mos.csv` with the columns system, task (Enhance, Extract, Remove, Multiple), scale (F:
follows the prompt, Q: quality), mean, low, high and n, what real raters gave. Without it no cell
has a number of ours.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from experiments.errors import ConfigError
from experiments.paper_runs import Options, main
from experiments.paper_table import Block, Cell, Column, PaperTable, paper_numbers
from lcr.statistics import Interval

TASKS = ("Enhance", "Extract", "Remove", "Multiple")
ROWS = tuple(f"{task}, MOS-{scale}" for task in TASKS for scale in "FQ")
FILE = "mos.csv"
_NOT_RUN = Cell(why="not run: needs raters")


def read_ratings(folder: Path) -> dict[str, dict[str, Cell]]:
    """System -> row -> opinion score. Raises ConfigError, naming the line."""
    path = folder / FILE
    found: dict[str, dict[str, Cell]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for number, line in enumerate(csv.DictReader(file), start=2):
                row = f"{line['task']}, MOS-{line['scale']}"
                if row not in ROWS:
                    raise ValueError(f"line {number}: no such row: {row}")
                mean, low, high = (float(line[name]) for name in ("mean", "low", "high"))
                if not 1 <= low <= mean <= high <= 5:
                    raise ValueError(f"line {number}: 1 <= low <= mean <= high <= 5 does not hold")
                interval = Interval(
                    mean=mean,
                    low=low,
                    high=high,
                    n=int(line["n"]),
                    n_clusters=int(line["n"]),
                    confidence=0.95,
                )
                found.setdefault(line["system"], {})[row] = Cell(interval=interval)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path} holds no opinion scores: {error}") from error
    return found


def table(options: Options) -> PaperTable:
    """Table VI. Raises ConfigError."""
    paper = paper_numbers()["table_6_mos"]
    found = {} if options.ratings is None else read_ratings(options.ratings)
    columns = []
    for system in (*paper, *(name for name in found if name not in paper)):
        theirs = {
            f"{task}, MOS-{scale}": value
            for task, scores in paper.get(system, {}).items()
            for scale, value in scores.items()
        }
        ours = found.get(system, {})
        columns.append(
            Column(
                title=system,
                cells={row: ours.get(row, _NOT_RUN) for row in ROWS},
                paper=theirs if system in paper else None,
            )
        )
    return PaperTable(
        number="VI",
        title="mean opinion scores",
        here="mean of real raters [95 % interval]" if found else "no raters have listened yet",
        scale=f"{options.scale} scale",
        blocks=(Block(title="By task", rows=ROWS, columns=tuple(columns)),),
    )


def run(argv: Sequence[str] | None = None) -> int:
    return main(table, __doc__, argv)


if __name__ == "__main__":
    raise SystemExit(run())
