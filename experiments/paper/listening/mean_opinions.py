"""Table VI from what the listening test's raters said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.paper.listening.analysis import Opinion
from experiments.paper.listening.table import COLUMNS, LETTERS, OURS, read_table
from experiments.paper.published import Block, Cell, Column, PaperTable, paper_numbers
from experiments.paper.runs import Options
from lcr.evaluation.statistics import Interval

SYSTEMS = {"sepformer-denoiser": "SepFormer", "audiosep": "AudioSep"}
SYSTEMS |= dict.fromkeys(OURS, "LCR-T")
"""Our systems that the paper's listeners heard, and their names there. AudioSep is the public
weights: `audiosep-desk`, a small one of ours, has a column of its own."""
ROWS = tuple(f"{group}, MOS-{letter}" for group in COLUMNS for letter in LETTERS.values())
_NOT_RUN = Cell(why="not run: needs raters")
_NOT_ASKED = Cell(why="not asked")


def _cells(scores: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Cell]]:
    """Arrange the opinions as title of a column -> row -> score."""
    return {
        SYSTEMS.get(system, system): {
            f"{group}, MOS-{LETTERS[scale]}": _cell(Opinion(**opinion))
            for group, scales in groups.items()
            for scale, opinion in scales.items()
        }
        for system, groups in scores.items()
    }


def _cell(opinion: Opinion) -> Cell:
    o = opinion
    found = Interval(mean=o.mean, low=o.low, high=o.high, n=o.n, reason=o.reason)
    return Cell(interval=found, decimals=2)


def table(options: Options) -> PaperTable:
    """Table VI. Raises ConfigError."""
    paper = paper_numbers()["table_6_mos"]
    here = "no raters have listened yet"
    found: dict[str, dict[str, Cell]] = {}
    if options.ratings is not None:
        read = read_table(options.ratings)
        found = _cells(read["mos"])
        here = (
            f"{read['n_raters']} raters after screening, {read['n_items']} items, mean [95 % "
            "interval, clustered by item and rater]; reference and anchor are hidden among the "
            "systems"
        )
    columns = []
    for system in (*paper, *(name for name in found if name not in paper)):
        theirs = {
            f"{task}, MOS-{scale}": value
            for task, scores in paper.get(system, {}).items()
            for scale, value in scores.items()
        }
        ours, absent = found.get(system, {}), _NOT_ASKED if system in found else _NOT_RUN
        columns.append(
            Column(
                title=system,
                cells={row: ours.get(row, absent) for row in ROWS},
                paper=theirs if system in paper else None,
            )
        )
    return PaperTable(
        number="VI",
        title="mean opinion scores",
        here=here,
        scale=f"{options.scale} scale",
        blocks=(Block(title="By task", rows=ROWS, columns=tuple(columns)),),
        notes=("Other listeners and other sounds: only differences within one survey compare.",),
    )
