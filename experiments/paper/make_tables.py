"""The paper's tables and claims: `python -m experiments.paper.make_tables --out OUT --per-task 8`.

Everything is recorded: the same command goes on where it was stopped. A table that fails is named,
and the others are still made. Table VI takes `--ratings DIR`, the folder that
`experiments.paper.listening analyse` wrote its table into; Table VII `--arms DIR`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from experiments.command import EXIT_FAILED, EXIT_OK, command, option
from experiments.comparison.errors import ConfigError
from experiments.paper import table_7, tables
from experiments.paper.claims import write_claims
from experiments.paper.listening import mean_opinions
from experiments.paper.published import PaperTable, write
from experiments.paper.runs import TABLE_OPTIONS, Options, options_of
from lcr.cli.status import fail
from lcr.errors import LcrError

TABLES: dict[str, Callable[[Options], PaperTable]] = {
    "2": tables.table_2,
    "3": tables.table_3,
    "4": tables.table_4,
    "5": tables.table_5,
    "6": mean_opinions.table,
    "7": table_7.table,
}
PARTS = (*TABLES, "claims")


@command(
    __doc__,
    option("--only", metavar="A,B,…", help=f"some of {', '.join(PARTS)} (default: all)"),
    *TABLE_OPTIONS,
    resumes=True,
)
def main(given: argparse.Namespace) -> int:
    """Make every table; returns exit status 1 where one failed."""
    started = time.monotonic()
    failed = 0
    options = options_of(given)
    wanted = given.only.split(",") if given.only else PARTS
    if unknown := [name for name in wanted if name not in PARTS]:
        raise ConfigError(f"--only takes some of {', '.join(PARTS)}; got {unknown[0]!r}")
    for name in wanted:
        try:
            paths = _write(name, options)
        except LcrError as error:
            failed += 1
            fail("make_tables", error)
            continue
        minutes = (time.monotonic() - started) / 60
        print(f"{', '.join(map(str, paths))} ({minutes:.1f} minutes in all)", flush=True)
    return EXIT_FAILED if failed else EXIT_OK


def _write(name: str, options: Options) -> Sequence[Path]:
    if name == "claims":
        return write_claims(options)
    return write(TABLES[name](options), options.out / "tables")


if __name__ == "__main__":
    raise SystemExit(main())
