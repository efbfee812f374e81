"""Tables II to V: all systems, zero-shot mixtures, and two speakers by what they differ in."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from experiments.comparison.summary.summarize import mean_interval, values_of
from experiments.paper.enrolled import enrol
from experiments.paper.published import NOT_DEFINED, Block, Cell, Column, PaperTable, paper_numbers
from experiments.paper.rows import SUBSTITUTES, TABLE_2, TABLE_5, WITH_CLUE, registered
from experiments.paper.runs import (
    ALL_ROWS,
    AVERAGE,
    TASKS,
    WITHOUT_OVC,
    Options,
    Recorded,
    column,
    recorded,
)
from lcr.instruction import Task


def _block(title: str, rows: tuple[str, ...], columns: Iterable[Column]) -> Block:
    return Block(title=title, rows=rows, columns=tuple(columns))


def table_2(options: Options) -> PaperTable:
    """Every system on all tasks. Raises LcrError."""
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
            _block("The paper's systems", ALL_ROWS, map(columns.__getitem__, TABLE_2)),
            _block(
                "Substitutes and other systems", ALL_ROWS, map(columns.__getitem__, SUBSTITUTES)
            ),
        ),
        notes=(
            "PIT and 2 CLAPs are told the true actions, PIT also the sources; the ideal ratio mask "
            "knows both: bounds.",
            "The paper's average without OVC is ours, over its other 15 tasks.",
        ),
    )


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

_PAIR = {name: TABLE_2[name] for name in ("LCR-M", "LCR-T")}  # in the order of the paper's pairs
_BANK = "field"


def table_3(options: Options) -> PaperTable:
    """Compositions, banks and classes never trained on. Raises LcrError."""
    paper = paper_numbers()["table_3_zero_shot_snri_lcrM_lcrT"]
    systems = {**_PAIR, "lcr": registered("lcr")}
    blocks = []
    for title, suite in COMPOSITIONS.items():
        if suite == _BANK and options.unseen_bank is None:
            why = "not run: needs recordings no model has heard; --unseen-bank DIR"
            found = dict.fromkeys(systems, Recorded(why=why))
        else:
            bank = options.unseen_bank if suite == _BANK else options.bank
            chosen = dataclasses.replace(options, bank=bank)
            found = recorded(systems, chosen, suite=suite or options.suite)
        absent = [task for task in TASKS if paper[title][task] is None]
        columns = []
        for place, name in enumerate(systems):
            theirs = None
            if place < len(_PAIR):
                pairs = paper[title]
                theirs = {t: pairs[t][place] if pairs[t] else None for t in TASKS}
            one = column(name, found[name], TASKS, theirs)
            none = dict.fromkeys(absent, Cell(why=NOT_DEFINED))
            columns.append(dataclasses.replace(one, cells={**one.cells, **none}))
        blocks.append(_block(f"{title}; here suite {suite or options.suite}", TASKS, columns))
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


STYLES = ("Gender", "Pitch", "Tempo", "Energy", "Emotion", "Multiple")


def suite_of(style: str) -> str:
    return f"style-{style.lower()}"


def table_4(options: Options) -> PaperTable:
    """Two speakers who differ in one style or several. Raises LcrError."""
    rows = ("TSE", "TS↑", "TS↓", "MVC", AVERAGE)
    systems = {"LCR-T": TABLE_2["LCR-T"], "lcr": registered("lcr")}
    paper = paper_numbers()["table_4_style_snri_lcrT"]
    found = {style: recorded(systems, options, suite=suite_of(style)) for style in STYLES}
    blocks = [
        _block(
            f"{name}, by what the two speakers differ in",
            rows,
            (
                column(style, found[style][name], rows, paper[style] if name == "LCR-T" else None)
                for style in STYLES
            ),
        )
        for name in systems
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


def table_5(options: Options) -> PaperTable:
    """SI-SDR of one of two speakers. The fine-tuned column is LCR-T trained further on 2,000
    mixtures of two speakers (experiments/recipes/desk/desk-lcr-t-two-speakers.toml). Raises
    LcrError."""
    rows, ours = ("Gender", "Energy"), "lcr zero-shot"
    paper = paper_numbers()["table_5_si_sdr"]
    systems = {**TABLE_5, ours: registered("lcr")}
    found = {
        row: recorded(systems, options, suite=suite_of(row), prepare={WITH_CLUE: enrol})
        for row in rows
    }
    columns = [
        Column(
            title=name,
            cells={row: _cell(found[row][name]) for row in rows},
            paper={row: paper[row][name] for row in rows} if name != ours else None,
            made=found[rows[0]][name].made or found[rows[0]][name].why,
        )
        for name in systems
    ]
    return PaperTable(
        number="V",
        title="SI-SDR in dB of the extracted speaker (TSE), two speakers",
        here=f"{options.scale} scale, mean [95 % interval], at most {options.per_task} mixtures, "
        "suites style-gender and style-energy",
        scale=f"{options.scale} scale",
        blocks=(_block("By what they differ in", rows, columns),),
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
