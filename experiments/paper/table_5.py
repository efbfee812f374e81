"""Table V: SI-SDR of one of two speakers, by what they differ in.
`python -m experiments.paper.table_5`.

The fine-tuned column is LCR-T trained further on 2,000 mixtures of two speakers
(experiments/recipes/desk/desk-lcr-t-two-speakers.toml).
"""

from __future__ import annotations

from experiments.comparison.summary import mean_interval, values_of
from experiments.paper.enrolled import enrol
from experiments.paper.published import Block, Cell, Column, PaperTable, paper_numbers
from experiments.paper.rows import TABLE_5, registered
from experiments.paper.runs import Options, Recorded, recorded, table_command
from experiments.paper.table_4 import suite_of
from lcr.instruction import Task

ROWS = ("Gender", "Energy")
_WITH_CLUE = tuple(TABLE_5)[-1]
OURS = "lcr zero-shot"


def table(options: Options) -> PaperTable:
    """Table V. Raises LcrError."""
    paper = paper_numbers()["table_5_si_sdr"]
    systems = {**TABLE_5, OURS: registered("lcr")}
    found = {
        row: recorded(systems, options, suite=suite_of(row), prepare={_WITH_CLUE: enrol})
        for row in ROWS
    }
    columns = [
        Column(
            title=name,
            cells={row: _cell(found[row][name]) for row in ROWS},
            paper={row: paper[row][name] for row in ROWS} if name != OURS else None,
            made=found[ROWS[0]][name].made or found[ROWS[0]][name].why,
        )
        for name in systems
    ]
    return PaperTable(
        number="V",
        title="SI-SDR in dB of the extracted speaker (TSE), two speakers",
        here=f"{options.scale} scale, mean [95 % interval], at most {options.per_task} mixtures, "
        "suites style-gender and style-energy",
        scale=f"{options.scale} scale",
        blocks=(Block(title="By what they differ in", rows=ROWS, columns=tuple(columns)),),
        notes=(
            "Levels are those of the other suites, 3 dB up or down a source: not LLM-TSE's, which "
            "the paper took (its note 4).",
            "The audio clue is another recording of the same voice, in whatever style it speaks "
            "there.",
        ),
    )


def _cell(found: Recorded) -> Cell:
    if found.why:
        return Cell(why=found.why)
    values = [v for v in values_of(found.records, "si_sdr_db") if v.task == Task.TSE.value]
    return Cell(interval=mean_interval(values))


main = table_command(__doc__, table)


if __name__ == "__main__":
    raise SystemExit(main())
