"""The agents: conforming Remixers, exact where separation and hearing are, and honest about what
they are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from agents.listening.listener import Listener
from agents.planners.choose import load_planner
from agents.planners.reading import ReadingPlanner, keyword_planner
from agents.systems.extractors import PromptExtractor, load_extractor
from agents.systems.remixers import (
    OFFLINE_CARD,
    ORACLE_PLAN_CARD,
    QUERY_CARD,
    InventoryAgent,
    QueryAgent,
    agent_generative,
    agent_offline,
    agent_oracle_plan,
    agent_query,
)
from baselines.composite.planning import OraclePlanner, Plan
from baselines.mixture import MixtureRemixer
from lcr.base_weights import MissingWeightsError
from lcr.instruction import AudioDescription, Description, instruction
from lcr.registry import SystemOptionError
from lcr.remixer import MissingOracleError, Oracle, Remixer
from lcr.testing import CHECKS, Subject
from tests.agents.hearing import TRUTH, at_levels, listener
from tests.agents.listening.test_listener import tiny_weights
from tests.agents.planners.test_queries import Perfect
from tests.baselines.composite.test_remixer import banded_sources

LEVELS_DB = (0.0, -2.0, -4.0, -6.0)


def keyword() -> ReadingPlanner:
    return keyword_planner()


def offline(one: Listener | None = None) -> InventoryAgent:
    return InventoryAgent(one or listener(), keyword(), OFFLINE_CARD)


def oracle_plan() -> InventoryAgent:
    return InventoryAgent(listener(), OraclePlanner(), ORACLE_PLAN_CARD)


def query(extractor: Any = None) -> QueryAgent:
    return QueryAgent(listener(), keyword(), extractor or Perfect(), QUERY_CARD)


def query_by_prompts() -> QueryAgent:
    return query(PromptExtractor(MixtureRemixer()))


SYSTEMS: dict[str, Callable[[], Remixer]] = {
    "agent-offline": offline,
    "agent-oracle-plan": oracle_plan,
    "agent-query": query_by_prompts,
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_it_is_a_remixer(name: str, check: str) -> None:
    CHECKS[check](Subject(SYSTEMS[name]))


def sources(seconds: float = 1, channels: int = 1) -> np.ndarray:
    return at_levels(banded_sources(round(16_000 * seconds), channels=channels), *LEVELS_DB)


@pytest.mark.parametrize(
    ("prompt", "pattern"),
    [
        ("turn up the man and get rid of the rain", "U110"),
        ("isolate the woman", "0100"),
        ("make the rain quieter, remove the dog", "110D"),
        ("reduce everything", "DDDD"),
    ],
)
def test_with_a_perfect_separator_and_perfect_ears_it_is_the_target(
    prompt: str, pattern: str
) -> None:
    truth = sources(channels=2)
    gains = np.array(instruction(pattern, TRUTH).gains, np.float32)
    remix = offline().remix(truth.sum(0), 16_000, prompt)
    np.testing.assert_allclose(remix.audio, np.tensordot(gains, truth, axes=1), atol=1e-3)
    names = [step.name for step in remix.trace if step.seconds is not None]
    assert names == ["separate", "listen", "read", "match", "mix"]


def test_a_stated_amount_is_heeded() -> None:
    truth = sources()
    remix = offline().remix(truth.sum(0), 16_000, "turn the rain down by 20 dB")
    gains = np.array([1, 1, 1, 0.1], np.float32)
    np.testing.assert_allclose(remix.audio, np.tensordot(gains, truth, axes=1), atol=1e-3)


@pytest.mark.parametrize("pattern", ["0U1D", "1000", "DD11"])
def test_true_plans_find_their_sources(pattern: str) -> None:
    """The true descriptions come in another order than the parts."""
    truth = sources()[[1, 0, 3, 2]]
    told = instruction(pattern, [TRUTH[i] for i in (1, 0, 3, 2)])
    remix = oracle_plan().remix(truth.sum(0), 16_000, "whatever", oracle=Oracle(instruction=told))
    gains = np.array(told.gains, np.float32)
    np.testing.assert_allclose(remix.audio, np.tensordot(gains, truth, axes=1), atol=1e-3)
    match = next(step for step in remix.trace if step.name == "match")
    assert match.data["description_of_entry"] == [1, 0, 3, 2]


def test_without_the_truth_it_refuses_before_listening() -> None:
    with pytest.raises(MissingOracleError, match="agent-oracle-plan"):
        oracle_plan().remix(sources().sum(0), 16_000, "whatever")


def test_nothing_heard_is_nothing_changed() -> None:
    silence = np.zeros((1, 400), np.float32)
    for system in (offline(), query()):
        remix = system.remix(silence, 16_000, "remove the dog")
        np.testing.assert_array_equal(remix.audio, silence)
        assert remix.trace[-1].detail.startswith("nothing is heard")


class Words:
    """Finds in any prompt that the rain is to go; told of no sources."""

    uses_oracle = frozenset[Any]()
    weights = {"words": "1" * 64}  # noqa: RUF012

    def plan(
        self, prompt: str, described: Sequence[Description], *, oracle: Oracle | None = None
    ) -> Plan:
        assert not described
        return Plan(descriptions=(AudioDescription(label="rain"),), gains=(0.0,), rest=1.0)


class Fixed:
    """Extracts a tenth of the mixture, and remembers what it was asked."""

    sample_rate, weights = 8000, {"fixed": "2" * 64}

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def extract(self, mixture: np.ndarray, sample_rate: int, words: str, kind: str) -> np.ndarray:
        self.asked.append((words, kind))
        return np.float32(0.1) * mixture


def test_queries_are_of_what_is_to_change_and_the_rest_stays() -> None:
    tool = Fixed()
    mixture = sources().sum(0)
    remix = query(tool).remix(mixture, 16_000, "remove the dog")
    assert [kind for _, kind in tool.asked] == ["audio"]
    assert "dog" in tool.asked[0][0] or "bark" in tool.asked[0][0]
    np.testing.assert_allclose(remix.audio, np.float32(0.9) * mixture, atol=1e-6)
    stages = [step.name for step in remix.trace if step.seconds is not None]
    assert stages == ["separate", "listen", "read", "extract", "mix"]


def test_a_planner_that_names_sources_needs_no_listener() -> None:
    tool = Fixed()
    agent = QueryAgent(None, Words(), tool, QUERY_CARD)
    mixture = sources().sum(0)
    remix = agent.remix(mixture, 16_000, "no rain please")
    np.testing.assert_allclose(remix.audio, np.float32(0.9) * mixture, atol=1e-6)
    assert [step.name for step in remix.trace] == ["read", "extract", "mix"]
    assert set(agent.card.weights) == {"words", "fixed"}
    assert agent.card.sample_rate == 8000


def test_cards_tell_what_is_used() -> None:
    assert offline().card.uses_oracle == query().card.uses_oracle == frozenset()
    assert oracle_plan().card.uses_oracle == {"instruction"}
    assert "ears" in offline().card.weights
    assert {"ears", "perfect"} <= set(query().card.weights)
    for factory, name in (
        (agent_offline, "agent-offline"),
        (agent_query, "agent-query"),
        (agent_oracle_plan, "agent-oracle-plan"),
        (agent_generative, "agent-generative"),
    ):
        assert factory.card.name == name  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return tiny_weights(tmp_path_factory.mktemp("weights"))


@pytest.mark.slow
def test_factories_build_from_weights(weights: dict[str, str]) -> None:
    mixture = sources(0.25).sum(0)
    told = Oracle(instruction=instruction("0111", TRUTH))
    for agent in (
        agent_offline(planner="keyword", **weights),  # type: ignore[arg-type]
        agent_oracle_plan(**weights),  # type: ignore[arg-type]
    ):
        remix = agent.remix(mixture, 16_000, "remove the man", oracle=told)
        assert remix.audio.shape == mixture.shape
        assert set(agent.card.weights) == {"separator", "lcr-q"}


def test_unknown_options_and_missing_weights_are_told(weights: dict[str, str]) -> None:
    with pytest.raises(SystemOptionError, match="no planner is called 'clever'; there are offline"):
        agent_offline(planner="clever", **weights)  # type: ignore[arg-type]
    with pytest.raises(SystemOptionError, match="no tool is called 'scissors'; there are lcr"):
        load_extractor("scissors")
    with pytest.raises(MissingWeightsError, match="nowhere"):
        agent_query(separator="nowhere", listen=True)


def test_no_other_planner_takes_the_place_of_one_without_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing() -> Any:
        raise MissingWeightsError("not here")

    monkeypatch.setattr("agents.planners.choose.PLANNERS", {"offline": missing})
    with pytest.raises(MissingWeightsError, match="not here"):
        load_planner()
