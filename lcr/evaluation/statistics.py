"""How sure a comparison is: intervals, paired tests and win rates over per-mixture differences.

Values are one number a mixture: a score's improvement, or the difference of two systems on the
same mixture. Mixtures that share source clips are not independent, so a caller may give one
cluster id a value; clusters, not values, are then what is resampled or has its sign flipped. With
clusters of one value each that is the usual bootstrap and sign-flip test.

Undefined scores are the caller's to leave out and count: values that are not finite raise
ValueError. What cannot be computed is None with a reason.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

CONFIDENCE = 0.95
EXACT_SIGN_FLIPS = 2**14
"""The sign-flip test goes through all flips when there are no more than this."""

MIN_RESAMPLES = 100
"""Fewer draws can all be alike, which leaves BCa undefined, and bound a p-value from below."""

_BATCH_CELLS = 1_000_000  # resampled values held at once: 8 MB an array
_TIE = 1e-9  # relative; statistics closer than this differ by rounding only

_Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean with its 95 % interval; `reason` says why the bounds, or all, are None."""

    mean: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None = None


def bootstrap_mean(
    values: ArrayLike,
    *,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = 5_000,
    seed: int = 0,
) -> Interval:
    """The mean of `values` (n,) and its BCa bootstrap interval (scipy.stats.bootstrap).

    With `clusters`, whole clusters are drawn with replacement and the mean is that of all values
    drawn; the acceleration is the jackknife over clusters. Values that are all equal, or clusters
    that all have one mean, give an interval of width zero; one cluster gives no bounds; no values
    give no mean. Same arguments, same result.
    Raises ValueError on values that are not finite or not (n,), clusters of another length, or
    fewer than `MIN_RESAMPLES` resamples.
    """
    if resamples < MIN_RESAMPLES:
        raise ValueError(f"resamples must be at least {MIN_RESAMPLES}; got {resamples}")
    sums, counts = _clustered(values, clusters)
    n, k = int(counts.sum()), len(sums)

    if n == 0:
        return Interval(mean=None, low=None, high=None, n=0, reason="no values")
    mean = float(sums.sum() / n)
    if k == 1:
        reason = "one value" if n == 1 else "one cluster"
        return Interval(mean=mean, low=None, high=None, n=n, reason=reason)
    if np.all(np.abs(sums / counts - mean) <= _TIE * np.abs(sums / counts).max()):
        return Interval(mean=mean, low=mean, high=mean, n=n)
    scale = float(np.abs(sums).max())  # BCa cubes deviations: keep them from underflowing
    found = stats.bootstrap(
        (sums / scale, counts),
        _ratio,
        paired=True,  # a cluster's sum goes with its count, so what is drawn is clusters
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, _BATCH_CELLS // k),
        confidence_level=CONFIDENCE,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(mean=mean, low=scale * float(found.low), high=scale * float(found.high), n=n)


def bootstrap_means(
    values: ArrayLike, *, clusters: Sequence[Hashable], resamples: int = 5_000, seed: int = 0
) -> NDArray[np.float64]:
    """Means (resamples, systems) of `values` (mixtures, systems) over resampled mixtures, the same
    ones for all systems; whole clusters are drawn. Raises ValueError as `bootstrap_mean` does."""
    found = np.asarray(values, np.float64)
    columns = [_clustered(column, clusters) for column in found.T]
    sums, counts = np.stack([column[0] for column in columns], 1), columns[0][1]
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=resamples)
    means: NDArray[np.float64] = (drawn @ sums) / (drawn @ counts)[:, None]
    return means


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """Of one system among others, 1 for the highest mean: the ranks that it has in the middle
    95 % of the resamples, and how often it is first (ties share)."""

    low: int
    high: int
    p_first: float


def ranks(means: NDArray[np.float64]) -> tuple[Ranks, ...]:
    """The ranks of systems from `bootstrap_means` (resamples, systems)."""
    places = stats.rankdata(-np.round(means, 9), method="min", axis=1)
    first = places == 1
    shares = (first / first.sum(1, keepdims=True)).mean(0)
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(places, (tail, 100 - tail), axis=0, method="nearest")
    return tuple(
        Ranks(low=int(a), high=int(b), p_first=float(p))
        for a, b, p in zip(low, high, shares, strict=True)
    )


def paired_permutation_test(
    differences: ArrayLike,
    *,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = 9_999,
    seed: int = 0,
) -> float | None:
    """The p-value of "the mean of `differences` (n,) is zero", by flipping the signs of whole
    clusters; None without any.

    Two-sided on |mean|. All 2^clusters flips are tried when that is at most `EXACT_SIGN_FLIPS`;
    otherwise `resamples` random ones, with p = (1 + as extreme) / (1 + resamples), never 0. All
    differences zero give p = 1. Raises ValueError as `bootstrap_mean` does.
    """
    if resamples < MIN_RESAMPLES:
        raise ValueError(f"resamples must be at least {MIN_RESAMPLES}; got {resamples}")
    sums, _ = _clustered(differences, clusters)
    k, scale = len(sums), float(np.abs(sums).sum())
    if k < 2 or scale == 0:
        return 1.0 if k else None
    found = stats.permutation_test(
        (sums / scale,),
        lambda x, axis: np.abs(x.sum(axis)).round(9),  # ties differ by rounding only
        permutation_type="samples",
        vectorized=True,
        alternative="greater",
        n_resamples=np.inf if 2**k <= EXACT_SIGN_FLIPS else resamples,
        batch=max(1, _BATCH_CELLS // k),
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def win_rate(differences: ArrayLike) -> Interval:
    """The share of `differences` (n,) above zero, a zero counting half; see `_wilson`.

    Raises ValueError on values that are not finite or not (n,).
    """
    found = _finite(differences)
    return _wilson(float((found > 0).sum() + (found == 0).sum() / 2), len(found))


def share_improved(improvements: ArrayLike) -> Interval:
    """The share of `improvements` (n,) strictly above zero; see `_wilson`.

    Raises ValueError on values that are not finite or not (n,).
    """
    found = _finite(improvements)
    return _wilson(float((found > 0).sum()), len(found))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjusted p-values, under the same names in the same order.

    Rejecting where they are at most q keeps the chance of any false rejection at most q.
    Raises ValueError on a p-value outside [0, 1].
    """
    for name, p_value in p_values.items():
        if not 0.0 <= p_value <= 1.0:
            raise ValueError(f"the p-value of {name!r} must be in [0, 1]; got {p_value}")
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


def _ratio(sums: _Floats, counts: _Floats, axis: int = -1) -> Any:  # noqa: ANN401 - scipy's
    return sums.sum(axis=axis) / counts.sum(axis=axis)


def _finite(values: ArrayLike) -> _Floats:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1:
        raise ValueError(f"values must be one number a mixture, (n,); got shape {found.shape}")
    bad = int(np.count_nonzero(~np.isfinite(found)))
    if bad:
        raise ValueError(f"{bad} of {len(found)} values are NaN or infinite; leave them out first")
    return found


def _clustered(values: ArrayLike, clusters: Sequence[Hashable] | None) -> tuple[_Floats, _Floats]:
    """Each cluster's sum and size, in order of first appearance."""
    found = _finite(values)
    if clusters is None:
        return found, np.ones(len(found))
    if len(clusters) != len(found):
        raise ValueError(f"{len(clusters)} cluster ids for {len(found)} values; give one a value")
    numbers: dict[Hashable, int] = {}
    index = np.array([numbers.setdefault(c, len(numbers)) for c in clusters], dtype=np.intp)
    sums: _Floats = np.bincount(index, weights=found, minlength=len(numbers)).astype(np.float64)
    return sums, np.bincount(index, minlength=len(numbers)).astype(np.float64)


def _wilson(successes: float, n: int) -> Interval:
    """A share with its Wilson score interval, which takes the values as independent."""
    if n == 0:
        return Interval(mean=None, low=None, high=None, n=0, reason="no values")
    z = float(stats.norm.ppf(0.5 + CONFIDENCE / 2))
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(mean=share, low=max(0.0, centre - half), high=min(1.0, centre + half), n=n)
