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
    ordered = known = 0
    for item in key["items"]:
        ids = {name: sound for sound, name in item["stimuli"].items()}
        if "reference" not in ids:  # a recording whose target nobody knows
            continue
        known += 1
        high, low = scores[ids["reference"]], scores[ids["anchor"]]
        ordered += high.faithfulness + high.quality >= low.faithfulness + low.quality
    if ordered < MIN_ORDERED * known:
        return f"reference below anchor on {known - ordered} of {known}"
    return None


def mean_opinion(
    scores: ArrayLike,
    *,
    items: Sequence[str],
    raters: Sequence[str],
    confidence: float = 0.95,
    bounds: tuple[float, float] = (1.0, 5.0),
) -> Opinion:
    """The mean of `scores` (n,) and an interval that takes items and raters as drawn at random.

    The variance is that of the mean with ratings of one item, and of one rater, correlated in any
    way (Cameron, Gelbach and Miller 2011), each part with its few-clusters factor; it is never
    taken below the larger one-way part. Student's t has the smaller count of clusters less one as
    degrees of freedom; the interval ends at `bounds`. Raises ValueError without scores
    or on lengths that differ.
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
        low=max(bounds[0], mean - half),
        high=min(bounds[1], mean + half),
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


@dataclass(frozen=True)
class Answer:
    """What one rater thought of one system's sound of one item, by scale."""

    system: str
    group: str
    item: str
    rater: str
    scores: Mapping[str, float]


def answers(results: Sequence[Result], key: Mapping[str, Any]) -> list[Answer]:
    """All that the raters of a survey said, attention checks apart."""
    found = []
    for result in results:
        scores = {r.stimulus: r for r in result.ratings}
        for item in key["items"]:
            for sound, name in item["stimuli"].items():
                told = {scale: float(getattr(scores[sound], scale)) for scale in SCALES}
                found.append(Answer(name, item["group"], item["id"], result.rater, told))
    return found


def opinions(given: Sequence[Answer]) -> dict[str, dict[str, dict[str, Opinion]]]:
    """Compute the mean opinion of each system (reference and anchor too), group of tasks (and
    `ALL`) and scale."""
    found: dict[tuple[str, str], list[Answer]] = {}
    for one in given:
        for group in (one.group, ALL):
            found.setdefault((one.system, group), []).append(one)
    table: dict[str, dict[str, dict[str, Opinion]]] = {}
    for (name, group), some in found.items():
        items, raters = [one.item for one in some], [one.rater for one in some]
        table.setdefault(name, {})[group] = {
            scale: mean_opinion([one.scores[scale] for one in some], items=items, raters=raters)
            for scale in SCALES
        }
    return table


def preference(given: Sequence[Answer], system: str, other: str) -> dict[str, Opinion]:
    """By how much `system` is rated above `other`, by scale, where a rater heard both of an item:
    a paired test, for it is significant where the interval leaves out 0. {} where nobody did."""
    rated = {(one.system, one.item, one.rater): one.scores for one in given}
    both = [(i, r) for name, i, r in rated if name == system and (other, i, r) in rated]
    if not both:
        return {}
    items, raters = zip(*both, strict=True)
    return {
        scale: mean_opinion(
            [rated[system, i, r][scale] - rated[other, i, r][scale] for i, r in both],
            items=items,
            raters=raters,
            bounds=(-4.0, 4.0),
        )
        for scale in SCALES
    }
