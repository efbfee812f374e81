"""The live model: LCR-G made causal and small, 20 ms behind its input (ours).

The stem listens to the mixture whatever the prompt says, and all memory is in the stem. So a
prompt may change at any frame: the next mask is the new prompt's, from ears that were never reset.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lcr.nn.grounded.causal_bands import (
    FRAME_HOPS,
    CausalBandBlock,
    CausalTransform,
    LevelState,
    RunningLevel,
)
from lcr.nn.grounded.packed_bands import PackedFeatures, PackedHeads
from lcr.nn.grounded.remixer import Encoding, GroundedConfig, GroundedRemixer


@dataclass(frozen=True, kw_only=True)
class CausalConfig(GroundedConfig):
    """Sizes of the live model; the defaults are the shipped one. Of z it takes the slots alone,
    its first `z_dim` values."""

    n_fft: int = 640
    hop: int = 160
    band_bins: tuple[int, ...] = (6,) * 6 + (8,) * 4 + (12,) * 3 + (20,) * 3 + (38,) * 2 + (81,)
    channels: int = 48
    blocks: int = 3
    query_channels: int = 32
    match_dim: int = 32
    film_hidden: int = 16
    mask_hidden: int = 24
    z_dim: int = 417
    level_frames: float = 200.0
    """Over how many frames the level of the input is followed (2 s)."""

    def _check_hop(self) -> None:
        if FRAME_HOPS * self.hop != self.n_fft:
            raise ValueError(f"n_fft is {self.n_fft}, not {FRAME_HOPS} hops of {self.hop}")


@dataclass(frozen=True)
class StreamState:
    """Of some rows of audio: the level so far, and a state for each block of the stem."""

    level: LevelState
    stem: tuple[Tensor | None, ...]


class CausalRemixer(GroundedRemixer):
    """GroundedRemixer whose output depends on the past alone, frame by frame.

    Its `transform` is for 16 kHz; `encode_frames` and `mask` take frames of any transform whose
    bins lie as far apart. Its caller keeps what it remembers between frames, a `StreamState`.
    """

    transform: CausalTransform
    config: CausalConfig

    def __init__(self, config: CausalConfig) -> None:
        transform = CausalTransform(config.hop, config.band_bins)
        super().__init__(config, transform=transform, block=CausalBandBlock)
        self._level = RunningLevel(config.level_frames)
        window = self.transform.window.double()
        self._packed: tuple[PackedFeatures, PackedHeads] | None = None
        self._power = 2 / (config.n_fft * float(window.square().sum()))

    def encode(self, mixture: Tensor) -> Encoding:
        """Listen to (batch, samples), once for all prompts."""
        spectrum = self.transform(mixture)
        encoding, _ = self.encode_frames(spectrum, self.start(len(mixture)))
        return Encoding(
            encoding.level, spectrum, encoding.features, encoding.recognised, mixture.shape[-1]
        )

    def start(self, rows: int) -> StreamState:
        """The state before the first frame of `rows` rows of audio."""
        return StreamState(self._level.start(rows), (None,) * len(self.stem))

    def encode_frames(self, spectrum: Tensor, state: StreamState) -> tuple[Encoding, StreamState]:
        """The next frames, (rows, bins, frames) complex, one or more."""
        power = torch.view_as_real(spectrum).square().sum((1, 3)) * self._power
        level, after = self._level.follow(power, state.level)
        features = self._packed[0] if self._packed else self.features
        h = features(spectrum / level.unsqueeze(1))
        states: list[Tensor | None] = []
        for block, before in zip(self.stem, state.stem, strict=True):
            assert isinstance(block, CausalBandBlock)
            h, now = block.advance(h, before)
            states.append(now)
        h = self.norm(h)
        samples = spectrum.shape[2] * self.config.hop
        # The mask goes on the spectrum as it is: nothing is left to scale back.
        encoding = Encoding(level.new_ones(len(level), 1), spectrum, h, self.ground(h), samples)
        return encoding, StreamState(after, tuple(states))

    def pack(self) -> CausalRemixer:
        """Freeze for use frame by frame: the same values by fewer and larger products. Later
        changes of the weights do not count."""
        sizes = self.config.band_bins
        self._packed = PackedFeatures(self.features), PackedHeads(self.heads, sizes)
        return self

    def _logits(self, x: Tensor) -> Tensor:
        return self._packed[1](x) if self._packed else super()._logits(x)

    def mask(self, encoding: Encoding, z: Tensor) -> Tensor:
        return super().mask(encoding, z[..., : self.config.z_dim])
