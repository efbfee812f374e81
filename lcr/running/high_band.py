"""How loud a system makes the highest band it hears, so that the band above can follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lcr.audio.stft import stft
from lcr.remixer import Audio


@dataclass(frozen=True)
class Gain:
    """Gain (channels, frames) at `times_s` (frames,), linear in between."""

    values: NDArray[np.float64]
    times_s: NDArray[np.float64]

    def at(self, start: int, samples: int, sample_rate: int) -> NDArray[np.float64]:
        """(channels, samples) from sample `start` on."""
        times = np.arange(start, start + samples) / sample_rate
        return np.stack([np.interp(times, self.times_s, row) for row in self.values])


_FRAME_S = 0.032
_BROADBAND = 1e-6
"""Weight of all frequencies beside the top octave: decides only when that is 60 dB weaker."""
_WHOLE_CLIP = 1e-4
"""Weight of the whole clip beside one frame: decides only in frames 40 dB below the average."""


class GainEstimate:
    """Least-squares gain from a core's input to its output a frame, in the octave below `edge_hz`;
    both are added in parts of any length."""

    def __init__(self, edge_hz: float, rate: int) -> None:
        self._rate = rate
        self._frame = 2 * max(1, round(_FRAME_S * rate / 2))
        frequencies = np.arange(self._frame // 2 + 1) * rate / self._frame
        self._weights = _BROADBAND + (
            (frequencies >= edge_hz / 2) & (frequencies <= 0.95 * edge_hz)
        )
        self._rest: tuple[Audio, Audio] | None = None
        self._cross: list[NDArray[np.float64]] = []
        self._power: list[NDArray[np.float64]] = []

    def add(self, before: Audio, after: Audio) -> None:
        if self._rest is not None:
            before = np.concatenate([self._rest[0], before], axis=1)
            after = np.concatenate([self._rest[1], after], axis=1)
        hop = self._frame // 2
        whole = before.shape[1] // hop * hop
        if whole > hop:
            # The last frame reaches into what is still to come.
            self._measure(before[:, :whole], after[:, :whole], whole // hop)
            before, after = before[:, whole - hop :], after[:, whole - hop :]
        self._rest = before, after

    def gain(self) -> Gain:
        """The gain over all that was added."""
        if self._rest is not None:
            self._measure(*self._rest, None)
        cross = _smooth(np.concatenate(self._cross, axis=-1))
        power = _smooth(np.concatenate(self._power, axis=-1))
        cross += _WHOLE_CLIP * cross.mean(axis=-1, keepdims=True)
        power += _WHOLE_CLIP * power.mean(axis=-1, keepdims=True)
        # Where the core was given nothing, nothing above says what it does: leave that alone.
        values = np.divide(cross, power, out=np.ones_like(cross), where=power > 0)
        times = np.arange(values.shape[-1]) * (self._frame // 2) / self._rate
        return Gain(values, times)

    def _measure(self, before: Audio, after: Audio, stop: int | None) -> None:
        # `stft` pads with silence in front, which only the very first frame has.
        frames = slice(1 if self._cross else 0, stop)
        given, got = (stft(audio, self._frame)[:, frames] for audio in (before, after))
        self._cross.append((got * given.conj()).real @ self._weights)
        self._power.append((given * given.conj()).real @ self._weights)


def _smooth(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted mean over five frames (80 ms between the outermost), ends repeated."""
    padded = np.pad(frames, ((0, 0), (2, 2)), mode="edge")
    count = frames.shape[-1]
    out = np.zeros_like(frames)
    for offset, weight in enumerate((1.0, 2.0, 3.0, 2.0, 1.0)):
        out += weight * padded[:, offset : offset + count]
    return out
