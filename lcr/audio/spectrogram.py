"""Spectrograms on a mel axis, and pictures of them on one ramp of colours."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image
from scipy.signal import get_window

from lcr.remixer import Audio

RANGE_DB = 70.0
"""Shown below the loudest cell of what a picture is compared with."""
GROUND = (11, 16, 32)
# Lightness only rises, so that it also reads in print and in grey.
_RAMP = (GROUND, (24, 52, 92), (20, 104, 128), (38, 158, 132), (142, 206, 98), (250, 240, 180))
_WINDOW_S = 0.032
_FLOOR = 1e-14
_BATCH = 256
"""Windows that are analysed together."""
_MOST_WINDOWS = 8


def mel_power(audio: Audio, sample_rate: int, *, width: int, height: int) -> NDArray[np.float64]:
    """Mean power over the channels of (channels, samples): (height, width), low pitch first, of
    windows spread evenly: one a column, and up to `_MOST_WINDOWS` where they would leave gaps."""
    window = max(64, round(_WINDOW_S * sample_rate))
    samples = audio.shape[1]
    each = int(np.clip(samples / width / window * 2, 1, _MOST_WINDOWS))
    starts = np.linspace(0, max(0, samples - window), width * each).astype(np.int64)
    padded = np.pad(audio, ((0, 0), (0, max(0, window - samples))))
    shape = get_window("hann", window).astype(np.float32)
    power = np.zeros((width * each, window + 1))
    for channel in padded:
        frames = sliding_window_view(channel, window)
        for first in range(0, len(starts), _BATCH):
            chosen = slice(first, first + _BATCH)
            spectrum = np.fft.rfft(frames[starts[chosen]] * shape, 2 * window)
            power[chosen] += np.abs(spectrum) ** 2 / len(padded)
    power = power.reshape(width, each, -1).mean(axis=1) / shape.sum() ** 2
    frequencies = np.linspace(0, sample_rate / 2, power.shape[1])
    mel = 2595 * math.log10(1 + sample_rate / 2 / 700)
    rows_hz = 700 * (10 ** (np.linspace(0, mel, height) / 2595) - 1)
    return np.stack([np.interp(rows_hz, frequencies, column) for column in power], axis=1)


def loudest_db(*powers: NDArray[np.float64]) -> float:
    """Level of the loudest cell of some spectrograms."""
    return 10 * math.log10(max(_FLOOR, *(float(power.max()) for power in powers)))


def coloured(power: NDArray[np.float64], *, top_db: float) -> NDArray[np.float64]:
    """Colours (height, width, 3), 0 to 255, low pitch below; `top_db` has the brightest."""
    level_db = 10 * np.log10(np.maximum(power, _FLOOR))
    unit = np.clip((level_db - (top_db - RANGE_DB)) / RANGE_DB, 0, 1)[::-1]
    at = np.linspace(0, 1, len(_RAMP))
    return np.stack([np.interp(unit, at, [c[i] for c in _RAMP]) for i in range(3)], axis=-1)


def png_uri(pixels: NDArray[np.float64]) -> str:
    """Colours as the data URI of a PNG of 64 of them."""
    buffer = io.BytesIO()
    image = Image.fromarray(pixels.round().astype(np.uint8))
    image.quantize(64).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
