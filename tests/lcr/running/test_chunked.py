"""The adapter: nothing but the core's own doing may be heard, at any rate and length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.ideal import ideal_ratio_mask
from baselines.mixture import MixtureRemixer
from lcr.remixer import Audio, Oracle, Remix, Step, SystemCard
from lcr.running.chunked import (
    AdapterConfig,
    AnyRateRemixer,
    CoreOutputError,
    each_channel,
    run_core,
)
from lcr.sample_case import PROMPT, make_case
from lcr.testing import check_remixer

NATIVE = 16_000
SHORT = AdapterConfig(native_rate=NATIVE, chunk_s=0.05, overlap_s=0.01)


def noise(*shape: int, seed: int = 0) -> Audio:
    return (0.3 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def scale(gain: float):
    return lambda audio: audio * np.float32(gain)


@settings(deadline=None, max_examples=60)
@given(
    samples=st.integers(1, 6000),
    channels=st.integers(1, 3),
    gain=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    chunk=st.integers(3, 900),
    share=st.floats(0, 1 / 3),
)
def test_a_constant_gain_is_returned_at_the_native_rate(
    samples: int, channels: int, gain: float, chunk: int, share: float
) -> None:
    config = AdapterConfig(
        native_rate=NATIVE, chunk_s=chunk / NATIVE, overlap_s=int(chunk * share) / NATIVE
    )
    mixture = noise(channels, samples)
    out = run_core(scale(gain), mixture, NATIVE, config)
    assert (out.shape, out.dtype) == (mixture.shape, np.float32)
    np.testing.assert_allclose(out, gain * mixture, rtol=0, atol=1e-6)


@settings(deadline=None, max_examples=60)
@given(
    samples=st.integers(1, 9000),
    channels=st.integers(1, 2),
    gain=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    rate=st.sampled_from([8_000, 11_025, 22_050, 44_100, 48_000, 16_001]),
)
def test_a_constant_gain_is_returned_at_other_rates_with_the_band_above(
    samples: int, channels: int, gain: float, rate: int
) -> None:
    mixture = noise(channels, samples)
    out = run_core(scale(gain), mixture, rate, SHORT)
    np.testing.assert_allclose(out, gain * mixture, rtol=0, atol=1e-6)


@pytest.mark.parametrize("hertz", [60.0, 1000.0, 7990.0, 8000.0, 12_000.0, 20_000.0])
def test_a_pure_tone_keeps_its_level_wherever_it_lies(hertz: float) -> None:
    times = np.arange(44_100) / 44_100
    tone = (0.8 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)[None]
    out = run_core(scale(0.5), tone, 44_100, SHORT)
    np.testing.assert_allclose(out, 0.5 * tone, rtol=0, atol=1e-6)


def test_chunks_that_disagree_are_cross_faded_without_a_step() -> None:
    calls = 0

    def alternating(audio: Audio) -> Audio:
        nonlocal calls
        calls += 1
        return audio * np.float32(calls % 2)

    out = run_core(alternating, np.ones((1, 10_000), np.float32), NATIVE, SHORT)
    assert calls > 10
    assert out.max() == 1.0
    assert out.min() == 0.0
    # A raised cosine over n samples never moves faster than pi / 2n a sample.
    assert np.abs(np.diff(out)).max() <= np.pi / (2 * SHORT.fade) + 1e-6


def test_what_a_core_does_at_its_chunks_edges_is_not_heard() -> None:
    unheard = (SHORT.overlap - SHORT.fade) // 2

    def bad_at_edges(audio: Audio) -> Audio:
        out = audio.copy()
        out[:, :unheard] = out[:, -unheard:] = 9.0
        return out

    # As many chunks as share no more than they must: the hardest case.
    mixture = noise(1, SHORT.chunk + 9 * (SHORT.chunk - SHORT.overlap))
    out = run_core(bad_at_edges, mixture, NATIVE, SHORT)
    inner = slice(unheard, -unheard)
    assert unheard == 40
    np.testing.assert_allclose(out[:, inner], mixture[:, inner], atol=1e-6)


def test_the_core_sees_equal_chunks_and_no_padding_unless_asked() -> None:
    seen: list[int] = []

    def core(audio: Audio) -> Audio:
        seen.append(audio.shape[1])
        return audio

    run_core(core, noise(1, 5000), NATIVE, SHORT)
    assert set(seen) == {SHORT.chunk}
    seen.clear()
    run_core(core, noise(1, 7), NATIVE, SHORT)
    assert seen == [7]
    seen.clear()
    padded = AdapterConfig(native_rate=NATIVE, min_samples=512)
    assert run_core(core, noise(1, 7), NATIVE, padded).shape == (1, 7)
    assert seen == [512]


def split_bands(hertz: float, rate: int):
    """A core that removes everything above `hertz`."""

    def core(audio: Audio) -> Audio:
        spectrum = np.fft.rfft(audio, axis=1)
        spectrum[:, np.fft.rfftfreq(audio.shape[1], 1 / rate) > hertz] = 0
        return np.fft.irfft(spectrum, n=audio.shape[1], axis=1).astype(np.float32)

    return core


def test_a_removed_source_takes_its_band_above_the_native_one_away() -> None:
    rate = 44_100
    times = np.arange(rate) / rate
    voice = 0.3 * np.sin(2 * np.pi * 300 * times)
    hiss = noise(rate)
    mixture = (voice + hiss).astype(np.float32)[None]
    config = AdapterConfig(native_rate=NATIVE)
    out = run_core(split_bands(600, NATIVE), mixture, rate, config)[0]

    def power(x: np.ndarray, low: float, high: float) -> float:
        spectrum = np.abs(np.fft.rfft(x)) ** 2
        frequencies = np.fft.rfftfreq(x.size, 1 / rate)
        return float(spectrum[(frequencies >= low) & (frequencies < high)].sum())

    def above(x: np.ndarray) -> float:
        return power(x, 8200, 22_050)

    assert above(out) < 1e-3 * above(mixture[0])
    assert power(out, 250, 350) == pytest.approx(power(mixture[0], 250, 350), rel=1e-3)


def test_below_the_native_edge_the_core_alone_decides() -> None:
    rate = 48_000
    times = np.arange(rate) / rate
    low, high = np.sin(2 * np.pi * 500 * times), np.sin(2 * np.pi * 5000 * times)
    mixture = (0.3 * low + 0.3 * high).astype(np.float32)[None]
    config = AdapterConfig(native_rate=NATIVE)
    out = run_core(split_bands(1000, NATIVE), mixture, rate, config)[0]
    inner = slice(rate // 10, -rate // 10)
    np.testing.assert_allclose(out[inner], 0.3 * low[inner], atol=1e-3)


def test_channels_are_processed_apart() -> None:
    mixture = noise(2, 4000)
    mixture[1] *= 0.1
    core = each_channel(lambda x: x / np.abs(x).max())
    out = run_core(core, mixture, NATIVE, AdapterConfig(native_rate=NATIVE))
    np.testing.assert_allclose(np.abs(out).max(axis=1), [1.0, 1.0], rtol=1e-6)


def test_a_core_may_answer_in_place_or_with_its_input() -> None:
    def in_place(audio: Audio) -> Audio:
        audio *= 2
        return audio

    mixture = noise(1, 3000)
    mixture.flags.writeable = False
    out = run_core(in_place, mixture, NATIVE, SHORT)
    np.testing.assert_allclose(out, 2 * mixture, atol=1e-6)
    assert run_core(lambda a: a, mixture, NATIVE, SHORT).flags.writeable


@pytest.mark.parametrize(
    ("core", "words"), [(lambda a: a[:, :-1], "shape"), (lambda a: a * np.float32(np.nan), "NaN")]
)
def test_a_core_that_breaks_its_promise_is_named(core, words: str) -> None:
    with pytest.raises(CoreOutputError, match=words):
        run_core(core, noise(1, 100), NATIVE, SHORT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"overlap_s": 20.0},
        {"overlap_s": -1.0},
        {"chunk_s": 0.0, "overlap_s": 0.0},
        {"native_rate": 0},
        {"min_samples": 0},
    ],
)
def test_impossible_configs_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        AdapterConfig(**{"native_rate": NATIVE, **wrong})


class NarrowRemixer:
    """Takes 16 kHz only, and no more than 0.05 s."""

    card = SystemCard(name="narrow", family="reference", sample_rate=NATIVE)

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        assert sample_rate == NATIVE
        assert mixture.shape[1] <= SHORT.chunk
        return Remix(audio=mixture * np.float32(0.5), trace=(Step(name="chunk"),))


def test_a_narrow_remixer_passes_the_conformance_suite_through_the_adapter() -> None:
    check_remixer(lambda: AnyRateRemixer(NarrowRemixer(), SHORT))
    case = make_case(1600)
    remix = AnyRateRemixer(NarrowRemixer(), SHORT).remix(case.mixture, NATIVE, PROMPT)
    np.testing.assert_allclose(remix.audio, 0.5 * case.mixture, atol=1e-6)
    assert len(remix.trace) == 3


def test_systems_that_need_whole_sources_are_refused() -> None:
    with pytest.raises(ValueError, match="ideal-ratio-mask uses true sources"):
        AnyRateRemixer(ideal_ratio_mask(), SHORT)
    AnyRateRemixer(MixtureRemixer(), SHORT)
