"""The analysis as Markdown for people, and its examples as CSV for further analysis."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from experiments.analysis.limits.measure import Finding
from experiments.analysis.limits.summary import OVERALL, SEEN_AT_LEAST
from experiments.comparison.tables import Grid, cell, grid_to_markdown

_SHOWN = 10
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
    "Factors are tested one by one, with no correction for their number: small ones are hints.",
)


def to_markdown(summary: Mapping[str, Any]) -> str:
    """All tables, the verdict and where the figures come from."""
    facts = summary["run"]
    parts = [f"# What limits {cell(facts['system'])} on {cell(facts['suite'])}, {facts['split']}"]
    parts += ["", summary["verdict"], ""]
    grids = [
        _scores_grid(summary),
        _split_grid(summary),
        _apart_grid(summary),
        _confusion_grid(summary),
        _gains_grid(summary),
        *_factor_grids(summary),
        _curves_grid(summary),
    ]
    for grid in grids:
        if grid.rows:
            parts += grid_to_markdown(grid)
    parts += ["## How to read this", "", *(f"- {cell(note)}" for note in _NOTES)]
    if facts["undefined"]:
        parts.append(f"- {facts['undefined']} of {facts['n_examples']} scores are undefined.")
    parts += ["", "## Where it comes from", ""]
    parts += [f"- {cell(name)}: {cell(_fact(value))}" for name, value in facts.items()]
    return "\n".join(parts) + "\n"


def to_csv(findings: Sequence[Finding]) -> str:
    """One line an example."""
    buffer = io.StringIO()
    columns = ["example_id", "task", "pattern", "fits", "prompt", "input_snr_db", "ideal_db"]
    columns += ["snri_db", "truth_db", "reading_db", "source_db", "action_db", "separation_db"]
    columns += ["read_right", "wrong_source", "wrong_actions", "speech_apart"]
    columns += ["audio_apart", "apart_db", "gains", "clips", "factors"]
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for f in findings:
        told = {
            "example_id": f.id,
            "gains": " ".join(f"{g:.4f}" for g in f.gains),
            "clips": " ".join(f.clips),
            "factors": "; ".join(f"{name}: {level}" for name, level in f.factors),
        }
        row = [told[name] if name in told else getattr(f, name) for name in columns]
        writer.writerow([f"{v:.6f}" if isinstance(v, float) else v for v in row])
    return buffer.getvalue()


def _rows(summary: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {**summary["tasks"], OVERALL: summary["overall"]}


def _scores_grid(summary: Mapping[str, Any]) -> Grid:
    return Grid(
        title="SNR improvement in dB, and the share of the ideal ratio mask's that is reached",
        heads=("Task", "n", "System", "Ideal ratio mask", "Share reached"),
        rows=tuple(
            (
                name,
                str(row["snri_db"]["n"]),
                _decibels(row["snri_db"]),
                _decibels(row["ideal_db"]),
                _percent(row["share_reached"]),
            )
            for name, row in _rows(summary).items()
        ),
    )


def _split_grid(summary: Mapping[str, Any]) -> Grid:
    return Grid(
        title="What is lost to the ideal ratio mask, in dB, and to which error",
        heads=(
            "Task",
            "All",
            "Reading",
            "Prompts read wholly right",
            "Wrong source",
            "Examples with it",
            "Wrong action",
            "Sources with another",
            "Separation",
        ),
        rows=tuple(
            (
                name,
                _decibels(row["gap_db"]),
                _decibels(row["reading_db"]),
                _percent(row["read_right"]),
                _decibels(row["source_db"]),
                _percent(row["wrong_source"]),
                _decibels(row["action_db"]),
                _percent(row["wrong_actions"]),
                _decibels(row["separation_db"]),
            )
            for name, row in _rows(summary).items()
        ),
    )


def _apart_grid(summary: Mapping[str, Any]) -> Grid:
    return Grid(
        title="Are two sources of one kind told apart?",
        heads=("Task", "Speakers", "Other sounds", "Cost of what is not (dB)"),
        rows=tuple(
            (
                name,
                _percent(row["speech_apart"]),
                _percent(row["audio_apart"]),
                _decibels(row["apart_db"]),
            )
            for name, row in _rows(summary).items()
        ),
    )


def _confusion_grid(summary: Mapping[str, Any]) -> Grid:
    rows = []
    for kind, table in summary["confusion"].items():
        for asked, counts in table.items():
            total = sum(counts.values())
            if total:
                shares = (f"{100 * count / total:.0f} %" for count in counts.values())
                rows.append((f"{kind}, {_WORDS[asked]}", str(total), *shares))
    return Grid(
        title="Actions asked for, against those of the pattern that the output fits best",
        heads=("Asked for", "Sources", *_WORDS.values()),
        rows=tuple(rows),
    )


def _gains_grid(summary: Mapping[str, Any]) -> Grid:
    return Grid(
        title="Gain that a source really got (least squares), and when the other source of its "
        "kind has another action",
        heads=("Source", "Gain asked for", "Other of its kind", "n", "Realised"),
        rows=tuple(
            (
                f"{row['kind']}, {_WORDS[row['action']]}",
                f"{row['gain']:g}",
                "another action" if row["apart"] else "same action, or none",
                str(row["realised"]["n"]),
                _decibels(row["realised"]),
            )
            for row in summary["gains"]
        ),
    )


def _factor_grids(summary: Mapping[str, Any]) -> list[Grid]:
    """Factors with few levels whole; of all levels seen often enough, the worst and the best."""
    rows = [row for row in summary["factors"] if row["n"] >= SEEN_AT_LEAST]
    few = ("input SNR", "style named", "things named", "groups (actions asked for)", "form")
    whole = [row for name in few for row in rows if row["factor"] == name]
    shown = min(_SHOWN, len(rows) // 2)
    return [
        _factor_grid("What could explain the score, in dB", whole),
        _factor_grid(f"The worst {shown} levels of all factors", rows[:shown]),
        _factor_grid(f"The best {shown}", rows[::-1][:shown]),
    ]


def _factor_grid(title: str, rows: Sequence[Mapping[str, Any]]) -> Grid:
    return Grid(
        title=title,
        heads=(
            "Factor",
            "n",
            "System",
            "Ideal ratio mask",
            "Beside its tasks' means",
            "Speakers told apart",
        ),
        rows=tuple(
            (
                f"{row['factor']}: {row['level']}",
                str(row["n"]),
                *(_decibels(row[key]) for key in ("snri_db", "ideal_db", "beside_tasks_db")),
                _percent(row["speech_apart"]),
            )
            for row in rows
        ),
    )


def _curves_grid(summary: Mapping[str, Any]) -> Grid:
    return Grid(
        title="Learning curves: SNR improvement without OVC at each validation, in dB",
        heads=("Run", "Validations", "Minutes", "First", "Last", "Best", "Gained in second half"),
        rows=tuple(
            (
                curve["name"],
                str(len(curve["minutes"])),
                f"{curve['minutes'][-1]:.0f}",
                f"{curve['snri_db'][0]:.2f}",
                f"{curve['snri_db'][-1]:.2f}",
                f"{curve['best_db']:.2f}",
                f"{curve['late_gain_db']:+.2f}",
            )
            for curve in summary["curves"]
        ),
    )


def _decibels(value: Mapping[str, Any]) -> str:
    return _with_bounds(value, lambda number: f"{round(number, 2) + 0.0:.2f}", "")


def _percent(value: Mapping[str, Any] | None) -> str:
    return _with_bounds(value, lambda number: f"{round(100 * number)}", " %")


def _with_bounds(value: Mapping[str, Any] | None, form: Callable[[float], str], unit: str) -> str:
    if value is None or value["mean"] is None:
        return "–"
    mean = form(value["mean"]) + unit
    if value["low"] is None or value["high"] is None:
        return mean
    return f"{mean} [{form(value['low'])}, {form(value['high'])}]"


def _fact(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_fact(each)}" for name, each in value.items())
    return str(value)
