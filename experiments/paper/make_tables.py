"""All tables and claims: `python -m experiments.paper.make_tables --out OUT --per-task 8`.

Everything is recorded: the same command goes on where it was stopped. A table that fails is named,
and the others are still made.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from experiments.paper import claims, table_2, table_3, table_4, table_5, table_6, table_7
from experiments.paper.published import PaperTable, write
from experiments.paper.runs import Options, options_of, parser
from lcr.errors import LcrError

TABLES: tuple[Callable[[Options], PaperTable], ...] = (
    table_2.table,
    table_3.table,
    table_4.table,
    table_5.table,
    table_6.table,
    table_7.table,
)


def main(argv: Sequence[str] | None = None) -> int:
    started = time.monotonic()
    failed = 0
    try:
        options = options_of(parser(__doc__ or "").parse_args(argv))
        steps: list[Callable[[Options], Sequence[Path]]] = [_writing(make) for make in TABLES]
        steps.append(lambda chosen: [claims.write_claims(chosen)])
        for step in steps:
            try:
                paths = step(options)
            except LcrError as error:
                failed += 1
                print(f"error: {error}", file=sys.stderr)
                continue
            minutes = (time.monotonic() - started) / 60
            print(f"{', '.join(map(str, paths))} ({minutes:.1f} minutes in all)", flush=True)
    except LcrError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        return 130
    return 1 if failed else 0


def _writing(make: Callable[[Options], PaperTable]) -> Callable[[Options], Sequence[Path]]:
    return lambda options: write(make(options), options.out / "tables")


if __name__ == "__main__":
    raise SystemExit(main())
