"""Table V: SI-SDR of one of two speakers, by what they differ in.
`python -m experiments.paper.table_5`.

The fine-tuned column needs a checkpoint that was trained on 2.8 hours' worth of two-speaker
mixtures: `--weights 'LCR-T 2.8 h finetuned=DIR'`.
"""

from __future__ import annotations

from experiments.comparison.summary import mean_interval, values_of
from experiments.paper.enrolled import enrol
from experiments.paper.published import Block, Cell, Column, PaperTable, paper_numbers
from experiments.paper.runs import Options, Recorded, recorded, table_command
from experiments.paper.table_4 import suite_of
from lcr.instruction import Task

ROWS = ("Gender", "Energy")
COLUMNS: dict[str, str | None] = {
    "LCR-T zero-shot": "lcr-t",
    "LCR-T 2.8 h finetuned": None,
    "LLM-TSE": "llm-tse",
    "LLM-TSE + audio clue": "llm-tse-enrolled=llm-tse",
}
_WITH_CLUE = tuple(COLUMNS)[-1]
OURS = "lcr zero-shot"


def table(options: Options) -> PaperTable:
    """Table V. Raises LcrError."""
    paper = paper_numbers()["table_5_si_sdr"]
    systems = COLUMNS | {OURS: "lcr"}
    found = {
        row: recorded(systems, options, suite=suite_of(row), prepare={_WITH_CLUE: enrol})
        for row in ROWS
    }
    columns = [
        Column(
            title=name,
            cells={row: _cell(found[row][name]) for row in ROWS},
            paper={row: paper[row][name] for row in ROWS} if name != OURS else None,
        )
        for name in (*COLUMNS, OURS)
    ]
    return PaperTable(
        number="V",
        title="SI-SDR in dB of the extracted speaker (TSE), two speakers",
        here=f"{options.scale} scale, mean [95 % interval], at most {options.per_task} mixtures, "
        "suites style-gender and style-energy",
        scale=f"{options.scale} scale",
        blocks=(Block(title="By what they differ in", rows=ROWS, columns=tuple(columns)),),
        notes=(
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
