"""The live model: LCR-G made causal and small, 20 ms behind its input (ours).

The stem listens to the mixture whatever the prompt says, and all memory is in the stem. So a
prompt may change at any frame: the next mask is the new prompt's, from ears that were never reset.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lcr.audio.low_delay import FRAME_HOPS, RunningLevel, power_scale
from lcr.nn.grounded.bands import energy_of
from lcr.nn.grounded.causal_bands import CausalBandBlock, CausalTransform
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


class CausalRemixer(GroundedRemixer):
    """GroundedRemixer whose output depends on the past alone, frame by frame.

    Its `transform` is for 16 kHz; `advance` takes frames of any transform whose bins lie as far
    apart. Its caller keeps what it remembers between frames.
    """

    transform: CausalTransform
    config: CausalConfig

    def __init__(self, config: CausalConfig) -> None:
        transform = CausalTransform(config.hop, config.band_bins)
        super().__init__(config, transform=transform, block=CausalBandBlock)
        self._level = RunningLevel(config.level_frames)
        self._packed: tuple[PackedFeatures, PackedHeads] | None = None
        self._power = power_scale(transform.window.numpy())

    def encode(self, mixture: Tensor) -> Encoding:
        """Listen to (batch, samples), once for all prompts."""
        spectrum = self.transform(mixture)
        power = energy_of(spectrum).sum(1) * self._power
        given = power.detach().double().cpu().numpy()
        levels, _ = self._level.follow(given, self._level.start(len(mixture)))
        level = torch.from_numpy(levels).to(power)
        h, _ = self._listen(torch.view_as_real(spectrum / level.unsqueeze(1)), None)
        # The mask goes on the spectrum as it is: nothing is left to scale back.
        ones = level.new_ones(len(level), 1)
        return Encoding(ones, spectrum, h, self.ground(h), mixture.shape[-1])

    def advance(self, spectrum: Tensor, asked: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The next frames: real and imaginary parts (rows, bins, frames, 2), divided by the level
        so far; `asked` (groups, 2 columns), what each group names and what the others do; `state`
        (blocks, rows * bands, channels) before them, zeros at the beginning -> the part of the
        mixture that fits each group, (rows, groups, frames, bins) from 0 to 1, and the state after
        them."""
        rows, bins, frames = spectrum.shape[0], spectrum.shape[1], spectrum.shape[2]
        groups = asked.shape[0]
        h, after = self._listen(spectrum, state)
        nothing = h.new_zeros(1, 1)
        encoding = Encoding(nothing, nothing, h, self.ground(h), 0)
        row = torch.arange(rows).unsqueeze(1).expand(rows, groups).reshape(-1)
        parts = self._ground(encoding, row, asked.repeat(rows, 1))
        return parts.view(rows, groups, frames, bins), after

    def _listen(self, spectrum: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        h = self._packed[0](spectrum) if self._packed else self.features.of_parts(spectrum)
        after = []
        for i, block in enumerate(self.stem):
            assert isinstance(block, CausalBandBlock)
            h, now = block.advance(h, None if state is None else state[i : i + 1])
            after.append(now)
        return self.norm(h), torch.cat(after)

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
