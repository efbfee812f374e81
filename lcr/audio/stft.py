"""A short-time Fourier transform that inverts exactly, in numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stft(signal: NDArray[np.floating], frame: int) -> NDArray[np.complex128]:
    """(..., samples) -> (..., frames, frame // 2 + 1); root-Hann window, hop frame // 2.

    The signal is padded with half a frame of silence before and up to a frame behind, so that
    `istft` returns every sample. Raises ValueError for an odd or too short frame.
    """
    hop = _hop(frame)
    samples = signal.shape[-1]
    frames = -(-samples // hop) + 1
    pad = [(0, 0)] * (signal.ndim - 1) + [(hop, frames * hop - samples)]
    padded = np.pad(np.asarray(signal, dtype=np.float64), pad)
    views = np.lib.stride_tricks.sliding_window_view(padded, frame, axis=-1)[..., ::hop, :]
    return np.fft.rfft(views * _window(frame))


def istft(spectrum: NDArray[np.complex128], frame: int, samples: int) -> NDArray[np.float64]:
    """Inverse of `stft`: (..., frames, bins) -> (..., samples)."""
    hop = _hop(frame)
    frames = np.fft.irfft(spectrum, n=frame) * _window(frame)
    count = frames.shape[-2]
    out = np.zeros((*frames.shape[:-2], (count + 1) * hop))
    # Hop is half a frame: every output block is one frame's first half plus another's second.
    blocks = out.reshape(*out.shape[:-1], count + 1, hop)
    blocks[..., :-1, :] += frames[..., :hop]
    blocks[..., 1:, :] += frames[..., hop:]
    return out[..., hop : hop + samples]


def _hop(frame: int) -> int:
    if frame < 2 or frame % 2:
        raise ValueError(f"frame must be an even number of samples, 2 or more; got {frame}")
    return frame // 2


def _window(frame: int) -> NDArray[np.float64]:
    """Root of the periodic Hann window: its square sums to 1 at a hop of half a frame."""
    return np.sin(np.pi * np.arange(frame) / frame)
