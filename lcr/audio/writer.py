"""Audio files written block by block, in the format of another file, whole or not at all."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import soundfile

from lcr.audio.reader import AudioFile, reason_of
from lcr.errors import AudioFileError
from lcr.remixer import Audio

_NAMED = {
    "WAV": "wav wave",
    "FLAC": "flac",
    "OGG": "ogg oga opus",
    "MP3": "mp3",
    "AIFF": "aif aiff aifc",
    "AU": "au snd",
    **{"CAF": "caf", "W64": "w64", "RF64": "rf64"},
}
_SUFFIXES = {suffix: form for form, names in _NAMED.items() for suffix in names.split()}
"""Names of files to libsndfile's containers."""
_WAVS = ("WAV", "WAVEX", "RF64")
_WITH_FLOATS = ("WAV", "WAVEX", "RF64", "AIFF", "AU", "CAF", "W64")
_FLOATS = ("FLOAT", "DOUBLE")
_UNLIMITED = (*_FLOATS, "VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")
"""Subtypes that are given samples beyond full scale as they are."""
_MASK_AT = {"WAVEX": 40, "RF64": 76}
"""Where these say which loudspeakers their channels are for."""
_SPOILT = ("ALAC_20", "ALAC_24", "ALAC_32")
"""What libsndfile 1.2.2 cannot write: loud samples come back wrong by up to full scale."""
_INTEGER = re.compile(r"(?:PCM_[SU]?|ALAC_)(\d+)")
_WRITTEN_AT_ONCE = 2**15
"""Samples a channel: libsndfile's Vorbis encoder overflows its stack on very long blocks."""
_MOST_BYTES = 2**32 - 2**20
"""What a WAV or AIFF file can hold, room for its header left."""


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How samples are stored, in libsndfile's names."""

    container: str
    subtype: str
    endian: str = "FILE"

    @property
    def is_float(self) -> bool:
        return self.subtype in _FLOATS


def audio_suffixes() -> frozenset[str]:
    """Suffixes of audio files that can be read and written, in lower case, with their dot."""
    return frozenset(f".{suffix}" for suffix in _SUFFIXES)


def encoding_like(file: AudioFile, target: Path) -> Encoding:
    """Choose how to write `target`: as `file` is encoded if the suffix of `target` can hold that,
    else in the container that the suffix names, with the same subtype or one that loses nothing.

    Raises AudioFileError for a suffix that names none and where none can be written.
    """
    suffix = target.suffix.lower()
    named = _SUFFIXES.get(suffix[1:])
    if named is None and (suffix != file.path.suffix.lower() or file.through_ffmpeg is not None):
        known = ", ".join(sorted(audio_suffixes()))
        raise AudioFileError(target, f"its suffix names no audio format; give one of {known}")
    same = named in (None, _family(file.container))
    container = file.container if same else str(named)
    endian = file.endian if same else "FILE"
    subtypes = [file.subtype, _best_subtype(container)]
    if suffix == ".opus":
        subtypes = ["OPUS"]
    reason = ""
    for subtype in subtypes:
        if subtype in _SPOILT:
            continue
        encoding = Encoding(container=container, subtype=subtype, endian=endian)
        reason = _why_not(encoding, file.sample_rate, file.channels)
        if not reason:
            return _room(encoding, file, target)
    raise AudioFileError(target, f"cannot be written as {container} {subtype} ({reason})")


def is_misnamed(file: AudioFile) -> bool:
    """Whether the name of `file` ends as that of another container than it is."""
    family = _family(file.container)
    return _SUFFIXES.get(file.path.suffix[1:].lower(), family) != family


def _family(container: str) -> str:
    return "WAV" if container in _WAVS else container


def _why_not(encoding: Encoding, sample_rate: int, channels: int) -> str:
    """Why libsndfile cannot write it so; empty where it can."""
    if encoding.subtype == "VORBIS" and (sample_rate > 200_000 or channels > 255):
        # Beyond this libsndfile 1.2.2 ends the process.
        return "Vorbis holds up to 200000 Hz and 255 channels"
    try:
        _opened(io.BytesIO(), encoding, sample_rate, channels).close()
    except (soundfile.SoundFileError, ValueError) as error:
        return reason_of(error)
    return ""


def _opened(
    file: _Sink | io.BytesIO, encoding: Encoding, sample_rate: int, channels: int
) -> soundfile.SoundFile:
    return soundfile.SoundFile(
        file,
        "w",
        samplerate=sample_rate,
        channels=channels,
        format=encoding.container,
        subtype=encoding.subtype,
        endian=encoding.endian,
    )


def _best_subtype(container: str) -> str:
    if container in _WITH_FLOATS:
        return "FLOAT"
    best = "PCM_24" if container == "FLAC" else soundfile.default_subtype(container)
    return str(best)


def _room(encoding: Encoding, file: AudioFile, target: Path) -> Encoding:
    """A form of WAV without a limit of 4 GiB where the samples need it."""
    bits = 64 if encoding.subtype == "DOUBLE" else 32
    if match := _INTEGER.fullmatch(encoding.subtype):
        bits = int(match[1])
    if file.samples * file.channels * bits // 8 <= _MOST_BYTES:
        return encoding
    if encoding.container in ("WAV", "WAVEX"):
        return Encoding(container="RF64", subtype=encoding.subtype)
    if encoding.container == "AIFF":
        raise AudioFileError(target, "would exceed the 4 GiB that AIFF can hold; give NAME.caf")
    return encoding


def refuse_link(target: Path) -> None:
    """Raises AudioFileError for a link, in whose place a file would be: nobody asked for that."""
    if target.is_symlink():
        raise AudioFileError(target, f"is a link to {target.readlink()}; name the file itself")


class AudioWriter:
    """Writes blocks (channels, any) float32 into an open, seekable file.

    Integers are the nearest there are, so that what was read from integers of the same width comes
    back the same. What is beyond full scale is kept in float formats, handed on in lossy ones, and
    limited in integer ones; either way `peak` and `over` tell of it. Raises OSError on a full
    disk, soundfile.SoundFileError where libsndfile refuses.
    """

    def __init__(
        self,
        file: IO[bytes],
        encoding: Encoding,
        *,
        sample_rate: int,
        channels: int,
        tags: Mapping[str, str],
        channel_mask: int = 0,
    ) -> None:
        self._sink = _Sink(file)
        self._encoding = encoding
        self._mask = channel_mask
        match = _INTEGER.fullmatch(encoding.subtype)
        self._bits = int(match[1]) if match else None
        self._file = _opened(self._sink, encoding, sample_rate, channels)
        self.lost_tags = tuple(name for name, text in tags.items() if not self._tag(name, text))
        """Names of the tags that this container cannot hold."""
        self.peak = 0.0
        """Largest absolute sample so far; 1.0 is full scale."""
        self.over = 0
        """How many samples were beyond full scale so far."""

    def __enter__(self) -> AudioWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None:
            if self._mask and self._encoding.container in _MASK_AT:
                # libsndfile writes that of the usual loudspeakers for so many channels.
                self._sink.seek(_MASK_AT[self._encoding.container])
                self._sink.write(self._mask.to_bytes(4, "little"))
                self._sink.seek(0, os.SEEK_END)
            self._sink.check()

    def write(self, block: Audio) -> None:
        for start in range(0, block.shape[1], _WRITTEN_AT_ONCE):
            part = block[:, start : start + _WRITTEN_AT_ONCE].T
            size = np.abs(part)
            self.peak = max(self.peak, float(size.max()))
            self.over += int(np.count_nonzero(size > 1.0))
            self._file.write(self._stored(part))
            self._sink.check()

    def _tag(self, name: str, text: str) -> bool:
        try:
            setattr(self._file, name, text)
        except soundfile.SoundFileError:
            return False
        return True

    def _stored(self, samples: np.ndarray) -> np.ndarray:
        """Integers where the file holds such: libsndfile rounds floats down and by another scale
        than it reads them."""
        if self._bits is None:
            if self._encoding.subtype in _UNLIMITED:
                return np.ascontiguousarray(samples)
            return np.asarray(np.clip(samples, -1.0, 1.0))
        scale = 2.0 ** (self._bits - 1)
        whole = np.clip(np.rint(samples * np.float64(scale)), -scale, scale - 1)
        if self._bits <= 16:
            return np.asarray(whole.astype(np.int16) << np.int16(16 - self._bits))
        return np.asarray(whole.astype(np.int32) << np.int32(32 - self._bits))


class _Sink:
    """A file that libsndfile writes into through Python: it does not report a full disk itself, and
    an error must not pass through C."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._error: OSError | None = None

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def write(self, data: bytes) -> int:
        if self._error is None:
            try:
                self._file.write(data)
            except OSError as error:
                self._error = error
        return len(data)  # soundfile takes less for a fault of its own; `check` tells
