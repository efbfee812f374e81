"""The band-split SoundRemixer, LCR-B: remixing in the STFT domain (ours; section IV-B's outline).

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

from lcr.nn.film import FiLM

_ACTIONS = 4


@dataclass(frozen=True, kw_only=True)
class BandSplitConfig:
    """Sizes of LCR-B; the defaults are the shipped desk model.

    `stem_blocks` listen to the mixture before the prompt comes in, so that several instructions
    for one mixture share them; FiLM stands before each of the `blocks` that follow (eq. 3).
    """

    n_fft: int = 1024
    hop: int = 512
    channels: int = 64
    stem_blocks: int = 2
    blocks: int = 3
    z_dim: int = 384
    film_hidden: int = 128
    mask_hidden: int = 128
    match_dim: int = 32
    match_columns: int = 104
    """What z's slots tell of each of the four actions: a column a class, style value or scope."""
    band_bins: tuple[int, ...] = (5,) * 8 + (6,) * 4 + (8,) * 4 + (16,) * 4 + (32,) * 4 + (75,) * 3
    """STFT bins a band, from 78 Hz to 1.2 kHz wide; they sum to n_fft // 2 + 1."""

    def __post_init__(self) -> None:
        bins = self.n_fft // 2 + 1
        if sum(self.band_bins) != bins:
            raise ValueError(f"band_bins sum to {sum(self.band_bins)}, not n_fft // 2 + 1 = {bins}")
        if _ACTIONS * self.match_columns > self.z_dim:
            raise ValueError(
                f"z holds {self.z_dim} values, fewer than 4 actions x {self.match_columns} columns"
            )


class BandSplitRemixer(nn.Module):
    """Mixture and semantic filters to remixed mixtures by one mask h_m a filter (eq. 1-4)."""

    window: Tensor
    band_of_bin: Tensor

    def __init__(self, config: BandSplitConfig) -> None:
        super().__init__()
        self.config = config
        c, k = config.channels, len(config.band_bins)
        self.register_buffer("window", torch.hann_window(config.n_fft).sqrt(), persistent=False)
        self.split = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(3 * n), nn.Linear(3 * n, c)) for n in config.band_bins
        )
        # The norm in `split` hides how loud a band is; this tells it.
        self.loudness = nn.ModuleList(_zeros(n, c) for n in config.band_bins)
        self.band_embedding = nn.Parameter(0.02 * torch.randn(k, c))
        self.stem = nn.ModuleList(_Block(c, k) for _ in range(config.stem_blocks))
        self.films = nn.ModuleList(
            FiLM(config.z_dim, c, config.film_hidden) for _ in range(config.blocks + 1)
        )
        self.blocks = nn.ModuleList(_Block(c, k) for _ in range(config.blocks))
        self.matches = nn.ModuleList(
            _Match(c, config.match_dim, config.match_columns) for _ in range(config.blocks)
        )
        self.norm = nn.LayerNorm(c)
        self.masks = nn.ModuleList(_MaskHead(c, config.mask_hidden, n) for n in config.band_bins)

    def forward(self, mixture: Tensor, z: Tensor) -> Tensor:
        """`mixture` (batch, samples), `z` (batch, instructions, z_dim) -> (batch, instructions,
        samples). The output follows the input's level: f(g x) = g f(x)."""
        level = mixture.square().mean(-1, keepdim=True).add(1e-12).sqrt()
        spectrum = self._stft(mixture / level)
        mask = self._mask(spectrum, z)
        estimate = self._istft(mask * spectrum.unsqueeze(1), mixture.shape[-1])
        return estimate * level.unsqueeze(1)

    def ignore_embedding(self, slots: int) -> None:
        """Make the part of z beyond its first `slots` values count for nothing as yet."""
        with torch.no_grad():
            for film in self.films:
                assert isinstance(film, FiLM)
                for perceptron in (film.gamma, film.beta):
                    first = perceptron[0]
                    assert isinstance(first, nn.Linear)
                    first.weight[:, slots:] = 0

    def _mask(self, spectrum: Tensor, z: Tensor) -> Tensor:
        batch, instructions = z.shape[:2]
        h = self._features(spectrum)
        for block in self.stem:
            h = block(h)
        h = h.repeat_interleave(instructions, 0)
        flat = z.flatten(0, 1)
        for film, match, block in zip(self.films, self.matches, self.blocks, strict=False):
            h = block(match(film(h, flat), flat))
        h = self.films[-1](self.norm(h), flat)
        pieces = [head(h[:, i]) for i, head in enumerate(self.masks)]
        change = torch.cat(pieces, -2)  # (batch * instructions, frames, bins, 2)
        mask = torch.complex(1 + change[..., 0], change[..., 1])
        return mask.transpose(1, 2).reshape(batch, instructions, *mask.shape[2:0:-1])

    def _features(self, spectrum: Tensor) -> Tensor:
        """(batch, bins, frames) complex -> (batch, bands, frames, channels)."""
        magnitude = spectrum.abs().clamp_min(1e-5)
        phase = spectrum / magnitude
        compressed = magnitude.pow(0.3)
        parts = torch.stack(
            [phase.real * compressed, phase.imag * compressed, magnitude.log() * 0.3], 1
        )
        bands = torch.split(parts.transpose(2, 3), list(self.config.band_bins), -1)
        h = torch.stack(
            [
                shape(band.transpose(1, 2).flatten(2)) + loudness(band[:, 2])
                for shape, loudness, band in zip(self.split, self.loudness, bands, strict=True)
            ],
            1,
        )
        return h + self.band_embedding[:, None]

    def _stft(self, x: Tensor) -> Tensor:
        n, hop = self.config.n_fft, self.config.hop
        # A whole number of hops, and a full window of zeros each side: any length >= 1 works.
        tail = -x.shape[-1] % hop
        padded = functional.pad(x, (n, n + tail))
        return torch.stft(padded, n, hop, window=self.window, center=False, return_complex=True)

    def _istft(self, spectrum: Tensor, samples: int) -> Tensor:
        """(batch, instructions, bins, frames) -> (batch, instructions, samples); sqrt-Hann
        analysis and synthesis windows with half overlap sum to one."""
        n, hop = self.config.n_fft, self.config.hop
        frames = torch.fft.irfft(spectrum.flatten(0, 1), n=n, dim=1) * self.window[:, None]
        length = n + hop * (frames.shape[-1] - 1)
        wave = functional.fold(frames, (1, length), (1, n), stride=(1, hop))
        return wave.view(*spectrum.shape[:2], length)[..., n : n + samples]


def _zeros(inputs: int, outputs: int) -> nn.Linear:
    """A layer that adds nothing until it has learnt."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class _Block(nn.Module):
    """Time within each band, then bands within each frame, each with a residual connection."""

    def __init__(self, channels: int, bands: int) -> None:
        super().__init__()
        self.time_norm = nn.LayerNorm(channels)
        self.time = nn.GRU(channels, channels, batch_first=True, bidirectional=True)
        self.time_out = nn.Linear(2 * channels, channels)
        self.band_norm = nn.LayerNorm(channels)
        self.band = _BandMixer(channels, bands)

    def forward(self, h: Tensor) -> Tensor:
        """(batch, bands, frames, channels) -> the same."""
        batch, bands = h.shape[:2]
        y, _ = self.time(self.time_norm(h).flatten(0, 1))
        h = h + self.time_out(y).view(batch, bands, *y.shape[1:-1], -1)
        out: Tensor = h + self.band(self.band_norm(h))
        return out


class _Match(nn.Module):
    """Where in time and frequency is what the prompt names? One answer for each action.

    The slots of z name classes and styles once an action. FiLM alone would have to learn every
    class four times; here all actions share one embedding of what can be named, compared with
    what the bands hold by a product. Starts as the identity.
    """

    def __init__(self, channels: int, dim: int, columns: int) -> None:
        super().__init__()
        self.columns = columns
        self.heard = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, dim))
        self.named = nn.Linear(columns, dim, bias=False)
        nn.init.normal_(self.named.weight, std=0.5)
        self.out = _zeros(_ACTIONS * dim, channels)

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        """`h` (batch, bands, frames, channels), `z` (batch, z_dim) -> the shape of `h`."""
        slots = z[:, : _ACTIONS * self.columns].view(-1, _ACTIONS, self.columns)
        query = self.named(slots)[:, None, None]  # (batch, 1, 1, actions, dim)
        product = self.heard(h).unsqueeze(-2) * query
        matched: Tensor = self.out(product.flatten(-2))
        return h + matched


class _BandMixer(nn.Module):
    """Self-attention over the bands of a frame, then a perceptron."""

    def __init__(self, channels: int, bands: int, heads: int = 4) -> None:
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
        q, key, v = (
            self.qkv(x).view(b * t, k, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        )
        y = functional.scaled_dot_product_attention(q, key, v)
        y = self.out(y.transpose(1, 2).reshape(b * t, k, c))
        y = y + self.mlp(x + y)
        out: Tensor = y.view(b, t, k, c).transpose(1, 2)
        return out


class _MaskHead(nn.Module):
    """One band's change of the mask: (batch, frames, channels) -> (batch, frames, bins, 2)."""

    def __init__(self, channels: int, hidden: int, bins: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(channels, hidden)
        self.out = _zeros(hidden, 4 * bins)

    def forward(self, h: Tensor) -> Tensor:
        value = self.out(functional.silu(self.hidden(h)))
        change: Tensor = functional.glu(value, -1) * 2
        return change.view(*change.shape[:-1], -1, 2)
