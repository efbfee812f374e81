"""Plans are complete, and the oracle's are the truth."""

from __future__ import annotations

import pytest

from baselines.composite.planning import OraclePlanner, Plan
from lcr.instruction import AudioDescription, SpeechDescription, instruction
from lcr.remixer import MissingOracleError, Oracle

SOURCES = (SpeechDescription(gender="M"), AudioDescription(label="rain"))


@pytest.mark.parametrize(
    ("pattern", "gains", "rest"), [("0U", (0, 2), 1.0), ("1D", (1, 0.5), 0.75), ("UU", (2, 2), 2.0)]
)
def test_the_oracle_plans_the_true_actions(
    pattern: str, gains: tuple[float, ...], rest: float
) -> None:
    true = instruction(pattern, SOURCES)
    plan = OraclePlanner().plan("mute all", SOURCES, oracle=Oracle(instruction=true))
    assert plan == Plan(descriptions=SOURCES, gains=gains, rest=rest)


def test_without_the_truth_it_refuses() -> None:
    for oracle in (None, Oracle()):
        with pytest.raises(MissingOracleError, match="true actions"):
            OraclePlanner().plan("", SOURCES, oracle=oracle)


def test_a_plan_has_a_gain_for_every_source() -> None:
    with pytest.raises(ValueError, match="1 gains for 2 sources"):
        Plan(descriptions=SOURCES, gains=(1.0,), rest=1.0)
