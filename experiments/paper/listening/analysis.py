"""MOS with intervals clustered by item and by rater, after raters were screened."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from experiments.paper.listening.results import SCALES, Result

MAX_UNHEARD = 0.1
"""A rater who started fewer sounds than all but this share is left out."""
MIN_ORDERED = 0.75
"""On at least this share of items the hidden reference must not score below the low anchor."""
ALL = "All"


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """A mean opinion score and its interval; `reason` says why there are no bounds."""

    mean: float
    low: float | None
    high: float | None
    n: int
    n_items: int
    n_raters: int
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Screened:
    """Raters whose answers count, and why others' do not."""

    kept: tuple[Result, ...]
    left_out: Mapping[str, str]


def screen(results: Sequence[Result], key: Mapping[str, Any]) -> Screened:
    """Leave out raters who failed an attention check, did not listen, or rated upside down."""
    kept: list[Result] = []
    left_out: dict[str, str] = {}
    for result in results:
        reason = _fault(result, key)
        if reason is None:
            kept.append(result)
        else:
            left_out[result.rater] = reason
    return Screened(kept=tuple(kept), left_out=left_out)


def _fault(result: Result, key: Mapping[str, Any]) -> str | None:
    scores = {r.stimulus: r for r in result.ratings}
    for sound, count in key["checks"].items():
        if (scores[sound].faithfulness, scores[sound].quality) != (count, count):
            return "attention check: another number of beeps"
    unheard = sum(r.plays == 0 for r in result.ratings)
    if unheard > MAX_UNHEARD * len(result.ratings):
        return f"{unheard} of {len(result.ratings)} sounds rated without being started"
    ordered = 0
    for item in key["items"]:
        ids = {name: sound for sound, name in item["stimuli"].items()}
        high, low = scores[ids["reference"]], scores[ids["anchor"]]
        ordered += high.faithfulness + high.quality >= low.faithfulness + low.quality
    if ordered < MIN_ORDERED * len(key["items"]):
        return f"reference below anchor on {len(key['items']) - ordered} of {len(key['items'])}"
    return None


def mean_opinion(
    scores: ArrayLike, *, items: Sequence[str], raters: Sequence[str], confidence: float = 0.95
) -> Opinion:
    """The mean of `scores` (n,) and an interval that takes items and raters as drawn at random.

    The variance is that of the mean with ratings of one item, and of one rater, correlated in any
    way (Cameron, Gelbach and Miller 2011), each part with its few-clusters factor; it is never
    taken below the larger one-way part. Student's t has the smaller count of clusters less one as
    degrees of freedom; bounds end at 1 and 5. Raises ValueError without scores or on lengths that
    differ.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not len(values) == len(items) == len(raters):
        raise ValueError("give one item and one rater for each of one or more scores")
    mean = float(values.mean())
    n_items, n_raters = len(set(items)), len(set(raters))
    fewest = min(n_items, n_raters)
    if fewest < 2:
        reason = "one item" if n_items < 2 else "one rater"
        return Opinion(
            mean=mean,
            low=None,
            high=None,
            n=len(values),
            n_items=n_items,
            n_raters=n_raters,
            reason=reason,
        )
    rest = values - mean
    by_item, by_rater = _variance(rest, items), _variance(rest, raters)
    both = _variance(rest, [f"{i}\n{r}" for i, r in zip(items, raters, strict=True)])
    variance = max(by_item + by_rater - both, by_item, by_rater)
    half = float(stats.t.ppf(0.5 + confidence / 2, fewest - 1)) * math.sqrt(variance)
    return Opinion(
        mean=mean,
        low=max(1.0, mean - half),
        high=min(5.0, mean + half),
        n=len(values),
        n_items=n_items,
        n_raters=n_raters,
    )


def _variance(rest: np.ndarray[Any, np.dtype[np.float64]], clusters: Sequence[str]) -> float:
    """Variance of the mean from the clusters' sums of deviations."""
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.bincount(index, weights=rest)
    k = len(sums)
    return float(k / (k - 1) * np.sum(sums**2) / len(rest) ** 2) if k > 1 else 0.0


def opinions(
    results: Sequence[Result], key: Mapping[str, Any]
) -> dict[str, dict[str, dict[str, Opinion]]]:
    """Compute the mean opinion of each system (reference and anchor too), group of tasks (and
    `ALL`) and scale."""
    found: dict[tuple[str, str, str], list[tuple[float, str, str]]] = {}
    for result in results:
        scores = {r.stimulus: r for r in result.ratings}
        for item in key["items"]:
            for sound, name in item["stimuli"].items():
                for scale in SCALES:
                    row = float(getattr(scores[sound], scale)), item["id"], result.rater
                    for group in (item["group"], ALL):
                        found.setdefault((name, group, scale), []).append(row)
    table: dict[str, dict[str, dict[str, Opinion]]] = {}
    for (name, group, scale), rows in found.items():
        values, items, raters = zip(*rows, strict=True)
        opinion = mean_opinion(values, items=items, raters=raters)
        table.setdefault(name, {}).setdefault(group, {})[scale] = opinion
    return table
