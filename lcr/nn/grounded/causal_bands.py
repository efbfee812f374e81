"""The causal STFT and blocks of the live model: all that they know comes before or with the frame
they work on (see `lcr.audio.low_delay`)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lcr.audio.low_delay import FRAME_HOPS, windows
from lcr.nn.grounded.bands import BandBlock, BandTransform


class CausalTransform(BandTransform):
    """`lcr.audio.low_delay.LowDelayTransform` of whole mixtures, `2 hop - 1` samples late where it
    runs live. There is one frame more than blocks."""

    synthesis: Tensor

    def __init__(self, hop: int, band_bins: tuple[int, ...]) -> None:
        super().__init__(FRAME_HOPS * hop, hop, band_bins)
        for name, values in zip(("window", "synthesis"), windows(hop), strict=True):
            self.register_buffer(name, torch.from_numpy(values), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, samples) -> (batch, bins, frames) complex."""
        blocks = -(-x.shape[-1] // self.hop)
        after = (blocks + 1) * self.hop - x.shape[-1]
        padded = functional.pad(x, (self.n_fft - self.hop, after))
        frames = padded.unfold(-1, self.n_fft, self.hop) * self.window
        spectrum: Tensor = torch.fft.rfft(frames).transpose(1, 2)
        return spectrum

    def inverse(self, spectrum: Tensor, samples: int) -> Tensor:
        """(..., bins, frames) -> (..., samples)."""
        frames = torch.fft.irfft(spectrum.transpose(-1, -2), n=self.n_fft)
        heard = frames[..., -2 * self.hop :] * self.synthesis
        first, second = heard.split(self.hop, -1)
        blocks: Tensor = second[..., :-1, :] + first[..., 1:, :]
        return blocks.flatten(-2)[..., :samples]


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
