"""The whole path with rules in place of the tagger."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcr.instruction import AudioDescription, SpeechDescription
from lcr.prompts.reading import OpenReader, Reading
from lcr.prompts.reading.applied import apply_reading
from lcr.prompts.reading.keywords import KeywordTagger

READER = OpenReader(KeywordTagger())
WOMAN, MAN = SpeechDescription(gender="F"), SpeechDescription(gender="M")
DOG, RAIN, CAT = (AudioDescription(label=x) for x in ("dog barking", "rain", "cat meowing"))


def read(text: str) -> Reading:
    return READER.read([text])[0]


@pytest.mark.parametrize(
    ("text", "gains"),
    [
        ("remove the dog", (1, 1, 0, 1)),
        ("turn up the rain and the dog", (1, 1, 2, 2)),
        ("make the woman quieter", (0.5, 1, 1, 1)),
        ("keep only the man and the rain", (0, 1, 0, 1)),
        ("remove everything except the dog", (0, 0, 1, 0)),
        ("keep everything except the rain", (1, 1, 1, 0)),
        ("don't touch the dog, remove the rain", (1, 1, 1, 0)),
        ("without the dog please", (1, 1, 0, 1)),
        ("remove the rain but not the dog", (1, 1, 1, 0)),
        ("mute both speakers", (0, 0, 1, 1)),
        ("lower all background sounds", (1, 1, 0.5, 0.5)),
        ("turn everything down", (0.5, 0.5, 0.5, 0.5)),
        ("halve the dog and remove everything else", (0, 0, 0.5, 0)),
    ],
)
def test_plain_prompts(text: str, gains: tuple[float, ...]):
    applied = apply_reading(read(text), (WOMAN, MAN, DOG, RAIN))
    assert applied.gains == pytest.approx(gains)
    assert applied.absent == ()


@pytest.mark.parametrize(
    ("text", "gain_db"),
    [
        ("turn the dog down by 3 dB", -3),
        ("reduce the dog by 20 decibels", -20),
        ("turn the dog to 10 %", -20),
        ("a bit more of the dog", 3),
        ("lower the dog slightly", -3),
        ("duck the dog by 10 dB", -10),
        ("turn down the dog", 20 * math.log10(0.5)),
    ],
)
def test_amounts(text: str, gain_db: float):
    (thing,) = read(text).things
    assert 20 * math.log10(thing.gain) == pytest.approx(gain_db, abs=1e-6)


def test_an_amount_holds_for_all_of_a_list_and_for_no_other():
    rain, dog, cat = read("turn down the rain and the dog by 9 dB and remove the cat").things
    assert rain.gain == dog.gain == pytest.approx(10 ** (-9 / 20))
    assert cat.gain == 0


def test_an_exception_wins_over_its_kind():
    reading = read("remove the animals but not the dog")
    animals, dog = reading.things
    assert animals.hypernym == "animals"
    assert not animals.wins
    assert dog.wins
    assert apply_reading(reading, (DOG, CAT, RAIN)).gains == (1, 0, 1)


def test_what_is_not_there_is_told():
    applied = apply_reading(read("remove the guitar"), (WOMAN, DOG))
    assert [t.words for t in applied.absent] == ["guitar"]
    assert applied.gains == (1, 1)


@pytest.mark.parametrize("text", ["what time is it?", "transcribe this", "hello there", ""])
def test_no_request(text: str):
    reading = read(text)
    assert not reading.is_request
    assert reading.things == ()
    assert reading.rest_gain == 1


def test_spans_and_styles():
    text = "Remove the angry woman."
    (thing,) = read(text).things
    assert text[thing.start : thing.stop] == thing.words == "angry woman"
    assert thing.styles == {"gender": "F", "emotion": "angry"}
    assert thing.kind == "voice"
    assert thing.sound is None


@given(st.text(max_size=80))
def test_any_text_is_read(text: str):
    reading = read(text)
    for thing in reading.things:
        assert text[thing.start : thing.stop] == thing.words
        assert thing.gain >= 0
    assert reading.rest_gain >= 0
