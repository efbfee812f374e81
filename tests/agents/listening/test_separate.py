"""Stems keep one order over chunks and channels, whatever order the separator puts out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.listening.separate import separate_stems
from tests.baselines.composite.test_remixer import BandOracle, banded_sources
from tests.baselines.pit.test_separation import tiny_separator


def snr_db(estimate: np.ndarray, reference: np.ndarray) -> float:
    return float(10 * np.log10(np.square(reference).sum() / np.square(estimate - reference).sum()))


class Contrary(BandOracle):
    """Puts the sources of every further channel out in another order."""

    def separate(self, mixture: Tensor) -> Tensor:
        return torch.stack([s.roll(i, 0) for i, s in enumerate(super().separate(mixture))])


@pytest.mark.parametrize(("seconds", "rate"), [(3, 16_000), (10, 16_000), (9, 44_100)])
def test_stems_are_the_sources_in_one_order(
    seconds: int, rate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The separator rolls its outputs at every call, one a channel and chunk (of four seconds)."""
    monkeypatch.setattr("agents.listening.separate.CHUNK_S", 4.0)
    monkeypatch.setattr("agents.listening.separate.OVERLAP_S", 0.8)
    sources = banded_sources(seconds * rate, rate=rate, channels=2)
    sources[:, 1] *= np.array([1.0, 0.2, 0.5, 0.8], dtype=np.float32)[:, None]
    separator = Contrary()
    stems = separate_stems(separator, sources.sum(0), rate)
    assert stems.shape == sources.shape
    assert (separator.calls > 2) == (seconds > 4)
    found = [max(range(4), key=lambda i: snr_db(stem, sources[i])) for stem in stems]
    assert sorted(found) == [0, 1, 2, 3]
    for stem, i in zip(stems, found, strict=True):
        assert snr_db(stem, sources[i]) > 30


@pytest.mark.parametrize("shape", [(1, 1), (2, 257), (1, 8000)])
def test_consistent_stems_sum_to_the_mixture(shape: tuple[int, int]) -> None:
    mixture = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    stems = separate_stems(tiny_separator("softmax", 4), mixture, 16_000)
    np.testing.assert_allclose(stems.sum(0), mixture, atol=1e-4)


def test_unusable_audio_is_refused() -> None:
    with pytest.raises(ValueError, match="float32"):
        separate_stems(BandOracle(), np.zeros((1, 10)), 16_000)  # type: ignore[arg-type]
