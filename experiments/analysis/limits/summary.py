"""Findings of many examples as one JSON document: means by task with intervals, and a verdict.

Means and intervals are those of `experiments.comparison.summary`: the mean of the tasks' means, BCa
bootstrap stratified by task and clustered by source clip; gains and factors take all examples
alike. The overall row leaves OVC out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from experiments.analysis.limits.measure import Factor, Finding
from experiments.comparison.errors import ConfigError
from experiments.comparison.summary import Value, interval_json, mean_interval
from lcr.evaluation.statistics import Interval
from lcr.instruction import Action, Task

OVERALL = "Average without OVC"
SEEN_AT_LEAST = 6
"""Examples that a level of a factor must have to be told of."""

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
        "gains": _gains(findings),
        "factors": _factors(without),
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


def _gains(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Average the realised gains by kind and asked action, apart for sources whose neighbour of
    the kind has another action."""
    rows: list[dict[str, Any]] = []
    for kind in ("speech", "audio"):
        for action in Action:
            for apart in (False, True):
                found = _pooled(findings, _mean_gain(kind, action.value, apart))
                if found["n"]:
                    row = {"kind": kind, "action": action.value, "gain": action.gain}
                    rows.append(row | {"apart": apart, "realised": found})
    return rows


def _mean_gain(kind: str, action: str, apart: bool) -> Measure:
    def measure(f: Finding) -> float | None:
        here = slice(0, f.n_speech) if kind == "speech" else slice(f.n_speech, None)
        pattern, gains = f.pattern[here], f.gains[here]
        chosen = [g for a, g in zip(pattern, gains, strict=True) if a == action]
        if not chosen or (len(set(pattern)) > 1) is not apart:
            return None
        return math.fsum(chosen) / len(chosen)

    return measure


def _factors(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Score every level of every factor, worst first, also relative to the averages of the tasks
    it occurs in."""
    levels: dict[Factor, list[Finding]] = {}
    for f in findings:
        for factor in f.factors:
            levels.setdefault(factor, []).append(f)
    means = {
        task: _plain_mean([f for f in findings if f.task == task]) for task in _tasks(findings)
    }
    rows = [
        {
            "factor": factor,
            "level": level,
            "n": len(some),
            "snri_db": _pooled(some, lambda f: f.snri_db),
            "ideal_db": _pooled(some, lambda f: f.ideal_db),
            "beside_tasks_db": _pooled(some, lambda f: f.snri_db - means[f.task]),
            "speech_apart": _pooled(some, lambda f: f.speech_apart),
        }
        for (factor, level), some in levels.items()
    ]
    return sorted(rows, key=lambda row: (row["beside_tasks_db"]["mean"], row["level"]))


def _pooled(findings: Sequence[Finding], measure: Measure) -> dict[str, Any]:
    """Average over examples, so that tasks weigh as often as they occur."""
    return interval_json(mean_interval(_values(findings, measure, one_task=True)))


def _plain_mean(findings: Sequence[Finding]) -> float:
    return math.fsum(f.snri_db for f in findings) / len(findings)


def _tasks(findings: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(f.task for f in findings))


def verdict(findings: Sequence[Finding]) -> str:
    """Say in words which of the three errors is largest."""
    gap = average(findings, lambda f: f.gap_db)
    system = average(findings, lambda f: f.snri_db)
    ideal = average(findings, lambda f: f.ideal_db)
    assert gap.mean is not None
    opening = f"The system gains {_db(system)} and the ideal ratio mask {_db(ideal)} (without OVC)."
    if gap.mean <= 0:
        return f"{opening} Nothing is lost to the ideal ratio mask: there is no error to split."
    known = {name: MEASURES[name] for name in ERRORS}
    read = findings[0].reading_db is not None
    if not read:
        del known["reading_db"]
    found = {name: average(findings, measure) for name, measure in known.items()}
    order = sorted(found, key=lambda name: -(found[name].mean or 0.0))

    def part(name: str) -> str:
        share = 100 * (found[name].mean or 0.0) / (gap.mean or math.inf)
        return f"{ERRORS[name]}: {_db(found[name])}, {round(share)} % of it"

    first, second = order[0], order[1]
    lead = average(findings, lambda f: (known[first](f) or 0.0) - (known[second](f) or 0.0))
    sure = lead.low is not None and lead.low > 0
    sentences = [
        opening,
        f"Of the {_db(gap)} between them the largest error is {part(first)}.",
        f"Then come {'; '.join(part(name) for name in order[1:])}.",
        f"The largest exceeds the next by {_db(lead)}, paired"
        + (": more than chance." if sure else ": these examples cannot tell which is larger."),
        _choice_in_words(findings),
        _apart_in_words(findings),
        _gap_in_words(findings),
    ]
    if not read:
        sentences.append(
            "What the system reads cannot be replaced by the truth: reading errors are"
            " part of the others."
        )
    return " ".join(sentences)


def _choice_in_words(findings: Sequence[Finding]) -> str:
    source = average(findings, lambda f: f.source_db)
    action = average(findings, lambda f: f.action_db)
    larger = "wrong sources" if (source.mean or 0) > (action.mean or 0) else "wrong actions"
    return (
        f"Within the choice, wrong sources cost {_db(source)} and other wrong actions "
        f"{_db(action)}" + (f": {larger} weigh more." if source.mean or action.mean else ".")
    )


def _apart_in_words(findings: Sequence[Finding]) -> str:
    cost = average(findings, lambda f: f.apart_db)
    shares = {
        "speakers": average(findings, lambda f: f.speech_apart),
        "other sounds": average(findings, lambda f: f.audio_apart),
    }
    words = [f"two {kind} to {100 * s.mean:.0f} %" for kind, s in shares.items() if s.mean]
    return (
        "Not telling sources of one kind apart, hedging included, costs "
        f"{_db(cost)} of choice and separation; told apart are {' and '.join(words) or 'none'}."
    )


def _gap_in_words(findings: Sequence[Finding]) -> str:
    gaps = {
        task: average([f for f in findings if f.task == task], lambda f: f.gap_db)
        for task in _tasks(findings)
    }
    worst = max(gaps, key=lambda task: gaps[task].mean or 0.0)
    return f"The task furthest from the ideal ratio mask is {worst}: {_db(gaps[worst])} short."


def _db(interval: Interval) -> str:
    numbers = [interval.mean, interval.low, interval.high]
    mean, *bounds = [f"{round(n, 2) + 0.0:.2f}" for n in numbers if n is not None]
    return f"{mean} dB [{', '.join(bounds)}]" if len(bounds) == 2 else f"{mean} dB"
