"""The oracle masks against closed forms and against the theory of which is better."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.ideal import IdealMaskConfig, IdealMaskRemixer, ideal_binary_mask, ideal_ratio_mask
from lcr.evaluation.effective import followed
from lcr.evaluation.metrics import snr_db
from lcr.instruction import (
    AudioDescription,
    Instruction,
    SpeechDescription,
    instruction,
    patterns_by_task,
)
from lcr.remixer import MissingOracleError, Oracle

RATE = 16_000
DESCRIPTIONS = (
    SpeechDescription(gender="M"),
    SpeechDescription(gender="F"),
    AudioDescription(label="dog barking"),
    AudioDescription(label="rain"),
)
MASKS = pytest.mark.parametrize("mask", [ideal_ratio_mask(), ideal_binary_mask()])


def synthetic_sources(seconds: float = 2.0) -> np.ndarray:
    """Two gliding harmonic voices, decaying bursts, and coloured noise: (4, 1, samples)."""
    rng = np.random.default_rng(5)
    times = np.arange(round(seconds * RATE)) / RATE

    def voice(f0: float) -> np.ndarray:
        phase = 2 * np.pi * np.cumsum(f0 * (1 + 0.1 * np.sin(2 * np.pi * times))) / RATE
        tone = sum(np.sin(k * phase) / k for k in range(1, 20))
        return tone * (np.sin(2 * np.pi * 1.5 * times + f0) > -0.3)

    bursts = rng.standard_normal(times.size) * np.exp(-((times * 2.5) % 1.0) * 8)
    rain = np.diff(rng.standard_normal(times.size + 1))
    sources = np.stack([voice(110), voice(210), bursts, rain])
    sources *= 0.05 / np.sqrt(np.mean(sources**2, axis=1, keepdims=True))
    return sources[:, None].astype(np.float32)


def remixed(
    mask: IdealMaskRemixer, sources: np.ndarray, true: Instruction
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mixture, target and estimate."""
    mixture = sources.sum(axis=0)
    target = np.tensordot(np.array(true.gains, np.float32), sources, axes=1)
    oracle = Oracle(instruction=true, sources=sources)
    return mixture, target, mask.remix(mixture, RATE, "", oracle=oracle).audio


def improvement_db(mask: IdealMaskRemixer, sources: np.ndarray, pattern: str) -> float:
    mixture, target, estimate = remixed(mask, sources, instruction(pattern, DESCRIPTIONS))
    after = snr_db(estimate=estimate, reference=target).value
    before = snr_db(estimate=mixture, reference=target).value
    assert after is not None
    assert before is not None
    return after - before


@MASKS
def test_synthetic_sources_improve_by_more_than_5_db_in_every_task(mask: IdealMaskRemixer) -> None:
    sources = synthetic_sources()
    for task, patterns in patterns_by_task().items():
        assert improvement_db(mask, sources, patterns[0]) > 5.0, task


def test_powers_beat_magnitudes_and_the_binary_mask() -> None:
    sources = synthetic_sources()

    def average(mask: IdealMaskRemixer) -> float:
        tasks = patterns_by_task().items()
        return float(np.mean([improvement_db(mask, sources, p[0]) for t, p in tasks if p != "OVC"]))

    best = average(ideal_ratio_mask())
    assert best > average(ideal_ratio_mask(exponent=1.0)) + 0.5
    assert best > average(ideal_binary_mask())


@MASKS
@pytest.mark.parametrize("pattern", ["1000", "0100", "0010", "0001", "U1D0"])
def test_sources_in_disjoint_bands_are_recovered(mask: IdealMaskRemixer, pattern: str) -> None:
    times = np.arange(RATE) / RATE
    swell = 0.1 * (1 + 0.5 * np.sin(2 * np.pi * 2 * times))
    tones = [swell * np.sin(2 * np.pi * hertz * times) for hertz in (400, 1500, 3500, 6500)]
    sources = np.stack(tones)[:, None].astype(np.float32)
    true = instruction(pattern, DESCRIPTIONS)
    _, target, estimate = remixed(mask, sources, true)
    score = snr_db(estimate=estimate, reference=target).value
    assert score is not None
    assert score > 20.0


@MASKS
@pytest.mark.parametrize("gain", ["U", "D"])
def test_one_gain_for_all_is_exact(mask: IdealMaskRemixer, gain: str) -> None:
    _, target, estimate = remixed(mask, synthetic_sources(0.3), instruction(gain * 4, DESCRIPTIONS))
    np.testing.assert_allclose(estimate, target, atol=1e-6)


def test_the_ratio_mask_of_two_equal_sources_is_the_mean_gain() -> None:
    source = synthetic_sources(0.1)[3]
    sources = np.stack([source, source])
    true = instruction("1D", DESCRIPTIONS[:2])
    mixture, _, estimate = remixed(ideal_ratio_mask(), sources, true)
    np.testing.assert_allclose(estimate, 0.75 * mixture, atol=1e-6)


@MASKS
def test_sources_that_sound_in_turn_follow_the_prompt_exactly(mask: IdealMaskRemixer) -> None:
    silence = round(0.1 * RATE)
    noise = 0.1 * np.random.default_rng(1).standard_normal((4, RATE // 2))
    sources = np.zeros((4, 1, 4 * (RATE // 2 + silence)), np.float32)
    for i, one in enumerate(noise):
        start = i * (RATE // 2 + silence) + silence // 2
        sources[i, 0, start : start + RATE // 2] = one
    true = instruction("U10D", DESCRIPTIONS)
    _, _, estimate = remixed(mask, sources, true)
    found = followed(estimate=estimate, sources=sources, gains=true.gains)
    up, kept, gone, down = found.effective_gains_db
    assert (up, kept, down) == pytest.approx((6.02, 0, -6.02), abs=0.01)
    assert gone is not None
    assert gone < -60
    assert found.metrics["action_accuracy"] == 1
    assert found.metrics["harm_db"] == pytest.approx(0, abs=1e-3)
    assert found.metrics["gain_error_db"] == pytest.approx(0, abs=1e-3)


def test_the_ratio_mask_of_equal_magnitudes_harms_one_as_it_leaks_the_other() -> None:
    """In each channel both sources have the same magnitudes, so that the mask is the mean gain."""
    one = 0.1 * np.random.default_rng(2).standard_normal(RATE)
    sources = np.stack([[one, one], [one, -one]]).astype(np.float32)
    true = instruction("10", DESCRIPTIONS[:2])
    _, _, estimate = remixed(ideal_ratio_mask(), sources, true)
    found = followed(estimate=estimate, sources=sources, gains=true.gains)
    assert found.effective_gains_db == pytest.approx((-6.02, -6.02), abs=0.01)
    assert found.metrics["harm_db"] == pytest.approx(6.02, abs=0.01)
    assert found.metrics["leakage_db"] == pytest.approx(-6.02, abs=0.01)
    assert found.metrics["action_accuracy"] == 0


@MASKS
def test_channels_are_masked_apart(mask: IdealMaskRemixer) -> None:
    one, two = synthetic_sources(0.2), synthetic_sources(0.2)[::-1]
    stereo = np.concatenate([one, two], axis=1)
    true = instruction("1000", DESCRIPTIONS)
    _, _, both = remixed(mask, stereo, true)
    np.testing.assert_array_equal(both[:1], remixed(mask, one, true)[2])
    np.testing.assert_array_equal(both[1:], remixed(mask, two, true)[2])


@MASKS
def test_without_the_truth_it_refuses(mask: IdealMaskRemixer) -> None:
    mixture = np.zeros((1, 10), np.float32)
    true = instruction("10", DESCRIPTIONS[:2])
    sources = np.zeros((2, 1, 10), np.float32)
    for oracle in (None, Oracle(instruction=true), Oracle(sources=sources)):
        with pytest.raises(MissingOracleError, match="true instruction and the true sources"):
            mask.remix(mixture, RATE, "", oracle=oracle)
    with pytest.raises(ValueError, match="got \\(2, 1, 10\\)"):
        mask.remix(mixture[:, :9], RATE, "", oracle=Oracle(instruction=true, sources=sources))


def test_frames_are_512_at_16_khz_and_keep_their_seconds() -> None:
    config = IdealMaskConfig()
    assert config.frame(16_000) == 512
    assert config.frame(44_100) == 1412
    assert config.frame(1) == 2


@pytest.mark.parametrize("wrong", [{"kind": "soft"}, {"frame_s": 0.0}, {"exponent": -1.0}])
def test_impossible_configs_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        IdealMaskConfig(**wrong)  # type: ignore[arg-type]
