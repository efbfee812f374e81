"""How voices of one mixture relate: who begins first, who is higher, who is louder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lcr.data.bank import SAMPLE_RATE, Waveform
from lcr.data.mixtures import MixtureConfig, active_frames
from lcr.instruction import RELATIONS

_ACTIVE_DB = MixtureConfig().active_range_db
_FRAME_S = 0.02
_WINDOW, _HOP = 640, 320
_LONGEST, _SHORTEST = SAMPLE_RATE // 70, SAMPLE_RATE // 400
CLEAR_ONSET_S = 0.5
CLEAR_F0_RATIO = 1.2
CLEAR_LEVEL_DB = 4.0


@dataclass(frozen=True, kw_only=True)
class VoiceMeasures:
    """When a voice begins, its median F0 (None where nothing is voiced), its level in dB while it
    speaks."""

    onset_s: float
    f0_hz: float | None
    level_db: float


def measure_voice(wave: Waveform) -> VoiceMeasures | None:
    """Measure one voice alone, (samples,) at 16 kHz; None for silence."""
    active = active_frames(wave, _ACTIVE_DB)
    if not active.any():
        return None
    frames = wave[: len(active) * _HOP].reshape(-1, _HOP)[active]
    return VoiceMeasures(
        onset_s=float(np.flatnonzero(active)[0]) * _FRAME_S,
        f0_hz=median_f0(wave),
        level_db=10 * float(np.log10(np.mean(np.square(frames)) + 1e-12)),
    )


def begin_later(wave: Waveform, samples: int) -> Waveform:
    """The same voice (samples,) `samples` later; as it was where that would lose half of it."""
    later = np.zeros_like(wave)
    later[samples:] = wave[: len(wave) - samples]
    return later if np.square(later).sum() >= 0.5 * np.square(wave).sum() else wave


def median_f0(wave: Waveform) -> float | None:
    """Hz, 70 to 400, of (samples,) at 16 kHz: the median over voiced frames of 40 ms of the
    strongest period of the autocorrelation (Boersma 1993, without its path search); None where
    fewer than five frames are voiced."""
    if len(wave) < 2 * _WINDOW:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(wave, _WINDOW)[::_HOP].astype(np.float64)
    frames = frames - frames.mean(1, keepdims=True)
    energy = np.square(frames).mean(1)
    frames = frames[energy > 0.05 * energy.max()]
    window = np.hanning(_WINDOW)

    def autocorrelation(x: np.ndarray) -> np.ndarray:
        spectrum = np.fft.rfft(x, 2 * _WINDOW)
        return np.fft.irfft(np.abs(spectrum) ** 2)[..., : _LONGEST + 1]

    ratio = autocorrelation(frames * window) / autocorrelation(window)
    ratio = ratio[:, _SHORTEST:] / (ratio[:, :1] + 1e-12)
    # A period's multiples fit as well: the shortest one nearly as good as the best is meant.
    near = ratio > np.maximum(0.5, 0.9 * ratio.max(1, keepdims=True))
    inner = np.zeros_like(near)
    inner[:, 1:-1] = (ratio[:, 1:-1] >= ratio[:, :-2]) & (ratio[:, 1:-1] >= ratio[:, 2:])
    peaks = near & inner
    voiced = peaks.any(1)
    if voiced.sum() < 5:
        return None
    return float(np.median(SAMPLE_RATE / (_SHORTEST + peaks[voiced].argmax(1))))


def clear_relations(voices: Sequence[VoiceMeasures | None]) -> list[tuple[str, ...]]:
    """Which of `RELATIONS` each of some voices has beyond doubt: it begins at least 0.5 s apart
    from its neighbours in time, its F0 is 20 % from the next, its level 4 dB."""
    found: list[list[str]] = [[] for _ in voices]
    heard = [(i, v) for i, v in enumerate(voices) if v is not None]
    if len(heard) < 2:
        return [tuple(names) for names in found]
    order = sorted(heard, key=lambda pair: pair[1].onset_s)
    gaps = [b.onset_s - a.onset_s >= CLEAR_ONSET_S for (_, a), (_, b) in pairwise(order)]
    if gaps[0]:
        found[order[0][0]].append("first")
        if len(order) == 2 or gaps[1]:
            found[order[1][0]].append("second")
    if gaps[-1]:
        found[order[-1][0]].append("last")
    f0 = [(i, np.log(v.f0_hz)) for i, v in heard if v.f0_hz is not None]
    if len(f0) == len(heard):
        _extremes(f0, float(np.log(CLEAR_F0_RATIO)), ("lower", "higher"), found)
    _extremes([(i, v.level_db) for i, v in heard], CLEAR_LEVEL_DB, ("quieter", "louder"), found)
    assert all(name in RELATIONS for names in found for name in names)
    return [tuple(names) for names in found]


def _extremes(
    values: Sequence[tuple[int, float]],
    apart: float,
    names: tuple[str, str],
    found: list[list[str]],
) -> None:
    order = sorted(values, key=lambda pair: pair[1])
    for (i, value), (_, other), name in (
        (order[0], order[1], names[0]),
        (order[-1], order[-2], names[1]),
    ):
        if abs(value - other) >= apart:
            found[i].append(name)
