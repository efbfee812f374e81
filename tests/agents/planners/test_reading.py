"""Planners that plan by what the open reader reads, with rules in place of the network."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planners.reading import keyword_planner, load_offline_planner
from baselines.composite.planning import Plan
from lcr.errors import LcrError
from lcr.instruction import AudioDescription, SpeechDescription, instruction
from lcr.remixer import RefusedError

WOMAN, MAN = SpeechDescription(gender="F"), SpeechDescription(gender="M")
DOG, RAIN = AudioDescription(label="dog barking"), AudioDescription(label="rain")
SOURCES = (WOMAN, MAN, DOG, RAIN)
KEYWORD = keyword_planner()


@pytest.mark.parametrize(
    ("prompt", "pattern"),
    [
        ("remove the dog", "1101"),
        ("turn up the woman and the rain", "U11U"),
        ("don't remove the dog, remove the rain", "1110"),
        ("keep only the man", "0100"),
        ("everything but the dog should go", "0010"),
        ("less rain, more dog", "11UD"),
    ],
)
def test_actions(prompt: str, pattern: str) -> None:
    assert KEYWORD.plan(prompt, SOURCES).gains == instruction(pattern, SOURCES).gains


def test_what_is_none_of_the_sources_is_absent_and_changes_nothing() -> None:
    plan = KEYWORD.plan("turn up the trumpet", SOURCES)
    assert plan.absent == ("trumpet",)
    assert plan.gains == (1, 1, 1, 1)
    assert len(plan.warnings) == 1


def test_what_the_lexicon_knows_to_be_another_sound_is_absent() -> None:
    planner = load_offline_planner()
    plan = planner.plan("okay turn down the cat", (DOG, RAIN))
    assert plan.absent == ("cat",)
    assert plan.gains == (1, 1)


def test_nothing_is_silenced_for_want_of_what_is_to_be_kept() -> None:
    plan = KEYWORD.plan("isolate the trumpet", SOURCES)
    assert (plan.gains, plan.rest) == ((1, 1, 1, 1), 1)
    assert plan.absent


@pytest.mark.parametrize("prompt", ["what time is it?", "good morning", "remove nothing"])
def test_what_is_no_request_is_refused(prompt: str) -> None:
    with pytest.raises(RefusedError):
        KEYWORD.plan(prompt, SOURCES)


@pytest.mark.parametrize(
    ("prompt", "named", "gains", "rest"),
    [
        ("remove the dog and turn up the man", ["dog", SpeechDescription(gender="M")], [0, 2], 1),
        ("keep only the speech", [SpeechDescription()], [1], 0),
        ("mute the theremin", ["theremin"], [0], 1),
        ("remove the higher voice", ["higher voice"], [0], 1),
    ],
)
def test_without_sources_it_plans_what_the_prompt_names(
    prompt: str, named: list[object], gains: list[float], rest: float
) -> None:
    plan = KEYWORD.plan(prompt, ())
    found = [getattr(one, "label", one) for one in plan.descriptions]
    assert [n for n, f in zip(named, found, strict=True) if n != f and str(n) not in str(f)] == []
    assert list(plan.gains) == gains
    assert plan.rest == rest


@given(st.text(max_size=80))
def test_any_text_is_planned_or_refused(text: str) -> None:
    with contextlib.suppress(RefusedError):
        assert len(KEYWORD.plan(text, SOURCES).gains) == len(SOURCES)


def test_the_shipped_reader_plans() -> None:
    pytest.importorskip("torch")
    try:
        planner = load_offline_planner()
    except LcrError as error:
        pytest.skip(str(error))
    assert {"open-reader", "all-MiniLM-L6-v2"} <= set(planner.weights)
    found = planner.plan_many(
        ["Get rid of the barking.", "I can't hear her over the rain", "remove the harp"],
        [SOURCES] * 3,
    )
    plans = [plan for plan in found if isinstance(plan, Plan)]
    assert [plan.gains for plan in plans] == [(1, 1, 0, 1), (1, 1, 1, 0.5), (1, 1, 1, 1)]
    assert plans[2].absent == ("harp",)
