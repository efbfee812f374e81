"""Findings of many examples as one JSON document: means by task with intervals, and a verdict.

Means and intervals are those of `experiments.comparison.summary`: the mean of the tasks' means, BCa
bootstrap stratified by task and clustered by source clip. The overall row leaves OVC out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from experiments.analysis.limits.measure import Finding
from experiments.comparison.errors import ConfigError
from experiments.comparison.summary import Value, interval_json, mean_interval
from lcr.evaluation.statistics import Interval
from lcr.instruction import Action, Task

OVERALL = "Average without OVC"

Measure = Callable[[Finding], float | None]

MEASURES: dict[str, Measure] = {
    "snri_db": lambda f: f.snri_db,
    "ideal_db": lambda f: f.ideal_db,
    "gap_db": lambda f: f.gap_db,
    "reading_db": lambda f: f.reading_db,
    "choice_db": lambda f: f.choice_db,
    "source_db": lambda f: f.source_db,
    "action_db": lambda f: f.action_db,
    "separation_db": lambda f: f.separation_db,
    "read_right": lambda f: f.read_right,
    "wrong_source": lambda f: f.wrong_source,
    "wrong_actions": lambda f: f.wrong_actions,
    "speech_apart": lambda f: f.speech_apart,
    "audio_apart": lambda f: f.audio_apart,
    "apart_db": lambda f: f.apart_db,
}
_AT_LEAST_0 = ("choice_db", "source_db", "action_db", "apart_db")
_SHARES = ("read_right", "wrong_source", "wrong_actions")
ERRORS = {
    "reading_db": "reading",
    "choice_db": "the choice of what to change",
    "separation_db": "separation",
}
"""The three errors that add up to the gap, and their names in the verdict."""


def summarize_findings(findings: Sequence[Finding]) -> dict[str, Any]:
    """Compute all tables as JSON values. Raises ConfigError when no example but OVC's has a
    score."""
    without = [f for f in findings if f.task != Task.OVC.value]
    if not without:
        raise ConfigError("no example but those of OVC has a defined score; nothing to analyse")
    tasks = [t.value for t in Task if any(f.task == t.value for f in findings)]
    return {
        "tasks": {task: _row([f for f in findings if f.task == task]) for task in tasks},
        "overall": _row(without),
        "confusion": confusion(findings),
        "verdict": verdict(without),
    }


def average(findings: Sequence[Finding], measure: Measure) -> Interval:
    """Average a measure over tasks; examples where it is None do not count."""
    return mean_interval(_values(findings, measure))


def _values(
    findings: Sequence[Finding], measure: Measure, *, one_task: bool = False
) -> list[Value]:
    pairs = [(f, measure(f)) for f in findings]
    return [
        Value(index=f.index, task="" if one_task else f.task, clips=f.clips, value=float(value))
        for f, value in pairs
        if value is not None
    ]


def _row(findings: Sequence[Finding]) -> dict[str, Any]:
    found = {name: average(findings, measure) for name, measure in MEASURES.items()}
    share = _share_reached(findings, found["snri_db"].mean, found["ideal_db"].mean)
    row = {name: _within(name, interval_json(each)) for name, each in found.items()}
    return row | {"share_reached": share}


def _within(name: str, interval: dict[str, Any]) -> dict[str, Any]:
    """Clip an interval to the values its measure can have: stratifying exceeds them a little."""
    least = 0.0 if name in (*_AT_LEAST_0, *_SHARES) else -math.inf
    most = 1.0 if name in _SHARES else math.inf
    bounds = {key: interval[key] for key in ("low", "high") if interval[key] is not None}
    return interval | {key: min(max(bound, least), most) for key, bound in bounds.items()}


def _share_reached(
    findings: Sequence[Finding], system: float | None, ideal: float | None
) -> dict[str, Any] | None:
    """Mean SNRi over the ideal ratio mask's; the interval is that of the ratio's linearisation."""
    if system is None or ideal is None or ideal <= 0:
        return None
    ratio = system / ideal
    return interval_json(
        average(findings, lambda f: ratio + (f.snri_db - ratio * f.ideal_db) / ideal)
    )


def confusion(findings: Sequence[Finding]) -> dict[str, dict[str, dict[str, int]]]:
    """Count sources by kind, asked action, and action in the best-fitting pattern."""
    letters = [action.value for action in Action]
    found = {
        kind: {asked: dict.fromkeys(letters, 0) for asked in letters}
        for kind in ("speech", "audio")
    }
    for f in findings:
        for i, (asked, done) in enumerate(zip(f.pattern, f.fits, strict=True)):
            found["speech" if i < f.n_speech else "audio"][asked][done] += 1
    return found


def verdict(findings: Sequence[Finding]) -> str:
    """Say in words which of the three errors is largest."""
    gap = average(findings, MEASURES["gap_db"])
    system, ideal = (average(findings, MEASURES[name]) for name in ("snri_db", "ideal_db"))
    assert gap.mean is not None
    opening = f"The system gains {_db(system)} and the ideal ratio mask {_db(ideal)} (without OVC)."
    if gap.mean <= 0:
        return f"{opening} Nothing is lost to the ideal ratio mask: there is no error to split."
    known = {name: MEASURES[name] for name in ERRORS if name != "reading_db"}
    if findings[0].reading_db is not None:
        known["reading_db"] = MEASURES["reading_db"]
    found = {name: average(findings, measure) for name, measure in known.items()}
    first, second, *others = sorted(found, key=lambda name: -(found[name].mean or 0.0))

    def part(name: str) -> str:
        share = 100 * (found[name].mean or 0.0) / (gap.mean or math.inf)
        return f"{ERRORS[name]}: {_db(found[name])}, {round(share)} % of it"

    lead = average(findings, lambda f: (known[first](f) or 0.0) - (known[second](f) or 0.0))
    sure = "more than chance" if lead.low is not None and lead.low > 0 else "not surely"
    unread = "" if "reading_db" in known else " (Reading errors are part of these.)"
    return (
        f"{opening} Of the {_db(gap)} between them the largest error is {part(first)}. Then come "
        f"{'; '.join(map(part, (second, *others)))}. The largest exceeds the next by {_db(lead)}, "
        f"paired, {sure}.{unread}"
    )


def _db(interval: Interval) -> str:
    numbers = [interval.mean, interval.low, interval.high]
    mean, *bounds = [f"{round(n, 2) + 0.0:.2f}" for n in numbers if n is not None]
    return f"{mean} dB [{', '.join(bounds)}]" if len(bounds) == 2 else f"{mean} dB"
