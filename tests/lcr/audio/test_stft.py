"""The short-time Fourier transform and its inverse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcr.audio.stft import istft, stft


@settings(deadline=None, max_examples=50)
@given(samples=st.integers(1, 700), half=st.integers(1, 64), channels=st.integers(1, 3))
def test_the_inverse_returns_every_sample(samples: int, half: int, channels: int) -> None:
    signal = np.random.default_rng(samples).standard_normal((channels, samples))
    spectrum = stft(signal, 2 * half)
    assert spectrum.shape == (channels, -(-samples // half) + 1, half + 1)
    np.testing.assert_allclose(istft(spectrum, 2 * half, samples), signal, atol=1e-12)


def test_a_tone_on_a_bin_stays_in_it() -> None:
    frame, bin_ = 64, 9
    tone = np.cos(2 * np.pi * bin_ * np.arange(frame * 10) / frame)
    inner = np.abs(stft(tone, frame))[2:-3]
    assert (inner.argmax(axis=-1) == bin_).all()
    # Half the sum of the root-Hann window, which is 2 / pi of the frame in the limit.
    expected = 0.5 * np.sin(np.pi * np.arange(frame) / frame).sum()
    np.testing.assert_allclose(inner[:, bin_], expected, rtol=1e-2)


@pytest.mark.parametrize("frame", [0, 1, 7])
def test_an_odd_or_empty_frame_is_refused(frame: int) -> None:
    with pytest.raises(ValueError, match="even"):
        stft(np.zeros(10), frame)
