"""SNR and SI-SDR: closed forms, parity with three libraries, and every undefined case."""

from __future__ import annotations

import math
import warnings
from typing import Any, TypedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from lcr.evaluation import metrics
from lcr.evaluation.metrics import (
    MAX_SNR_DB,
    Score,
    score,
    si_sdr_db,
    si_sdr_improvement_db,
    snr_db,
    snr_improvement_db,
)

Signal = NDArray[np.float64]


class Pair(TypedDict):
    estimate: Signal
    reference: Signal


PARITY_DB = 1e-9
"""Tolerance in float64: the same formula, sums taken in another order."""
PARITY_ASTEROID_DB = 1e-5
"""asteroid adds 1e-8 to the ratio (its EPS argument is not used): 4.4e-6 dB at -20 dB."""
PARITY_FLOAT32_DB = 2e-3
"""Tolerance where the other library works in float32."""

TIME = np.arange(1600) / 1600
SINE = np.sin(2 * np.pi * 50 * TIME)
COSINE = np.cos(2 * np.pi * 50 * TIME)
"""Orthogonal to SINE and of the same energy, for they hold whole periods."""
SILENCE = np.zeros(1600)


def value(found: Score) -> float:
    assert found.value is not None, found.reason
    return found.value


def noisy(seed: int, *, error_level: float, shape: tuple[int, ...] = (4000,)) -> list[Signal]:
    """Reference and estimate, the estimate scaled and with an offset so that both matter."""
    rng = np.random.default_rng(seed)
    reference = rng.normal(size=shape)
    return [reference, 0.8 * reference + error_level * rng.normal(size=shape) + 0.05]


# --- closed forms


@pytest.mark.parametrize(("gain", "expected_db"), [(0.5, 6.0206), (2.0, 0.0), (0.9, 20.0)])
def test_snr_of_a_scaled_copy_is_set_by_its_level_error(gain: float, expected_db: float) -> None:
    assert value(snr_db(estimate=gain * SINE, reference=SINE)) == pytest.approx(
        expected_db, abs=1e-4
    )


@pytest.mark.parametrize("level", [0.01, 0.1, 1.0, 3.0])
def test_orthogonal_error_gives_its_level_in_both_measures(level: float) -> None:
    expected_db = -20 * math.log10(level)
    estimate = SINE + level * COSINE
    assert value(snr_db(estimate=estimate, reference=SINE)) == pytest.approx(expected_db)
    assert value(si_sdr_db(estimate=estimate, reference=SINE)) == pytest.approx(expected_db)


def test_si_sdr_ignores_scale_and_sign_but_snr_does_not() -> None:
    estimate = -0.25 * (SINE + 0.1 * COSINE)
    assert value(si_sdr_db(estimate=estimate, reference=SINE)) == pytest.approx(20.0)
    assert value(snr_db(estimate=estimate, reference=SINE)) < 0


def test_orthogonal_estimate_has_the_lowest_si_sdr() -> None:
    assert si_sdr_db(estimate=COSINE, reference=SINE) == Score(-MAX_SNR_DB)


def test_snr_improvement_is_the_difference_of_the_two_snrs() -> None:
    found = snr_improvement_db(estimate=SINE + 0.1 * COSINE, reference=SINE, mixture=SINE + COSINE)
    assert value(found) == pytest.approx(20.0)


def test_si_sdr_improvement_is_the_difference_of_the_two() -> None:
    found = si_sdr_improvement_db(
        estimate=3 * (SINE + 0.1 * COSINE), reference=SINE, mixture=SINE + 10 * COSINE
    )
    assert value(found) == pytest.approx(40.0)


def test_wrong_level_costs_snr_improvement() -> None:
    clean_but_halved = 0.5 * SINE
    right_level = snr_improvement_db(estimate=SINE, reference=SINE, mixture=SINE + COSINE)
    wrong_level = snr_improvement_db(
        estimate=clean_but_halved, reference=SINE, mixture=SINE + COSINE
    )
    assert value(right_level) == pytest.approx(MAX_SNR_DB)
    assert value(wrong_level) == pytest.approx(6.0206, abs=1e-4)


# --- channels and means


def test_energy_is_summed_over_channels() -> None:
    reference = np.stack([SINE, 0 * SINE])
    estimate = np.stack([SINE, 0.1 * SINE])
    assert value(snr_db(estimate=estimate, reference=reference)) == pytest.approx(20.0)


def test_one_scale_for_all_channels() -> None:
    reference = np.stack([SINE, SINE])
    balanced, unbalanced = 0.5 * reference, np.stack([SINE, 0.5 * SINE])
    assert si_sdr_db(estimate=balanced, reference=reference) == Score(MAX_SNR_DB)
    # <e,r>/|r|^2 = 3/4, so each channel is a quarter off: (2 * 9/16) / (2 * 1/16) = 9
    assert value(si_sdr_db(estimate=unbalanced, reference=reference)) == pytest.approx(
        10 * math.log10(9)
    )


def test_mono_with_and_without_a_channel_axis_agree() -> None:
    reference, estimate = noisy(0, error_level=0.3)
    for measure in (snr_db, si_sdr_db):
        assert measure(estimate=estimate[None], reference=reference[None]) == measure(
            estimate=estimate, reference=reference
        )


def test_an_offset_is_an_error() -> None:
    offset = SINE + 1.0
    assert value(si_sdr_db(estimate=offset, reference=SINE)) == pytest.approx(10 * math.log10(0.5))


# --- the ceiling, silence, one sample


def test_exact_estimate_scores_the_ceiling() -> None:
    assert snr_db(estimate=SINE, reference=SINE) == Score(MAX_SNR_DB)
    assert si_sdr_db(estimate=SINE, reference=SINE) == Score(MAX_SNR_DB)


@pytest.mark.parametrize(("error", "expected_db"), [(1e-4, 80.0), (1e-5, 100.0), (1e-6, 100.0)])
def test_scores_stop_at_the_ceiling(error: float, expected_db: float) -> None:
    estimate = SINE + error * COSINE
    assert value(snr_db(estimate=estimate, reference=SINE)) == pytest.approx(expected_db)
    assert value(si_sdr_db(estimate=estimate, reference=SINE)) == pytest.approx(expected_db)


def test_silent_reference_leaves_every_score_undefined() -> None:
    found = score(estimate=SINE, reference=SILENCE, mixture=COSINE)
    assert set(found.metrics.values()) == set(found.input_metrics.values()) == {None}
    assert len(found.undefined) == 6
    assert set(found.undefined.values()) == {metrics.SILENT_REFERENCE}


def test_silent_estimate_scores_zero_snr_and_no_si_sdr() -> None:
    assert snr_db(estimate=SILENCE, reference=SINE) == Score(0.0)
    assert si_sdr_db(estimate=SILENCE, reference=SINE) == Score(None, metrics.SILENT_ESTIMATE)


def test_silent_mixture_has_no_si_sdr_improvement() -> None:
    found = score(estimate=SINE + COSINE, reference=SINE, mixture=SILENCE)
    assert found.input_metrics["snr_db"] == 0.0
    assert found.metrics["snr_improvement_db"] == found.metrics["snr_db"]
    assert found.undefined == {
        "si_sdr_improvement_db": metrics.SILENT_MIXTURE,
        "input_si_sdr_db": metrics.SILENT_MIXTURE,
    }


def test_nothing_to_improve_when_the_mixture_is_the_reference() -> None:
    found = score(estimate=SINE + COSINE, reference=SINE, mixture=SINE)
    assert found.metrics["snr_db"] is not None
    assert found.undefined == {
        "snr_improvement_db": metrics.PERFECT_MIXTURE,
        "si_sdr_improvement_db": metrics.SCALED_MIXTURE,
    }


def test_changing_the_overall_volume_has_snr_but_no_si_sdr_improvement() -> None:
    found = score(estimate=1.9 * SINE, reference=2 * SINE, mixture=SINE)
    assert found.metrics["snr_improvement_db"] == pytest.approx(20 * math.log10(10))
    assert found.undefined == {"si_sdr_improvement_db": metrics.SCALED_MIXTURE}


def test_one_sample() -> None:
    one, half = np.array([1.0]), np.array([0.5])
    assert value(snr_db(estimate=half, reference=one)) == pytest.approx(6.0206, abs=1e-4)
    assert si_sdr_db(estimate=half, reference=one) == Score(MAX_SNR_DB)


def test_the_faintest_float32_is_not_silence() -> None:
    faint = np.full(4, np.float32(1e-45))
    assert snr_db(estimate=faint, reference=faint) == Score(MAX_SNR_DB)
    assert snr_db(estimate=0 * faint, reference=faint) == Score(0.0)


def test_the_loudest_float32_does_not_overflow() -> None:
    loud = np.full(1000, np.finfo(np.float32).max)
    assert value(snr_db(estimate=-loud, reference=loud)) == pytest.approx(-6.0206, abs=1e-4)
    assert math.isfinite(value(snr_db(estimate=loud, reference=np.full(1000, 1e-40))))


# --- refusals


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("where", ["estimate", "reference", "mixture"])
def test_samples_that_are_not_finite_are_refused(bad: float, where: str) -> None:
    signals = {"estimate": SINE.copy(), "reference": COSINE.copy(), "mixture": SINE + COSINE}
    signals[where][3] = bad
    with pytest.raises(ValueError, match=rf"{where} has 1 samples that are NaN"):
        score(**signals)


@pytest.mark.parametrize(
    ("estimate", "reference"),
    [
        (np.ones(4), np.ones(5)),
        (np.ones((1, 4)), np.ones(4)),
        (np.ones((2, 4)), np.ones((1, 4))),
        (np.ones((4, 1)), np.ones((1, 4))),
    ],
)
def test_shapes_must_agree(estimate: Signal, reference: Signal) -> None:
    for measure in (snr_db, si_sdr_db):
        with pytest.raises(ValueError, match=r"one shape; got estimate \(.*reference \("):
            measure(estimate=estimate, reference=reference)
    with pytest.raises(ValueError, match="one shape"):
        score(estimate=reference, reference=reference, mixture=estimate)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (0, 4), (1, 1, 4)])
def test_shapes_must_be_signals(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must be \(samples,\) or \(channels, samples\)"):
        snr_db(estimate=np.ones(shape), reference=np.ones(shape))


@pytest.mark.parametrize("dtype", [np.complex128, bool, "U1"])
def test_samples_must_be_real_numbers(dtype: type | str) -> None:
    with pytest.raises(ValueError, match="real numbers"):
        snr_db(estimate=np.ones(4).astype(dtype), reference=np.ones(4))


@pytest.mark.parametrize(("number", "reason"), [(None, None), (1.0, "both")])
def test_a_score_is_a_value_or_a_reason(number: float | None, reason: str | None) -> None:
    with pytest.raises(ValueError, match="either"):
        Score(number, reason)


# --- the bundle


def test_the_bundle_agrees_with_the_single_functions() -> None:
    reference, estimate = noisy(1, error_level=0.3, shape=(2, 500))
    mixture = reference + np.random.default_rng(2).normal(size=(2, 500))
    found = score(estimate=estimate, reference=reference, mixture=mixture)
    pair: Pair = {"estimate": estimate, "reference": reference}
    assert found.metrics == {
        "snr_db": snr_db(**pair).value,
        "snr_improvement_db": snr_improvement_db(**pair, mixture=mixture).value,
        "si_sdr_db": si_sdr_db(**pair).value,
        "si_sdr_improvement_db": si_sdr_improvement_db(**pair, mixture=mixture).value,
    }
    assert found.input_metrics == {
        "snr_db": snr_db(estimate=mixture, reference=reference).value,
        "si_sdr_db": si_sdr_db(estimate=mixture, reference=reference).value,
    }
    assert found.undefined == {}


def test_the_unprocessed_mixture_improves_nothing() -> None:
    reference, mixture = noisy(3, error_level=1.0)
    found = score(estimate=mixture, reference=reference, mixture=mixture)
    assert found.metrics["snr_improvement_db"] == found.metrics["si_sdr_improvement_db"] == 0.0


def test_inputs_are_left_alone_and_may_be_read_only_float32_or_integers() -> None:
    reference = (SINE * 1000).astype(np.int16)
    estimate = (SINE * 900).astype(np.float32)
    before = estimate.copy()
    estimate.setflags(write=False)
    assert value(snr_db(estimate=estimate, reference=reference)) == pytest.approx(20, abs=0.1)
    assert np.array_equal(estimate, before)


# --- properties

SHORT = arrays(np.float64, 16, elements=st.floats(-1, 1, width=32)).filter(
    lambda a: float(np.abs(a).max()) > 1e-3
)
GAIN = st.floats(1e-3, 1e3)


@settings(max_examples=60, deadline=None)
@given(SHORT, SHORT, GAIN)
def test_snr_is_unchanged_when_all_is_scaled(est: Signal, ref: Signal, gain: float) -> None:
    assert value(snr_db(estimate=gain * est, reference=gain * ref)) == pytest.approx(
        value(snr_db(estimate=est, reference=ref)), abs=1e-6
    )


@settings(max_examples=60, deadline=None)
@given(SHORT, SHORT, GAIN, GAIN)
def test_si_sdr_is_unchanged_by_either_scale(est: Signal, ref: Signal, a: float, b: float) -> None:
    before = value(si_sdr_db(estimate=est, reference=ref))
    after = value(si_sdr_db(estimate=a * est, reference=-b * ref))
    # Near either bound what is left of the difference is rounding.
    assert after == pytest.approx(before, abs=1e-6 if abs(before) < 80 else 1.0)


@settings(max_examples=60, deadline=None)
@given(SHORT, SHORT)
def test_si_sdr_is_at_least_the_snr_of_a_similar_estimate(est: Signal, ref: Signal) -> None:
    """1 + 10^(SI-SDR/10) = 1 / sin^2 bounds the best SNR any gain can reach."""
    best = float(est @ ref) / float(est @ est)
    reachable = value(snr_db(estimate=best * est, reference=ref))
    si_sdr = value(si_sdr_db(estimate=est, reference=ref))
    assert reachable == pytest.approx(
        min(MAX_SNR_DB, 10 * math.log10(1 + 10 ** (si_sdr / 10))), abs=1e-3
    )
    assert value(snr_db(estimate=est, reference=ref)) <= reachable + 1e-6


# --- parity


def library(name: str) -> Any:
    """Import a reference library, or skip; warnings of its own imports are not ours to heed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


CASES = [(seed, level) for seed, level in enumerate((0.01, 0.1, 1.0, 10.0))]


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "level"), CASES)
def test_si_sdr_agrees_with_fast_bss_eval(seed: int, level: float) -> None:
    fast_bss_eval = library("fast_bss_eval")
    reference, estimate = noisy(seed, error_level=level)
    theirs = fast_bss_eval.numpy.si_sdr(reference[None], estimate[None], zero_mean=False)
    ours = si_sdr_db(estimate=estimate, reference=reference)
    assert value(ours) == pytest.approx(float(theirs[0]), abs=PARITY_DB)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "level"), CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_agrees_with_torchmetrics(seed: int, level: float, dtype: str) -> None:
    torch = library("torch")
    audio = library("torchmetrics.functional.audio")
    reference, estimate = (s.astype(dtype) for s in noisy(seed, error_level=level))
    pair = {"preds": torch.from_numpy(estimate), "target": torch.from_numpy(reference)}
    tolerance = PARITY_DB if dtype == "float64" else PARITY_FLOAT32_DB
    ours: Pair = {"estimate": estimate, "reference": reference}
    assert value(snr_db(**ours)) == pytest.approx(
        float(audio.signal_noise_ratio(**pair)), abs=tolerance
    )
    theirs = audio.scale_invariant_signal_distortion_ratio(**pair, zero_mean=False)
    assert value(si_sdr_db(**ours)) == pytest.approx(float(theirs), abs=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "level"), CASES)
def test_agrees_with_asteroid(seed: int, level: float) -> None:
    torch = library("torch")
    losses = library("asteroid.losses.sdr")
    reference, estimate = noisy(seed, error_level=level)
    ours: Pair = {"estimate": estimate, "reference": reference}
    for kind, mine in (("snr", snr_db(**ours)), ("sisdr", si_sdr_db(**ours))):
        loss = losses.SingleSrcNegSDR(kind, zero_mean=False)
        theirs = -loss(torch.from_numpy(estimate)[None], torch.from_numpy(reference)[None])
        assert value(mine) == pytest.approx(float(theirs[0]), abs=PARITY_ASTEROID_DB)
