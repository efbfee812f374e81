"""Oracle masks: how far a mask on the mixture's short-time spectrum could go.

They know the true instruction and the true sources, so they are bounds and are never ranked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from baselines.composite.planning import true_sources
from lcr.audio.core import check_audio
from lcr.audio.stft import istft, stft
from lcr.remixer import Audio, Oracle, Remix, SystemCard


@dataclass(frozen=True, kw_only=True)
class IdealMaskConfig:
    """`frame_s` 0.032 with a hop of half of it is 512/256 samples at 16 kHz.

    `exponent` is p in the ratio mask: 1 compares magnitudes, 2 powers.
    """

    kind: Literal["ratio", "binary"] = "ratio"
    frame_s: float = 0.032
    exponent: float = 2.0

    def __post_init__(self) -> None:
        if self.kind not in ("ratio", "binary"):
            raise ValueError(f"kind must be 'ratio' or 'binary'; got {self.kind!r}")
        if self.frame_s <= 0 or self.exponent <= 0:
            raise ValueError("frame_s and exponent must be above 0")

    def frame(self, sample_rate: int) -> int:
        """Frame length in samples: even, 2 or more."""
        return 2 * max(1, round(self.frame_s * sample_rate / 2))


class IdealMaskRemixer:
    """Remixes with a real mask computed from the true sources, each channel on its own.

    ratio:  M = sum_i a_i |S_i|^p / sum_i |S_i|^p, the ideal ratio mask carried over to gains;
            with p = 2 it is the Wiener gain of the target for uncorrelated sources
            (Erdogan et al., 2015; one speech against noise: Wang et al., 2014).
    binary: M = a_k with k = argmax_i |S_i|, the ideal binary mask (Wang, 2005) for gains.
    """

    def __init__(self, config: IdealMaskConfig | None = None) -> None:
        self.config = config or IdealMaskConfig()

    @property
    def card(self) -> SystemCard:
        return SystemCard(
            name=f"ideal-{self.config.kind}-mask",
            family="reference",
            sample_rate=None,
            uses_oracle=frozenset({"instruction", "sources"}),
            reference="Wang, Narayanan and Wang, TASLP 2014",
            licence="Apache-2.0",
            parameters=0,
            macs_per_s=0,
        )

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        """Mask `mixture` (channels, samples) by `oracle.sources` (sources, channels, samples).

        Raises MissingOracleError without the true instruction and sources, ValueError when
        their shapes do not fit the mixture.
        """
        check_audio(mixture, sample_rate)
        sources = true_sources(self.card, mixture, oracle)
        assert oracle is not None
        assert oracle.instruction is not None
        gains = np.asarray(oracle.instruction.gains)
        frame = self.config.frame(sample_rate)
        mask = self._mask(np.abs(stft(sources, frame)), gains)
        audio = istft(mask * stft(mixture, frame), frame, mixture.shape[1])
        return Remix(audio=audio.astype(np.float32))

    def _mask(
        self, magnitudes: NDArray[np.float64], gains: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(sources, channels, frames, bins) and (sources,) -> (channels, frames, bins)."""
        if self.config.kind == "binary":
            chosen: NDArray[np.float64] = gains[np.argmax(magnitudes, axis=0)]
            return chosen
        shares = magnitudes**self.config.exponent
        # Bins where every source is silent get the mean gain instead of 0 / 0.
        shares += np.finfo(np.float64).tiny * 1e8
        mask: NDArray[np.float64] = np.tensordot(gains, shares, axes=1) / shares.sum(axis=0)
        return mask


def ideal_ratio_mask(*, frame_s: float = 0.032, exponent: float = 2.0) -> IdealMaskRemixer:
    """The system `ideal-ratio-mask`."""
    return IdealMaskRemixer(IdealMaskConfig(kind="ratio", frame_s=frame_s, exponent=exponent))


def ideal_binary_mask(*, frame_s: float = 0.032) -> IdealMaskRemixer:
    """The system `ideal-binary-mask`."""
    return IdealMaskRemixer(IdealMaskConfig(kind="binary", frame_s=frame_s))
