"""The STFT in bands, and blocks that listen along time and across bands.

The paper's encoder and decoder (eq. 1) are a fixed STFT here: with 64 ms windows the ideal ratio
mask is better than with the usual 32 ms, and half the frames cost half the time. Each frame is
split into bands (Luo & Yu, "Music source separation with band-split RNN", 2023), and blocks model
time within a band and then the bands within a frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

BAND_BINS = (5,) * 8 + (6,) * 4 + (8,) * 4 + (16,) * 4 + (32,) * 4 + (75,) * 3
"""STFT bins a band for n_fft 1024, from 78 Hz to 1.2 kHz wide at 16 kHz."""


@dataclass(frozen=True, kw_only=True)
class BandConfig:
    """Sizes of a network that listens in bands: its STFT, and `blocks` of `channels`; the defaults
    are those of the shipped LCR-G. Raises ValueError for sizes that do not fit each other."""

    n_fft: int = 1024
    hop: int = 512
    band_bins: tuple[int, ...] = BAND_BINS
    channels: int = 128
    blocks: int = 4

    def __post_init__(self) -> None:
        self._check_hop()
        bins = self.n_fft // 2 + 1
        if sum(self.band_bins) != bins:
            raise ValueError(f"band_bins sum to {sum(self.band_bins)}, not n_fft // 2 + 1 = {bins}")

    def _check_hop(self) -> None:
        if 2 * self.hop != self.n_fft:
            raise ValueError(
                f"hop is {self.hop}; the windows sum to one at n_fft / 2 = {self.n_fft // 2} only"
            )


class BandTransform(nn.Module):
    """STFT and its inverse (sqrt-Hann windows), any length of at least one sample."""

    window: Tensor
    bands: Tensor

    def __init__(self, n_fft: int, hop: int, band_bins: tuple[int, ...]) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.register_buffer("window", torch.hann_window(n_fft).sqrt(), persistent=False)
        band_of_bin = torch.repeat_interleave(torch.tensor(band_bins))  # 0 0 ... 1 1 ...
        one_hot = functional.one_hot(band_of_bin, len(band_bins)).float()
        self.register_buffer("bands", one_hot, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, samples) -> (batch, bins, frames) complex."""
        n = self.n_fft
        # A whole number of hops, and a full window of zeros each side.
        padded = functional.pad(x, (n, n + -x.shape[-1] % self.hop))
        return torch.stft(
            padded, n, self.hop, window=self.window, center=False, return_complex=True
        )

    def inverse(self, spectrum: Tensor, samples: int) -> Tensor:
        """(..., bins, frames) -> (..., samples); sqrt-Hann analysis and synthesis windows with
        half overlap sum to one."""
        n, hop = self.n_fft, self.hop
        flat = spectrum.flatten(0, -3)
        frames = torch.fft.irfft(flat, n=n, dim=1) * self.window[:, None]
        length = n + hop * (frames.shape[-1] - 1)
        wave = functional.fold(frames, (1, length), (1, n), stride=(1, hop))
        return wave.view(*spectrum.shape[:-2], length)[..., n : n + samples]

    def band_power(self, spectrum: Tensor) -> Tensor:
        """(..., bins, frames) -> (..., bands, frames): energy a band and frame."""
        return self.in_bands(energy_of(spectrum))

    def in_bands(self, energy: Tensor) -> Tensor:
        """(..., bins, frames) -> (..., bands, frames), summed."""
        return (energy.transpose(-1, -2) @ self.bands).transpose(-1, -2)


class BandFeatures(nn.Module):
    """What the blocks start from: each band's compressed bins, its loudness and its place."""

    def __init__(self, band_bins: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.band_bins = band_bins
        self.split = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(3 * n), nn.Linear(3 * n, channels)) for n in band_bins
        )
        # The norm in `split` hides how loud a band is; this tells it.
        self.loudness = nn.ModuleList(zero_linear(n, channels) for n in band_bins)
        self.place = nn.Parameter(0.02 * torch.randn(len(band_bins), channels))

    def forward(self, spectrum: Tensor) -> Tensor:
        """(batch, bins, frames) complex -> (batch, bands, frames, channels)."""
        return self.of_parts(torch.view_as_real(spectrum))

    def of_parts(self, spectrum: Tensor) -> Tensor:
        """The same of real and imaginary parts (batch, bins, frames, 2)."""
        magnitude = spectrum.square().sum(-1).sqrt().clamp_min(1e-5)
        compressed = spectrum * magnitude.pow(-0.7).unsqueeze(-1)
        parts = torch.cat([compressed, 0.3 * magnitude.log().unsqueeze(-1)], -1)
        bands = torch.split(parts.permute(0, 3, 2, 1), list(self.band_bins), -1)
        h = torch.stack(
            [
                shape(band.transpose(1, 2).flatten(2)) + loudness(band[:, 2])
                for shape, loudness, band in zip(self.split, self.loudness, bands, strict=True)
            ],
            1,
        )
        return h + self.place[:, None]


class BandBlock(nn.Module):
    """Time within each band, then bands within each frame, each with a residual connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.time_norm = nn.LayerNorm(channels)
        self.time = nn.GRU(channels, channels, batch_first=True, bidirectional=True)
        self.time_out = nn.Linear(2 * channels, channels)
        self.band_norm = nn.LayerNorm(channels)
        self.band = BandMixer(channels)

    def begin_as_identity(self) -> None:
        """Change nothing until trained: so a trained network can be made deeper."""
        for last in (self.time_out, self.band.out, self.band.mlp[-1]):
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, h: Tensor) -> Tensor:
        """(batch, bands, frames, channels) -> the same."""
        batch, bands = h.shape[:2]
        y, _ = self.time(self.time_norm(h).flatten(0, 1))
        h = h + self.time_out(y).view(batch, bands, *y.shape[1:-1], -1)
        out: Tensor = h + self.band(self.band_norm(h))
        return out


class BandMixer(nn.Module):
    """Self-attention over the bands of a frame, then a perceptron."""

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.mlp = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, 2 * channels),
            nn.GELU(),
            nn.Linear(2 * channels, channels),
        )

    def forward(self, h: Tensor) -> Tensor:
        b, k, t, c = h.shape
        x = h.transpose(1, 2).reshape(b * t, k, c)
        width = c // self.heads
        q, key, v = self.qkv(x).view(b * t, k, 3, self.heads, width).permute(2, 0, 3, 1, 4)
        # Written out: for so few bands the fused kernel is slower to train on a CPU in bfloat16.
        y = ((q * width**-0.5) @ key.transpose(-1, -2)).softmax(-1) @ v
        y = self.out(y.transpose(1, 2).reshape(b * t, k, c))
        y = y + self.mlp(x + y)
        out: Tensor = y.view(b, t, k, c).transpose(1, 2)
        return out


class BandGate(nn.Module):
    """A gated perceptron whose gate hears all bands of its frame, by one learnt matrix,
    the same for every input.

    For the many queries of one mixture, where attention would cost more than all else.
    """

    def __init__(self, channels: int, bands: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.up = nn.Linear(channels, 2 * channels)
        self.across = nn.Parameter(0.02 * torch.randn(bands, bands))
        self.across_bias = nn.Parameter(torch.ones(bands, 1))
        self.down = nn.Linear(channels, channels)

    def forward(self, h: Tensor) -> Tensor:
        """(batch, bands, frames, channels) -> the same."""
        value, gate = self.up(self.norm(h)).chunk(2, -1)
        heard = torch.matmul(self.across, gate.flatten(2)) + self.across_bias
        out: Tensor = h + self.down(functional.silu(value) * heard.view(h.shape))
        return out


class MaskHead(nn.Module):
    """One band's mask: (batch, frames, channels) -> logits (batch, frames, bins)."""

    def __init__(self, channels: int, hidden: int, bins: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(channels, hidden)
        self.out = zero_linear(hidden, bins)
        nn.init.constant_(self.out.bias, -1.0)  # a source is about a quarter of its mixture

    def forward(self, h: Tensor) -> Tensor:
        logits: Tensor = self.out(functional.silu(self.hidden(h)))
        return logits


def energy_of(spectrum: Tensor) -> Tensor:
    """|x|^2 of complex numbers of any shape."""
    return torch.view_as_real(spectrum).square().sum(-1)


def zero_linear(inputs: int, outputs: int) -> nn.Linear:
    """A layer that adds nothing until it has learnt."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
