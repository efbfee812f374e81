"""Log-mels are laion-clap's, do not depend on level, and cover clips of any length."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.clap.features import LAION, LogMel, LogMelConfig

CONFIG = LogMelConfig(n_fft=256, hop=160, mels=16, window_s=0.1)


def noise(*shape: int) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_they_are_those_of_the_public_feature_extractor() -> None:
    transformers: Any = pytest.importorskip("transformers")
    extractor = transformers.ClapFeatureExtractor(
        truncation="rand_trunc", frequency_min=50, frequency_max=14_000
    )
    clips = noise(2, 48_000 * 4 + 321)
    clips[1] *= torch.linspace(0, 1, clips.shape[1]) ** 4
    theirs = extractor(list(clips.numpy()), sampling_rate=48_000)["input_features"]
    ours = LogMel(replace(LAION, level_db=None))(clips)
    assert ours.shape == (2, 1, LAION.frames, 64)
    np.testing.assert_allclose(ours.numpy(), np.stack(theirs), atol=2e-3)


def test_a_tone_is_in_its_band() -> None:
    time = torch.arange(CONFIG.window) / CONFIG.sample_rate
    low, high = LogMel(CONFIG)(torch.sin(2 * torch.pi * torch.tensor([[300.0], [3000.0]]) * time))
    assert low.mean((0, 1)).argmax() < 4
    assert high.mean((0, 1)).argmax() > 8


@given(st.floats(-60, 60))
@settings(max_examples=20)
def test_level_changes_nothing(gain_db: float) -> None:
    mel, clips = LogMel(CONFIG), noise(2, 2000)
    louder = mel(clips * 10 ** (gain_db / 20))
    torch.testing.assert_close(louder, mel(clips), atol=0.02, rtol=0)


def test_a_level_that_is_left_alone_shifts_all_bands() -> None:
    mel, clips = LogMel(replace(CONFIG, level_db=None)), noise(1, 2000)
    torch.testing.assert_close(mel(10 * clips), mel(clips) + 20, atol=0.01, rtol=0)


@pytest.mark.parametrize(
    ("samples", "windows"), [(1, 1), (799, 1), (1600, 1), (1601, 2), (3200, 2), (3300, 3)]
)
def test_windows_cover_a_clip_of_any_length(samples: int, windows: int) -> None:
    assert CONFIG.window == 1600
    found = LogMel(CONFIG)(noise(2, samples))
    assert found.shape == (2, windows, CONFIG.frames, 16)
    assert found.isfinite().all()


def test_a_long_clip_is_heard_from_its_first_to_its_last_sample() -> None:
    mel, clip = LogMel(replace(CONFIG, level_db=None)), noise(1, 4000)
    found = mel(clip)
    for window, start in zip(found[0], (0, 1200, 2400), strict=True):
        torch.testing.assert_close(window, mel(clip[:, start : start + 1600])[0, 0])


def test_silence_is_the_floor() -> None:
    assert (LogMel(CONFIG)(torch.zeros(1, 500)) == -100).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"high_hz": 9000}, "0 to 8000 Hz"), ({"window_s": 0.001}, "window_s"), ({"hop": 0}, "hop")],
)
def test_what_cannot_be_heard_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LogMelConfig(**changes)
