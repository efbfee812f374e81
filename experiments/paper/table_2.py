"""Table II: every system on all tasks. `python -m experiments.paper.table_2 --out OUT`.

On the authors' own test set: `--suite paper --manifest FILE --data-root DIR`.
"""

from __future__ import annotations

from collections.abc import Sequence

from experiments.paper.published import Block, Column, PaperTable, paper_numbers
from experiments.paper.rows import SUBSTITUTES, TABLE_2
from experiments.paper.runs import (
    ALL_ROWS,
    WITHOUT_OVC,
    Options,
    column,
    recorded,
    table_command,
)


def table(options: Options) -> PaperTable:
    """Table II. Raises LcrError."""
    numbers = paper_numbers()
    without = numbers["derived_average_without_OVC"]
    paper = {
        row["system"]: row["snri"] | {WITHOUT_OVC: without.get(row["system"])}
        for row in numbers["table_2_snri"]
    }
    found = recorded({**TABLE_2, **SUBSTITUTES}, options)
    columns = {name: column(name, one, paper=paper.get(name)) for name, one in found.items()}
    return PaperTable(
        number="II",
        title="SNR improvement in dB, all systems",
        here=options.here,
        scale=f"{options.scale} scale",
        blocks=(
            _block("The paper's systems", [columns[row] for row in TABLE_2]),
            _block("Substitutes and other systems", [columns[name] for name in SUBSTITUTES]),
        ),
        notes=(
            "PIT and 2 CLAPs are told the true actions, PIT also the sources; the ideal ratio mask "
            "knows both: bounds.",
            "The paper's average without OVC is ours, over its other 15 tasks.",
        ),
    )


def _block(title: str, columns: Sequence[Column]) -> Block:
    return Block(title=title, rows=ALL_ROWS, columns=tuple(columns))


main = table_command(__doc__, table)


if __name__ == "__main__":
    raise SystemExit(main())
