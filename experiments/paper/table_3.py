"""Table III: compositions, banks and classes never trained on.
`python -m experiments.paper.table_3`."""

from __future__ import annotations

import dataclasses

from experiments.paper.published import NOT_DEFINED, Block, Cell, PaperTable, paper_numbers
from experiments.paper.rows import TABLE_2, registered
from experiments.paper.runs import TASKS, Options, Recorded, column, recorded, table_command

COMPOSITIONS = {
    "2 Speech": "zero-shot-2s",
    "2 Audio": "zero-shot-2a",
    "2 Speech + 1 Audio": "zero-shot-2s1a",
    "1 Speech + 2 Audio": "zero-shot-1s2a",
    "2 Speech + 2 Audio (FSD50K, all)": "field",
    "2 Speech + 2 Audio (FSD50K, unseen)": "studio-unseen",
    "2 Speech + 2 Audio (VGGSound)": "",
}
"""The paper's mixtures -> the suite here; FSD50K and VGGSound are what the paper's are from. ""
is the suite that --suite names."""

_PAPERS = {name: TABLE_2[name] for name in ("LCR-M", "LCR-T")}  # in the order of its pairs
SYSTEMS = {**_PAPERS, "lcr": registered("lcr")}
_BANK = "field"


def table(options: Options) -> PaperTable:
    """Table III. Raises LcrError."""
    paper = paper_numbers()["table_3_zero_shot_snri_lcrM_lcrT"]
    blocks = []
    for title, suite in COMPOSITIONS.items():
        if suite == _BANK and options.unseen_bank is None:
            why = "not run: needs recordings no model has heard; --unseen-bank DIR"
            found = dict.fromkeys(SYSTEMS, Recorded(why=why))
        else:
            bank = options.unseen_bank if suite == _BANK else options.bank
            chosen = dataclasses.replace(options, bank=bank)
            found = recorded(SYSTEMS, chosen, suite=suite or options.suite)
        absent = [task for task in TASKS if paper[title][task] is None]
        columns = []
        for place, name in enumerate(SYSTEMS):
            theirs = None
            if place < len(_PAPERS):
                pairs = paper[title]
                theirs = {t: pairs[t][place] if pairs[t] else None for t in TASKS}
            one = column(name, found[name], TASKS, theirs)
            none = dict.fromkeys(absent, Cell(why=NOT_DEFINED))
            columns.append(dataclasses.replace(one, cells={**one.cells, **none}))
        heading = f"{title}; here suite {suite or options.suite}"
        blocks.append(Block(title=heading, rows=TASKS, columns=tuple(columns)))
    return PaperTable(
        number="III",
        title="zero-shot SNR improvement in dB",
        here=options.here,
        scale=f"{options.scale} scale",
        blocks=tuple(blocks),
        notes=(
            "Classes that are synonyms of seen ones: in suite studio-unseen no unseen class shares "
            "a wording with a seen one (tested); other banks leave classes out by bank.exclude.",
        ),
    )


main = table_command(__doc__, table)


if __name__ == "__main__":
    raise SystemExit(main())
