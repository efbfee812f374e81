"""What a comparison says, in a few sentences: which family wins, how surely, at what latency, and
where each fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.comparison.table import number_text, percent_text
from lcr.instruction import Task

Summary = Mapping[str, Any]


def verdict(summary: Summary) -> list[str]:
    """The first sentence answers the question; the others say what stands behind it."""
    families = summary["families"]
    said = [_winner(families) if families else _first(summary)]
    if families:
        said += [_latency(summary), *_failures(summary), *_shared(summary), _tasks(summary)]
    group = summary["may_be_first"]
    if len(group) > 1:
        said.append(f"Any of {', '.join(group)} may be first: resampling does not part them.")
    if summary["about"]:
        said.append(summary["about"])
    return said


def task_words(task: str) -> str:
    """A task's letters and what they stand for."""
    return f"{task} {Task(task).words}"


def _winner(families: Mapping[str, Any]) -> str:
    joint, composite = families["best"]["joint"], families["best"]["composite"]
    gap = families["difference_db"]
    interval = f"95 % interval {_db(families['low_db'])} to {_db(families['high_db'])} dB"
    sure = percent_text(families["p_joint"])
    if families["winner"] == "joint":
        return (
            f"Joint wins: {joint}, which remixes in one pass, improves SNR by {_db(gap)} dB more "
            f"than {composite}, the best that reads, separates and mixes ({interval}; the best "
            f"joint system leads in {sure} of the resamples)."
        )
    if families["winner"] == "composite":
        return (
            f"Composite wins: {composite}, which reads, separates and mixes, improves SNR by "
            f"{_db(-gap)} dB more than {joint}, the best that remixes in one pass (joint less "
            f"composite: {interval}; joint leads in {sure} of the resamples)."
        )
    return (
        f"Undecided between joint and composite: {joint}, the best that remixes in one pass, "
        f"improves SNR by {_db(abs(gap))} dB {'more' if gap >= 0 else 'less'} than {composite}, "
        f"the best that reads, separates and mixes (joint less composite: {interval}; the best "
        f"joint system leads in {sure} of the resamples)."
    )


def _first(summary: Summary) -> str:
    ranked = [s for s in summary["systems"] if s["rank"] is not None]
    if not ranked:
        return "No system of this run has a rank: it holds only bounds, or nothing to score."
    first = min(ranked, key=lambda s: s["rank"])
    mean = number_text(first["average_without_ovc"]["mean"], ".1f")
    return (
        f"{first['name']} has the highest average of {len(ranked)}: {mean} dB SNR improvement "
        "without overall volume."
    )


def _latency(summary: Summary) -> str:
    parts = []
    for system in _best(summary):
        slow = sorted(system["stages"].items(), key=lambda stage: -stage[1])[:3]
        stages = ", ".join(f"{name} {number_text(s, '.2f')}" for name, s in slow if s >= 0.005)
        parts.append(
            f"{system['name']} takes {_figure(system['latency_s'])} s an example"
            + (f" ({stages} s)" if stages else "")
        )
    return "; ".join(parts) + "."


def _failures(summary: Summary) -> list[str]:
    said = []
    for system in _best(summary):
        weak = " and ".join(
            f"{task_words(task)} ({_figure(system['tasks'][task]['mean'])} dB)"
            for task in system["weakest"]
        )
        right = percent_text(system["followed"]["action_accuracy"]["mean"])
        said.append(
            f"{system['name']} gains least at {weak}; every source has the gain asked in "
            f"{right} of its examples."
        )
    return said


def _shared(summary: Summary) -> list[str]:
    """A composite system may be made of a joint one."""
    joint, composite = _best(summary)
    theirs = {weights["sha256"] for weights in joint["weights"]}
    names = [w["id"] for w in composite["weights"] if w["sha256"] in theirs]
    shared = f"{composite['name']} and {joint['name']} share weights: {', '.join(names)}."
    return [shared] if names else []


def _tasks(summary: Summary) -> str:
    decided: Mapping[str, str] = summary["families"]["decided_tasks"]
    if not decided:
        each = summary["per_task"]
        return f"No single task is decided: each has only {each} example{'s' if each != 1 else ''}."
    by_family = {
        family: ", ".join(task_words(t) for t, f in decided.items() if f == family)
        for family in dict.fromkeys(decided.values())
    }
    return "; ".join(f"{f} is surely better at {tasks}" for f, tasks in by_family.items()) + "."


def _best(summary: Summary) -> list[Mapping[str, Any]]:
    names = summary["families"]["best"].values()
    return [next(s for s in summary["systems"] if s["name"] == name) for name in names]


def _db(value: float) -> str:
    return number_text(value, ".1f")


def _figure(value: float | None) -> str:
    return "–" if value is None else number_text(value, ".1f")
