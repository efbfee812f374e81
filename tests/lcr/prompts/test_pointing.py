"""Which words point at a sound, and which only say when."""

from __future__ import annotations

import pytest

from lcr.prompts.pointing import PointingError, find_pointing, points, stand_in_for_example
from lcr.prompts.time_words import parse_range


@pytest.mark.parametrize(
    ("prompt", "left", "span"),
    [
        ("remove the sound at 0:03", "remove the theremin", (2.75, 3.75)),
        ("Mute the noise that starts at 0:10", "Mute the theremin", (9.75, 10.75)),
        ("remove whatever this is at 0:02 to 0:04, everywhere", "remove the theremin", (2.0, 4.0)),
        ("mute the sound from 0:02 to 0:04 everywhere", "mute the theremin", (2.0, 4.0)),
        (
            "turn the loud noise around 5 s down by 6 dB",
            "turn the theremin down by 6 dB",
            (4.75, 5.75),
        ),
        ("mute the voice at 0:03", "mute the theremin", (2.75, 3.75)),
        ("remove the sound at 0:00", "remove the theremin", (0.0, 0.75)),
    ],
)
def test_a_time_can_say_which(prompt, left, span):
    text, (pointed,) = find_pointing(prompt)
    assert text == left
    assert (pointed.start_s, pointed.end_s) == span
    timed = parse_range(prompt)
    assert timed.only is None
    assert timed.prompt == prompt


@pytest.mark.parametrize(
    "prompt", ["mute the sound from 0:02 to 0:04", "remove the dog from 0:02 to 0:04"]
)
def test_a_stretch_alone_says_when(prompt):
    assert not points(prompt)
    assert parse_range(prompt).only is not None


def test_a_prompt_can_say_which_and_when():
    timed = parse_range("turn down the noise at 0:03 from 0:10 to 0:20")
    assert (timed.only.start_s, timed.only.end_s) == (10, 20)
    assert timed.prompt == "turn down the noise at 0:03"


def test_several_sounds_are_pointed_at_in_order():
    text, found = find_pointing("mute the sound at 0:05 and turn up the sound at 0:01")
    assert text == "mute the theremin and turn up the accordion"
    assert [one.stand_in for one in found] == ["theremin", "accordion"]
    assert [one.end_s for one in found] == [5.75, 1.75]


def test_a_stretch_that_ends_before_it_begins_is_an_error():
    with pytest.raises(PointingError):
        find_pointing("remove the sound at 0:09 to 0:04")


@pytest.mark.parametrize(
    "prompt", ["remove it", "less of this sound", "turn down sounds like this by 3 dB"]
)
def test_an_example_has_a_word_in_the_prompt(prompt):
    text, pointed = stand_in_for_example(prompt)
    assert text.count(f"the {pointed.stand_in}") == 1
    assert pointed.start_s is None


def test_an_example_without_a_word_is_an_error():
    with pytest.raises(PointingError):
        stand_in_for_example("louder")


def test_an_instrument_of_the_prompt_is_no_stand_in():
    text, (pointed,) = find_pointing("remove the theremin and the sound at 0:02")
    assert text == "remove the theremin and the accordion"
    assert pointed.stand_in == "accordion"


@pytest.mark.parametrize(
    "prompt",
    [
        "remove the sound at 3 seconds before the end",
        " and ".join(f"mute the sound at 0:0{i}" for i in range(1, 7)),
    ],
)
def test_what_cannot_be_pointed_at_is_an_error(prompt):
    with pytest.raises(PointingError):
        find_pointing(prompt)


def test_the_word_that_says_it_is_a_sound_goes_before_it():
    text, _ = stand_in_for_example("is it possible to remove this sound?")
    assert text.startswith("is it possible to remove the ")
