"""Audio files, read block by block and looked at for what is wrong with them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from lcr.errors import AudioFileError
from lcr.remixer import Audio

BLOCK = 2**16
"""Samples a channel that are read at once."""

_MOST_FRAMES = 2**48
_OGG_PAGE_BYTES = 65_307  # the longest page there can be


@dataclass(frozen=True, kw_only=True)
class AudioFile:
    """What the header of a file says; `blocks` reads it from the start, as often as needed.

    `container`, `subtype` and `endian` are libsndfile's names; `tags` the texts it knows of (title,
    artist, comment, date, ...).
    """

    path: Path
    sample_rate: int
    channels: int
    samples: int
    container: str
    subtype: str
    endian: str
    tags: Mapping[str, str]

    @property
    def duration_s(self) -> float:
        return self.samples / self.sample_rate

    @classmethod
    def open(cls, path: str | Path) -> AudioFile:
        """Look at a file of any format libsndfile knows.

        Raises AudioFileError when it is missing, unreadable, cut off (as far as WAV and Ogg tell
        without reading all of it), empty or headerless.
        """
        path = Path(path)
        if not path.is_file():
            raise AudioFileError(path, "is not a file" if path.exists() else "does not exist")
        try:
            with soundfile.SoundFile(path) as file:
                samples = _length(file)
                if samples > _MOST_FRAMES:  # FLAC from a pipe: libsndfile says 2^63 - 1
                    problem = "does not say its length; encode it again from a file"
                    raise AudioFileError(path, problem)
                found = cls(
                    path=path,
                    sample_rate=int(file.samplerate),
                    channels=int(file.channels),
                    samples=samples,
                    container=file.format,
                    subtype=file.subtype,
                    endian=file.endian,
                    tags={k: v for k, v in file.copy_metadata().items() if v.strip()},
                )
            missing = _missing_bytes(path)
        except TypeError as error:  # soundfile's word for raw samples, whose rate it cannot know
            raise AudioFileError(path, f"has no header to read it by ({error})") from error
        except (soundfile.SoundFileError, OSError) as error:
            raise _unreadable(path, error) from error
        if missing:
            raise AudioFileError(
                path, f"is cut off: {missing} or more bytes are missing at its end"
            )
        if samples == 0:
            raise AudioFileError(path, "holds no samples")
        return found

    def blocks(self, length: int = BLOCK) -> Iterator[Audio]:
        """All samples in order, (channels, `length` or what is left).

        Raises AudioFileError for NaN or infinity and when there are fewer samples than there should
        be, or more.
        """
        done = 0
        try:
            with soundfile.SoundFile(self.path) as file:
                _read_on(file)
                while len(block := file.read(length, dtype="float32", always_2d=True)):
                    _check_finite(self.path, block, done / self.sample_rate)
                    done += len(block)
                    yield np.ascontiguousarray(block.T)
        except (soundfile.SoundFileError, OSError) as error:
            raise _unreadable(self.path, error) from error
        if done < self.samples:
            problem = f"is cut off: {done} of {self.samples} samples can be read"
            raise AudioFileError(self.path, problem)
        if done > self.samples:
            raise AudioFileError(self.path, "has grown while it was read; wait for its writer")


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


def _unreadable(path: Path, error: Exception) -> AudioFileError:
    return AudioFileError(path, f"cannot be read as audio ({error})")


def _missing_bytes(path: Path) -> int:
    """How many bytes a WAV's data chunk or an Ogg file's last page lacks; 0 for other formats.

    libsndfile takes what is there for the whole: a download cut short would pass unnoticed.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        magic = file.read(4)
        if magic in (b"RIFF", b"RIFX"):
            return _missing_in_wav(file, size, "<I" if magic == b"RIFF" else ">I")
        if magic != b"OggS":
            return 0
        file.seek(max(0, size - _OGG_PAGE_BYTES))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    segments = page[26] if len(page) > 26 else 0
    return max(0, 27 + segments + sum(page[27 : 27 + segments]) - len(page))


def _missing_in_wav(file: BinaryIO, size: int, word: str) -> int:
    position = 12
    while position + 8 <= size:
        file.seek(position)
        name, length = file.read(4), struct.unpack(word, file.read(4))[0]
        position += 8
        if name == b"data":
            # Programs that write into a pipe leave a length near 2^31 or 2^32 instead of one.
            unknown = length >= 0x7FFF_F000
            return 0 if unknown else max(0, position + length - size)
        position += length + length % 2
    return 0
