"""Remix audio files of any length from disk to disk, in bounded memory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
import soundfile
from numpy.typing import NDArray

from lcr.audio.reader import AudioFile, reason_of
from lcr.audio.streams import Source
from lcr.audio.writer import AudioWriter, Encoding, encoding_like, is_misnamed, refuse_link
from lcr.errors import AudioFileError, LcrError, words_of
from lcr.files import write_whole
from lcr.prompts.pointing import PointingError, points
from lcr.prompts.reading.front import Plain, plainly
from lcr.prompts.time_range import limit_blocks
from lcr.prompts.time_words import TimedPrompt
from lcr.remixer import Audio, Remixer, RequestOutcome, Step, SystemCard, Understood
from lcr.running.chunked import (
    AdapterConfig,
    AnyRateRemixer,
    PointedRemixer,
    Prepared,
    PreparedRemixer,
    mono_16k,
    stream_core,
)

_PART_S = 300.0
_PART_VALUES = 2**25
"""Most samples of all channels in a part: 128 MiB."""
_PART_OVERLAP = 1 / 30
_MOST_IN_WAV = 2**28
"""Samples of two channels of floats: 2 GiB."""


class SystemFailedError(LcrError):
    """A system met an error of the machine or the network; the cause is chained."""


@dataclass(frozen=True, kw_only=True)
class FileRemix:
    """How remixing a file went. `peak_db` is re full scale, None for digital silence;
    `clipped_samples` were beyond what the format holds, or what players of a lossy one play."""

    encoding: Encoding
    peak_db: float | None
    clipped_samples: int
    seconds: float
    warnings: tuple[str, ...] = ()
    trace: tuple[Step, ...] = ()
    understood: tuple[Understood, ...] = ()


@dataclass
class _Counted:
    """A Source that tells how many samples are read, the first time."""

    source: Source
    tell: Callable[[int], object]
    _told: bool = field(default=False, init=False)

    @property
    def sample_rate(self) -> int:
        return self.source.sample_rate

    @property
    def channels(self) -> int:
        return self.source.channels

    @property
    def samples(self) -> int:
        return self.source.samples

    def blocks(self) -> Iterator[Audio]:
        first, self._told = not self._told, True
        for block in self.source.blocks():
            yield block
            if first:
                self.tell(block.shape[1])


def remix_file(
    remixer: Remixer,
    source: AudioFile,
    target: Path,
    timed: TimedPrompt,
    *,
    gain_db: float = 0.0,
    like: NDArray[np.float32] | None = None,
    tell: Callable[[int], object] = lambda samples: None,
    before_rename: Callable[[IO[bytes], FileRemix], object] = lambda file, done: None,
) -> FileRemix:
    """Remix `source` into `target`: sample for sample, in the source's format (or the one that the
    suffix of `target` names), with its tags, whole or not at all; its folder is made if need be.

    Every chunk of a long recording is remixed by the same prompt. A system without `prepare` (see
    `lcr.running.chunked.PreparedRemixer`) gets the recording as a whole, or, beyond five minutes,
    in parts that overlap. `gain_db` changes the level of what is written. The range of `timed`
    limits the change to a part of the recording, all of which the system hears. `tell` hears of
    every number of samples that are read, `before_rename` gets the written file when all is in it,
    and what is returned.

    Raises AudioFileError for the source as `AudioFile` does and for a target that cannot be
    written, TimeRangeError for a range that is not in the recording; what the system raises
    passes through.
    """
    encoding = encoding_like(source, target)
    report: list[FileRemix] = []

    def write(file: IO[bytes]) -> None:
        done = write_remix(
            remixer,
            source,
            file,
            timed,
            encoding=encoding,
            gain_db=gain_db,
            like=like,
            tell=tell,
        )
        report.append(done)
        file.flush()
        before_rename(file, done)

    try:
        if target.exists() and target.samefile(source.path):
            raise AudioFileError(target, "is its own source; give another name")
        refuse_link(target)
        write_whole(target, write)
    except OSError as error:
        problem = f"cannot be written ({error.strerror or error})"
        raise AudioFileError(target, problem) from error
    return report[0]


def write_side_by_side(before: AudioFile, after: AudioFile, target: Path) -> None:
    """A stereo WAV to compare two recordings of one length and rate: `before` left, `after` right,
    each mixed down. Raises AudioFileError."""
    form = "WAV" if before.samples < _MOST_IN_WAV else "RF64"

    def write(file: IO[bytes]) -> None:
        with soundfile.SoundFile(
            file, "w", before.sample_rate, 2, subtype="FLOAT", format=form
        ) as out:
            for left, right in zip(before.blocks(), after.blocks(), strict=True):
                out.write(np.stack([left.mean(0), right.mean(0)], axis=1))

    try:
        refuse_link(target)
        write_whole(target, write)
    except OSError as error:
        raise AudioFileError(target, f"cannot be written ({error.strerror or error})") from error


def write_remix(
    remixer: Remixer,
    source: AudioFile,
    file: IO[bytes],
    timed: TimedPrompt,
    *,
    encoding: Encoding,
    gain_db: float = 0.0,
    like: NDArray[np.float32] | None = None,
    tell: Callable[[int], object] = lambda samples: None,
) -> FileRemix:
    """`remix_file` into an open, seekable file. Raises OSError on a full disk."""
    began = time.perf_counter()
    only = timed.only
    window = None if only is None else only.within(source.samples, source.sample_rate)
    ready = _prepare(remixer, source, timed.prompt, like)
    gain = np.float32(10 ** (gain_db / 20))
    spool = Path(file.name).parent if isinstance(file.name, str) else None

    def write(blocks: Iterable[Audio]) -> AudioWriter:
        with AudioWriter(
            file,
            encoding,
            sample_rate=source.sample_rate,
            channels=source.channels,
            tags=source.tags,
            channel_mask=source.contents.channel_mask,
        ) as writer:
            for block in blocks:
                writer.write(block if gain == 1 else block * gain)
        return writer

    try:
        counted = _Counted(source, tell)
        blocks = stream_core(ready.core, counted, ready.config, spool_folder=spool)
        writer = write(blocks if window is None else limit_blocks(blocks, source, window))
        outcome = ready.finish()
        if outcome.unchanged:
            file.seek(0)
            file.truncate()
            writer = write(source.blocks())
    except soundfile.SoundFileError as error:
        name = f"{encoding.container} {encoding.subtype}"
        problem = f"cannot be written as {name} of {source.sample_rate} Hz ({reason_of(error)})"
        raise AudioFileError(source.path, problem) from error
    peak_db = 20 * math.log10(writer.peak) if writer.peak > 0 else None
    clipped = 0 if encoding.is_float else writer.over
    return FileRemix(
        encoding=encoding,
        peak_db=peak_db,
        clipped_samples=clipped,
        seconds=time.perf_counter() - began,
        warnings=(*outcome.warnings, *_warnings(source, encoding, writer, gain_db)),
        trace=(*ready.trace, *(() if only is None else (only.step(),))),
        understood=outcome.understood,
    )


def _prepare(
    remixer: Remixer, source: Source, prompt: str, like: NDArray[np.float32] | None
) -> Prepared:
    with _told_apart(remixer):
        ready = _prepared(remixer, source, prompt, like)

    def core(audio: Audio) -> Audio:
        with _told_apart(remixer):
            return ready.core(audio)

    return replace(ready, core=core)


def prompt_for(card: SystemCard, prompt: str, like: object) -> Plain:
    """What a system is told: joint models that have learnt plain prompts get it plainly.

    Raises PointingError where a prompt points at a sound, or comes with an example of one, and
    the system can only be told names, RefusedError for one that asks for no remix, where the system
    would follow any."""
    if not card.points and (like is not None or points(prompt)):
        raise PointingError(
            f"{card.name} cannot be pointed at a sound, or given an example of one: say its name"
        )
    return plainly(prompt) if card.family == "joint" and not card.points else Plain(prompt)


def _listen(source: Source, start_s: float, end_s: float) -> NDArray[np.float32]:
    """See `lcr.running.chunked.Listen`."""
    start, stop = (round(time_s * source.sample_rate) for time_s in (start_s, end_s))
    parts, done = [np.zeros((source.channels, 0), np.float32)], 0
    for block in source.blocks():
        parts.append(block[:, max(0, start - done) : max(0, stop - done)])
        done += block.shape[1]
        if done >= stop:
            break
    return mono_16k(np.concatenate(parts, axis=1), source.sample_rate)


@contextmanager
def _told_apart(remixer: Remixer) -> Iterator[None]:
    """A system's own OSError, such as a network's, must not be taken for a full disk, and its exit
    not for the end of all work."""
    try:
        yield
    except (OSError, SystemExit) as error:
        problem = "it exits" if isinstance(error, SystemExit) else words_of(error)
        raise SystemFailedError(f"{remixer.card.name} failed: {problem}") from error


def _prepared(
    remixer: Remixer, source: Source, prompt: str, like: NDArray[np.float32] | None
) -> Prepared:
    said = prompt_for(remixer.card, prompt, like)
    ready = _ready(remixer, source, said.prompt, like)

    def finish() -> RequestOutcome:
        outcome = ready.finish()
        return replace(outcome, warnings=(*said.warnings, *outcome.warnings))

    return replace(ready, finish=finish)


def _ready(
    remixer: Remixer, source: Source, prompt: str, like: NDArray[np.float32] | None
) -> Prepared:
    if remixer.card.points and isinstance(remixer, PointedRemixer):
        return remixer.prepare(prompt, listen=partial(_listen, source), like=like)
    if isinstance(remixer, PreparedRemixer):
        return remixer.prepare(prompt)
    part_s = min(_PART_S, _PART_VALUES / (source.sample_rate * source.channels))
    config = AdapterConfig(
        native_rate=source.sample_rate, chunk_s=part_s, overlap_s=part_s * _PART_OVERLAP
    )
    return AnyRateRemixer(remixer, config).prepare(prompt)


def _warnings(
    source: AudioFile, encoding: Encoding, writer: AudioWriter, gain_db: float
) -> Iterator[str]:
    if writer.over and not encoding.is_float:
        over_db = 20 * math.log10(writer.peak)
        least = math.floor(10 * (gain_db - over_db)) / 10
        yield (
            f"{writer.over} samples are beyond full scale by up to {over_db:.1f} dB and clip in "
            f"{encoding.subtype}; use --gain-db {least:.1f}, or a .wav of floats"
        )
    named = f"{encoding.container} {encoding.subtype}"
    if encoding.subtype != source.subtype:
        yield f"written as {named} (it was {source.subtype})"
    elif encoding.container == "RF64" != source.container:
        yield "longer than WAV can hold: written as RF64"
    elif is_misnamed(source):
        yield f"written as {named} (it was {source.container}, whatever its name says)"
    lost = [*writer.lost_tags, *source.contents.extras]
    if source.contents.channel_mask and encoding.container not in ("WAVEX", "RF64"):
        lost.append("which channel is for which loudspeaker")
    if lost:
        yield f"not carried over: {', '.join(lost)}"
