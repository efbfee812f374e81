"""Words for speakers and for sounds, as our own generator says them, are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from agents.listening.naming import kind_of
from baselines.clap.wording import caption
from lcr.instruction import STYLE_VALUES, SpeechDescription
from lcr.prompts.generator.labels import PARAPHRASES, names_of


@pytest.mark.parametrize(
    "words",
    ["the man", "Her voice", "the two speakers", "the slow-paced one", "the woman near the door"],
)
def test_speakers(words: str) -> None:
    assert kind_of(words) == "speech"


@pytest.mark.parametrize(
    "words", ["rain", "the person snoring", "the crying baby", "a vuvuzela", "the sound of a dog"]
)
def test_sounds(words: str) -> None:
    assert kind_of(words) == "audio"


def test_every_name_of_a_class_is_a_sound() -> None:
    wrong = [n for label in PARAPHRASES for n in names_of(label) if kind_of(f"the {n}") != "audio"]
    assert not wrong


def test_every_wording_of_a_speaker_is_a_speaker() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        style = {
            name: values[int(rng.integers(len(values)))] for name, values in STYLE_VALUES.items()
        }
        words = caption(SpeechDescription(**style), rng, whole=0.5).text
        assert kind_of(words) == "speech", words
