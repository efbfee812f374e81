"""What is heard is what is there, and as sure as the model's masks and likenesses say."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.listening.beliefs import Beliefs
from agents.listening.listener import Inventory, Listener, ListenerConfig, load_listener
from baselines.pit.separation import save_separator
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import WeightsError
from lcr.instruction import (
    STYLE_VALUES,
    AudioDescription,
    Kind,
    SpeechDescription,
)
from tests.agents.hearing import DOG, MAN, RAIN, TRUTH, BandModel, at_levels, listener
from tests.baselines.composite.test_remixer import BANDS_HZ, BandOracle, banded_sources
from tests.baselines.pit.test_separation import tiny_separator

LEVELS_DB = (0.0, -2.0, -4.0, -6.0)


def inventory(one: Listener | None = None, seconds: int = 1) -> tuple[Inventory, np.ndarray]:
    sources = at_levels(banded_sources(16_000 * seconds, channels=2), *LEVELS_DB)
    return (one or listener()).listen(sources.sum(0), 16_000), sources


def test_every_source_is_heard_loudest_first() -> None:
    heard, sources = inventory()
    kinds = [one.description for one in heard.heard]
    assert [d.kind for d in kinds] == ["speech", "speech", "audio", "audio"]
    assert [getattr(d, "gender", None) for d in kinds[:2]] == ["M", "F"]
    assert [getattr(d, "pitch", None) for d in kinds[:2]] == ["low", "high"]
    assert kinds[2:] == [DOG, RAIN]
    assert [one.id for one in heard.heard] == ["s1", "s2", "s3", "s4"]
    np.testing.assert_allclose(heard.audio, sources, atol=1e-3)
    for one, source in zip(heard.heard, sources, strict=True):
        level_db = 20 * math.log10(np.sqrt(np.mean(source**2)))
        assert one.level_db == pytest.approx(level_db, abs=0.1)
        assert one.confidence > 0.9
    assert [step.name for step in heard.steps] == ["separate", "listen"]
    assert all(step.seconds is not None for step in heard.steps)


def test_what_is_too_quiet_is_nothing() -> None:
    sources = at_levels(banded_sources(16_000), 0.0, -3.0, -40.0, -80.0)
    found = listener().listen(sources.sum(0), 16_000)
    assert [one.description.kind for one in found.heard] == ["speech", "speech"]
    more = listener(config=ListenerConfig(quiet_db=-60)).listen(sources.sum(0), 16_000)
    assert len(more.heard) == 3


@pytest.mark.parametrize("samples", [1, 8000])
def test_nothing_is_heard_in_silence(samples: int) -> None:
    found = listener().listen(np.zeros((2, samples), np.float32), 16_000)
    assert (found.heard, found.audio.shape) == ((), (0, 2, samples))
    assert found.steps[1].detail == "nothing is heard"
    assert found.match(TRUTH) == ()


def test_beliefs_are_the_shares_of_energy_and_of_likeness() -> None:
    sources = banded_sources(16_000)
    both = 2 * sources[0] + sources[2]
    man, dog, mixed = listener().describe(np.stack([sources[0], sources[2], both]), 16_000)
    assert man.speech == pytest.approx(1, abs=1e-3)
    assert man.styles["gender"]["M"] == pytest.approx(1, abs=1e-3)
    assert dog.speech == pytest.approx(0, abs=1e-3)
    assert mixed.speech == pytest.approx(4 / 5, abs=0.01)
    unrecorded = 1952 * math.exp(-3)
    assert dog.labels["dog barking"] == pytest.approx(
        math.exp(20) / (math.exp(20) + 1 + unrecorded), abs=1e-3
    )
    for b in (man, dog, mixed):
        assert sum(b.labels.values()) == pytest.approx(1, abs=1e-4)
        for style, shares in b.styles.items():
            assert tuple(shares) == STYLE_VALUES[style]
            assert sum(shares.values()) == pytest.approx(1, abs=1e-5)


def test_a_description_s_probability_is_the_product_of_what_it_states() -> None:
    b = Beliefs(
        speech=0.8,
        styles={"gender": {"M": 0.9, "F": 0.1}, "pitch": {"low": 0.5, "normal": 0.3, "high": 0.2}},
        labels={"rain": 0.7, "harp": 0.3},
    )
    assert b.of(SpeechDescription()) == pytest.approx(0.8)
    assert b.of(SpeechDescription(gender="F", pitch="high")) == pytest.approx(0.8 * 0.1 * 0.2)
    assert b.of(SpeechDescription(gender="F", tempo="high")) == pytest.approx(0.8 * 0.1)
    assert b.of(RAIN) == b.of(AudioDescription(label="rainfall")) == pytest.approx(0.2 * 0.7)
    assert b.of(AudioDescription(label="no such thing")) == 0
    # The pitch is not sure enough to be stated.
    assert b.heard(3, -20).description == SpeechDescription(gender="M")
    sound = replace(b, speech=0.2).heard(2, -20)
    assert (sound.description, sound.id) == (RAIN, "s2")
    assert list(sound.confidences.items()) == [("rain", 0.8 * 0.7), ("harp", 0.8 * 0.3)]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2), (2, 0)])
def test_true_descriptions_find_their_entries(order: tuple[int, ...]) -> None:
    found, _ = inventory()
    matched = found.match([TRUTH[i] for i in order])
    expected = [order.index(i) if i in order else -1 for i in range(4)]
    assert list(matched) == expected


def test_the_word_of_a_separator_that_tells_kinds_counts_for_more_than_the_model_s() -> None:
    swapped: list[Kind] = ["audio", "audio", "speech", "speech"]
    one = Listener(_InOrder(), BandModel(), kinds=swapped)
    sources = at_levels(banded_sources(16_000), *LEVELS_DB)
    heard = one.listen(sources.sum(0), 16_000).beliefs
    sure = one.config.kinds_right
    # The dog and the rain; the man and the woman are sounds of no name, and one entry.
    assert sorted(b.speech for b in heard) == pytest.approx([1 - sure, sure, sure])


class _InOrder(BandOracle):
    """In the order of the bands."""

    def separate(self, mixture: Tensor) -> Tensor:
        self.calls = 0
        return super().separate(mixture)


def test_parts_that_are_one_source_are_one_entry() -> None:
    """Of two outputs with the dog's sound, and two with the man's, each is one entry."""

    class Doubled(BandOracle):
        def separate(self, mixture: Tensor) -> Tensor:
            man, dog = (_band(mixture, band) for band in (0, 2))
            return torch.stack([0.7 * man, 0.6 * dog, 0.4 * dog, 0.3 * man], 1)

    man, _, dog, _ = banded_sources(16_000)
    dog = dog / 2
    found = listener(Doubled()).listen(man + dog, 16_000)
    assert {b.kind for b in found.beliefs} == {"speech", "audio"}
    np.testing.assert_allclose(found.audio, [man, dog], atol=1e-3)
    assert found.match([DOG, MAN]) == (1, 0)


def _band(mixture: Tensor, band: int) -> Tensor:
    spectrum = torch.fft.rfft(mixture)
    hertz = torch.fft.rfftfreq(mixture.shape[-1], 1 / 16_000)
    low, high = BANDS_HZ[band]
    return torch.fft.irfft(spectrum * ((hertz >= low) & (hertz <= high)), mixture.shape[-1])


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return tiny_weights(tmp_path_factory.mktemp("weights"))


def tiny_weights(root: Path) -> dict[str, str]:
    """Checkpoint of a separator, as `load_listener` takes it beside the shipped ears."""
    save_separator(tiny_separator("softmax", 4), root / "separator")
    return {"separator": str(root / "separator")}


def test_a_listener_loads_from_checkpoints(weights: dict[str, str]) -> None:
    one = load_listener(**weights)  # type: ignore[arg-type]
    assert set(one.weights) == {"separator", "lcr-q"}
    found = one.listen(0.1 * banded_sources(4000).sum(0), 16_000)
    assert found.heard
    again = load_listener(**weights).listen(0.1 * banded_sources(4000).sum(0), 16_000)  # type: ignore[arg-type]
    assert again.heard == found.heard


def test_wrong_or_missing_checkpoints_are_refused(weights: dict[str, str]) -> None:
    with pytest.raises(MissingWeightsError, match="nowhere"):
        load_listener(separator="nowhere")
    with pytest.raises(WeightsError):
        load_listener(**weights, weights="lcr-g")
