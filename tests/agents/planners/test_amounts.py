"""Amounts in words become the stated dB; a planner's prompts get the amounts they state."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.plan import LEAST_DB, MOST_DB, SourceChange
from agents.planners.reading import Restated, keyword_planner
from baselines.composite.planning import Plan
from lcr.instruction import AudioDescription, Description, SpeechDescription
from lcr.prompts.reading import OpenReader
from lcr.prompts.reading.amounts import PAPER_DB, Direction, amount_db
from lcr.prompts.reading.keywords import KeywordTagger
from lcr.remixer import RefusedError

MAN, DOG, RAIN = (
    SpeechDescription(gender="M"),
    AudioDescription(label="dog barking"),
    AudioDescription(label="rain"),
)
SOURCES: tuple[Description, ...] = (MAN, DOG, RAIN)


def db(factor: float) -> float:
    return 20 * math.log10(factor)


@pytest.mark.parametrize(
    ("words", "direction", "expected"),
    [
        ("by 3 dB", "up", 3.0),
        ("by 3dB", "down", -3.0),
        ("-6 dB", "down", -6.0),
        ("minus 6 decibels", "down", -6.0),
        ("+4.5 dB", "up", 4.5),
        ("by six point five dB", "down", -6.5),
        ("by 5e-1 dB", "down", -0.5),
        (f"{10**90} times louder", "up", 200.0),
        ("by 1,5 dB", "up", 1.5),
        ("by six decibels", "down", -6.0),
        ("by ten dB", "up", 10.0),
        ("half as loud", "down", -PAPER_DB),
        ("Twice as loud", "up", PAPER_DB),
        ("double", "up", PAPER_DB),
        ("doubled", "up", PAPER_DB),
        ("twice as quiet", "down", -PAPER_DB),
        ("halve it", "down", -PAPER_DB),
        ("cut in half", "down", -PAPER_DB),
        ("half the volume", "down", -PAPER_DB),
        ("half of its current volume", "down", -PAPER_DB),
        ("by 50 %", "down", db(0.5)),
        ("by 50%", "up", db(1.5)),
        ("by fifty percent", "down", db(0.5)),
        ("to 25 percent", "down", db(0.25)),
        ("to about 150 %", "up", db(1.5)),
        ("by 100 %", "down", -math.inf),
        ("to a third", "down", db(1 / 3)),
        ("by a third", "down", db(2 / 3)),
        ("by a third", "up", db(4 / 3)),
        ("a quarter as loud", "down", db(1 / 4)),
        ("two thirds as loud", "down", db(2 / 3)),
        ("one third so loud as now", "down", db(1 / 3)),
        ("to three quarters", "down", db(3 / 4)),
        ("three times louder", "up", db(3)),
        ("4 times quieter", "down", db(1 / 4)),
        ("3x", "up", db(3)),
        ("tenfold", "down", -20.0),
        ("ten times", "up", 20.0),
        ("a touch", "up", 2.0),
        ("a little", "down", -3.0),
        ("a bit", "up", 3.0),
        ("slightly", "down", -3.0),
        ("not too much", "down", -3.0),
        ("somewhat", "up", PAPER_DB),
        ("a lot", "up", 12.0),
        ("much", "down", -12.0),
        ("way", "down", -12.0),
        ("massively", "up", 20.0),
        ("barely audible", "down", -30.0),
        ("almost silent", "down", -30.0),
        ("into the background", "down", -12.0),
    ],
)
def test_stated_amounts(words: str, direction: Direction, expected: float) -> None:
    assert amount_db(words, direction) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("words", "direction"),
    [
        ("", "up"),
        ("louder", "up"),
        ("the third speaker", "down"),
        ("the second half of the talk", "down"),
        ("a man", "down"),
        ("half as loud", "up"),
        ("twice as loud", "down"),
        ("+6 dB", "down"),
        ("to 150 %", "down"),
        ("barely audible", "up"),
    ],
)
def test_no_amount_or_one_that_goes_the_other_way(words: str, direction: Direction) -> None:
    assert amount_db(words, direction) is None


@given(st.decimals(0, 200, places=2), st.sampled_from(["by {} dB", "{}dB", "by {:f} decibels"]))
def test_any_number_of_decibels_is_itself(number: object, form: str) -> None:
    value = float(str(number))
    for direction, sign in (("up", 1), ("down", -1)):
        got = amount_db(form.format(number), direction)  # type: ignore[arg-type]
        assert got == pytest.approx(sign * value, abs=1e-9)


@given(st.integers(1, 99), st.sampled_from(["up", "down"]))
def test_percentages_and_multiples_are_factors(number: int, direction: Direction) -> None:
    share = number / 100
    factor = 1 + share if direction == "up" else 1 - share
    assert amount_db(f"by {number} %", direction) == pytest.approx(db(factor))
    assert amount_db(f"to {number} %", "down") == pytest.approx(db(share))
    assert amount_db(f"{number} times", direction) == pytest.approx(
        db(number) * (1 if direction == "up" else -1)
    )


@given(st.text(max_size=80), st.sampled_from(["up", "down"]))
def test_any_text_gives_a_gain_in_its_direction_or_none(text: str, direction: Direction) -> None:
    got = amount_db(text, direction)
    assert got is None or (got >= 0 if direction == "up" else got <= 0)


@given(st.floats(LEAST_DB, MOST_DB).filter(lambda value: abs(value) > 0.01))
def test_amounts_within_a_plan_s_limits_fit_into_one(gain_db: float) -> None:
    direction: Direction = "up" if gain_db > 0 else "down"
    amount = amount_db(f"by {abs(gain_db):.4f} dB", direction)
    assert amount is not None
    change = SourceChange(source="s1", action=direction, gain_db=round(amount, 9))
    assert 20 * math.log10(change.gain) == pytest.approx(gain_db, abs=1e-3)


def gains(prompt: str) -> tuple[float, ...]:
    return keyword_planner().plan(prompt, SOURCES).gains


def factor(gain_db: float) -> float:
    return float(10 ** (gain_db / 20))


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("turn the rain down by 12 dB", (1, 1, factor(-12))),
        ("turn up the man by 3 dB and turn down the rain by 10 dB", (factor(3), 1, factor(-10))),
        ("turn down the dog and the rain by 4 dB", (1, factor(-4), factor(-4))),
        ("reduce the rain to a third, remove the dog", (1, 0, 1 / 3)),
        ("remove the dog", (1, 0, 1)),
        ("turn up the man", (2, 1, 1)),
        ("make the man a bit louder", (factor(3), 1, 1)),
        ("double the man", (2, 1, 1)),
        ("turn the rain down by 100 %", (1, 1, 0)),
    ],
)
def test_prompts_that_state_amounts(prompt: str, expected: Sequence[float]) -> None:
    assert gains(prompt) == pytest.approx(expected)


def test_a_planner_of_actions_is_told_plainly_and_given_the_amounts() -> None:
    heard: list[str] = []

    class Rest:
        uses_oracle = frozenset[str]()

        def plan(self, prompt: str, described: Sequence[Description], **_: object) -> Plan:
            heard.append(prompt)
            return Plan(descriptions=tuple(described), gains=(2.0,), rest=0.5)

    planner = Restated(Rest(), OpenReader(KeywordTagger()))  # type: ignore[arg-type]
    plan = planner.plan("man 3 dB louder, everything else down by 20 dB", (MAN,))
    assert (plan.gains, plan.rest) == (pytest.approx((factor(3),)), pytest.approx(0.1))
    with pytest.raises(RefusedError):
        planner.plan("what time is it?", (MAN,))
    assert len(heard) == 1
