"""Who may be first, and which family wins: ranks and families from one paired bootstrap.

A family is as good as its best system, which each resample chooses anew, so that a lucky pick
widens the interval. Single tasks are decided only where a paired test on their own examples,
Holm-corrected over tasks, says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcr.evaluation.statistics import bootstrap_means, holm, paired_permutation_test, ranks
from lcr.instruction import Task

RIVALS = ("joint", "composite")
_RESAMPLES = 2_000
_SURE = 0.05
_WEAKEST = 2


def add_ranks(
    systems: Sequence[dict[str, Any]], scores: NDArray[np.float64], clusters: Sequence[list[str]]
) -> dict[str, Any] | None:
    """Give the ranked `systems` their ranks, and say which family wins, if there are two.

    `scores` is (examples, systems), so that a column's mean is the system's average; `clusters` has
    one name an example for each source slot, and resamples are drawn by all of them in turn.
    """
    if not systems or not len(scores):
        return None
    draws = np.concatenate(
        [bootstrap_means(scores, clusters=slot, resamples=_RESAMPLES) for slot in clusters]
    )
    for system, place in zip(systems, ranks(draws), strict=True):
        system |= {"rank_low": place.low, "rank_high": place.high, "p_first": place.p_first}
    means = scores.mean(0)
    members = {
        family: [i for i, s in enumerate(systems) if s["family"] == family] for family in RIVALS
    }
    if not all(members.values()):
        return None
    best = {family: max(found, key=lambda i: means[i]) for family, found in members.items()}
    joint, composite = (draws[:, members[family]].max(1) for family in RIVALS)
    apart = np.round(joint - composite, 9)
    low, high = np.percentile(apart, (2.5, 97.5))
    sure = float(((apart > 0) + 0.5 * (apart == 0)).mean())
    winner = "joint" if low > 0 else "composite" if high < 0 else None
    return {
        "winner": winner,
        "best": {family: systems[i]["name"] for family, i in best.items()},
        "difference_db": float(means[best["joint"]] - means[best["composite"]]),
        "low_db": float(low),
        "high_db": float(high),
        "p_joint": sure,
    }


def decided_tasks(
    by_task: Mapping[str, tuple[Sequence[float], Sequence[list[str]]]],
) -> dict[str, str]:
    """The tasks that one family surely does better, and which: from the differences "joint less
    composite" of each task's examples with their clusters by source slot."""
    p_values: dict[str, float] = {}
    for task, (differences, clusters) in by_task.items():
        if task != Task.OVC.value and differences:
            tests = [paired_permutation_test(differences, clusters=slot) for slot in clusters]
            p_values[task] = max(p for p in tests if p is not None)
    return {
        task: "joint" if sum(by_task[task][0]) > 0 else "composite"
        for task, p in holm(p_values).items()
        if p < _SURE
    }


def weakest_tasks(system: Mapping[str, Any]) -> list[str]:
    """The tasks on which a system gains least, worst first."""
    means = {
        task: found["mean"]
        for task, found in system["tasks"].items()
        if task != Task.OVC.value and found["mean"] is not None
    }
    return sorted(means, key=lambda task: means[task])[:_WEAKEST]
