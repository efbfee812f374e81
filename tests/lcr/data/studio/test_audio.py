"""The procedural classes of `studio`: contract of every label, variety, distinctiveness."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from numpy.typing import NDArray

from lcr.data.bank import SAMPLE_RATE, Waveform
from lcr.data.studio import tools
from lcr.data.studio.audio import render, renderer
from lcr.data.studio.classes import FAMILIES, LABELS

pytestmark = pytest.mark.slow

SUBSET = tuple(label for labels in FAMILIES.values() for label in labels[:3])


@functools.cache
def clip(label: str, seed: int) -> Waveform:
    return render(label, np.random.default_rng(seed))


def active_share(x: Waveform) -> float:
    """Share of 20 ms frames within 40 dB of the loudest."""
    power = np.mean(x.reshape(-1, SAMPLE_RATE // 50).astype(np.float64) ** 2, axis=1)
    return float(np.mean(power > power.max() * 1e-4))


def log_mel(x: Waveform, bands: int = 32) -> NDArray[np.float64]:
    """(bands, frames) log power in triangular mel bands; 32 ms Hann frames, half overlapped."""
    size = 512
    frames = np.lib.stride_tricks.sliding_window_view(x, size)[:: size // 2]
    power = np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2
    edges = 700 * (10 ** (np.linspace(0, 2840, bands + 2) / 2595) - 1)
    f = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    up = (f - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - f) / (edges[2:] - edges[1:-1])[:, None]
    mel = np.clip(np.minimum(up, down), 0, None) @ power.T
    return np.asarray(10 * np.log10(mel + mel.max() * 1e-7))


def features(x: Waveform) -> NDArray[np.float64]:
    """Level-free mean, spread and frame-to-frame change of each mel band."""
    mel = log_mel(x)
    mel -= mel.max()
    return np.concatenate([mel.mean(1), mel.std(1), np.abs(np.diff(mel, axis=1)).mean(1)])


def test_every_label_has_a_renderer() -> None:
    assert len({renderer(label) for label in LABELS}) == len(LABELS) == 80


@pytest.mark.parametrize("label", LABELS)
def test_clip_keeps_the_contract(label: str) -> None:
    for seed in (0, 1):
        x = clip(label, seed)
        assert x.shape == (5 * SAMPLE_RATE,)
        assert x.dtype == np.float32
        assert np.isfinite(x).all()
        assert 0.05 <= np.abs(x).max() <= 1.0
        assert active_share(x) >= 0.2
        assert abs(float(x.mean())) < 1e-3


@pytest.mark.parametrize("label", LABELS)
def test_draws_differ_beyond_level(label: str) -> None:
    a, b = log_mel(clip(label, 0)), log_mel(clip(label, 1))
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] < 0.999


@pytest.mark.parametrize("label", SUBSET[::3])
def test_same_seed_same_samples(label: str) -> None:
    np.random.default_rng().random()
    np.testing.assert_array_equal(render(label, np.random.default_rng(0)), clip(label, 0))


def test_unknown_label_is_named() -> None:
    with pytest.raises(KeyError, match="dog barkin"):
        render("dog barkin", np.random.default_rng(0))


def test_classes_are_distinct() -> None:
    """Nearest centroid on simple statistics: chance would be one in 27."""
    train = np.array([[features(clip(label, s)) for s in (0, 1)] for label in SUBSET])
    test = np.array([[features(clip(label, s)) for s in (2,)] for label in SUBSET])
    mean, spread = train.mean((0, 1)), train.std((0, 1))
    centroids = ((train - mean) / spread).mean(1)
    points = (test - mean) / spread
    distance = ((points[:, :, None] - centroids) ** 2).sum(-1)
    correct = distance.argmin(-1) == np.arange(len(SUBSET))[:, None]
    assert correct.mean() > 0.45


def test_a_draw_that_rests_throughout_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sandpaper may rest for a whole clip; silence has no level to scale, which gave NaN."""
    first = True

    def rests_once(rng: np.random.Generator) -> NDArray[np.float64]:
        nonlocal first
        sound = np.zeros(5 * SAMPLE_RATE) if first else rng.standard_normal(5 * SAMPLE_RATE)
        first = False
        return sound

    monkeypatch.setattr(tools, "sandpaper_rubbing", rests_once)
    found = render("sandpaper rubbing", np.random.default_rng(0))
    assert np.isfinite(found).all()
    assert np.abs(found).max() >= 0.05
