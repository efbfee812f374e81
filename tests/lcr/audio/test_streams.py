"""Block by block is the same as whole, and memory does not grow with the length."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcr.audio.core import resample
from lcr.audio.stft import stft
from lcr.audio.streams import ArraySource, Queue, Spool
from lcr.remixer import Audio
from lcr.running.chunked import (
    AdapterConfig,
    AnyRateRemixer,
    PreparedRemixer,
    run_core,
    stream_core,
)
from tests.lcr.running.test_chunked import NATIVE, SHORT, NarrowRemixer, noise, scale, split_bands


class Cut:
    """An array as a Source that gives blocks of random lengths, empty ones too."""

    def __init__(self, audio: Audio, sample_rate: int, seed: int) -> None:
        self.audio, self.sample_rate, self.seed = audio, sample_rate, seed
        self.channels, self.samples = audio.shape

    def blocks(self) -> Iterator[Audio]:
        rng = np.random.default_rng(self.seed)
        start = 0
        while start < self.samples:
            length = int(rng.integers(0, 700))
            yield self.audio[:, start : start + length]
            start += length


def whole_form(core, mixture: Audio, rate: int, config: AdapterConfig) -> Audio:
    """The module's three rules on whole arrays in double precision, written anew."""
    native = resample(mixture, rate, config.native_rate)
    samples = native.shape[1]
    if samples <= config.chunk:
        output = core(native).astype(float)
    else:
        count = -(-(samples - config.overlap) // (config.chunk - config.overlap))
        starts = [i * (samples - config.chunk) // (count - 1) for i in range(count)]
        output = np.zeros(native.shape)
        # Every chunk weighs 1 but for its cross-fades, so that weights sum to 1 everywhere.
        rise = np.sin(0.5 * np.pi * (np.arange(config.fade) + 0.5) / max(config.fade, 1)) ** 2
        for i, start in enumerate(starts):
            weight = np.ones(config.chunk)
            if i > 0:
                at = (starts[i - 1] + start + config.chunk - config.fade) // 2 - start
                weight[:at], weight[at : at + config.fade] = 0, rise
            if i + 1 < count:
                at = (start + starts[i + 1] + config.chunk - config.fade) // 2 - start
                weight[at + config.fade :] = 0
                weight[at : at + config.fade] = rise[::-1]
            output[:, start : start + config.chunk] += weight * core(
                native[:, start : start + config.chunk]
            )
    if rate == config.native_rate:
        return output
    edge, frame = min(rate, config.native_rate) / 2, 2 * round(0.016 * config.native_rate)
    u, v = stft(native, frame), stft(output.astype(np.float32), frame)
    hertz = np.arange(frame // 2 + 1) * config.native_rate / frame
    weights = 1e-6 + ((hertz >= edge / 2) & (hertz <= 0.95 * edge))

    def smooth(x: np.ndarray) -> np.ndarray:
        padded = np.pad(x, ((0, 0), (2, 2)), mode="edge")
        taps = np.array([1.0, 2, 3, 2, 1])
        out = np.stack([np.convolve(row, taps, mode="valid") for row in padded])
        return out + 1e-4 * out.mean(axis=-1, keepdims=True)

    gains = smooth((v * u.conj()).real @ weights) / smooth((u * u.conj()).real @ weights)

    def at(count: int, hz: int) -> np.ndarray:
        frames_s = np.arange(gains.shape[1]) * (frame // 2) / config.native_rate
        return np.stack([np.interp(np.arange(count) / hz, frames_s, g) for g in gains])

    change = resample(
        (output - at(samples, config.native_rate) * native).astype(np.float32),
        config.native_rate,
        rate,
    )
    out = at(mixture.shape[1], rate) * mixture
    shared = min(change.shape[1], out.shape[1])
    out[:, :shared] += change[:, :shared]
    return out


@settings(deadline=None, max_examples=60)
@given(
    samples=st.integers(1, 12_000),
    channels=st.integers(1, 3),
    rate=st.sampled_from([NATIVE, 8_000, 11_025, 22_050, 44_100, 16_001]),
    seed=st.integers(0, 99),
)
def test_blocks_of_any_length_equal_the_whole_form(
    samples: int, channels: int, rate: int, seed: int
) -> None:
    mixture = noise(channels, samples, seed=seed)
    core = split_bands(3000, NATIVE)
    blocks = list(stream_core(core, Cut(mixture, rate, seed), SHORT))
    joined = np.concatenate(blocks, axis=1)
    assert (joined.shape, joined.dtype) == (mixture.shape, np.float32)
    np.testing.assert_allclose(joined, whole_form(core, mixture, rate, SHORT), rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        joined, run_core(core, mixture, rate, SHORT), rtol=0, atol=1e-6, err_msg="run_core"
    )


@pytest.mark.parametrize("rate", [NATIVE, 44_100])
def test_a_steady_tone_through_a_gain_has_no_seam(rate: int) -> None:
    seconds, hertz = 3, 440.0
    tone = np.sin(2 * np.pi * hertz * np.arange(seconds * rate) / rate)
    mixture = (0.5 * tone).astype(np.float32)[None]
    out = np.concatenate(list(stream_core(scale(0.5), Cut(mixture, rate, 1), SHORT)), axis=1)[0]
    # A sine obeys x[n+1] = 2 cos(w) x[n] - x[n-1]: a step, a kink or a missing sample breaks it.
    surprise = out[2:] - 2 * np.cos(2 * np.pi * hertz / rate) * out[1:-1] + out[:-2]
    assert np.abs(surprise).max() < 1e-6


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    class Noise:
        sample_rate, channels = 48_000, 2

        def __init__(self, seconds: int) -> None:
            self.samples = seconds * self.sample_rate

        def blocks(self) -> Iterator[Audio]:
            for start in range(0, self.samples, 48_000):
                yield noise(2, min(48_000, self.samples - start), seed=start)

    config = AdapterConfig(native_rate=NATIVE, chunk_s=2.0, overlap_s=0.2)

    def peak(seconds: int) -> int:
        tracemalloc.start()
        try:
            for _ in stream_core(scale(0.5), Noise(seconds), config, spool_folder=tmp_path):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    short = peak(10)
    whole = 120 * 48_000 * 2 * 4
    assert short < whole / 4
    # What waits at the native rate does so in memory up to 16 MiB, here 15 of them.
    assert peak(120) < short + 20e6
    assert list(tmp_path.iterdir()) == []


def test_a_long_spool_lies_in_its_folder_without_a_name_and_returns_every_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lcr.audio.streams._KEPT_IN_MEMORY", 1000)
    audio = noise(3, 5000)
    with Spool(3, tmp_path) as spool:
        for block in Cut(audio, 1, 0).blocks():
            spool.write(block)
        spool.rewind()
        found = [spool.read(n) for n in (0, 1, 1999, 3000)]
    np.testing.assert_array_equal(np.concatenate(found, axis=1), audio)
    with pytest.raises(FileNotFoundError), Spool(1, tmp_path / "none") as spool:
        spool.write(audio[:1])


def test_a_queue_gives_what_was_put() -> None:
    queue = Queue(2)
    queue.put(noise(2, 5))
    queue.put(noise(2, 3, seed=1))
    assert len(queue) == 8
    np.testing.assert_array_equal(queue.take(5), noise(2, 5))
    np.testing.assert_array_equal(queue.take(9), noise(2, 3, seed=1))
    assert len(queue) == 0


def test_what_is_prepared_equals_remix() -> None:
    remixer = AnyRateRemixer(NarrowRemixer(), SHORT)
    assert isinstance(remixer, PreparedRemixer)
    mixture = noise(2, 5000)
    ready = remixer.prepare("half")
    blocks = stream_core(ready.core, ArraySource(mixture, 22_050), ready.config)
    streamed = np.concatenate(list(blocks), axis=1)
    remix = remixer.remix(mixture, 22_050, "half")
    np.testing.assert_array_equal(streamed, remix.audio)
    assert tuple(ready.trace) == remix.trace
