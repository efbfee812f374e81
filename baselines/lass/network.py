"""Extractors: a mixture and the embedding of a query in, the one sound that the query means out.

Two networks, so that the strength of a block is not confused with that of an approach: the
band-split one that LCR-G listens with, and the paper's remix blocks (LASS in Table II has the TCN).
The query steers either by FiLM before every block (eq. 3-4), as z steers LCR.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lcr.nn.film import FiLM
from lcr.nn.grounded.bands import (
    BAND_BINS,
    BandBlock,
    BandConfig,
    BandFeatures,
    BandTransform,
    MaskHead,
)
from lcr.nn.paper.sound_remixer import SoundRemixer, SoundRemixerConfig

SAMPLE_RATE = 16_000
"""Hz of all extractors."""


class Extractor(nn.Module, ABC):
    """Mixtures (batch, samples) and queries (batch, queries, z_dim) to the sounds that are meant,
    (batch, queries, samples), at their level, aligned; any length of at least one sample."""

    z_dim: int

    def forward(self, mixture: Tensor, z: Tensor) -> Tensor:
        level = mixture.square().mean(-1, keepdim=True).add(1e-12).sqrt()
        return self.extract(mixture / level, z) * level.unsqueeze(1)

    @abstractmethod
    def extract(self, mixture: Tensor, z: Tensor) -> Tensor:
        """As `forward`, for mixtures that have been scaled to a mean square of 1."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What `build_extractor` makes it from again, ready for JSON."""


@dataclass(frozen=True, kw_only=True)
class BandExtractorConfig(BandConfig):
    """Sizes; the defaults are LCR-G's stem. `z_dim` is the width of a query's embedding."""

    z_dim: int
    film_hidden: int = 128
    mask_hidden: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.z_dim < 1 or self.blocks < 1:
            raise ValueError(f"z_dim and blocks must be positive; got {self.z_dim}, {self.blocks}")


class BandExtractor(Extractor):
    """Band-split blocks, each behind a FiLM by the query, and a mask in [0, 1]."""

    def __init__(self, config: BandExtractorConfig) -> None:
        super().__init__()
        self.config, self.z_dim = config, config.z_dim
        c = config.channels
        self.transform = BandTransform(config.n_fft, config.hop, config.band_bins)
        self.features = BandFeatures(config.band_bins, c)
        self.films = nn.ModuleList(
            FiLM(config.z_dim, c, config.film_hidden) for _ in range(config.blocks)
        )
        self.blocks = nn.ModuleList(BandBlock(c) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(c)
        self.heads = nn.ModuleList(MaskHead(c, config.mask_hidden, n) for n in config.band_bins)

    def extract(self, mixture: Tensor, z: Tensor) -> Tensor:
        spectrum = self.transform(mixture)
        # What comes before the query is the same for all.
        h = self.features(spectrum).repeat_interleave(z.shape[1], 0)
        flat = z.flatten(0, 1)
        for film, block in zip(self.films, self.blocks, strict=True):
            h = block(film(h, flat))
        h = self.norm(h)
        logits = torch.cat([head(h[:, i]) for i, head in enumerate(self.heads)], -1)
        mask = logits.float().sigmoid().transpose(1, 2)
        mask = mask.view(*z.shape[:2], *mask.shape[1:])
        return self.transform.inverse(mask * spectrum.unsqueeze(1), mixture.shape[-1])

    def settings(self) -> dict[str, Any]:
        return {"kind": "band-split", **asdict(self.config)}


class BlocksExtractor(Extractor):
    """LCR's own SoundRemixer (LCR-C, -T or -M) in an extractor's place."""

    def __init__(self, config: SoundRemixerConfig) -> None:
        super().__init__()
        self.config, self.z_dim = config, config.z_dim
        self.network = SoundRemixer(config)

    def extract(self, mixture: Tensor, z: Tensor) -> Tensor:
        estimate: Tensor = self.network(mixture, z)
        return estimate

    def settings(self) -> dict[str, Any]:
        return {"kind": "blocks", **self.config.to_dict()}


def build_extractor(settings: Mapping[str, Any]) -> Extractor:
    """The untrained extractor of `Extractor.settings`. Raises ValueError, TypeError or KeyError
    for others."""
    sizes = {key: value for key, value in settings.items() if key != "kind"}
    kind = settings.get("kind")
    if kind == "blocks":
        return BlocksExtractor(SoundRemixerConfig.from_dict(sizes))
    if kind == "band-split":
        bands = tuple(sizes.pop("band_bins", BAND_BINS))
        return BandExtractor(BandExtractorConfig(**sizes, band_bins=bands))
    raise ValueError(f"no extractor is of kind {kind!r}; there are band-split, blocks")
