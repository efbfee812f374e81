"""A whole third-party system: one class, one entry point in its own pyproject.toml."""

from __future__ import annotations

import numpy as np

from lcr.remixer import Audio, Oracle, Remix, Step, SystemCard


class HalfVolume:
    """Scales the mixture by `gain`."""

    card = SystemCard(name="half-volume", family="reference", sample_rate=None, causal=True)

    def __init__(self, *, gain: float = 0.5) -> None:
        self.gain = np.float32(gain)

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        step = Step(name="scale", detail="half volume", data={"gain": float(self.gain)})
        return Remix(audio=mixture * self.gain, trace=(step,))
