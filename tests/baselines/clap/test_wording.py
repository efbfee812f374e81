"""Captions say what is true of a description, in the prompts' own words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from baselines.clap.wording import WORDINGS, caption, embed_descriptions, relation, wordings
from lcr.instruction import AudioDescription, Description, SpeechDescription
from lcr.prompts.generator.examples import random_speaker
from lcr.prompts.generator.labels import names_of
from lcr.prompts.lexicon import STYLE_WORDS

DOG = AudioDescription(label="dog barking")
WOMAN = SpeechDescription(gender="F", pitch="high", emotion="happy")


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.5, 1.0]))
def test_a_caption_is_true_of_what_it_describes(seed: int, whole: float) -> None:
    rng = np.random.default_rng(seed)
    speaker = random_speaker(rng, unknown=0.3)
    said = caption(speaker, rng, whole=whole)
    assert relation(said.states, speaker) == "fits"
    assert isinstance(said.states, SpeechDescription)
    if whole == 1:
        assert said.states == speaker
    if speaker.known:
        assert said.states.known


def test_a_caption_says_what_it_states() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        said = caption(WOMAN, rng, whole=0.3)
        assert isinstance(said.states, SpeechDescription)
        for pair in (("pitch", "high"), ("emotion", "happy")):
            words = STYLE_WORDS[pair]
            every = words.adjectives + words.of_person + words.of_voice + words.having + words.doing
            assert (pair in said.states.known.items()) == any(word in said.text for word in every)
    sounds = {caption(DOG, rng).text for _ in range(200)}
    assert len(sounds) > 5
    assert all(any(name in text for name in names_of(DOG.label)) for text in sounds)


def test_partial_captions_differ_in_how_much_they_state() -> None:
    rng = np.random.default_rng(0)
    sizes = {len(caption(WOMAN, rng, whole=0.0).states.known) for _ in range(60)}  # type: ignore[union-attr]
    assert sizes == {1, 2, 3}


@pytest.mark.parametrize(
    ("stated", "heard", "expected"),
    [
        (SpeechDescription(gender="F"), WOMAN, "fits"),
        (SpeechDescription(gender="M"), WOMAN, "differs"),
        (SpeechDescription(gender="F", tempo="low"), WOMAN, "unknown"),
        (SpeechDescription(gender="M", tempo="low"), WOMAN, "differs"),
        (WOMAN, WOMAN, "fits"),
        (DOG, DOG, "fits"),
        (DOG, AudioDescription(label="rain"), "differs"),
        (DOG, WOMAN, "differs"),
        (SpeechDescription(), DOG, "differs"),
    ],
)
def test_relation(stated: Description, heard: Description, expected: str) -> None:
    assert relation(stated, heard) == expected


def test_wordings_are_always_the_same() -> None:
    assert wordings(WOMAN) == wordings(WOMAN)
    assert len(wordings(DOG)) == WORDINGS
    assert wordings(SpeechDescription())  # of whom nothing is known is still a speaker


class Counting:
    """Embeds text number i along axis i."""

    sample_rate, width = 16_000, 2 * WORDINGS
    scale = torch.tensor(1.0)

    def embed_audio(self, clips: torch.Tensor) -> torch.Tensor:
        raise AssertionError("nothing is heard")

    def embed_text(self, texts: list[str]) -> torch.Tensor:
        return torch.eye(len(texts))


def test_a_description_is_the_mean_direction_of_its_wordings() -> None:
    found = embed_descriptions(Counting(), [DOG, WOMAN])
    expected = torch.zeros(2, 2 * WORDINGS)
    expected[0, :WORDINGS] = expected[1, WORDINGS:] = WORDINGS**-0.5
    torch.testing.assert_close(found, expected)
    assert embed_descriptions(Counting(), []).shape == (0, 2 * WORDINGS)


class Lengths(Counting):
    """Embeds a text by its length."""

    width = 2

    def embed_text(self, texts: list[str]) -> torch.Tensor:
        angle = torch.tensor([len(text) / 30 for text in texts])
        return torch.stack([angle.cos(), angle.sin()], 1)


def test_many_descriptions_are_embedded_as_each_alone() -> None:
    rng = np.random.default_rng(0)
    many = [random_speaker(rng, unknown=0.3) for _ in range(37)]
    alone = torch.cat([embed_descriptions(Lengths(), [one]) for one in many])
    torch.testing.assert_close(embed_descriptions(Lengths(), many), alone)
