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

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lcr.audio.core import Resampler, check_audio, resample, resampled_length
from lcr.audio.streams import ArraySource, Queue, Source, Spool
from lcr.remixer import Audio, Oracle, Remix, Remixer, RequestOutcome, Step, SystemCard
from lcr.running.high_band import Gain, GainEstimate

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


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A prompt made ready: the core that does what it asks, how to feed it, what was done so far.

    A core may add to `trace` while it runs. `finish` is called when all of the recording has gone
    through it; where it says `unchanged`, the recording itself takes the place of what came out.
    """

    core: Core
    config: AdapterConfig
    trace: list[Step] = field(default_factory=list)
    finish: Callable[[], RequestOutcome] = RequestOutcome


@runtime_checkable
class PreparedRemixer(Remixer, Protocol):
    """A Remixer whose prompt is read once and then applies to every chunk of any length of audio:
    the way to remix recordings that do not fit into memory.

    `run_core(core, mixture, sample_rate, config)` of what `prepare` returns equals `remix`.
    """

    def prepare(self, prompt: str) -> Prepared: ...


Listen: TypeAlias = Callable[[float, float], NDArray[np.float32]]
"""What sounds from one second of the recording to another, (samples,) mono at 16 kHz; nothing where
the recording has ended."""


@runtime_checkable
class PointedRemixer(PreparedRemixer, Protocol):
    """A PreparedRemixer that can be pointed at a sound of the recording, which it hears through
    `listen`, and be given an example of one, `like` (samples,) mono at 16 kHz. Its card says
    `points`."""

    def prepare(
        self, prompt: str, *, listen: Listen | None = None, like: NDArray[np.float32] | None = None
    ) -> Prepared: ...


def mono_16k(audio: Audio, sample_rate: int) -> NDArray[np.float32]:
    """(channels, samples) at any rate as (samples,) at 16 kHz: what a system hears when it is
    pointed at a sound or given an example."""
    mono = audio.mean(0, keepdims=True).astype(np.float32)
    wave: NDArray[np.float32] = (resample(mono, sample_rate, 16_000) if mono.size else mono)[0]
    return wave


def run_core(core: Core, mixture: Audio, sample_rate: int, config: AdapterConfig) -> Audio:
    """Run `core` on `mixture` (channels, samples) at `sample_rate`; same shape and rate back.

    Raises ValueError for audio `check_audio` refuses, CoreOutputError for what a core must not
    return.
    """
    check_audio(mixture, sample_rate)
    out = np.empty(mixture.shape, np.float32)
    done = 0
    for block in stream_core(core, ArraySource(mixture, sample_rate), config):
        out[:, done : done + block.shape[1]] = block
        done += block.shape[1]
    return out


def stream_core(
    core: Core, source: Source, config: AdapterConfig, *, spool_folder: Path | None = None
) -> Iterator[Audio]:
    """`run_core` block by block: the same samples, in memory that does not grow with the length.

    At another rate than the native one `source` is read twice, and the core's output waits in
    between in a file of 4 bytes a sample and channel at the native rate, in `spool_folder`.
    Raises as `run_core` does, and OSError when that file finds no room.
    """
    rate, native = source.sample_rate, config.native_rate
    if rate == native:
        chunks = _run_chunks(core, source.blocks(), source.samples, config)
        yield from (output for _, output in chunks)
        return
    samples = resampled_length(source.samples, rate, native)
    estimate = GainEstimate(min(rate, native) / 2, native)
    with Spool(source.channels, spool_folder) as spool:
        for given, output in _run_chunks(core, _resampled(source, native), samples, config):
            estimate.add(given, output)
            spool.write(output)
        spool.rewind()
        yield from _follow(source, spool, estimate.gain(), native)


def _resampled(source: Source, native: int) -> Iterator[Audio]:
    resampler = Resampler(source.channels, source.sample_rate, native)
    for block in source.blocks():
        yield resampler.push(block)
    yield resampler.finish()


def _follow(source: Source, spool: Spool, gain: Gain, native: int) -> Iterator[Audio]:
    """g(t) * x + resample(v - g(t) * u); see the module. `spool` holds v."""
    rate, channels = source.sample_rate, source.channels
    down, up = Resampler(channels, rate, native), Resampler(channels, native, rate)
    mixture, change = Queue(channels), Queue(channels)
    heard = done = 0

    def changed(given: Audio) -> Audio:
        """`given`: the next samples of u."""
        nonlocal heard
        followed = gain.at(heard, given.shape[1], native) * given
        heard += given.shape[1]
        difference: Audio = (spool.read(given.shape[1]) - followed).astype(np.float32)
        return difference

    def joined(samples: int) -> Audio:
        nonlocal done
        out = gain.at(done, samples, rate) * mixture.take(samples)
        done += samples
        # Rounding there and back may leave a sample too few.
        part = change.take(samples)
        out[:, : part.shape[1]] += part
        return out.astype(np.float32)

    for block in source.blocks():
        mixture.put(block)
        change.put(up.push(changed(down.push(block))))
        yield joined(min(len(mixture), len(change)))
    change.put(up.push(changed(down.finish())))
    change.put(up.finish())
    yield joined(len(mixture))


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
        ready = self._prepare(prompt, oracle)
        audio = run_core(ready.core, mixture, sample_rate, ready.config)
        return Remix(audio=audio, trace=tuple(ready.trace))

    def prepare(self, prompt: str) -> Prepared:
        """See `PreparedRemixer`."""
        return self._prepare(prompt, None)

    def _prepare(self, prompt: str, oracle: Oracle | None) -> Prepared:
        steps: list[Step] = []

        def core(audio: Audio) -> Audio:
            part = self._remixer.remix(audio, self._config.native_rate, prompt, oracle=oracle)
            steps.extend(part.trace)
            return part.audio

        return Prepared(core=core, config=self._config, trace=steps)


def _run_chunks(
    core: Core, blocks: Iterable[Audio], samples: int, config: AdapterConfig
) -> Iterator[tuple[Audio, Audio]]:
    """Chunk by chunk, what went into the core and what came out, joined: equal parts of both."""
    starts = chunk_starts(samples, config.chunk, config.overlap)
    chunk, fade = min(samples, config.chunk), _fade_in(config.fade)
    incoming = iter(blocks)
    held = next(incoming)
    begin = 0  # where in the recording `held` begins
    faded: Audio | None = None  # how the chunk before fades out
    first = 0
    for index, start in enumerate(starts):
        parts = [held[:, start - begin :]]
        begin = start
        while sum(part.shape[1] for part in parts) < chunk:
            parts.append(next(incoming))
        held = np.concatenate(parts, axis=1)
        part = _call(core, held[:, :chunk], config.min_samples)
        if faded is not None:
            joint = part[:, first - start : first - start + fade.size]
            joint *= fade
            joint += faded
        last = start + chunk
        if index + 1 < len(starts):
            last = _fade_start(start, starts[index + 1], config)
            leaving = part[:, last - start : last - start + fade.size]
            faded = (leaving * fade[::-1]).astype(np.float32)
        yield held[:, first - start : last - start], part[:, first - start : last - start]
        first = last
    for _ in incoming:  # a source says at its end whether it was whole
        pass


def chunk_starts(samples: int, chunk: int, overlap: int) -> list[int]:
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
