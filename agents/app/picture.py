"""A recording as a picture: its waveform, and below it its spectrogram on a mel axis."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from lcr.audio import spectrogram
from lcr.audio.spectrogram import GROUND, coloured, mel_power, png_uri
from lcr.remixer import Audio

WIDTH, WAVE_HEIGHT, MEL_HEIGHT, GAP = 640, 56, 112, 4
_WAVE = (94, 176, 190)


def picture(audio: Audio, sample_rate: int, *, top_db: float) -> str:
    """(channels, samples) as the data URI of a PNG. `top_db` is the level of the brightest colour:
    `loudest_db` of what the picture is to be compared with."""
    mel = coloured(_power(audio, sample_rate), top_db=top_db)
    wave = np.full((WAVE_HEIGHT + GAP, WIDTH, 3), GROUND, dtype=np.float64)
    wave[:WAVE_HEIGHT][_outline(audio)] = _WAVE
    return png_uri(np.concatenate([wave, mel]))


def loudest_db(audio: Audio, sample_rate: int) -> float:
    """Level of the loudest cell of the spectrogram."""
    return spectrogram.loudest_db(_power(audio, sample_rate))


def _power(audio: Audio, sample_rate: int) -> NDArray[np.float64]:
    return mel_power(audio, sample_rate, width=WIDTH, height=MEL_HEIGHT)


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
