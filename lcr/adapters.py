"""Run a core that knows one sample rate and short inputs on audio of any rate and length.

Three rules:

* **Length.** The core sees chunks of equal length that overlap; neighbours are joined by a
  raised-cosine cross-fade whose two weights sum to 1, in the middle half of what they share,
  so that a quarter of it is context at every inner edge. A core that only scales is reproduced
  exactly: there are no seams.
* **Channels.** The core gets (channels, samples). `each_channel` makes such a core from a mono
  one: every channel goes through on its own, so nothing is mixed down and images stay put.
* **Rate.** At another rate R the core works on a resampled copy u and gives v. The result is
  g(t) * x + resample(v - g(t) * u), where g(t) is the core's own smoothed gain in the top octave
  that both rates hold. Below that band's edge this is the core's output; above it, where the
  core hears nothing, the mixture follows g. A core that only scales by g thus returns g * x up
  to the highest frequency, and a removed source takes its high band away with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lcr.audio import check_audio, resample
from lcr.remixer import Audio, Oracle, Remix, Remixer, Step, SystemCard
from lcr.spectrum import stft

Core: TypeAlias = Callable[[Audio], Audio]
"""(channels, samples) float32 at the native rate -> the same shape; no other promise."""


class CoreOutputError(ValueError):
    """A core broke its one promise: finite audio of the shape it was given."""


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """How to feed a core. `min_samples`: shorter chunks are padded with silence, then cut back.

    Raises ValueError unless 0 <= overlap_s <= chunk_s / 3 (so that at most two chunks meet).
    """

    native_rate: int
    chunk_s: float = 30.0
    overlap_s: float = 1.0
    min_samples: int = 1

    def __post_init__(self) -> None:
        if self.native_rate < 1 or self.min_samples < 1:
            raise ValueError("native_rate and min_samples must be 1 or more")
        if self.chunk < 1 or not 0 <= 3 * self.overlap <= self.chunk:
            raise ValueError(
                f"overlap_s must be from 0 to a third of chunk_s; got overlap_s={self.overlap_s}, "
                f"chunk_s={self.chunk_s} at {self.native_rate} Hz"
            )

    @property
    def chunk(self) -> int:
        """Chunk length in samples at the native rate."""
        return round(self.chunk_s * self.native_rate)

    @property
    def overlap(self) -> int:
        """What neighbouring chunks share at least, in samples at the native rate."""
        return round(self.overlap_s * self.native_rate)

    @property
    def fade(self) -> int:
        """Cross-fade length in samples: the middle half of the overlap; the rest is context."""
        return (self.overlap + 1) // 2


def run_core(core: Core, mixture: Audio, sample_rate: int, config: AdapterConfig) -> Audio:
    """Run `core` on `mixture` (channels, samples) at `sample_rate`; same shape and rate back.

    Raises ValueError for audio `check_audio` refuses, CoreOutputError for what a core must not
    return.
    """
    check_audio(mixture, sample_rate)
    native = resample(mixture, sample_rate, config.native_rate)
    output = _run_chunks(core, native, config)
    if sample_rate == config.native_rate:
        return output
    gain = _band_gain(native, output, min(sample_rate, config.native_rate) / 2, config.native_rate)
    followed = gain.at(native.shape[1], config.native_rate) * native
    change = resample((output - followed).astype(np.float32), config.native_rate, sample_rate)
    out = gain.at(mixture.shape[1], sample_rate) * mixture
    shared = min(change.shape[1], out.shape[1])  # rounding there and back may add a sample
    out[:, :shared] += change[:, :shared]
    return out.astype(np.float32)


def each_channel(mono: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Core:
    """A core from a function of one channel, (samples,) -> (samples,)."""

    def core(audio: Audio) -> Audio:
        return np.stack([mono(channel) for channel in audio])

    return core


class AnyRateRemixer:
    """A Remixer that only works at its native rate and on short audio, freed from both limits.

    Raises ValueError for a system that needs true sources or targets (they are not chunked).
    """

    def __init__(self, remixer: Remixer, config: AdapterConfig) -> None:
        if remixer.card.uses_oracle - {"instruction"}:
            raise ValueError(f"{remixer.card.name} uses true sources or targets; not adaptable")
        self._remixer = remixer
        self._config = config

    @property
    def card(self) -> SystemCard:
        return replace(self._remixer.card, sample_rate=self._config.native_rate)

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        """As `Remixer.remix`; the trace is that of every chunk in order."""
        steps: list[Step] = []

        def core(audio: Audio) -> Audio:
            part = self._remixer.remix(audio, self._config.native_rate, prompt, oracle=oracle)
            steps.extend(part.trace)
            return part.audio

        audio = run_core(core, mixture, sample_rate, self._config)
        return Remix(audio=audio, trace=tuple(steps))


def _run_chunks(core: Core, audio: Audio, config: AdapterConfig) -> Audio:
    samples = audio.shape[1]
    starts = _chunk_starts(samples, config.chunk, config.overlap)
    if len(starts) == 1:
        return _call(core, audio, config.min_samples)
    out = np.zeros(audio.shape, dtype=np.float32)
    fade = _fade_in(config.fade)
    for index, start in enumerate(starts):
        part = _call(core, audio[:, start : start + config.chunk], config.min_samples)
        first, last = start, start + config.chunk
        if index > 0:
            first = _fade_start(starts[index - 1], start, config)
            part[:, first - start : first - start + fade.size] *= fade
        if index + 1 < len(starts):
            last = _fade_start(start, starts[index + 1], config) + fade.size
            part[:, last - start - fade.size : last - start] *= fade[::-1]
        out[:, first:last] += part[:, first - start : last - start]
    return out


def _chunk_starts(samples: int, chunk: int, overlap: int) -> list[int]:
    """Evenly spread starts of the fewest chunks that cover `samples` and overlap enough."""
    if samples <= chunk:
        return [0]
    count = -(-(samples - overlap) // (chunk - overlap))
    return [index * (samples - chunk) // (count - 1) for index in range(count)]


def _fade_start(start: int, following: int, config: AdapterConfig) -> int:
    """Where the cross-fade of two neighbouring chunks begins: centred in what they share."""
    return (start + following + config.chunk - config.fade) // 2


def _fade_in(samples: int) -> NDArray[np.float64]:
    """Raised cosine from 0 to 1; it and its mirror image sum to 1."""
    return np.sin(0.5 * np.pi * (np.arange(samples) + 0.5) / max(samples, 1)) ** 2


def _call(core: Core, audio: Audio, min_samples: int) -> Audio:
    samples = audio.shape[1]
    given = np.pad(audio, ((0, 0), (0, max(0, min_samples - samples))))
    given = np.ascontiguousarray(given)
    out = np.array(core(given))  # a copy: the core may hand back what it was given, or a view
    if out.shape != given.shape:
        raise CoreOutputError(f"the core returned shape {out.shape} for input {given.shape}")
    if not np.isfinite(out).all():
        raise CoreOutputError("the core returned NaN or infinite samples for finite input")
    return out[:, :samples].astype(np.float32)


@dataclass(frozen=True)
class _Gain:
    """Gain (channels, frames) at `times_s` (frames,), linear in between."""

    values: NDArray[np.float64]
    times_s: NDArray[np.float64]

    def at(self, samples: int, sample_rate: int) -> NDArray[np.float64]:
        times = np.arange(samples) / sample_rate
        return np.stack([np.interp(times, self.times_s, row) for row in self.values])


_FRAME_S = 0.032
_BROADBAND = 1e-6
"""Weight of all frequencies beside the top octave: decides only when that is 60 dB weaker."""
_WHOLE_CLIP = 1e-4
"""Weight of the whole clip beside one frame: decides only in frames 40 dB below the average."""


def _band_gain(before: Audio, after: Audio, edge_hz: float, rate: int) -> _Gain:
    """Least-squares gain from `before` to `after` a frame, in the octave below `edge_hz`."""
    frame = 2 * max(1, round(_FRAME_S * rate / 2))
    given, got = stft(before, frame), stft(after, frame)
    frequencies = np.arange(given.shape[-1]) * rate / frame
    weights = _BROADBAND + ((frequencies >= edge_hz / 2) & (frequencies <= 0.95 * edge_hz))
    cross = _smooth((got * given.conj()).real @ weights)
    power = _smooth((given * given.conj()).real @ weights)
    cross += _WHOLE_CLIP * cross.mean(axis=-1, keepdims=True)
    power += _WHOLE_CLIP * power.mean(axis=-1, keepdims=True)
    # Where the core was given nothing, nothing above says what it does: leave that alone.
    values = np.divide(cross, power, out=np.ones_like(cross), where=power > 0)
    times = np.arange(values.shape[-1]) * (frame // 2) / rate
    return _Gain(values, times)


def _smooth(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted mean over five frames (80 ms between the outermost), ends repeated."""
    padded = np.pad(frames, ((0, 0), (2, 2)), mode="edge")
    count = frames.shape[-1]
    out = np.zeros_like(frames)
    for offset, weight in enumerate((1.0, 2.0, 3.0, 2.0, 1.0)):
        out += weight * padded[:, offset : offset + count]
    return out
