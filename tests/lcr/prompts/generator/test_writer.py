"""Prompts mean exactly their instruction, name one source a phrase, and hardly ever repeat."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcr.data.studio.classes import LABELS
from lcr.instruction import (
    STYLE_VALUES,
    Action,
    AudioDescription,
    Instruction,
    SpeechDescription,
    instruction,
    patterns,
)
from lcr.prompts import lexicon
from lcr.prompts.generator import Phrase, Prompt, denoted, implied_actions, verbs, write_prompt
from lcr.prompts.generator.examples import random_descriptions, random_instruction
from lcr.prompts.generator.labels import PARAPHRASES, names_of
from lcr.prompts.generator.phrases import Dice, minimal_attributes, one_source, speaker_words

SHAPES = ((2, 2), (2, 0), (0, 2), (2, 1), (1, 2), (1, 1), (3, 2))
ESC_10 = (
    "dog barking",
    "rain",
    "sea waves",
    "baby crying",
    "clock ticking",
    "person sneezing",
    "helicopter",
    "chainsaw",
    "rooster crowing",
    "fire crackling",
)


def check(given_instruction: Instruction, prompt: Prompt) -> None:
    descriptions = given_instruction.descriptions
    assert implied_actions(prompt, descriptions) == given_instruction.actions, prompt
    for phrase in prompt.phrases:
        assert denoted(phrase, descriptions, prompt.phrases) == phrase.denotes, (phrase, prompt)
        assert phrase.words.lower() in prompt.text.lower(), (phrase, prompt)
        if phrase.scope == "one":
            assert len(phrase.denotes) == 1


@pytest.mark.parametrize(("n_speech", "n_audio"), SHAPES)
def test_every_pattern_is_said_exactly(n_speech: int, n_audio: int) -> None:
    rng = np.random.default_rng(n_speech * 10 + n_audio)
    for pattern in patterns(n_speech, n_audio):
        for unknown in (0.0, 0.4):
            descriptions = random_descriptions(rng, n_speech, n_audio, unknown=unknown)
            asked = instruction(pattern, descriptions)
            check(asked, write_prompt(asked, rng))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from(SHAPES),
    unknown=st.sampled_from((0.0, 0.3, 0.6)),
)
def test_prompt_means_its_instruction(seed: int, shape: tuple[int, int], unknown: float) -> None:
    rng = np.random.default_rng(seed)
    asked = random_instruction(rng, *shape, unknown=unknown)
    check(asked, write_prompt(asked, rng))


def test_prompts_are_distinct_and_well_formed() -> None:
    rng = np.random.default_rng(7)
    texts = [write_prompt(random_instruction(rng), rng).text for _ in range(10_000)]
    assert len(set(texts)) >= 9_900
    for text in texts:
        assert "{" not in text
        assert "  " not in text
        assert not re.search(r"\b(\w+) \1\b", text), text
        assert text == text.strip()
    assert len({" ".join(text.split()[:2]) for text in texts}) > 200


def test_same_seed_same_prompt() -> None:
    asked = random_instruction(np.random.default_rng(3))
    one, two = (write_prompt(asked, np.random.default_rng(5)) for _ in range(2))
    assert one == two


def test_trivial_instructions_and_twins_are_refused() -> None:
    rng = np.random.default_rng(0)
    descriptions = random_descriptions(rng)
    for pattern in ("1111", "0000"):
        with pytest.raises(ValueError, match="trivial"):
            write_prompt(instruction(pattern, descriptions), rng)
    twins = (SpeechDescription(gender="M"), SpeechDescription(pitch="low"))
    with pytest.raises(ValueError, match="tells"):
        write_prompt(instruction("01", twins), rng)


def test_unknown_attribute_tells_nobody_apart() -> None:
    speakers = (
        SpeechDescription(gender="M", pitch="low", tempo="high"),
        SpeechDescription(gender="M", tempo="low"),
    )
    assert minimal_attributes(speakers, 0) == ((("tempo", "high"),),)
    low = Phrase(Action.UP, "the deep voice", (0,), attributes=(("pitch", "low"),))
    assert denoted(low, speakers) == (0, 1)


def test_a_set_is_minimal_when_no_smaller_one_does() -> None:
    speakers = (
        SpeechDescription(gender="M", pitch="low"),
        SpeechDescription(gender="M", pitch="high"),
        SpeechDescription(gender="F", pitch="low"),
    )
    assert minimal_attributes(speakers, 0) == ((("gender", "M"), ("pitch", "low")),)
    assert minimal_attributes(speakers, 1) == ((("pitch", "high"),),)
    assert minimal_attributes(speakers[:1], 0) == ((),)


def test_implied_actions_notice_a_wrong_prompt() -> None:
    descriptions = random_descriptions(np.random.default_rng(1), 1, 2)
    label = descriptions[1].label  # type: ignore[union-attr]
    rain = Phrase(Action.KEEP, "x", (1,), label=label)
    assert implied_actions(Prompt("", (rain,), "isolate"), descriptions) == (
        Action.REMOVE,
        Action.KEEP,
        Action.REMOVE,
    )
    rest = Phrase(Action.UP, "everything else", (0, 2), scope="everything_else")
    assert implied_actions(Prompt("", (rain, rest), "change"), descriptions) == (
        Action.UP,
        Action.KEEP,
        Action.UP,
    )


def test_every_label_has_three_paraphrases_of_its_own() -> None:
    assert set(PARAPHRASES) == set(LABELS) >= set(ESC_10)
    owners: dict[str, str] = {}
    for label in LABELS:
        names = names_of(label)
        assert len({n for n in names if n != label}) >= 3, label
        for name in names:
            assert owners.setdefault(name.lower(), label) == label, name
    for vague in ("bell", "engine", "alarm", "beeping", "ringing", "guitar", "horn", "whistling"):
        assert vague not in owners
    for sound in ("waves", "alarm"):
        assert f"{sound}s" not in owners


def test_unlisted_labels_are_said_by_name() -> None:
    assert "the sound of LABEL"[4:] in names_of("LABEL")
    assert {"LABEL noise", "LABEL"} <= set(names_of("LABEL"))
    assert "cornet music" in names_of("playing cornet")


def test_style_words_fit_one_value_only() -> None:
    expected = {(a, v) for a, values in STYLE_VALUES.items() if a != "gender" for v in values}
    assert set(lexicon.STYLE_WORDS) == expected
    owners: dict[str, tuple[str, str]] = {}
    for pair, words in lexicon.STYLE_WORDS.items():
        said = words.adjectives + words.of_person + words.of_voice + words.having + words.doing
        assert len(set(said)) >= 6
        for text in said:
            assert owners.setdefault(text, pair) == pair, text


def test_volume_is_said_at_least_twenty_ways() -> None:
    for action in (Action.UP, Action.DOWN):
        assert len(set(verbs.TEMPLATES[action.value])) >= 20
    for kind, other in itertools.combinations(verbs.TEMPLATES, 2):
        if not kind.startswith("volume") and not other.startswith("volume"):
            assert not set(verbs.TEMPLATES[kind]) & set(verbs.TEMPLATES[other]), (kind, other)


def test_gerunds() -> None:
    expected = {"cut": "cutting", "get": "getting", "take": "taking", "turn": "turning"}
    for verb, participle in expected.items():
        assert verbs.gerund(f"{verb} {{x}}") == f"{participle} {{x}}"


def test_all_action_templates_take_one_object() -> None:
    for templates in verbs.TEMPLATES.values():
        assert all(template.count("{x}") == 1 for template in templates)


def test_gender_is_never_said_when_it_is_not_stated() -> None:
    dice = Dice(np.random.default_rng(2))
    gendered = re.compile(r"\b(fe)?male\b|\b(wo)?m[ae]n\b|\bguy|\blady|gentleman|ine voice")
    for _ in range(300):
        assert not gendered.search(
            speaker_words((("pitch", "low"),), dice, voice_like_beside=False)
        )
        assert gendered.search(speaker_words((("gender", "F"),), dice, voice_like_beside=False))


def test_person_is_not_said_beside_a_sneezing_person() -> None:
    descriptions = (SpeechDescription(emotion="sad"), AudioDescription(label="person sneezing"))
    dice = Dice(np.random.default_rng(2))
    for _ in range(300):
        assert "person" not in one_source(Action.UP, 0, descriptions, dice).words


def test_forms_vary() -> None:
    rng = np.random.default_rng(11)
    prompts = [write_prompt(random_instruction(rng), rng) for _ in range(2_000)]
    forms = Counter(prompt.form for prompt in prompts)
    assert set(forms) == {"isolate", "keep_only", "except", "change"}
    assert min(forms.values()) > 40
    scopes = Counter(phrase.scope for prompt in prompts for phrase in prompt.phrases)
    assert set(scopes) == {"one", "all_speech", "all_audio", "everything", "everything_else"}
    assert sum(prompt.text.endswith("?") for prompt in prompts) > 500


def test_command_line_prints_prompts() -> None:
    command = [sys.executable, "-m", "lcr.prompts.generator", "--n", "3", "--seed", "1"]
    root = Path(__file__).parents[4]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=True)
    assert len(done.stdout.splitlines()) == 3
