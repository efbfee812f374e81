"""The analysis as Markdown for people, and its examples as CSV for further analysis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.analysis.limits.measure import Finding
from experiments.analysis.limits.summary import OVERALL
from experiments.comparison.table import (
    Table,
    csv_text,
    escape,
    fact_lines,
    interval_text,
)

_WORDS = {"0": "remove", "1": "keep", "U": "up", "D": "down"}
_NOTES = (
    "Intervals are 95 %: BCa bootstrap, stratified by task, clustered by source clip. "
    f"“{OVERALL}” is the mean of the other tasks' means.",
    "Reading: the same network with the truth in place of what was read (the slots of z; the "
    "embedding part of z stays). The columns right of it judge the output from the true reading.",
    "Wrong source: the output has made more of the change that is asked for with the actions of "
    "sources of one kind exchanged, and its sources' gains (least squares) are clearly nearer to "
    "that. Wrong action: so it is with yet another pattern of the 16 tasks. The dB lost are what "
    "it would gain had that been right, at most up to the ideal ratio mask; the share is that of "
    "sources whose action differs.",
    "A source that is half removed counts as turned down, and so do two sources of a kind of "
    "which the output takes a part each because it is not sure which is meant. Told apart: of the "
    "difference that is asked for between the gains of two sources of a kind, how much is in the "
    "least-squares gains of the output; 100 % is all, 0 none, -100 % the sources exchanged. It "
    "does not say whether the system is unsure which is meant or cannot take them apart. What "
    "the rest costs is part of the wrong sources, wrong actions and separation, not beside them.",
    "Separation: what is then left to the ideal ratio mask (STFT 512/256 at 16 kHz), below zero "
    "where the system exceeds it.",
)


def to_markdown(summary: Mapping[str, Any]) -> str:
    """Write all tables, the verdict and the sources as Markdown."""
    facts = summary["run"]
    parts = [
        f"# What limits {escape(facts['system'])} on {escape(facts['suite'])}, {facts['split']}"
    ]
    parts += ["", summary["verdict"], ""]
    tables = [
        _task_table(
            summary,
            "SNR improvement in dB, and the share of the ideal ratio mask's that is reached",
            snri_db="System",
            ideal_db="Ideal ratio mask",
            share_reached="Share reached",
        ),
        _task_table(
            summary,
            "What is lost to the ideal ratio mask, in dB, and to which error",
            gap_db="All",
            reading_db="Reading",
            read_right="Prompts read wholly right",
            source_db="Wrong source",
            wrong_source="Examples with it",
            action_db="Wrong action",
            wrong_actions="Sources with another",
            separation_db="Separation",
        ),
        _task_table(
            summary,
            "Are two sources of one kind told apart?",
            speech_apart="Speakers",
            audio_apart="Other sounds",
            apart_db="Cost of what is not (dB)",
        ),
        _confusion_table(summary),
    ]
    for table in tables:
        if table.rows:
            parts += table.markdown()
    parts += ["## How to read this", "", *(f"- {escape(note)}" for note in _NOTES)]
    if facts["undefined"]:
        parts.append(f"- {facts['undefined']} of {facts['n_examples']} scores are undefined.")
    parts += ["", "## Where it comes from", ""]
    parts += fact_lines(facts)
    return "\n".join(parts) + "\n"


def to_csv(findings: Sequence[Finding]) -> str:
    """Write one line an example."""
    columns = ["example_id", "task", "pattern", "fits", "prompt", "input_snr_db", "ideal_db"]
    columns += ["snri_db", "truth_db", "reading_db", "source_db", "action_db", "separation_db"]
    columns += ["read_right", "wrong_source", "wrong_actions", "speech_apart"]
    columns += ["audio_apart", "apart_db", "gains", "clips"]

    def row(f: Finding) -> Iterator[object]:
        words = {
            "example_id": f.id,
            "gains": " ".join(f"{g:.4f}" for g in f.gains),
            "clips": " ".join(f.clips),
        }
        for name in columns:
            value = words[name] if name in words else getattr(f, name)
            yield f"{value:.6f}" if isinstance(value, float) else value

    return csv_text(columns, map(row, findings))


def _task_table(summary: Mapping[str, Any], title: str, **columns: str) -> Table:
    """Make a table with a row a task; `columns` maps keys of the summary's rows to column heads."""
    rows = []
    for name, row in {**summary["tasks"], OVERALL: summary["overall"]}.items():
        cells = (_decibels(row[k]) if k.endswith("_db") else _percent(row[k]) for k in columns)
        rows.append((name, str(row["snri_db"]["n"]), *cells))
    return Table(title=title, heads=("Task", "n", *columns.values()), rows=tuple(rows))


def _confusion_table(summary: Mapping[str, Any]) -> Table:
    rows = []
    for kind, counted in summary["confusion"].items():
        for asked, counts in counted.items():
            total = sum(counts.values())
            if total:
                shares = (f"{100 * count / total:.0f} %" for count in counts.values())
                rows.append((f"{kind}, {_WORDS[asked]}", str(total), *shares))
    return Table(
        title="Actions asked for, against those of the pattern that the output fits best",
        heads=("Asked for", "Sources", *_WORDS.values()),
        rows=tuple(rows),
    )


def _decibels(value: Mapping[str, Any]) -> str:
    return interval_text(value, ".2f")


def _percent(value: Mapping[str, Any] | None) -> str:
    return interval_text(value, ".0f", scale=100, unit=" %")
