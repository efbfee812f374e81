"""Sound through pipes: a WAV or headerless samples, read and written while it is being made.

Files know their length before they begin; a pipe does not. So the header's lengths count only
where they are believable, and what is written says "unknown" (all ones, as ffmpeg and sox write).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Literal, get_args

import numpy as np

from lcr.errors import LcrError
from lcr.remixer import Audio

Encoding = Literal["s16le", "s32le", "f32le"]
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_TAGS = {(_PCM, 16): "s16le", (_PCM, 32): "s32le", (_FLOAT, 32): "f32le"}
_TYPES = {"s16le": "<i2", "s32le": "<i4", "f32le": "<f4"}
_UNKNOWN = 0xFFFFFFFF
SLOWEST_HZ = 100
"""No sound has fewer samples a second."""


class PipeError(LcrError):
    """What comes through a pipe is not the sound it should be."""


@dataclass(frozen=True, kw_only=True)
class PipeFormat:
    """How samples lie in a pipe: interleaved, little-endian."""

    sample_rate: int
    channels: int
    encoding: Encoding

    def __post_init__(self) -> None:
        if self.sample_rate < SLOWEST_HZ or self.channels < 1:
            raise PipeError(f"{self.sample_rate} Hz and {self.channels} channels are no sound")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * np.dtype(_TYPES[self.encoding]).itemsize

    def decode(self, content: bytes) -> Audio:
        """Whole frames -> (channels, samples), full scale at 1.0."""
        values = np.frombuffer(content, _TYPES[self.encoding]).reshape(-1, self.channels).T
        if self.encoding == "f32le":
            return np.ascontiguousarray(values, np.float32)
        full_scale = 2.0 ** (8 * values.itemsize - 1)
        return (values / full_scale).astype(np.float32)

    def encode(self, audio: Audio) -> bytes:
        """The reverse; integers clip beyond full scale."""
        if self.encoding == "f32le":
            return np.ascontiguousarray(audio.T, "<f4").tobytes()
        kind = np.dtype(_TYPES[self.encoding])
        limits, scale = np.iinfo(kind), float(np.iinfo(kind).max) + 1
        rounded = np.rint(audio.T.astype(np.float64) * scale)
        return rounded.clip(limits.min, limits.max).astype(kind).tobytes()


@dataclass(frozen=True, kw_only=True)
class WavHeader:
    """`length`: bytes of sound that follow, None where the header does not know."""

    format: PipeFormat
    length: int | None


def read_header(stream: IO[bytes]) -> WavHeader:
    """Read up to where the samples begin. Raises PipeError for what is no WAV of 16 or 32 bits."""
    riff, _, wave = struct.unpack("<4sI4s", _exactly(stream, 12))
    if riff != b"RIFF" or wave != b"WAVE":
        raise PipeError("standard input is no WAV; give --raw for samples without a header")
    found: PipeFormat | None = None
    while True:
        name, size = struct.unpack("<4sI", _exactly(stream, 8))
        if name == b"data":
            if found is None:
                raise PipeError("the WAV on standard input has samples before their format")
            return WavHeader(format=found, length=None if size in (0, _UNKNOWN) else size)
        content = _exactly(stream, size + size % 2)
        if name == b"fmt ":
            found = _format(content)


def write_header(stream: IO[bytes], format: PipeFormat) -> None:
    """A WAV header of unknown length."""
    bits = 8 * format.frame_bytes // format.channels
    tag = _FLOAT if format.encoding == "f32le" else _PCM
    rate = format.sample_rate
    stream.write(struct.pack("<4sI4s4sI", b"RIFF", _UNKNOWN, b"WAVE", b"fmt ", 16))
    frame = format.frame_bytes
    stream.write(struct.pack("<HHIIHH", tag, format.channels, rate, rate * frame, frame, bits))
    stream.write(struct.pack("<4sI", b"data", _UNKNOWN))


def read_chunks(
    stream: IO[bytes], format: PipeFormat, samples: int, length: int | None = None
) -> Iterator[Audio]:
    """(channels, `samples`) at a time, the last one shorter, up to `length` bytes or the end; what
    is no whole frame at the end is dropped. Raises PipeError where it ends before `length`."""
    left = length
    while left is None or left > 0:
        wanted = samples * format.frame_bytes
        content = stream.read(wanted if left is None else min(wanted, left))
        whole = len(content) - len(content) % format.frame_bytes
        if whole:
            yield format.decode(content[:whole])
        left = None if left is None else left - len(content)
        if len(content) < wanted:
            if left:
                raise PipeError(f"standard input is cut off: {left} bytes of its sound are missing")
            return


def _format(content: bytes) -> PipeFormat:
    if len(content) < 16:
        raise PipeError(f"the WAV's format has {len(content)} bytes, not 16 or more")
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", content[:16])
    if tag == _EXTENSIBLE and len(content) >= 26:
        (tag,) = struct.unpack("<H", content[24:26])
    encoding = _TAGS.get((tag, bits))
    if encoding is None:
        raise PipeError(f"a WAV of kind {tag} with {bits} bits; live takes 16, 32 or 32 float")
    return PipeFormat(sample_rate=rate, channels=channels, encoding=_known(encoding))


def _known(name: str) -> Encoding:
    return next(encoding for encoding in ENCODINGS if encoding == name)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise PipeError("standard input ended before its samples began")
    return content
