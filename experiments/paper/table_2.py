"""Table II: every system on all tasks. `python -m experiments.paper.table_2 --out OUT`.

On the authors' own test set: `--suite paper --manifest FILE --data-root DIR`.
"""

from __future__ import annotations

from experiments.paper.published import Block, Column, PaperTable, paper_numbers
from experiments.paper.runs import (
    AVERAGE,
    TASKS,
    WITHOUT_OVC,
    Options,
    cells,
    recorded,
    table_command,
)

ROWS: dict[str, str | None] = {
    "PIT + G.T. actions": "pit",
    "2 CLAPs + G.T. actions": "clap-cascade",
    "LASS (speech)": "lass-speech",
    "LASS (audio)": "lass-audio",
    "LCR-C GPT-2": None,
    "LCR-C frozen": None,
    "LCR-C": "lcr-c",
    "LCR-T GPT-2": None,
    "LCR-T": "lcr-t",
    "LCR-M": "lcr-m",
}
"""The paper's systems -> what fills them at desk scale."""

OURS = (
    "lcr",
    "lcr-g-small-budget",
    "audiosep-desk",
    "cascade",
    "agent-query",
    "agent-offline",
    "ideal-ratio-mask",
)
"""Systems that the paper does not have."""


def table(options: Options) -> PaperTable:
    """Table II. Raises LcrError."""
    numbers = paper_numbers()
    without = numbers["derived_average_without_OVC"]
    paper = {
        row["system"]: row["snri"] | {WITHOUT_OVC: without.get(row["system"])}
        for row in numbers["table_2_snri"]
    }
    rows = (*TASKS, AVERAGE, WITHOUT_OVC)
    found = recorded(ROWS | {name: name for name in OURS}, options)
    columns = {
        name: Column(title=name, cells=cells(one, rows), paper=paper.get(name))
        for name, one in found.items()
    }
    return PaperTable(
        number="II",
        title="SNR improvement in dB, all systems",
        here=options.here,
        scale=f"{options.scale} scale",
        blocks=(
            Block(title="The paper's systems", rows=rows, columns=tuple(columns[r] for r in ROWS)),
            Block(title="Other systems", rows=rows, columns=tuple(columns[n] for n in OURS)),
        ),
        notes=(
            "PIT and 2 CLAPs are told the true actions, PIT also the sources; the ideal ratio mask "
            "knows both: bounds.",
            "The paper's average without OVC is ours, over its other 15 tasks.",
        ),
    )


main = table_command(__doc__, table)


if __name__ == "__main__":
    raise SystemExit(main())
