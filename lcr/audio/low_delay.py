"""A short-time Fourier transform for sound that is heard as it comes, and how loud that sound is.

A frame is 4 hops long but only its last 2 hops are heard again, so that frequencies are as finely
told apart as by frames of 4 hops while the delay is that of frames of 2 (Mauler & Martin, "A low
delay, variable resolution, perfect reconstruction spectral analysis-synthesis system", 2007).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FRAME_HOPS = 4
"""Hops in a frame."""
_SILENCE = 1e-12
"""Mean square, added to every level."""

Floats = NDArray[np.float32]


def windows(hop: int) -> tuple[Floats, Floats]:
    """Of the analysis (4 hop,), and of the synthesis of a frame's end (2 hop,)."""
    rise = (FRAME_HOPS - 1) * hop
    n = np.arange(FRAME_HOPS * hop)
    up = np.sin(0.5 * math.pi * n[:rise] / rise)
    down = np.cos(0.5 * math.pi * (n[rise:] - rise) / hop)
    window = np.concatenate([up, down])
    whole = np.square(np.sin(0.5 * math.pi * n[: 2 * hop] / hop))  # sums to 1 over frames
    return window.astype(np.float32), (whole / window[-2 * hop :]).astype(np.float32)


class LowDelayTransform:
    """Frame k ends with block k, samples k hop to (k + 1) hop, and is needed for the blocks k - 1
    and k of the output."""

    def __init__(self, hop: int) -> None:
        self.hop = hop
        self.window, self.synthesis = windows(hop)

    def analyse(self, x: Floats) -> NDArray[np.complex64]:
        """(rows, (frames + 3) hop) -> (rows, bins, frames): frames as they lie in `x`."""
        views = np.lib.stride_tricks.sliding_window_view(x, len(self.window), -1)
        spectrum = np.fft.rfft(views[:, :: self.hop] * self.window)
        return spectrum.swapaxes(1, 2).astype(np.complex64)

    def synthesise(self, spectrum: NDArray[np.complex64]) -> tuple[Floats, Floats]:
        """(rows, bins, frames) -> what each frame gives to the block before its last and to its
        last, (rows, frames, hop) each."""
        frames = np.fft.irfft(spectrum.swapaxes(1, 2), n=len(self.window))
        heard = frames[..., -2 * self.hop :].astype(np.float32) * self.synthesis
        return heard[..., : self.hop], heard[..., self.hop :]


@dataclass(frozen=True)
class LevelState:
    """The memory of a `RunningLevel`: the power (rows,) and the weight it has seen, float64."""

    power: NDArray[np.float64]
    weight: float = 0.0


class RunningLevel:
    """RMS of a mixture as known so far: an exponential mean of the frames' power over `frames`,
    divided by the weight of the frames seen, so that it holds from the first on.

    Bounded and in float64: hours change nothing of its precision, unlike a sum over all frames.
    """

    def __init__(self, frames: float) -> None:
        self._keep = math.exp(-1 / frames)

    def start(self, rows: int) -> LevelState:
        return LevelState(np.zeros(rows))

    def follow(
        self, power: NDArray[np.floating], state: LevelState
    ) -> tuple[NDArray[np.float64], LevelState]:
        """(rows, frames) mean squares -> levels (rows, frames)."""
        mean, weight, new = state.power, state.weight, 1 - self._keep
        squares = np.empty(power.shape)
        for k in range(power.shape[1]):
            mean = self._keep * mean + new * power[:, k]
            weight = self._keep * weight + new
            squares[:, k] = mean / weight
        return np.sqrt(squares + _SILENCE), LevelState(mean, weight)


def power_scale(window: Floats) -> float:
    """From the energy of a frame's bins to the mean square of its sound."""
    return 2 / (len(window) * float(np.square(window, dtype=np.float64).sum()))
