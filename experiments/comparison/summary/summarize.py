"""What the records say: means with intervals, shares, wins and costs, as one JSON document.

The average is the paper's: the mean of the tasks' means. Its interval is a stratified bootstrap:
tasks are fixed by design, so deviations from each task's mean are resampled (scaled by
sqrt(n / (n - 1)), as a task's mean fits its own n values). Mixtures that share a source clip are
not independent: whole clips are drawn, once for each source slot of the mixtures, and the widest
interval (for tests, the largest p-value) is reported. Failed examples count as 0 dB. A system that
does some tasks only has scores on those and no figure over all tasks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

import numpy as np

from experiments.comparison.examples import corpora_of, sound_path
from experiments.comparison.measures import SHARES
from experiments.comparison.records import NOT_DEFINED, Record
from experiments.comparison.runner import Run, SystemRun
from experiments.comparison.suite import as_table, digest_of
from experiments.comparison.summary.families import add_ranks, decided_tasks, weakest_tasks
from experiments.comparison.summary.schema import SCHEMA, checked, examples_sha256
from lcr.evaluation.effective import MEASURES
from lcr.evaluation.statistics import (
    Interval,
    bootstrap_mean,
    holm,
    paired_permutation_test,
    share_improved,
    win_rate,
)
from lcr.instruction import Task

MEASURE = "snr_improvement_db"


@dataclass(frozen=True, kw_only=True)
class Value:
    """One example's figure with what it is stratified and clustered by."""

    index: int
    task: str
    clips: tuple[str, ...]
    value: float


def summarize(run: Run, *, not_run: Mapping[str, str]) -> dict[str, Any]:
    """Summarise a run as JSON values, which `tables` and `report` print."""
    values = {entry.system.name: values_of(entry.records) for entry in run.systems}
    tasks = [t.value for t in Task if any(v.task == t.value for vs in values.values() for v in vs)]
    systems = [
        _system(entry, values[entry.system.name], tasks, run.config.metrics)
        for entry in run.systems
    ]
    against = _add_comparison(systems, values, wanted=run.config.compare_to)
    corpora = corpora_of(run.config)
    for entry, system in zip(run.systems, systems, strict=True):
        system["trained_on"] = sorted(entry.system.card.trained_on & corpora)
    records = [record for entry in run.systems for record in entry.records]
    summary = {
        "schema": SCHEMA,
        "suite": run.config.name,
        "about": run.config.about,
        "corpora": sorted(corpora),
        "config": as_table(run.config),
        "config_digest": digest_of(as_table(run.config)),
        "data_digest": run.data_digest,
        "examples_sha256": examples_sha256(run.systems[0].records),
        "measure": MEASURE,
        "confidence": 0.95,
        "tasks": tasks,
        "per_task": run.config.per_task,
        "n_examples": len(run.systems[0].records),
        "compare_to": against,
        "families": _families(systems, values),
        "may_be_first": [s["name"] for s in systems if s["rank_low"] == 1],
        "systems": systems,
        "not_run": dict(not_run),
        "examples": _shown(run),
        "notes": _notes(run, records),
        "code": dict(run.code),
        "env": dict(run.env),
        "started": min(record["started"] for record in records),
        "finished": max(record["finished"] for record in records),
    }
    return checked(summary)


def value_of(record: Mapping[str, Any], value: float) -> Value:
    """Attach a figure to the example of a record."""
    clips = tuple(source["clip"] for source in record["sources"])
    return Value(index=record["index"], task=record["task"], clips=clips, value=value)


def values_of(records: Iterable[Record], measure: str = MEASURE) -> list[Value]:
    """Collect every defined score, in the records' order."""
    pairs = [(record, record["metrics"][measure]) for record in records]
    return [value_of(record, score) for record, score in pairs if score is not None]


def paired_differences(
    better: Iterable[Record], worse: Iterable[Record], measure: str = MEASURE
) -> list[Value]:
    """Subtract `worse` from `better` on the examples that have a score in both."""
    return subtract(values_of(better, measure), values_of(worse, measure))


def _system(
    entry: SystemRun, values: Sequence[Value], tasks: Sequence[str], metrics: Sequence[str]
) -> dict[str, Any]:
    system = entry.system
    records = [r for r in entry.records if r["status"] != NOT_DEFINED]
    defined = {r["task"] for r in records}
    missing = [task for task in tasks if task not in defined]
    whole = [] if missing else values
    statuses = [record["status"] for record in records]
    by_task = {task: [v for v in values if v.task == task] for task in tasks}
    share = share_improved([v.value for v in whole])
    failed = [record for record in records if record["status"] != "ok"]
    answered = [record for record in records if record["status"] == "ok"]
    scored = without_ovc(values_of(answered))
    device_peaks = [
        record["cost"]["peak_device_bytes"]
        for record in records
        if record["cost"]["peak_device_bytes"] is not None
    ]
    return {
        "name": system.name,
        "family": system.card.family,
        "bound": bool(system.card.uses_oracle),
        "uses_oracle": sorted(system.card.uses_oracle),
        "causal": system.card.causal,
        "reference": system.card.reference,
        "sample_rate": system.card.sample_rate,
        "config_digest": system.config_digest,
        "weights": [{"id": i, "sha256": d} for i, d in sorted(system.card.weights.items())],
        "records": entry.path.name,
        "device": system.device,
        "n": len(records) - len(failed),
        "of": len(records),
        "failed": len(failed),
        "not_defined": missing,
        "statuses": {status: statuses.count(status) for status in sorted(set(statuses))},
        "first_error": dict(failed[0]["error"] or {}) if failed else None,
        "undefined": len(records) - len(values),
        "dropped_lines": entry.dropped,
        "tasks": {
            task: {
                **interval_json(mean_interval(found)),
                "input_snr_db": _input_mean(entry.records, task),
            }
            for task, found in by_task.items()
        },
        "average": interval_json(mean_interval(whole)),
        "average_without_ovc": interval_json(mean_interval(without_ovc(whole))),
        "answered_mean_db": sum(v.value for v in scored) / len(scored) if scored else None,
        "share_improved": _share(share),
        "followed": {
            name: (share_json if name in SHARES else interval_json)(
                mean_interval([] if missing else values_of(records, name))
            )
            for name in (*MEASURES, *metrics)
        },
        "real_time_factor": median(r["cost"]["real_time_factor"] for r in answered)
        if answered
        else None,
        "latency_s": median(r["cost"]["wall_s"] for r in answered) if answered else None,
        "stages": _stages(answered),
        "wall_s": sum(r["cost"]["wall_s"] for r in records),
        "peak_bytes": max((r["cost"]["peak_bytes"] for r in records), default=None),
        "peak_device_bytes": max(device_peaks, default=None),
        "llm_calls": sum(r["cost"]["llm_calls"] for r in records),
        "tokens_in": sum(r["cost"]["tokens_in"] for r in records),
        "tokens_out": sum(r["cost"]["tokens_out"] for r in records),
    }


def _stages(records: Sequence[Record]) -> dict[str, float]:
    """Median seconds of each step over all answers, as `latency_s` is of the whole."""
    found: dict[str, list[float]] = {}
    for n, record in enumerate(records):
        for step in record["trace"]:
            found.setdefault(step["name"], [0.0] * len(records))[n] += step["seconds"] or 0.0
    return {name: median(seconds) for name, seconds in found.items()}


def without_ovc(values: Sequence[Value]) -> list[Value]:
    """Leave out overall volume control."""
    return [v for v in values if v.task != Task.OVC.value]


def _input_mean(records: Sequence[Record], task: str) -> float | None:
    found = [r["input_metrics"]["snr_db"] for r in records if r["task"] == task]
    known = [snr for snr in found if snr is not None]
    return sum(known) / len(known) if known else None


def interval_json(interval: Interval) -> dict[str, Any]:
    """Write an interval as summary.json holds it."""
    return asdict(interval)


def share_json(interval: Interval) -> dict[str, Any]:
    """Write a share's interval as `interval_json` does, its bounds cut to 0 and 1: the stratified
    bootstrap exceeds these a little."""
    found = interval_json(interval)
    bounds = {key: found[key] for key in ("low", "high") if found[key] is not None}
    return found | {key: min(max(bound, 0.0), 1.0) for key, bound in bounds.items()}


def _share(share: Interval) -> dict[str, Any]:
    return {"mean": share.mean, "low": share.low, "high": share.high, "n": share.n}


def _weighted(values: Sequence[Value]) -> list[float]:
    """Weight values so that their mean is the mean of the tasks' means."""
    counts = _counts(values)
    return [v.value * len(values) / (len(counts) * counts[v.task]) for v in values]


def _stratified(values: Sequence[Value]) -> list[float]:
    """Weight values as `_weighted` does, but let each spread only around its own task's mean."""
    counts = _counts(values)
    if not counts or min(counts.values()) < 2:
        return _weighted(values)
    means = {
        task: math.fsum(v.value for v in values if v.task == task) / n for task, n in counts.items()
    }
    average = math.fsum(means.values()) / len(means)
    return [
        average
        + (v.value - means[v.task])
        * math.sqrt(counts[v.task] / (counts[v.task] - 1))
        * len(values)
        / (len(counts) * counts[v.task])
        for v in values
    ]


def _counts(values: Sequence[Value]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for v in values:
        counts[v.task] = counts.get(v.task, 0) + 1
    return counts


def _by_slot(values: Sequence[Value]) -> list[list[str]]:
    """List the cluster of each value, for each source slot in turn."""
    return [list(slot) for slot in zip(*(v.clips for v in values), strict=True)]


def mean_interval(values: Sequence[Value]) -> Interval:
    """Average the tasks' means; of the intervals by source slot take the widest."""
    numbers = _stratified(values)
    found = [bootstrap_mean(numbers, clusters=slot) for slot in _by_slot(values)]
    return max(found, key=_width) if found else bootstrap_mean([])


def _width(interval: Interval) -> float:
    if interval.low is None or interval.high is None:
        return math.inf  # one cluster: nothing is known of the spread
    return interval.high - interval.low


def _add_comparison(
    systems: list[dict[str, Any]], values: Mapping[str, Sequence[Value]], *, wanted: str
) -> str | None:
    """Rank the systems, and test each against one of them, without OVC; bounds take no part."""
    key: Callable[[dict[str, Any]], float] = lambda s: s["average_without_ovc"]["mean"]  # noqa: E731
    ranked = sorted(
        (s for s in systems if not s["bound"] and key(s) is not None), key=key, reverse=True
    )
    names = [s["name"] for s in ranked]
    against = wanted if wanted in names else (names[0] if names else None)
    p_values: dict[str, float] = {}
    for s in systems:
        s["rank"] = names.index(s["name"]) + 1 if s["name"] in names else None
        s["versus"] = None
        if against is None or s["bound"] or s["name"] == against or s["name"] not in names:
            continue
        differences = subtract(without_ovc(values[s["name"]]), without_ovc(values[against]))
        if not differences:
            continue
        weighted = _weighted(differences)
        tests = [paired_permutation_test(weighted, clusters=c) for c in _by_slot(differences)]
        p_values[s["name"]] = max(p for p in tests if p is not None)
        s["versus"] = {
            "system": against,
            "difference": interval_json(mean_interval(differences)),
            "win_rate": _share(win_rate([d.value for d in differences])),
            "p": p_values[s["name"]],
        }
    for name, p_value in holm(p_values).items():
        next(s for s in systems if s["name"] == name)["versus"]["p_holm"] = p_value
    return against


def _families(
    systems: Sequence[dict[str, Any]], values: Mapping[str, Sequence[Value]]
) -> dict[str, Any] | None:
    """Add ranks to the systems that have one, and compare the families."""
    for s in systems:
        s |= {"rank_low": None, "rank_high": None, "p_first": None, "weakest": weakest_tasks(s)}
    ranked = [s for s in systems if s["rank"] is not None]
    scored = {s["name"]: {v.index: v for v in without_ovc(values[s["name"]])} for s in ranked}
    common = sorted(set.intersection(*map(set, scored.values()))) if scored else []
    if not common:
        return None
    columns = [[found[i] for i in common] for found in scored.values()]
    scores = np.array([_stratified(column) for column in columns]).T
    families = add_ranks(ranked, scores, _by_slot(columns[0]))
    if families is None:
        return None
    joint, composite = (values[name] for name in families["best"].values())
    differences = subtract(joint, composite)
    by_task = {
        task: [d for d in differences if d.task == task] for task in {d.task for d in differences}
    }
    return families | {
        "decided_tasks": decided_tasks(
            {t: ([d.value for d in found], _by_slot(found)) for t, found in by_task.items()}
        )
    }


def subtract(mine: Sequence[Value], theirs: Sequence[Value]) -> list[Value]:
    """Mine less theirs, on the examples that are in both."""
    other = {v.index: v.value for v in theirs}
    return [replace(v, value=v.value - other[v.index]) for v in mine if v.index in other]


def _shown(run: Run) -> list[dict[str, Any]]:
    """List the examples whose audio is kept, with paths in the suite's folder."""
    rows: list[dict[str, Any]] = []
    for index in run.shown:  # all examples are there, in order
        record = run.systems[0].records[index]
        rows.append(
            {
                key: record[key]
                for key in ("index", "example_id", "task", "pattern", "prompt", "sources")
            }
            | {
                "mixture": sound_path(record, "mixture"),
                "target": sound_path(record, "target"),
                "input_snr_db": record["input_metrics"]["snr_db"],
                "estimates": {
                    entry.system.name: sound["path"]
                    for entry in run.systems
                    if (sound := entry.records[index]["audio"]) is not None
                },
            }
        )
    return rows


def _notes(run: Run, records: Sequence[Record]) -> list[str]:
    """Write what a reader of the figures should know, one sentence each."""
    notes = list(run.notes)
    if run.config.bank.kind == "folder":
        notes.append(
            "The folder's own notes say how its labels and splits were made; inferred labels and "
            "speaker groups make the test split disjoint from training only approximately."
        )
    dropped = sum(entry.dropped for entry in run.systems)
    if dropped:
        notes.append(f"{dropped} half-written record(s) of a killed run were dropped and redone.")
    states = {(r["code"]["commit"], r["code"]["dirty"]) for r in records}
    if len(states) > 1:
        notes.append(f"Records come from {len(states)} states of the code; see each record.")
    machines = {(r["env"]["torch"], r["env"]["threads"], r["env"]["device"]) for r in records}
    if len(machines) > 1:
        notes.append("Records come from different devices or thread counts: compare speed by hand.")
    return notes
