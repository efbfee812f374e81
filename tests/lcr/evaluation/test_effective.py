"""Effective gains: closed forms, parity with explicit least squares and mir_eval, every edge."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from lcr.evaluation.effective import MEASURES, effective_gains, followed
from lcr.evaluation.metrics import MAX_SNR_DB

Signal = NDArray[np.float64]
SOURCES = np.random.default_rng(0).normal(size=(3, 8000)) * np.array([[1.0], [0.5], [0.2]])
MIXTURE = SOURCES.sum(0)
HALF_DB = 20 * math.log10(0.5)


def gains_of(estimate: Signal, sources: Signal = SOURCES, lag: int = 16) -> list[float | None]:
    return list(effective_gains(estimate=estimate, sources=sources, lag=lag).gains_db)


def explicit(estimate: Signal, sources: Signal, lag: int) -> tuple[list[float], float]:
    """The same with every shift written out as a column."""
    pad = ((0, 0), (lag, lag))
    padded = np.pad(sources, pad)
    columns = np.stack([np.roll(s, k) for s in padded for k in range(-lag, lag + 1)], axis=1)
    target = np.pad(estimate, lag)
    taps = np.linalg.lstsq(columns, target, rcond=None)[0]
    width = 2 * lag + 1
    parts = [columns[:, i : i + width] @ taps[i : i + width] for i in range(0, len(taps), width)]
    levels = [
        10 * math.log10((part @ part) / (s @ s)) for part, s in zip(parts, sources, strict=True)
    ]
    error = target - columns @ taps
    return levels, 10 * math.log10((error @ error) / (target @ target))


def test_the_mixture_has_every_source_as_it_was() -> None:
    found = effective_gains(estimate=MIXTURE, sources=SOURCES)
    assert found.gains_db == pytest.approx([0, 0, 0], abs=1e-9)
    assert found.artefacts.value == pytest.approx(-MAX_SNR_DB)


def test_each_source_has_the_gain_it_was_given() -> None:
    estimate = np.array([2.0, 0.5, 0.01]) @ SOURCES
    assert gains_of(estimate) == pytest.approx([-HALF_DB, HALF_DB, -40], abs=1e-6)


def test_a_sign_and_a_delay_within_the_lag_change_no_gain() -> None:
    quiet = np.pad(SOURCES, ((0, 0), (100, 100)))
    estimate = np.roll(quiet[0], 7) - 0.5 * np.roll(quiet[1], -16)
    found = effective_gains(estimate=estimate, sources=quiet)
    assert found.gains_db == pytest.approx([0, HALF_DB, -MAX_SNR_DB], abs=1e-6)
    assert found.artefacts.value == pytest.approx(-MAX_SNR_DB)


def test_a_filter_has_the_gain_of_what_it_leaves() -> None:
    filtered = np.convolve(np.pad(SOURCES[0], (0, 2)), [0.25, 0.5, 0.25])[:8002]
    sources = np.pad(SOURCES, ((0, 0), (0, 2)))
    level = 10 * math.log10((filtered @ filtered) / (SOURCES[0] @ SOURCES[0]))
    assert gains_of(filtered, sources) == pytest.approx([level, -MAX_SNR_DB, -MAX_SNR_DB], abs=1e-6)


def test_what_no_source_explains_is_artefacts() -> None:
    time = np.arange(16_000) / 16_000
    low, high = np.sin(2 * np.pi * 200 * time), np.sin(2 * np.pi * 3000 * time)
    found = effective_gains(estimate=low + 0.1 * high, sources=low[None])
    assert found.gains_db == pytest.approx([0], abs=0.01)
    assert found.artefacts.value == pytest.approx(-20.04, abs=0.05)


@pytest.mark.parametrize("lag", [0, 3, 16])
def test_agrees_with_explicit_least_squares(lag: int) -> None:
    rng = np.random.default_rng(lag)
    sources = np.cumsum(rng.normal(size=(3, 600)), axis=1)
    sources[1] += 0.7 * sources[0]
    estimate = np.array([1.0, 0.1, -0.5]) @ sources + rng.normal(size=600)
    found = effective_gains(estimate=estimate, sources=sources, lag=lag)
    levels, artefacts = explicit(estimate, sources, lag)
    assert found.gains_db == pytest.approx(levels, abs=1e-4)
    assert found.artefacts.value == pytest.approx(artefacts, abs=1e-4)


def test_artefacts_agree_with_the_sar_of_bss_eval() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        separation = pytest.importorskip("mir_eval.separation")
    rng = np.random.default_rng(5)
    estimate = np.tanh(MIXTURE) + 0.1 * rng.normal(size=8000)
    # Its filters are causal: of an estimate that is late by the lag they span the same shifts.
    late, longer = np.pad(estimate, (16, 0)), np.pad(SOURCES, ((0, 0), (0, 16)))
    parts = separation._bss_decomp_mtifilt(longer, late, 0, 33)
    *_, sar = separation._bss_source_crit(*parts)
    found = effective_gains(estimate=estimate, sources=SOURCES).artefacts.value
    assert found is not None
    # SAR is the explained over the unexplained, artefacts the unexplained over all.
    assert found == pytest.approx(-10 * math.log10(1 + 10 ** (sar / 10)), abs=1e-6)


def test_channels_share_a_gain() -> None:
    stereo = np.stack([SOURCES, 0.3 * SOURCES], axis=1)
    estimate = 2 * stereo[0] + stereo[1]
    found = gains_of(estimate, stereo)
    assert found == pytest.approx([-HALF_DB, 0, -MAX_SNR_DB], abs=1e-6)


def test_silence() -> None:
    sources = SOURCES.copy()
    sources[1] = 0
    assert gains_of(sources[0], sources)[1] is None
    nothing = effective_gains(estimate=0 * MIXTURE, sources=sources)
    assert nothing.gains_db == (-MAX_SNR_DB, None, -MAX_SNR_DB)
    assert nothing.artefacts.reason is not None
    made_up = effective_gains(estimate=MIXTURE, sources=0 * sources)
    assert made_up.gains_db == (None, None, None)
    assert made_up.artefacts.value == 0
    assert gains_of(np.ones(1), np.ones((1, 1))) == pytest.approx([0])


@pytest.mark.parametrize(
    ("estimate", "sources"),
    [
        (MIXTURE[:-1], SOURCES),
        (MIXTURE[None], SOURCES),
        (np.full_like(MIXTURE, np.nan), SOURCES),
        (np.zeros(0), np.zeros((1, 0))),
    ],
)
def test_what_cannot_be_measured_is_refused(estimate: Signal, sources: Signal) -> None:
    with pytest.raises(ValueError, match=r"shape|sample"):
        effective_gains(estimate=estimate, sources=sources)


def measured(estimate: Signal, *gains: float, sources: Signal = SOURCES) -> list[float | None]:
    found = followed(estimate=estimate, sources=sources, gains=gains)
    assert tuple(found.metrics) == MEASURES
    assert {name for name, value in found.metrics.items() if value is None} == {*found.undefined}
    return [None if v is None else round(v, 3) for v in list(found.metrics.values())[:4]]


def test_the_target_follows_its_prompt() -> None:
    gains = np.array([0.0, 1.0, 0.5])
    assert measured(gains @ SOURCES, *gains) == [1, 0, 0, -MAX_SNR_DB]


def test_the_mixture_follows_no_prompt() -> None:
    # Two errors, of 20 dB and of 6, among three sources.
    assert measured(MIXTURE, 0, 1, 0.5) == [0, 8.674, 0, 0]
    assert measured(MIXTURE, 1, 1, 1) == [1, 0, 0, None]


def test_silence_harms_what_was_to_stay() -> None:
    assert measured(0 * MIXTURE, 0, 1, 2) == [0, 15.34, 20, -MAX_SNR_DB]


def test_gone_is_gone_and_near_is_near() -> None:
    wanted = (0.0, 0.5, 2.0)
    assert measured(np.array([0.099, 0.36, 2.8]) @ SOURCES, *wanted)[0] == 1
    assert measured(np.array([0.11, 0.5, 2]) @ SOURCES, *wanted)[0] == 0
    assert measured(np.array([0.11, 0.5, 2]) @ SOURCES, 0.1, 0.5, 2.0)[0] == 1
    assert measured(np.array([0, 0.35, 2]) @ SOURCES, *wanted)[0] == 0


def test_leakage_is_of_all_that_was_to_go() -> None:
    # An extraction of what is not there: all is to go, and a tenth of the loudest is left.
    left = 10 * math.log10(0.01 * (SOURCES[0] @ SOURCES[0]) / np.square(SOURCES).sum())
    assert measured(0.1 * SOURCES[0], 0, 0, 0)[3] == pytest.approx(left, abs=1e-3)


@pytest.mark.parametrize("gain", [0.0, 0.5, 2.0])
def test_leakage_is_all_change_where_nothing_was_to_change(gain: float) -> None:
    sources = SOURCES * np.array([[1.0], [0.0], [1.0]])
    mixture = sources.sum(0)
    assert measured(mixture, 1, gain, 1, sources=sources) == [1, 0, 0, -MAX_SNR_DB]
    assert measured(0.9 * mixture, 1, gain, 1, sources=sources)[3] == pytest.approx(-20)


def test_a_silent_source_is_asked_for_nothing() -> None:
    sources = SOURCES * np.array([[1.0], [0.0], [1.0]])
    assert measured(sources[0], 1, 2, 0, sources=sources) == [1, 0, 0, -MAX_SNR_DB]
    assert measured(MIXTURE, 1, 1, 0, sources=0 * SOURCES) == [None] * 4
