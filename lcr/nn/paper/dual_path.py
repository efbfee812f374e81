"""The dual-path transformer: the remix block of LCR-T (section IV-B; Subakan et al., "Attention is
all you need in speech separation", 2021).

The sequence is cut into half-overlapping chunks; transformers attend within the chunks and then
across them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lcr.nn.paper.pointwise import Linear

EPS = 1e-8
"""SepFormer's, added to the variance of the norms over whole recordings."""
_LAYER_EPS = 1e-6
"""SpeechBrain's, in the transformer layers."""


@dataclass(frozen=True, kw_only=True)
class DualPathConfig:
    """Sizes of LCR-T's blocks, the paper's by default: `blocks` times `layers` transformer layers
    within the chunks and as many across them; chunks of `chunk` frames overlap by half."""

    channels: int = 256
    blocks: int = 2
    layers: int = 8
    heads: int = 8
    feed_forward: int = 1024
    chunk: int = 250

    def __post_init__(self) -> None:
        if self.chunk % 2 or self.chunk < 2:
            raise ValueError(f"chunk must be even and positive, got {self.chunk}")
        if self.channels % (2 * self.heads):
            raise ValueError(
                f"channels must be a multiple of 2 x heads = {2 * self.heads}, got {self.channels}"
            )


class GlobalNorm(nn.Module):
    """Normalises each item over all of its positions and channels; scale and shift a channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, h: Tensor) -> Tensor:
        """(batch, ..., channels) -> the same."""
        return torch.addcmul(self.bias, functional.layer_norm(h, h.shape[1:], eps=EPS), self.weight)


class DualPathBlock(nn.Module):
    """Transformers within the chunks, then across them, each with a norm and a residual."""

    def __init__(self, config: DualPathConfig) -> None:
        super().__init__()
        self.intra = Transformer(config)
        self.intra_norm = GlobalNorm(config.channels)
        self.inter = Transformer(config)
        self.inter_norm = GlobalNorm(config.channels)

    def forward(self, h: Tensor) -> Tensor:
        """(batch, chunks, chunk, channels) -> the same."""
        batch, chunks, chunk, _ = h.shape
        h = h + self.intra_norm(self.intra(h.flatten(0, 1)).unflatten(0, (batch, chunks)))
        across = self.inter(h.transpose(1, 2).flatten(0, 1)).unflatten(0, (batch, chunk))
        out: Tensor = h + self.inter_norm(across.transpose(1, 2))
        return out


class Transformer(nn.Module):
    """Sinusoidal positions, pre-norm layers, and a norm after the last."""

    def __init__(self, config: DualPathConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TransformerLayer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.channels, eps=_LAYER_EPS)

    def forward(self, h: Tensor) -> Tensor:
        """(batch, frames, channels) -> the same."""
        h = h + positions(*h.shape[1:]).to(h)
        for layer in self.layers:
            h = layer(h)
        out: Tensor = self.norm(h)
        return out


class TransformerLayer(nn.Module):
    """Self-attention and a ReLU perceptron, each after a norm and with a residual."""

    def __init__(self, config: DualPathConfig) -> None:
        super().__init__()
        c = config.channels
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(c, eps=_LAYER_EPS)
        self.qkv = Linear(c, 3 * c)
        self.out = Linear(c, c)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)
        self.mlp_norm = nn.LayerNorm(c, eps=_LAYER_EPS)
        self.mlp = nn.Sequential(
            Linear(c, config.feed_forward), nn.ReLU(), Linear(config.feed_forward, c)
        )

    def forward(self, h: Tensor) -> Tensor:
        """(batch, frames, channels) -> the same."""
        qkv = self.qkv(self.attention_norm(h)).unflatten(-1, (3, self.heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(q, k, v)
        h = h + self.out(y.transpose(1, 2).flatten(2))
        out: Tensor = h + self.mlp(self.mlp_norm(h))
        return out


def positions(frames: int, channels: int) -> Tensor:
    """Sines and cosines of each frame's index, (frames, channels); any number of frames."""
    rate = torch.exp(torch.arange(0, channels, 2) * -(math.log(10_000.0) / channels))
    angle = torch.arange(frames).unsqueeze(1) * rate
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)


def cut(h: Tensor, chunk: int) -> Tensor:
    """(batch, frames, channels) -> (batch, chunks, chunk, channels), half overlapping, so that two
    chunks hold every frame: half a chunk of zeros goes ahead, half and what fills up behind."""
    half = chunk // 2
    # As SpeechBrain fills up: by a whole chunk where nothing would be missing.
    behind = chunk - (half + h.shape[1]) % chunk
    padded = functional.pad(h, (0, 0, half, behind + half))
    return padded.unfold(1, chunk, half).transpose(2, 3)


def overlap_add(h: Tensor, frames: int) -> Tensor:
    """The sum of what the chunks hold of each frame, (batch, chunks, chunk, channels) ->
    (batch, frames, channels)."""
    half = h.shape[2] // 2
    return (h[:, :-1, half:] + h[:, 1:, :half]).flatten(1, 2)[:, :frames]
