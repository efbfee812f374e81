"""Sound for a page: clips encoded as data URIs and spectrogram images on one colour scale."""

from __future__ import annotations

import base64
import io
import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image
from scipy.signal import get_window, stft

Encoding = Literal["FLAC", "Vorbis"]
Signal: TypeAlias = NDArray[np.float32]
"""(samples, channels), soundfile's layout."""

SPECTROGRAM_WIDTH = 320
SPECTROGRAM_HEIGHT = 96
RANGE_DB = 70.0
"""Decibels shown below the loudest cell of an example."""

_BLOCK = 65_536
_WINDOW_S = 0.032
_LEVELS = 64
_FLOOR_POWER = 1e-14

# Anchors of a ramp whose lightness only rises, so that it also reads in print and in grey.
_RAMP = np.array(
    [
        [9, 10, 28],
        [42, 30, 92],
        [104, 40, 122],
        [178, 56, 106],
        [232, 104, 72],
        [250, 178, 92],
        [252, 244, 206],
    ],
    dtype=np.float64,
)


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
    container, subtype, mime = (
        ("FLAC", "PCM_16", "audio/flac") if encoding == "FLAC" else ("OGG", "VORBIS", "audio/ogg")
    )
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
    """Mean-of-channels power on a mel axis, (`SPECTROGRAM_HEIGHT`, `SPECTROGRAM_WIDTH`), low first.

    Columns cover the clip evenly whatever its length; a clip shorter than one window is padded.
    """
    window = max(64, round(_WINDOW_S * clip.sample_rate))
    mono_channels = clip.samples.T.astype(np.float64)
    if mono_channels.shape[1] < window:
        mono_channels = np.pad(mono_channels, ((0, 0), (0, window - mono_channels.shape[1])))
    hop = int(np.clip(mono_channels.shape[1] // SPECTROGRAM_WIDTH, 1, window // 2))
    frequencies, _, spectrum = stft(
        mono_channels,
        fs=clip.sample_rate,
        window=get_window("hann", window),
        nperseg=window,
        noverlap=window - hop,
        nfft=2 * window,
    )
    power = np.mean(np.abs(spectrum) ** 2, axis=0)
    columns = np.linspace(0, power.shape[1], SPECTROGRAM_WIDTH + 1)
    frames = [
        power[:, int(a) : max(int(a) + 1, int(np.ceil(b)))].mean(axis=1)
        for a, b in itertools.pairwise(columns)
    ]
    nyquist_mel = 2595 * np.log10(1 + clip.sample_rate / 2 / 700)
    rows_hz = 700 * (10 ** (np.linspace(0, nyquist_mel, SPECTROGRAM_HEIGHT) / 2595) - 1)
    return np.stack([np.interp(rows_hz, frequencies, frame) for frame in frames], axis=1)


def spectrogram_uri(power: NDArray[np.float64], *, top_db: float) -> str:
    """A PNG data URI of `power` (from `mel_power`), `RANGE_DB` below `top_db`, low pitch below."""
    level_db = 10 * np.log10(np.maximum(power, _FLOOR_POWER))
    unit = np.clip((level_db - (top_db - RANGE_DB)) / RANGE_DB, 0, 1)
    indices = np.round(unit * (_LEVELS - 1)).astype(np.uint8)[::-1]
    image = Image.frombytes("P", (indices.shape[1], indices.shape[0]), indices.tobytes())
    image.putpalette(_palette())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True, bits=6)
    return data_uri("image/png", buffer.getvalue())


def peak_db(powers: list[NDArray[np.float64]]) -> float:
    """Decibels of the loudest cell among the spectrograms of one example."""
    loudest = max((float(power.max()) for power in powers), default=0.0)
    return float(10 * np.log10(max(loudest, _FLOOR_POWER)))


def db_of(gain: float) -> float:
    """An amplitude factor above zero in decibels."""
    return 20 * math.log10(gain)


def _palette() -> list[int]:
    position = np.linspace(0, len(_RAMP) - 1, _LEVELS)
    channels = [np.interp(position, np.arange(len(_RAMP)), _RAMP[:, c]) for c in range(3)]
    return [int(v) for v in np.round(np.stack(channels, axis=1)).reshape(-1)]
