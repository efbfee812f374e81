"""All tables and claims: `python -m experiments.paper.make_tables --out OUT --per-task 8`.

Everything is recorded: the same command goes on where it was stopped. A table that fails is named,
and the others are still made.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from experiments.command import EXIT_FAILED, EXIT_OK, command, report_error
from experiments.paper import claims, table_2, table_3, table_4, table_5, table_6, table_7
from experiments.paper.published import PaperTable, write
from experiments.paper.runs import TABLE_OPTIONS, Options, options_of
from lcr.errors import LcrError

TABLES: tuple[Callable[[Options], PaperTable], ...] = (
    table_2.table,
    table_3.table,
    table_4.table,
    table_5.table,
    table_6.table,
    table_7.table,
)


@command(__doc__, *TABLE_OPTIONS, resumes=True)
def main(given: argparse.Namespace) -> int:
    """Make every table; 1 where one failed."""
    started = time.monotonic()
    failed = 0
    options = options_of(given)
    steps: list[Callable[[Options], Sequence[Path]]] = [_writing(make) for make in TABLES]
    steps.append(lambda chosen: [claims.write_claims(chosen)])
    for step in steps:
        try:
            paths = step(options)
        except LcrError as error:
            failed += 1
            report_error("make_tables", error)
            continue
        minutes = (time.monotonic() - started) / 60
        print(f"{', '.join(map(str, paths))} ({minutes:.1f} minutes in all)", flush=True)
    return EXIT_FAILED if failed else EXIT_OK


def _writing(make: Callable[[Options], PaperTable]) -> Callable[[Options], Sequence[Path]]:
    return lambda options: write(make(options), options.out / "tables")


if __name__ == "__main__":
    raise SystemExit(main())
