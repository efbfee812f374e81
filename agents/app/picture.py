"""A recording as a picture: its waveform, and below it its spectrogram on a mel axis."""

from __future__ import annotations

import base64
import io
import itertools
import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image
from scipy.signal import get_window

from lcr.remixer import Audio

WIDTH, WAVE_HEIGHT, MEL_HEIGHT, GAP = 640, 56, 112, 4
RANGE_DB = 70.0
"""Shown below the loudest cell of what a picture is compared with."""
_WINDOW_S = 0.032
_FLOOR = 1e-14
_BATCH = 256
"""Windows that are analysed together."""
_MOST_WINDOWS = 8
# Lightness only rises, so that it also reads in grey.
_RAMP = (
    (11, 16, 32),
    (24, 52, 92),
    (20, 104, 128),
    (38, 158, 132),
    (142, 206, 98),
    (250, 240, 180),
)
_WAVE, _GROUND = (94, 176, 190), (11, 16, 32)


def picture(audio: Audio, sample_rate: int, *, top_db: float) -> str:
    """(channels, samples) as the data URI of a PNG. `top_db` is the level of the brightest colour:
    `loudest_db` of what the picture is to be compared with."""
    level_db = 10 * np.log10(np.maximum(_mel_power(audio, sample_rate), _FLOOR))
    unit = np.clip((level_db - (top_db - RANGE_DB)) / RANGE_DB, 0, 1)[::-1]
    at = np.linspace(0, 1, len(_RAMP))
    mel = np.stack([np.interp(unit, at, [c[i] for c in _RAMP]) for i in range(3)], axis=-1)
    ground = np.full((WAVE_HEIGHT + GAP, WIDTH, 3), _GROUND, dtype=np.float64)
    ground[:WAVE_HEIGHT][_outline(audio)] = _WAVE
    pixels = np.concatenate([ground, mel]).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).quantize(64).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def loudest_db(audio: Audio, sample_rate: int) -> float:
    """Level of the loudest cell of the spectrogram."""
    return 10 * math.log10(max(float(_mel_power(audio, sample_rate).max()), _FLOOR))


def _outline(audio: Audio) -> NDArray[np.bool_]:
    """(WAVE_HEIGHT, WIDTH) True between the least and the greatest sample of each column, with
    full scale at the edges."""
    edges = np.linspace(0, audio.shape[1], WIDTH + 1).astype(np.int64)
    rows = np.arange(WAVE_HEIGHT)
    shape = np.zeros((WAVE_HEIGHT, WIDTH), dtype=bool)
    middle = (WAVE_HEIGHT - 1) / 2
    for column, (start, stop) in enumerate(itertools.pairwise(edges)):
        start = min(start, audio.shape[1] - 1)
        part = np.clip(audio[:, start : max(stop, start + 1)], -1, 1)
        top, bottom = middle * (1 - part.max()), middle * (1 - part.min())
        shape[:, column] = (rows >= math.floor(top)) & (rows <= math.ceil(bottom))
    return shape


def _mel_power(audio: Audio, sample_rate: int) -> NDArray[np.float64]:
    """Mean power over channels, (MEL_HEIGHT, WIDTH), low pitch first, of windows spread evenly: one
    a column, and up to `_MOST_WINDOWS` where they would leave gaps."""
    window = max(64, round(_WINDOW_S * sample_rate))
    samples = audio.shape[1]
    each = int(np.clip(samples / WIDTH / window * 2, 1, _MOST_WINDOWS))
    starts = np.linspace(0, max(0, samples - window), WIDTH * each).astype(np.int64)
    padded = np.pad(audio, ((0, 0), (0, max(0, window - samples))))
    shape = get_window("hann", window).astype(np.float32)
    power = np.zeros((WIDTH * each, window + 1))
    for channel in padded:
        frames = sliding_window_view(channel, window)
        for first in range(0, len(starts), _BATCH):
            chosen = slice(first, first + _BATCH)
            spectrum = np.fft.rfft(frames[starts[chosen]] * shape, 2 * window)
            power[chosen] += np.abs(spectrum) ** 2 / len(padded)
    power = power.reshape(WIDTH, each, -1).mean(axis=1) / shape.sum() ** 2
    frequencies = np.linspace(0, sample_rate / 2, power.shape[1])
    mel = 2595 * math.log10(1 + sample_rate / 2 / 700)
    rows_hz = 700 * (10 ** (np.linspace(0, mel, MEL_HEIGHT) / 2595) - 1)
    return np.stack([np.interp(rows_hz, frequencies, column) for column in power], axis=1)
