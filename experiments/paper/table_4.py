"""Table IV: two speakers who differ in one style or several.
`python -m experiments.paper.table_4`."""

from __future__ import annotations

from experiments.paper.published import Block, PaperTable, paper_numbers
from experiments.paper.rows import TABLE_2, registered
from experiments.paper.runs import AVERAGE, Options, column, recorded, table_command

STYLES = ("Gender", "Pitch", "Tempo", "Energy", "Emotion", "Multiple")
ROWS = ("TSE", "TS↑", "TS↓", "MVC", AVERAGE)
SYSTEMS = {"LCR-T": TABLE_2["LCR-T"], "lcr": registered("lcr")}


def suite_of(style: str) -> str:
    return f"style-{style.lower()}"


def table(options: Options) -> PaperTable:
    """Table IV. Raises LcrError."""
    paper = paper_numbers()["table_4_style_snri_lcrT"]
    found = {style: recorded(SYSTEMS, options, suite=suite_of(style)) for style in STYLES}
    blocks = [
        Block(
            title=f"{name}, by what the two speakers differ in",
            rows=ROWS,
            columns=tuple(
                column(style, found[style][name], ROWS, paper[style] if name == "LCR-T" else None)
                for style in STYLES
            ),
        )
        for name in SYSTEMS
    ]
    return PaperTable(
        number="IV",
        title="SNR improvement in dB for two speakers, by the style they differ in",
        here=f"{options.scale} scale, mean [95 % interval], at most {options.per_task} mixtures of "
        "each task, suites style-gender to style-multiple",
        scale=f"{options.scale} scale",
        blocks=tuple(blocks),
        notes=("Energy: mixing sets the levels here, so what differs is how speech is voiced.",),
    )


main = table_command(__doc__, table)


if __name__ == "__main__":
    raise SystemExit(main())
