from __future__ import annotations

import pytest

from lcr.prompts.reading import OpenReader
from lcr.prompts.reading.front import plainly
from lcr.prompts.reading.keywords import KeywordTagger
from lcr.remixer import RefusedError


@pytest.fixture(autouse=True)
def by_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenReader, "load", lambda: OpenReader(KeywordTagger()))


@pytest.mark.parametrize("prompt", ["remove the dog", "Turn the siren down!", "isolate the man"])
def test_what_is_plain_stays_as_it_is(prompt: str) -> None:
    assert plainly(prompt).prompt == prompt


def test_negations_are_said_plainly() -> None:
    said = plainly("don't remove the dog, remove the rain")
    assert said.prompt == "Leave alone the dog. Remove the rain."
    assert said.warnings == ()


def test_an_amount_that_is_lost_is_told() -> None:
    assert len(plainly("turn the dog down by 20 dB").warnings) == 1


def test_what_is_no_request_is_refused() -> None:
    with pytest.raises(RefusedError):
        plainly("what time is it?")
