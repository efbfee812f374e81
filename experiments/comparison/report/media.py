"""Sound for a page: clips encoded as data URIs and spectrogram images on one colour scale."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import soundfile
from numpy.typing import NDArray

from lcr.audio import spectrogram

Encoding = Literal["FLAC", "Vorbis"]
Signal: TypeAlias = NDArray[np.float32]
"""(samples, channels), soundfile's layout."""

SPECTROGRAM_WIDTH = 320
SPECTROGRAM_HEIGHT = 96
_BLOCK = 65_536
_LEAST_FLAC = 2**15
"""Samples: in shorter FLAC files Chromium finds no place but the beginning."""


class ClipError(ValueError):
    """A recorded clip cannot be shown; the message says why in words for the page."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A recorded sound: `samples` is (samples, channels), 1.0 full scale."""

    samples: Signal
    sample_rate: int

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate

    @property
    def peak(self) -> float:
        return float(np.max(np.abs(self.samples)))


def read_clip(path: Path) -> Clip:
    """Read an audio file. Raises ClipError when missing, unreadable, empty or not finite."""
    if not path.is_file():
        raise ClipError(f"no audio file {path.name}")
    try:
        samples, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ClipError(f"cannot read {path.name}: {error.error_string}") from error
    if not len(samples):
        raise ClipError(f"{path.name} holds no samples")
    broken = int(np.count_nonzero(~np.isfinite(samples)))
    if broken:
        raise ClipError(f"{path.name} holds {broken} samples that are not finite")
    return Clip(samples=samples, sample_rate=int(sample_rate))


def data_uri(mime: str, content: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"


def encode(clip: Clip, *, gain: float, encoding: Encoding) -> str:
    """The clip times `gain` as a data URI that a browser plays.

    Both formats are bounded at full scale: give a `gain` that keeps the peak at or below 1.
    """
    if clip.peak * gain > 1.0 + 1e-6:
        raise ValueError(f"gain {gain:g} takes the peak to {clip.peak * gain:g}, above full scale")
    container, subtype, mime = "OGG", "VORBIS", "audio/ogg"
    if encoding == "FLAC":
        subtype = "PCM_16"
        is_short = len(clip.samples) < _LEAST_FLAC
        container, mime = ("WAV", "audio/wav") if is_short else ("FLAC", "audio/flac")
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer,
        "w",
        samplerate=clip.sample_rate,
        channels=clip.samples.shape[1],
        format=container,
        subtype=subtype,
    ) as file:
        # libsndfile's Vorbis writer overflows its stack when given minutes in one call.
        for start in range(0, len(clip.samples), _BLOCK):
            file.write(clip.samples[start : start + _BLOCK] * np.float32(gain))
    return data_uri(mime, buffer.getvalue())


def mel_power(clip: Clip) -> NDArray[np.float64]:
    """The spectrogram of a clip of any length, (`SPECTROGRAM_HEIGHT`, `SPECTROGRAM_WIDTH`)."""
    return spectrogram.mel_power(
        clip.samples.T, clip.sample_rate, width=SPECTROGRAM_WIDTH, height=SPECTROGRAM_HEIGHT
    )


def db_of(gain: float) -> float:
    """An amplitude factor above zero in decibels."""
    return 20 * math.log10(gain)
