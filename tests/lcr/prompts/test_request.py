"""What people type or paste: made ready, or refused with words that help."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcr.prompts.request import MOST_WORDS, PromptError, readable


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("remove the dog", "remove the dog"),
        ("  REMOVE\tthe\n dog ", "REMOVE the dog"),
        ('"remove the dog"', "remove the dog"),
        ("“Remove the dog’s bark.”", "Remove the dog's bark."),
        ("»remove the dog«", "remove the dog"),
        ("\u200bremove\x00 the dog\ufeff", "remove the dog"),
        ('turn "it" down and mute "that"', 'turn "it" down and mute "that"'),
        ("remvoe teh dogg", "remove the dog"),
        ("mute the café", "mute the café"),
        (
            "turn the die cutter down and keep all of it",
            "turn the die cutter down and keep all of it",
        ),
    ],
)
def test_what_is_read(prompt: str, expected: str) -> None:
    assert readable(prompt) == expected


@pytest.mark.parametrize("prompt", ["", "   \n", '""', "...", "\u200b", "🐶🔇"])
def test_nothing_to_read(prompt: str) -> None:
    with pytest.raises(PromptError, match="empty; say what to do"):
        readable(prompt)


@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        ("entferne den Hund und mach die Frau lauter", "German"),
        ("supprime le chien et baisse la voix des femmes", "French"),
        ("quita el perro y sube la lluvia", "Spanish"),
        ("togli il cane e alza la donna", "Italian"),
        ("remova o cachorro e aumente a mulher", "Portuguese"),
        ("verwijder het geluid van een hond en zet de vrouw harder", "Dutch"),
        ("把狗的声音去掉", "another script"),
        ("убери собаку", "another script"),
    ],
)
def test_another_language_is_said_to_be_one(prompt: str, language: str) -> None:
    with pytest.raises(PromptError, match=f"English only.*{language}"):
        readable(prompt)


def test_of_two_thousand_words_those_that_ask_are_read() -> None:
    story = "It was a long day in the park with many people. " * 200
    found = readable(f"{story}Please remove the dog. {story}Turn the man up!")
    assert found == "Please remove the dog. Turn the man up!"


def test_a_long_prompt_without_a_short_sentence_is_refused() -> None:
    with pytest.raises(PromptError, match=f"2003 words.*at most {MOST_WORDS}"):
        readable("remove the dog " + "and so on " * 666 + "and then")


@pytest.mark.parametrize(
    "prompt", ["a" * 24_000, "mute the dogg" + "'s" * 500, "1.1." * 500, "remove the dog " * 70_000]
)
def test_words_and_prompts_have_a_longest(prompt: str) -> None:
    with pytest.raises(PromptError):
        readable(prompt)


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["remove the dog. ", "flurbish ", ". . ", "0:10 ", "\"' ", "a"])
def test_time_grows_no_faster_than_the_prompt(piece: str) -> None:
    def seconds(letters: int) -> float:
        text = (piece * letters)[:letters]
        start = time.process_time()
        with contextlib.suppress(PromptError):
            readable(text)
        return time.process_time() - start

    seconds(1000)  # what is loaded once
    short = max(seconds(50_000), 0.001)
    assert seconds(1_000_000) < 100 * short  # a square law would be 400


@given(st.text())
def test_any_text_is_read_or_refused_and_reading_twice_changes_nothing(text: str) -> None:
    try:
        once = readable(text)
    except PromptError:
        return
    assert once == " ".join(once.split())
    assert len(once.split()) <= MOST_WORDS
    assert readable(once) == once
