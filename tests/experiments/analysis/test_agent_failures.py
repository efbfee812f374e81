"""Agents whose faults are known by construction: each is laid at its own stage."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.listening.listener import Listener
from agents.planners.reading import keyword_planner
from baselines.composite.planning import Plan
from experiments.analysis.agent_failures import main, summarise, to_csv, to_markdown
from experiments.analysis.agent_failures_measure import (
    AGENT,
    IDEAL_MASKS,
    QUERY,
    QUERY_TRUE_PLAN,
    TRUE_DESCRIPTIONS,
    TRUE_MATCHING,
    TRUE_PLAN,
    VARIANTS,
    Examiner,
    Finding,
)
from experiments.comparison.errors import ConfigError
from lcr.data.mixtures import Example
from lcr.instruction import Description, instruction
from lcr.prompts.generator import write_prompt
from tests.agents.hearing import TRUTH, at_levels, listener
from tests.agents.systems.test_execute import Perfect
from tests.baselines.composite.test_remixer import BandOracle, banded_sources

pytestmark = pytest.mark.slow

PROMPTS = {
    "0111": "remove the man",
    "0100": "isolate the woman",
    "110U": "get rid of the dog and turn up the rain",
    "1D11": "turn down the woman",
}
PERFECT_DB = 30.0


def example(pattern: str, number: int = 0) -> Example:
    sources = at_levels(banded_sources(8000), 0.0, -2.0, -4.0, -6.0)[:, 0]
    asked = instruction(pattern, TRUTH)
    gains = np.array(asked.gains, np.float32)
    return Example(
        id=f"bands-{number}",
        index=number,
        mixture=sources.sum(0),
        sources=sources,
        target=gains @ sources,
        instruction=asked,
        prompt=PROMPTS[pattern],
        written=write_prompt(asked, np.random.default_rng(0)),
        sample_rate=16_000,
        clips=tuple(f"clip{number}{i}" for i in range(4)),
        groups=("a", "b", "c", "d"),
    )


def examined(one: Listener | None = None, planner: Any = None, tool: Any = None) -> list[Finding]:
    examiner = Examiner(one or listener(), planner or keyword_planner(), tool)
    found = [examiner.examine(example(p, i)) for i, p in enumerate(PROMPTS)]
    assert None not in found
    return [f for f in found if f is not None]


def test_a_perfect_agent_fails_nowhere() -> None:
    for f in examined():
        assert f.snri_db.keys() == set(VARIANTS)
        assert min(f.snri_db.values()) > PERFECT_DB
        assert (f.read, f.heard, f.matched, f.missing, f.failed) == (True, True, True, 0, "")


class Reversed:
    """Does to the last source what is asked for the first."""

    uses_oracle = frozenset[Any]()

    def plan(self, prompt: str, described: Sequence[Description], **_: object) -> Plan:
        plan = keyword_planner().plan(prompt, described)
        return Plan(descriptions=plan.descriptions, gains=plan.gains[::-1], rest=plan.rest)


def test_wrong_reading_is_put_right_by_the_true_plan_only() -> None:
    for f in examined(planner=Reversed()):
        assert (f.read, f.heard, f.matched, f.failed) == (False, None, True, "reading")
        for name in (AGENT, TRUE_DESCRIPTIONS, IDEAL_MASKS, f"{IDEAL_MASKS}, {TRUE_DESCRIPTIONS}"):
            assert f.snri_db[name] < 3
        for name in (TRUE_PLAN, TRUE_MATCHING, f"{IDEAL_MASKS}, {TRUE_PLAN}"):
            assert f.snri_db[name] > PERFECT_DB


class Deaf(Listener):
    """Hears the man as the woman and the other way round, and the dog as rain."""

    def embed(self, audio: np.ndarray, sample_rate: int) -> Any:
        found: Mapping[Any, Tensor] = super().embed(audio, sample_rate)
        return {kind: e[:, torch.tensor([1, 0, 3, 2])] for kind, e in found.items()}


def test_wrong_hearing_is_put_right_by_the_true_descriptions() -> None:
    ears = listener()
    deaf = Deaf(BandOracle(), ears._models)
    for f in examined(deaf):
        assert (f.read, f.heard, f.matched, f.failed) == (True, False, False, "listening")
        for name in (AGENT, TRUE_PLAN, IDEAL_MASKS):
            assert f.snri_db[name] < 3
        for name in (TRUE_DESCRIPTIONS, TRUE_MATCHING, f"{IDEAL_MASKS}, {TRUE_DESCRIPTIONS}"):
            assert f.snri_db[name] > PERFECT_DB


class Leaky(BandOracle):
    """A third of every source is in each of the others."""

    def separate(self, mixture: Tensor) -> Tensor:
        parts = super().separate(mixture)
        return 0.7 * parts + 0.1 * (parts.sum(1, keepdim=True) - parts)


def test_bad_separation_is_put_right_by_ideal_masks() -> None:
    for f in examined(listener(Leaky())):
        assert (f.read, f.heard, f.matched, f.failed) == (True, True, True, "")
        for name in (AGENT, TRUE_PLAN, TRUE_DESCRIPTIONS, TRUE_MATCHING):
            assert f.snri_db[name] < 15
        assert f.snri_db[IDEAL_MASKS] > PERFECT_DB


class Refusing:
    uses_oracle = frozenset[Any]()

    def plan(self, prompt: str, described: Sequence[Description], **_: object) -> Plan:
        raise ValueError("no idea")


def test_a_refused_plan_scores_as_the_mixture() -> None:
    for f in examined(planner=Refusing()):
        assert (f.refused, f.failed, f.snri_db[AGENT]) == ("no idea", "reading", 0)
        assert f.snri_db[TRUE_PLAN] > PERFECT_DB


def test_the_query_form_is_measured_beside() -> None:
    class OfThese(Perfect):
        def extract(self, mixture: Any, sample_rate: int, words: str, kind: Any) -> Any:
            self.asked.append(words)
            return np.float32(0.5) * mixture

    tool = OfThese()
    findings = examined(tool=tool)
    assert all({QUERY, QUERY_TRUE_PLAN} <= f.snri_db.keys() for f in findings)
    assert tool.asked
    assert "query form: reading and listening" in summarise(findings)["differences"]


def test_the_summary_tells_the_paired_differences() -> None:
    whole = summarise(examined(planner=Reversed()))
    gained = whole["differences"]["reading and listening: the true plan"]
    assert gained["mean"] == pytest.approx(
        whole["variants"][TRUE_PLAN]["mean"] - whole["variants"][AGENT]["mean"]
    )
    assert whole["differences"]["matching, after the true plan: PIT"]["mean"] == pytest.approx(0)
    assert whole["failed"] == {"reading": 4, "listening": 0}
    assert whole["right"]["reading: true gains from the true descriptions"]["mean"] == 0
    for row in summarise([*examined(), *examined(planner=Reversed())])["right"].values():
        assert 0 <= row["low"] <= row["mean"] <= row["high"] <= 1
    facts = {"suite": "bands", "split": "test", "n_examples": 4}
    text = to_markdown({"run": facts, **whole})
    assert "reading 4, listening 0, of 4" in text
    assert len(to_csv(examined()).splitlines()) == 5
    json.dumps(whole, allow_nan=False)


def test_only_ovc_is_nothing_to_analyse() -> None:
    with pytest.raises(ConfigError, match="nothing to analyse"):
        summarise([])


def test_missing_weights_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--separator", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("agent_failures: ")
