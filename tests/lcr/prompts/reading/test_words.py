from __future__ import annotations

import pytest

from lcr.prompts.reading import OpenReader, Reading
from lcr.prompts.reading.keywords import KeywordTagger
from lcr.prompts.reading.words import checked, plain, refusal, told
from lcr.remixer import RefusedError


def read(text: str) -> Reading:
    return OpenReader(KeywordTagger()).read([text])[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("remove the dog", "Removing: dog. Everything else stays."),
        ("turn the rain down by 3 dB", "Turning down: rain (by 3.0 dB). Everything else stays."),
        ("keep only the man", "Keeping: man. Everything else goes."),
        ("turn everything up", "Everything up by 6.0 dB."),
    ],
)
def test_told(text: str, words: str) -> None:
    assert told(read(text)) == words


@pytest.mark.parametrize(
    "text",
    ["remove the dog", "don't remove the dog, remove the rain", "keep only the man", "less wind"],
)
def test_a_plain_prompt_says_the_same(text: str) -> None:
    one, other = read(text), read(plain(read(text)))
    assert [t.gain for t in one.things] == [t.gain for t in other.things]
    assert one.rest_gain == other.rest_gain


def test_a_refusal_is_one_line() -> None:
    why = refusal(read("what time is it? " * 20))
    assert why is not None
    assert len(why) < 200
    assert "\n" not in why


def test_what_cannot_be_is_refused() -> None:
    assert refusal(read("turn the dog up by 60 dB")) is not None
    assert refusal(read("turn the dog up by 6 dB")) is None
    with pytest.raises(RefusedError):
        checked(read("turn up the dog by 1000 dB"))
