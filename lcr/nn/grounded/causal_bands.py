"""The causal STFT, level and blocks of the live model: all that they know comes before or with the
frame they work on.

A frame is 4 hops long but only its last 2 hops are heard again, so that frequencies are as finely
told apart as by frames of 4 hops while the delay is that of frames of 2 (Mauler & Martin, "A low
delay, variable resolution, perfect reconstruction spectral analysis-synthesis system", 2007).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lcr.nn.grounded.bands import BandBlock, BandTransform

FRAME_HOPS = 4
"""Hops in a frame."""
_SILENCE = 1e-12
"""Mean square, added to every level."""


class CausalTransform(BandTransform):
    """STFT and inverse with `2 hop - 1` samples of delay where it runs live.

    Frame k ends with block k, samples k hop to (k + 1) hop, and is needed for the blocks k - 1
    and k of the output. There is one frame more than blocks.
    """

    synthesis: Tensor

    def __init__(self, hop: int, band_bins: tuple[int, ...]) -> None:
        super().__init__(FRAME_HOPS * hop, hop, band_bins)
        rise = (FRAME_HOPS - 1) * hop
        n = torch.arange(self.n_fft, dtype=torch.float64)
        up = torch.sin(0.5 * math.pi * n[:rise] / rise)
        down = torch.cos(0.5 * math.pi * (n[rise:] - rise) / hop)
        window = torch.cat([up, down])
        whole = torch.sin(0.5 * math.pi * n[: 2 * hop] / hop).square()  # sums to 1 over frames
        self.register_buffer("window", window.float(), persistent=False)
        self.register_buffer("synthesis", (whole / window[-2 * hop :]).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, samples) -> (batch, bins, frames) complex."""
        blocks = -(-x.shape[-1] // self.hop)
        after = (blocks + 1) * self.hop - x.shape[-1]
        return self.analyse(functional.pad(x, (self.n_fft - self.hop, after)))

    def analyse(self, x: Tensor) -> Tensor:
        """(batch, (frames + 3) hop) -> (batch, bins, frames): frames as they lie in `x`."""
        frames = x.unfold(-1, self.n_fft, self.hop) * self.window
        spectrum: Tensor = torch.fft.rfft(frames).transpose(1, 2)
        return spectrum

    def synthesise(self, spectrum: Tensor) -> tuple[Tensor, Tensor]:
        """(..., bins, frames) -> what each frame gives to the block before its last and to its
        last, (..., frames, hop) each."""
        frames = torch.fft.irfft(spectrum.transpose(-1, -2), n=self.n_fft)
        heard = frames[..., -2 * self.hop :] * self.synthesis
        first, second = heard.split(self.hop, -1)
        return first, second

    def inverse(self, spectrum: Tensor, samples: int) -> Tensor:
        """(..., bins, frames) -> (..., samples)."""
        first, second = self.synthesise(spectrum)
        return (second[..., :-1, :] + first[..., 1:, :]).flatten(-2)[..., :samples]


@dataclass(frozen=True)
class LevelState:
    """The filter's memory: of the power (rows, 1) and of the weight it has seen (1,), float64."""

    power: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    weight: np.ndarray[tuple[int, ...], np.dtype[np.float64]]


class RunningLevel:
    """RMS of a mixture as known so far: an exponential mean of the frames' power over `frames`,
    divided by the weight of the frames seen, so that it holds from the first on.

    Bounded and in float64: hours change nothing of its precision, unlike a sum over all frames.
    """

    def __init__(self, frames: float) -> None:
        # It takes more than a second to import: only who builds a causal model pays for it.
        from scipy.signal import lfilter

        self._filter = lfilter
        self._keep = math.exp(-1 / frames)

    def start(self, rows: int) -> LevelState:
        return LevelState(np.zeros((rows, 1)), np.zeros(1))

    def follow(self, power: Tensor, state: LevelState) -> tuple[Tensor, LevelState]:
        """(rows, frames) mean squares -> levels (rows, frames), without gradient."""
        gain, past = [1 - self._keep], [1, -self._keep]
        given = power.detach().double().cpu().numpy()
        mean, power_after = self._filter(gain, past, given, zi=state.power)
        weight, weight_after = self._filter(gain, past, np.ones(given.shape[1]), zi=state.weight)
        level = np.sqrt(mean / weight + _SILENCE)
        return torch.from_numpy(level).to(power), LevelState(power_after, weight_after)


class CausalBandBlock(BandBlock):
    """A BandBlock that hears the past only."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.time = nn.GRU(channels, channels, batch_first=True)
        self.time_out = nn.Linear(channels, channels)

    def forward(self, h: Tensor) -> Tensor:
        return self.advance(h, None)[0]

    def advance(self, h: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """The next frames, (batch, bands, frames, channels) -> the same, and the state
        (1, batch * bands, channels) after and before them; None: the beginning."""
        batch, bands = h.shape[:2]
        y, state = self.time(self.time_norm(h).flatten(0, 1), state)
        h = h + self.time_out(y).view(batch, bands, *y.shape[1:-1], -1)
        out: Tensor = h + self.band(self.band_norm(h))
        assert state is not None
        return out, state
