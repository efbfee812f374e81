"""Audio files, read block by block and looked at for what is wrong with them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import soundfile

from lcr.audio import ffmpeg
from lcr.audio.containers import Contents, examine
from lcr.audio.pipe import SLOWEST_HZ
from lcr.errors import AudioFileError
from lcr.remixer import Audio

BLOCK = 2**16
"""Samples a channel that are read at once, fewer where there are more than two channels."""

_MOST_FRAMES = 2**48
_MOST_TRIMMED = 2**13 + 1152
"""Samples that MP3's encoders add at both ends and decoders take away."""


@dataclass(frozen=True, kw_only=True)
class AudioFile:
    """What the header of a file says; `blocks` reads it from the start, as often as needed.

    `container`, `subtype` and `endian` are libsndfile's names; `tags` the texts it knows of (title,
    artist, comment, date, ...). `contents` tells what else the file holds.
    """

    path: Path
    sample_rate: int
    channels: int
    samples: int
    container: str
    subtype: str
    endian: str
    tags: Mapping[str, str]
    contents: Contents = field(default_factory=Contents)
    through_ffmpeg: str | None = None
    """ffmpeg's name of its format, where libsndfile cannot read it."""
    is_part: bool = False
    """Whether only its first `samples` are meant, and the rest is not looked at."""

    @property
    def duration_s(self) -> float:
        return self.samples / self.sample_rate

    @classmethod
    def open(cls, path: str | Path) -> AudioFile:
        """Look at a WAV (RF64, BW64, W64), FLAC, Ogg, MP3, AIFF, AU, CAF or NIST file, or, where
        ffmpeg is installed, at an m4a, mp4, webm or wma.

        Raises AudioFileError when it is missing, unreadable, cut off, damaged, more than one
        recording, empty, or of a rate that no sound has.
        """
        path = Path(path)
        try:
            if not path.is_file():
                raise AudioFileError(path, "is not a file" if path.exists() else "does not exist")
            found = _look(path)
        except OSError as error:
            raise _unreadable(path, error.strerror or error) from error
        if found.samples == 0:
            raise AudioFileError(path, "holds no samples")
        if found.sample_rate < SLOWEST_HZ:
            problem = f"says that it has {found.sample_rate} samples a second; no sound has so few"
            raise AudioFileError(path, problem)
        return found

    def beginning(self, seconds: float) -> AudioFile:
        """The first `seconds` of the file, or all of a shorter one."""
        samples = max(1, round(seconds * self.sample_rate))
        if samples >= self.samples:
            return self
        whole = replace(self.contents, md5=None)  # the checksum is of all samples
        return replace(self, samples=samples, contents=whole, is_part=True)

    def blocks(self, length: int = BLOCK) -> Iterator[Audio]:
        """All samples in order, (channels, `length` or what is left).

        Raises AudioFileError for NaN or infinity, when there are fewer samples than there should
        be, or more, and when they are not those of a FLAC file's checksum.
        """
        length = min(length, max(1, 2 * BLOCK // self.channels))
        done = 0
        try:
            for decoded in _decoded(self, length):
                block = decoded[:, : self.samples - done] if self.is_part else decoded
                _check_finite(self.path, block, done / self.sample_rate)
                done += block.shape[1]
                yield block
                if self.is_part and done == self.samples:
                    return
        except OSError as error:
            raise _unreadable(self.path, error.strerror or error) from error
        if done < self.samples:
            problem = f"is cut off: {done} of {self.samples} samples can be read"
            raise AudioFileError(self.path, problem)
        if done > self.samples:
            raise AudioFileError(self.path, "has grown while it was read; wait for its writer")


def _look(path: Path) -> AudioFile:
    contents = examine(path)
    format = ffmpeg.format_of(path)
    if contents is None or format is not None:
        return _look_through_ffmpeg(path, format, contents)
    try:
        with _opened(path) as file:
            samples = _length(file)
            if samples > _MOST_FRAMES:  # FLAC from a pipe: libsndfile says 2^63 - 1
                problem = "does not say its length; encode it again from a file"
                raise AudioFileError(path, problem)
            if contents.samples is not None and contents.samples - samples > _MOST_TRIMMED:
                problem = f"is damaged: {samples} of {contents.samples} samples can be read"
                raise AudioFileError(path, problem)
            return AudioFile(
                path=path,
                sample_rate=int(file.samplerate),
                channels=int(file.channels),
                samples=samples,
                container=file.format,
                subtype=file.subtype,
                endian=file.endian,
                tags={k: v for k, v in file.copy_metadata().items() if v.strip()},
                contents=contents,
            )
    except soundfile.SoundFileError as error:
        raise _unreadable(path, reason_of(error)) from error


def _look_through_ffmpeg(path: Path, format: str | None, contents: Contents | None) -> AudioFile:
    if format is None:
        with path.open("rb") as file:
            begin = file.read(16).decode("ascii", "backslashreplace")
        raise AudioFileError(path, f"cannot be read as audio: it begins with {begin!r}")
    found, samples = ffmpeg.look(path, format)
    return AudioFile(
        path=path,
        sample_rate=found.sample_rate,
        channels=found.channels,
        samples=samples,
        container=format,
        subtype=format,
        endian="FILE",
        tags={},
        contents=contents or Contents(extras=("its tags",)),
        through_ffmpeg=format,
    )


def _decoded(source: AudioFile, length: int) -> Iterator[Audio]:
    if source.through_ffmpeg is not None:
        yield from ffmpeg.blocks(source.path, source.through_ffmpeg, length)
        return
    try:
        with _opened(source.path) as file:
            _read_on(file)
            if source.contents.md5 is None:
                while len(block := file.read(length, dtype="float32", always_2d=True)):
                    yield np.ascontiguousarray(block.T)
            else:
                yield from _checked_flac(source, file, length)
    except soundfile.SoundFileError as error:
        raise _unreadable(source.path, reason_of(error)) from error


def _checked_flac(source: AudioFile, file: soundfile.SoundFile, length: int) -> Iterator[Audio]:
    """Blocks of a FLAC file whose samples must be those that its MD5 was made of."""
    width = {"PCM_S8": 1, "PCM_16": 2, "PCM_24": 3}[source.subtype]
    digest = hashlib.md5(usedforsecurity=False)
    while len(block := file.read(length, dtype="int32", always_2d=True)):
        digest.update(block.astype("<i4").view(np.uint8).reshape(-1, 4)[:, 4 - width :].tobytes())
        yield np.ascontiguousarray(block.T.astype(np.float32) * np.float32(2.0**-31))
    if digest.digest() != source.contents.md5:
        raise AudioFileError(source.path, "is damaged: its samples do not have its checksum")


def _opened(path: Path) -> soundfile.SoundFile:
    # As bytes: soundfile cannot encode a name that is not UTF-8.
    return soundfile.SoundFile(path if os.name == "nt" else os.fsencode(path))


def reason_of(error: Exception) -> str:
    """What libsndfile says, without the name of what was opened."""
    return str(getattr(error, "error_string", error))


def _length(file: soundfile.SoundFile) -> int:
    """Samples a channel. An MP3 is decoded for them: without a header of LAME's the length that
    libsndfile tells is an estimate."""
    if file.format != "MP3":
        return int(file.frames)
    _read_on(file)
    buffer = np.empty((BLOCK, file.channels), np.float32)
    count = 0
    while len(part := file.read(out=buffer)):
        count += len(part)
    return count


def _read_on(file: soundfile.SoundFile) -> None:
    """soundfile seeks to where it is after every read, if it can; in an MP3 that spoils what comes
    next, by up to full scale."""
    file.seekable = lambda: False


def _check_finite(path: Path, block: np.ndarray, start_s: float) -> None:
    finite = np.isfinite(block)
    if not finite.all():
        bad = int(np.count_nonzero(~finite))
        where = f", {start_s:.1f} s from its start" if start_s else ""
        raise AudioFileError(path, f"holds {bad} samples that are NaN or infinite{where}")


def _unreadable(path: Path, reason: object) -> AudioFileError:
    return AudioFileError(path, f"cannot be read as audio ({reason})")
