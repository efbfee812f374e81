"""soxr in the page's worker: a band-limited change of rate, by the Fourier transform of all of a
recording at once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_EDGE = 0.95
"""Of the lower rate's band: what lies above it fades out."""


class ResampleStream:
    def __init__(
        self, from_hz: int, to_hz: int, channels: int, *, dtype: str, quality: str
    ) -> None:
        self._from, self._to = from_hz, to_hz
        self._parts = [np.zeros((0, channels), np.float32)]

    def resample_chunk(
        self, chunk: NDArray[np.float32], *, last: bool = False
    ) -> NDArray[np.float32]:
        """(samples, channels): nothing before the last chunk, and then everything."""
        self._parts.append(chunk)
        return resample(np.concatenate(self._parts), self._from, self._to) if last else chunk[:0]


def resample(
    sound: NDArray[np.float32], from_hz: int, to_hz: int, quality: str = "HQ"
) -> NDArray[np.float32]:
    """(samples, ...) at another rate, as many as begin within the sound."""
    if from_hz == to_hz or not len(sound):
        return sound
    # Silence behind it, so that its end does not ring into its beginning, up to a length that is a
    # whole number of samples at both rates.
    step = from_hz // math.gcd(from_hz, to_hz)
    taken = step * -(-(len(sound) + from_hz // 50) // step)
    given = taken // step * (to_hz // math.gcd(from_hz, to_hz))
    kept = min(taken, given) // 2 + 1
    out = np.empty((given, *sound.shape[1:]), np.float32)
    fade = np.interp(np.linspace(0, 1, kept), (_EDGE, 1), (1, 0)) * (given / taken)
    for at in np.ndindex(sound.shape[1:]):
        spectrum = np.fft.rfft(sound[(slice(None), *at)], taken)[:kept] * fade
        out[(slice(None), *at)] = np.fft.irfft(spectrum, given)
    return out[: -(-len(sound) * to_hz // from_hz)]
