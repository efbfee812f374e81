"""Keywords read plain requests rightly, whatever the case, and never fail on odd ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planners.keyword import KeywordPlanner
from lcr.instruction import (
    AudioDescription,
    Description,
    SpeechDescription,
    instruction,
    parse_pattern,
    patterns_by_task,
)
from lcr.prompts.generator import write_prompt

MAN = SpeechDescription(gender="M", pitch="low", tempo="high", energy="high", emotion="happy")
WOMAN = SpeechDescription(gender="F", pitch="high", tempo="low", energy="low", emotion="sad")
SOURCES: tuple[Description, ...] = (
    MAN,
    WOMAN,
    AudioDescription(label="dog barking"),
    AudioDescription(label="playing piano"),
)


def read(prompt: str) -> str:
    letters = {action.gain: action.value for action in parse_pattern("01UD")}
    gains = KeywordPlanner().plan(prompt, SOURCES).gains
    return "".join(letters[gain] for gain in gains)


@pytest.mark.parametrize(
    ("prompt", "pattern"),
    [
        ("Remove the dog", "1101"),
        ("REMOVE THE BARKING DOG, please!", "1101"),
        ("turn up the man and get rid of the piano", "U110"),
        ("Could you isolate the woman?", "0100"),
        ("keep only the speaker with a low pitch and the piano", "1001"),
        ("make the sad speaker louder", "1U11"),
        ("turn the piano down and the dog up", "11UD"),
        ("lower the volume of both speakers", "DD11"),
        ("reduce everything", "DDDD"),
        ("mute the background noise", "1100"),
        ("boost the fast speaker, remove everything else", "U000"),
        ("I want the man gone", "0111"),
    ],
)
def test_plain_requests(prompt: str, pattern: str) -> None:
    assert read(prompt) == pattern


def test_what_is_not_asked_for_stays() -> None:
    plan = KeywordPlanner().plan("good morning", SOURCES)
    assert plan.gains == (1.0, 1.0, 1.0, 1.0)
    assert plan.rest == 1.0
    assert KeywordPlanner().plan("isolate the dog", SOURCES).rest == 0.0
    with pytest.raises(ValueError, match="descriptions"):
        KeywordPlanner().plan("remove the dog", ())


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_gives_a_plan(text: str) -> None:
    assert len(KeywordPlanner().plan(text, SOURCES).gains) == 4


def test_most_prompts_of_our_own_generator_are_read() -> None:
    rng = np.random.default_rng(0)
    right = total = 0
    for options in patterns_by_task().values():
        for pattern in options[:4]:
            for _ in range(5):
                prompt = write_prompt(instruction(pattern, SOURCES), rng).text
                right += read(prompt) == pattern
                total += 1
    assert right / total > 0.6
