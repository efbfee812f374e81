"""Misspelt words are put right; words that are spelt right stay as they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcr.prompts import spelling
from lcr.prompts.generator import write_prompt
from lcr.prompts.generator.examples import random_instruction
from lcr.prompts.request import prepared, readable, reading
from lcr.prompts.spelling import NEIGHBOURS, corrected, distance, prompt_words


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("remvoe teh dogg", "remove the dog"),
        ("Remvoe the syren!", "Remove the siren!"),
        ("REMVOE TEH DOGG", "REMOVE THE DOG"),
        ("Trun donw the exicted man", "Turn down the excited man"),
        ("remove the trafic", "remove the traffic"),
        ("turn of the dishwahser", "turn off the dishwasher"),
        ("drop the wind to a quater", "drop the wind to a quarter"),
        ("increse the volme by 3 dB", "increase the volume by 3 dB"),
        ("keep the low-pithced man", "keep the low-pitched man"),
        ("mute the womna's voice", "mute the woman's voice"),
        ("decreese the rian from 0:10 to 0:15", "decrease the rain from 0:10 to 0:15"),
        ("turn the helicoptor down", "turn the helicopter down"),
    ],
)
def test_it_is_clear_what_was_meant(written: str, meant: str) -> None:
    assert corrected(written) == meant
    assert corrected(meant) == meant


@pytest.mark.parametrize(
    "text",
    [
        "turn the TV and the DJ down",  # abbreviations
        "silence the yodelling xylophone and the bugle",
        "cut the 80s muzak at 440Hz by 3dB",
        "the woman's and the men's voices",
        "lower the dog's brking",  # bringing or barking
        "Naïve façade",
        "the mutt won't stop, imma mute it",
        "",
    ],
)
def test_what_is_right_or_unclear_stays(text: str) -> None:
    assert corrected(text) == text


def test_no_prompt_of_ours_is_changed() -> None:
    rng = np.random.default_rng(7)
    texts = [write_prompt(random_instruction(rng), rng).text for _ in range(500)]
    assert [text for text in texts if corrected(text) != text] == []


@given(st.sampled_from(sorted(prompt_words())), st.integers(0, 30))
def test_a_slip_costs_what_it_is(word: str, at: int) -> None:
    at %= len(word)
    assert distance(word, word, 1) == 0
    assert distance(word, word[:at] + word[at] + word[at:], 1) in (0.6, 0.5)
    if len(word) > at + 1 and word[at] != word[at + 1]:
        swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        assert distance(word, swapped, 1) == distance(swapped, word, 1) == 0.5
    assert distance(word, word + "qqq", 2) is None
    for key in NEIGHBOURS.get(word[at], ""):
        other = word[:at] + key + word[at + 1 :]
        assert distance(word, other, 1) in (0.8, 0.6, 0.5)


def test_without_common_english_only_prompt_words_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lcr.base_weights.minilm_place", lambda: None)
    spelling._common.cache_clear()
    spelling._better.cache_clear()
    try:
        assert corrected("remvoe the dgo") == "remove the dog"
        assert corrected("the exicted man") == "the exicted man"
    finally:
        spelling._common.cache_clear()
        spelling._better.cache_clear()


def test_the_front_door_says_what_it_read() -> None:
    assert readable('"remvoe teh dog"') == "remove the dog"
    assert reading('"remove the dog"', "remove the dog") == ""
    assert reading("remvoe teh dog", "remove the dog") == 'read as "remove the dog"'
    assert prepared("remvoe teh dog", "agent-llm") == "remvoe teh dog"
