from __future__ import annotations

import re

import numpy as np
import pytest

from lcr.instruction import STYLE_VALUES, Action
from lcr.lexicon import load_lexicon
from lcr.prompts.generator import write_prompt
from lcr.prompts.generator.examples import random_instruction
from lcr.prompts.generator.phrases import Dice
from lcr.prompts.open_generator import draw_prompt, frames
from lcr.prompts.open_generator.converted import tagged
from lcr.prompts.open_generator.nouns import sound_noun, voice_noun
from lcr.prompts.open_generator.writer import wrapping
from lcr.prompts.ways import FRAME_SECTIONS

TABLES = FRAME_SECTIONS


def test_spans_are_words_in_order_and_apart():
    rng = np.random.default_rng(0)
    for _ in range(500):
        prompt = draw_prompt(rng)
        at = 0
        for span in prompt.tagging.spans:
            words = prompt.text[span.start : span.stop]
            assert at <= span.start < span.stop
            assert words == words.strip()
            assert all(value in STYLE_VALUES[name] for name, value in span.styles.items())
            at = span.stop
        if not prompt.tagging.is_request:
            assert not prompt.tagging.spans


def test_prompts_follow_the_seed():
    texts = [[draw_prompt(np.random.default_rng(7)).text for _ in range(3)] for _ in range(2)]
    assert texts[0] == texts[1]


def test_frames_have_known_slots():
    slots = {slot for table in TABLES for _, f in frames.framed(table) for slot in _slots(f)}
    slots |= {slot for line in frames.lines("nothing") for slot in _slots(line)}
    known = re.compile(r"[rkudo](?:[svpSNELKM=]?b?)|%[udpn]|[npwt]|odd|name|thing|it|him")
    assert [slot for slot in slots if not known.fullmatch(slot)] == []
    assert {rest for table in TABLES for rest, _ in frames.framed(table)} == {
        "stays",
        "goes",
        "fades",
    }


def test_there_are_hundreds_of_frames():
    assert sum(len(frames.framed(table)) for table in TABLES) > 500


def _slots(frame: str) -> list[str]:
    return re.findall(r"\{([^}]*)\}", frame)


def test_held_out_rows_are_apart():
    dice = Dice(np.random.default_rng(0))
    rows = [
        {row.name for _ in range(300) if (row := sound_noun(dice, held_out=held)[1]) is not None}
        for held in (False, True)
    ]
    assert rows[0]
    assert rows[1]
    assert not rows[0] & rows[1]
    assert rows[0] | rows[1] <= set(load_lexicon().by_name)


def test_voices_state_only_styles_there_are():
    dice = Dice(np.random.default_rng(0))
    for _ in range(300):
        noun = voice_noun(dice)
        assert noun.kind == "voice"
        assert all(value in STYLE_VALUES[name] for name, value in noun.styles.items())


def test_prompts_of_the_other_generator_keep_their_actions():
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(200):
        prompt = write_prompt(random_instruction(rng, unknown=0.1), rng)
        said = tagged(prompt)
        if said is None:
            continue
        found += 1
        assert sorted(s.action.value for s in said.tagging.spans) == sorted(
            p.action.value for p in prompt.phrases
        )
        assert (said.tagging.rest == "goes") == (prompt.form in ("isolate", "keep_only"))
    assert found > 190


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("sound of the dog", "dog"),
        ("the noise from a drill", "drill"),
        ("dog", "dog"),
        ("the sound", "sound"),
        ("sounds of rain", "rain"),
    ],
)
def test_wrappings_are_no_part_of_a_name(words: str, name: str):
    assert words[wrapping(words, "sound") :] == name


def test_groups_are_not_unwrapped():
    assert wrapping("the sound of everything", "everything") == 0


def test_every_action_is_asked_for():
    rng = np.random.default_rng(1)
    said = {s.action for _ in range(200) for s in draw_prompt(rng).tagging.spans}
    assert said == set(Action)
