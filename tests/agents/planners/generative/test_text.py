"""Requests, descriptions and plans as text: read back as they were written."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.plan import RemixPlan, SourceChange, parse_plan, resolve_plan
from agents.planners.generative.data import LessonConfig, draw_lesson
from agents.planners.generative.labels import called, invented_label, plain_words
from agents.planners.generative.text import (
    MOST_SOURCES,
    SPEECH,
    description_of,
    inventory_of,
    plan_text,
    request,
    words_of,
)
from agents.planners.reading import keyword_planner
from baselines.composite.planning import Plan
from lcr.data.studio.classes import LABELS, UNSEEN
from lcr.instruction import STYLE_VALUES, AudioDescription, SpeechDescription
from lcr.prompts.generator.phrases import Dice
from lcr.prompts.reading.words import action_of

WORDS = ("apple", "bottle", "candle", "dolphin", "engine", "flower", "garden", "hammock")
SPEAKERS = st.builds(
    SpeechDescription,
    **{name: st.none() | st.sampled_from(values) for name, values in STYLE_VALUES.items()},
)


@given(SPEAKERS)
def test_a_speakers_words_are_read_back(speaker: SpeechDescription) -> None:
    assert description_of(words_of(speaker)) == speaker
    assert description_of(f"  {words_of(speaker).upper()} ") == speaker


@pytest.mark.parametrize("label", [*LABELS, "man made lake", "speaker box humming", "woman fast x"])
def test_what_is_no_speaker_is_a_sound(label: str) -> None:
    assert description_of(label) == AudioDescription(label=label)


def test_the_group_of_all_speech() -> None:
    assert description_of(SPEECH) == SpeechDescription()


def test_a_request_is_the_prompt_and_a_line_for_each_source() -> None:
    described = (SpeechDescription(gender="M", tempo="high"), AudioDescription(label="rain"))
    text = request(" remove\nthe  man ", inventory_of(described))
    assert text == "remove the man\ns1 man fast\ns2 rain"
    assert request("remove the man", ()) == "remove the man"
    many = [AudioDescription(label=f"sound {i}") for i in range(MOST_SOURCES + 1)]
    with pytest.raises(ValueError, match="at most 12 sources"):
        inventory_of(many)


def test_a_plan_is_written_without_what_goes_without_saying() -> None:
    plan = RemixPlan(changes=(SourceChange(source="s1", action="up"),), others="remove")
    assert plan_text(plan) == '{"changes":[{"source":"s1","action":"up"}],"others":"remove"}'
    assert parse_plan(plan_text(plan)) == plan


def lessons(count: int, **chances: float) -> list[tuple[str, RemixPlan, tuple[object, ...]]]:
    rng = np.random.default_rng(5)
    drawn = [draw_lesson(rng, WORDS, LessonConfig(**chances)) for _ in range(count)]
    return [(one.prompt, one.plan, one.inventory) for one in drawn]


def test_a_plan_with_an_inventory_has_one_action_for_each_of_its_sources() -> None:
    for _, plan, inventory in lessons(60, free=0.0):
        assert [change.source for change in plan.changes] == [one.id for one in inventory]  # type: ignore[attr-defined]


def test_a_plan_says_what_the_prompt_asks() -> None:
    """Keywords are wrong often, but an action that is not the prompt's would be found by few."""
    drawn = lessons(120, free=0.0, rich=0.0, invented=0.0, shuffled=0.5)
    asked = [resolve_plan(plan, inventory) for _, plan, inventory in drawn]  # type: ignore[arg-type]
    read = keyword_planner().plan_many([p for p, *_ in drawn], [a.descriptions for a in asked])
    right = [
        isinstance(plan, Plan) and [*map(action_of, plan.gains)] == [*map(action_of, one.gains)]
        for plan, one in zip(read, asked, strict=True)
    ]
    assert sum(right) / len(right) > 0.5


def test_a_plan_without_an_inventory_names_what_the_prompt_names() -> None:
    drawn = lessons(200, free=1.0)
    assert all(not inventory for _, _, inventory in drawn)
    named = [change.source for _, plan, _ in drawn for change in plan.changes]
    assert not any(name.startswith("s1") for name in named)
    assert {plan.others for _, plan, _ in drawn} == {"remove", "keep", "up", "down"}


def test_an_invented_label_is_found_again_in_its_prompt_and_no_unseen_class_is_taught() -> None:
    """But for slips of the pen, which spoil some."""
    chances = {"free": 1.0, "rich": 0.0, "invented": 1.0, "renamed": 1.0}
    found = total = 0
    for prompt, plan, _ in lessons(100, **chances):
        for change in plan.changes:
            said = description_of(change.source)
            if isinstance(said, AudioDescription) and change.source != "all sounds":
                assert said.label not in UNSEEN
                words = said.label.replace(",", "").split()
                found += any(word in prompt.lower() for word in words)
                total += 1
    assert total > 50
    assert found / total > 0.9


def test_words_of_labels_say_nothing_else_in_prompts() -> None:
    found = plain_words(["remove", "speaker", "dog", "apple", "##ing", "unused", "[CLS]", "quiet"])
    assert found == ("apple", "unused")
    dice = Dice(np.random.default_rng(0))
    for _ in range(50):
        label = invented_label(WORDS, dice)
        assert set(called(label, dice).replace("'s", "").split()) & {
            form for w in label.replace(",", "").split() for form in (w, f"{w}s", w.rstrip("ing"))
        }


def test_lessons_are_repeatable() -> None:
    assert json.dumps([p for p, *_ in lessons(5)]) == json.dumps([p for p, *_ in lessons(5)])
