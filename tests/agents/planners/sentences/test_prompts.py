"""Prompts for the reader and the planners say what they are said to say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agents.planners.sentences.noise import roughen
from agents.planners.sentences.prompts import draw_prompt, unnamed_action
from agents.planners.sentences.sounds import sounds
from agents.planners.sentences.speakers import speaker_phrase
from agents.planners.sentences.styles import STYLES
from lcr.instruction import STYLE_VALUES
from lcr.prompts.generator import implied_actions
from lcr.prompts.generator.phrases import Dice

pytestmark = pytest.mark.slow


def test_prompts_ask_for_their_instruction() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(500):
        asked, prompt = draw_prompt(rng)
        assert implied_actions(prompt, asked.descriptions) == asked.actions, prompt
        assert prompt.text.strip()
        assert "{" not in prompt.text
        for phrase in prompt.phrases:
            if phrase.scope == "one":
                assert phrase.words.casefold() in prompt.text.casefold()
        seen.add(prompt.form)
    assert seen == {"change", "isolate", "keep_only", "except"}


def test_prompts_follow_their_seed() -> None:
    first = [draw_prompt(np.random.default_rng(seed)) for seed in range(60)]
    assert first == [draw_prompt(np.random.default_rng(seed)) for seed in range(60)]


def test_what_is_not_named() -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        asked, prompt = draw_prompt(rng)
        named = {i for phrase in prompt.phrases for i in phrase.denotes}
        rest = unnamed_action(prompt)
        for i, action in enumerate(asked.actions):
            assert i in named or action is rest


def test_every_style_has_words_and_no_adjective_two_values() -> None:
    for attribute, values in STYLE_VALUES.items():
        if attribute == "gender":
            continue
        for a, b in itertools.combinations(values, 2):
            first, second = STYLES[attribute, a], STYLES[attribute, b]
            assert not set(first.adjectives) & set(second.adjectives)
            assert not set(first.levels) & set(second.levels)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(STYLES)))
@example(4294967294, ("emotion", "surprised"))  # "the female whose aback state of mind is taken"
def test_a_speaker_is_told_by_words_of_his_style(seed: int, pair: tuple[str, str]) -> None:
    style = STYLES[pair]
    words = speaker_phrase((("gender", "F"), pair), Dice(np.random.default_rng(seed)))
    said = (*style.adjectives, *style.doing, *style.levels)
    assert any(word in words for word in said), words
    assert not {"man", "male", "guy", "gentleman"} & set(words.replace("'s", "").split())


def test_a_phrase_takes_no_word_of_another_sound() -> None:
    dice = Dice(np.random.default_rng(0))
    dogs = [sound for sound in sounds() if sound.names[0] == "dog"]
    barking, growling = dogs[0], dogs[1]
    taken = frozenset((*growling.names, *growling.doings)) - frozenset(barking.names)
    for _ in range(200):
        assert "growl" not in barking.phrase(dice, taken)
    assert len(sounds()) > 300
    assert all(sound.label(dice).strip() for sound in sounds())


@given(st.text(max_size=80), st.integers(0, 2**32 - 1))
def test_roughened_text_is_text(text: str, seed: int) -> None:
    assert isinstance(roughen(text, Dice(np.random.default_rng(seed))), str)
