"""Intervals and tests: closed forms, parity with scipy, coverage, and degenerate input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from lcr.evaluation.statistics import (
    MIN_RESAMPLES,
    bootstrap_mean,
    holm,
    paired_permutation_test,
    share_improved,
    win_rate,
)

Floats = NDArray[np.float64]


def skewed(n: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).exponential(2.0, size=n) - 1.0


def clustered(rng: np.random.Generator, *, clusters: int, size: int) -> tuple[Floats, list[int]]:
    """Values of mean 0 whose clusters differ more than what is inside them."""
    values = rng.normal(0, 1, size=(clusters, 1)) + rng.normal(0, 0.5, size=(clusters, size))
    return values.ravel(), [c for c in range(clusters) for _ in range(size)]


# --- bootstrap


def test_bootstrap_agrees_with_scipy() -> None:
    values = skewed(60)
    found = bootstrap_mean(values, resamples=2000, seed=3)
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        vectorized=True,
        confidence_level=0.95,
        n_resamples=2000,
        method="BCa",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert found.n == 60


def test_clusters_of_one_change_nothing() -> None:
    values = skewed(40)
    assert bootstrap_mean(values, clusters=[f"clip{i}" for i in range(40)]) == bootstrap_mean(
        values
    )


def test_copies_in_a_cluster_add_no_certainty() -> None:
    """Every value five times, clustered: the interval of the values taken once."""
    values = skewed(40)
    once = bootstrap_mean(values)
    copied = bootstrap_mean(np.repeat(values, 5), clusters=[i // 5 for i in range(200)])
    assert copied.n == 200
    assert copied.low == pytest.approx(once.low)
    assert copied.high == pytest.approx(once.high)
    unclustered = bootstrap_mean(np.repeat(values, 5))
    assert unclustered.high is not None
    assert unclustered.low is not None
    assert copied.high is not None
    assert copied.low is not None
    assert unclustered.high - unclustered.low < 0.6 * (copied.high - copied.low)


def test_clustered_acceleration_is_the_jackknife_over_clusters() -> None:
    """BCa by hand from the same draws, with clusters of unequal size."""
    rng = np.random.default_rng(5)
    ids = rng.integers(0, 12, size=50).tolist()
    values = rng.exponential(1.0, size=50) + np.array(ids) / 6
    order = list(dict.fromkeys(ids))
    sums = np.array([values[[i == c for i in ids]].sum() for c in order])
    counts = np.array([ids.count(c) for c in order])
    draws = np.random.default_rng(1).integers(0, len(order), size=(3000, len(order)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    left_out = (sums.sum() - sums) / (counts.sum() - counts)
    deviation = left_out.mean() - left_out
    acceleration = (deviation**3).sum() / (6 * (deviation**2).sum() ** 1.5)
    bias = stats.norm.ppf(np.mean(means < values.mean()))
    z = bias + stats.norm.ppf([0.025, 0.975])
    expected = np.quantile(means, stats.norm.cdf(bias + z / (1 - acceleration * z)))
    found = bootstrap_mean(values, clusters=ids, resamples=3000, seed=1)
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=2e-3)


def test_coverage_with_clusters() -> None:
    """About 95 in 100 intervals hold the true mean; without clusters far fewer do."""
    rng = np.random.default_rng(0)
    holds = {"clustered": 0, "ignored": 0}
    runs = 150
    for seed in range(runs):
        values, ids = clustered(rng, clusters=25, size=6)
        for name, clusters in (("clustered", ids), ("ignored", None)):
            found = bootstrap_mean(values, clusters=clusters, resamples=400, seed=seed)
            assert found.low is not None
            assert found.high is not None
            holds[name] += found.low <= 0.0 <= found.high
    # A binomial(150, 0.95) is between 0.88 and 1 but for one time in a thousand.
    assert 0.88 <= holds["clustered"] / runs <= 1.0
    assert holds["ignored"] / runs < 0.75


def test_same_seed_same_interval_and_another_seed_another() -> None:
    values = skewed(30)
    assert bootstrap_mean(values, seed=1) == bootstrap_mean(values, seed=1)
    assert bootstrap_mean(values, seed=1) != bootstrap_mean(values, seed=2)


def test_many_values_are_drawn_in_batches_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = skewed(50)
    whole = bootstrap_mean(values, resamples=200)
    p_whole = paired_permutation_test(values, resamples=200)
    monkeypatch.setattr("lcr.evaluation.statistics._BATCH_CELLS", 150)
    assert bootstrap_mean(values, resamples=200) == whole
    assert paired_permutation_test(values, resamples=200) == p_whole


def test_bootstrap_of_nothing() -> None:
    found = bootstrap_mean([])
    assert (found.mean, found.low, found.high, found.reason) == (None, None, None, "no values")
    assert found.n == 0


@pytest.mark.parametrize(
    ("values", "clusters", "reason"),
    [([2.0], None, "one value"), ([1.0, 3.0], ["a", "a"], "one cluster")],
)
def test_bootstrap_of_one_cluster_has_no_bounds(
    values: list[float], clusters: list[str] | None, reason: str
) -> None:
    found = bootstrap_mean(values, clusters=clusters)
    assert (found.mean, found.low, found.high, found.reason) == (2.0, None, None, reason)


@pytest.mark.parametrize(
    ("values", "clusters"),
    [([0.0] * 5, None), ([0.1] * 7, None), ([1.0, 2.0, 2.0, 1.0], ["a", "a", "b", "b"])],
)
def test_values_all_alike_have_an_interval_of_no_width(
    values: list[float], clusters: list[str] | None
) -> None:
    found = bootstrap_mean(values, clusters=clusters)
    assert found.mean == found.low == found.high == pytest.approx(np.mean(values))
    assert found.reason is None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-3, 3), min_size=2, max_size=8).filter(lambda v: len(set(v)) > 1),
    st.integers(-150, 150),
)
def test_an_interval_is_finite_and_inside_the_values(values: list[int], power: int) -> None:
    scaled = np.array(values) * 10.0**power
    found = bootstrap_mean(scaled, resamples=MIN_RESAMPLES)
    assert found.low is not None
    assert found.high is not None
    slack = 1e-9 * float(np.abs(scaled).max())
    assert scaled.min() - slack <= found.low <= found.high <= scaled.max() + slack


# --- sign flips


@pytest.mark.parametrize("n", [3, 8, 12])
def test_exact_test_agrees_with_scipy(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.5, 1.0, size=n)
    theirs = stats.permutation_test(
        (differences,),
        lambda x: np.abs(np.mean(x)),
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
    )
    found = paired_permutation_test(differences)
    assert found == pytest.approx(theirs.pvalue)


def test_exact_p_value_in_closed_form() -> None:
    """Only all plus and all minus are as extreme: 2 of 2^5."""
    assert paired_permutation_test([1.0, 2.0, 3.0, 4.0, 5.0]) == 2 / 32
    assert paired_permutation_test([0.1, 0.1, -0.1]) == 1.0


def test_clusters_flip_together() -> None:
    found = paired_permutation_test([1.0, 2.0, 3.0, 4.0], clusters=["a", "a", "b", "b"])
    assert found == 0.5


def test_random_flips_agree_with_scipy_and_are_never_zero() -> None:
    differences = np.random.default_rng(0).normal(0.25, 1.0, size=50)
    theirs = stats.permutation_test(
        (differences,),
        lambda x, axis: np.abs(np.mean(x, axis=axis)),
        vectorized=True,
        permutation_type="samples",
        alternative="greater",
        n_resamples=9999,
        rng=np.random.default_rng(1),
    )
    found = paired_permutation_test(differences)
    # Two Monte-Carlo estimates of one p near 0.07: standard errors 0.0026 each.
    assert found == pytest.approx(theirs.pvalue, abs=0.012)
    certain = paired_permutation_test(np.ones(50), resamples=999)
    assert certain == 1 / 1000


def test_p_values_are_uniform_when_nothing_differs() -> None:
    rng = np.random.default_rng(0)
    rejected = 0
    runs = 300
    for _ in range(runs):
        values, ids = clustered(rng, clusters=8, size=3)
        p_value = paired_permutation_test(values, clusters=ids)
        assert p_value is not None
        rejected += p_value <= 0.1
    assert 0.05 <= rejected / runs <= 0.16


@pytest.mark.parametrize(
    ("differences", "p_value"), [([0.0, 0.0, 0.0], 1.0), ([5.0], 1.0), ([0.0] * 30, 1.0)]
)
def test_degenerate_differences(differences: list[float], p_value: float) -> None:
    assert paired_permutation_test(differences) == p_value


def test_no_differences_have_no_p_value() -> None:
    assert paired_permutation_test([]) is None


# --- shares


def test_win_rate_counts_ties_half() -> None:
    found = win_rate([1.0, 2.0, -1.0, 0.0])
    assert (found.mean, found.n) == (0.625, 4)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (10, 10), (7, 20), (85, 100)])
def test_wilson_interval_agrees_with_scipy(successes: int, n: int) -> None:
    found = share_improved([1.0] * successes + [-1.0] * (n - successes))
    theirs = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert found.mean == successes / n
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


def test_only_gains_above_zero_count_as_improved() -> None:
    assert share_improved([0.0, 1e-12, -1.0, 2.0]).mean == 0.5


def test_shares_of_nothing() -> None:
    for found in (win_rate([]), share_improved([])):
        assert (found.mean, found.low, found.high, found.n) == (None, None, None, 0)
        assert found.reason == "no values"


# --- Holm


def test_holm_in_closed_form() -> None:
    """4 tests: 0.005*4, 0.01*3, then max(0.03*2, ...), max(0.04*1, 0.06)."""
    found = holm({"c": 0.03, "a": 0.005, "d": 0.04, "b": 0.01})
    assert list(found) == ["c", "a", "d", "b"]
    assert found == pytest.approx({"a": 0.02, "b": 0.03, "c": 0.06, "d": 0.06})


def test_holm_is_never_above_one_and_takes_nothing() -> None:
    assert holm({"a": 0.6, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_keeps_the_order_and_only_raises(p_values: list[float]) -> None:
    named = {str(i): p for i, p in enumerate(p_values)}
    found = holm(named)
    assert all(named[k] <= found[k] <= min(1.0, len(named) * named[k]) + 1e-12 for k in named)
    by_raw = sorted(named, key=lambda k: named[k])
    assert [found[k] for k in by_raw] == sorted(found.values())


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan])
def test_holm_refuses_what_is_no_p_value(bad: float) -> None:
    with pytest.raises(ValueError, match=r"'a' must be in \[0, 1\]"):
        holm({"a": bad})


# --- refusals


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    for function in (bootstrap_mean, paired_permutation_test, win_rate, share_improved):
        with pytest.raises(ValueError, match="1 of 2 values are NaN or infinite"):
            function([1.0, bad])


def test_values_must_be_one_row_and_clusters_as_many() -> None:
    for function in (bootstrap_mean, paired_permutation_test, win_rate, share_improved):
        with pytest.raises(ValueError, match=r"got shape \(1, 2\)"):
            function([[1.0, 2.0]])
    for test in (bootstrap_mean, paired_permutation_test):
        with pytest.raises(ValueError, match="3 cluster ids for 2 values"):
            test([1.0, 2.0], clusters=["a", "b", "c"])


def test_too_few_resamples_are_refused() -> None:
    for test in (bootstrap_mean, paired_permutation_test):
        with pytest.raises(ValueError, match="at least 100; got 99"):
            test([1.0, 2.0], resamples=99)
