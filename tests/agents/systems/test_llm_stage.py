"""What the agent hears of a real listener's parts, and what its plans do to them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from agents.llm.chat_models import chat_model
from agents.llm.client import LlmAgent
from agents.llm.errors import NothingExtractsError
from agents.plan import PlanError, RemixPlan, parse_plan
from agents.systems.llm import LlmRemixer, agent_llm
from agents.systems.llm_stage import MOST_EXTRACTED, HeardStage, heard_stretches
from baselines.lass.query import query_of
from lcr.base_weights import MissingWeightsError
from lcr.instruction import Kind
from lcr.registry import SystemOptionError
from lcr.remixer import Audio, Remix, Understood
from lcr.testing import CHECKS, Subject
from tests.agents.hearing import DOG, RAIN, TRUTH, at_levels, listener
from tests.baselines.composite.test_remixer import banded_sources

RATE = 16_000
LEVELS_DB = (0.0, -2.0, -4.0, -6.0)
SOURCES = at_levels(banded_sources(RATE), *LEVELS_DB)
MIXTURE = SOURCES.sum(0)


class RainTool:
    """Gives the rain where it is asked for it, else silence."""

    sample_rate, weights = None, {"rain": "0" * 64}

    def extract(self, mixture: Audio, sample_rate: int, words: str, kind: Kind) -> Audio:
        assert kind == "audio"
        return SOURCES[3] if words == query_of(RAIN) else np.zeros_like(mixture)


class UnsureTool(RainTool):
    """Gives the rain for whatever it is asked but a siren, and is never sure."""

    def find(self, mixture: Audio, sample_rate: int, words: str) -> Remix:
        doubt = Understood(words=words, presence="not sure", rather=("waterfall",))
        audio = np.zeros_like(mixture) if "siren" in words else SOURCES[3]
        return Remix(audio=audio, understood=(doubt,))


def stage(extractor: RainTool | None = None) -> HeardStage:
    return HeardStage(listener(), extractor, MIXTURE, RATE)


def offline() -> LlmRemixer:
    return LlmRemixer(
        LlmAgent(chat_model("planner:keyword")), partial(HeardStage, listener(), None)
    )


@pytest.mark.parametrize("check", CHECKS)
def test_the_agent_is_a_remixer(check: str) -> None:
    CHECKS[check](Subject(offline))


def test_sources_are_what_is_heard() -> None:
    heard = stage()
    assert [one.id for one in heard.sources] == ["s1", "s2", "s3", "s4"]
    assert [one.description.kind for one in heard.sources] == [d.kind for d in TRUTH]
    assert heard.sources[2].description == DOG
    told = heard.listen_to(heard.sources[2])
    assert told.level_db == pytest.approx(heard.sources[2].level_db)
    assert told.heard_s == ((0.0, 1.0),)
    assert [step.name for step in heard.steps] == ["separate", "listen"]


def test_a_prompt_is_carried_out() -> None:
    done = offline().remix(MIXTURE, RATE, "remove the rain")
    np.testing.assert_allclose(done.audio, MIXTURE - SOURCES[3], atol=1e-4)
    names = [step.name for step in done.trace]
    assert names[:3] == ["separate", "listen", "llm_call"]
    assert names[-1] == "mix"


def test_previews_tell_what_is_done() -> None:
    heard = stage()
    plan = parse_plan('{"changes": [{"source": "s4", "action": "remove"}], "others": "down"}')
    shown = {one.source: one for one in heard.preview(plan)}
    assert shown["s4"].after_db is None
    assert shown["s1"].after_db == pytest.approx((shown["s1"].before_db or 0) - 6.0206, abs=1e-3)
    np.testing.assert_allclose(
        heard.remix(plan).audio, 0.5 * (MIXTURE - SOURCES[3]), atol=1e-4
    )  # and the mixture is as it was
    np.testing.assert_array_equal(MIXTURE, SOURCES.sum(0))


def test_what_is_not_named_is_untouched() -> None:
    np.testing.assert_array_equal(stage().remix(RemixPlan(changes=())).audio, MIXTURE)
    with pytest.raises(PlanError, match="no source 's9'"):
        stage().remix(parse_plan('{"changes": [{"source": "s9", "action": "up"}]}'))


def test_an_extracted_sound_can_be_removed() -> None:
    heard = stage(RainTool())
    assert heard.extract(query_of(RAIN)).id == "x1"
    gone = heard.remix(parse_plan('{"changes": [{"source": "x1", "action": "remove"}]}'))
    np.testing.assert_allclose(gone.audio, MIXTURE - SOURCES[3], atol=1e-5)
    with pytest.raises(NothingExtractsError):
        heard.extract("a siren")
    for _ in range(MOST_EXTRACTED - 2):
        heard.extract(query_of(RAIN))
    with pytest.raises(NothingExtractsError, match="no more than"):
        heard.extract("one more")
    with pytest.raises(NothingExtractsError, match="choose among"):
        stage().extract("a siren")


def test_what_the_tool_doubts_or_lacks_is_told() -> None:
    heard = stage(UnsureTool())
    assert heard.extract(query_of(RAIN)).doubts
    untouched = heard.remix(RemixPlan(changes=()))
    assert untouched.warnings == ()
    with pytest.raises(NothingExtractsError):
        heard.extract("a siren")
    done = heard.remix(parse_plan('{"changes": [{"source": "X1", "action": "remove"}]}'))
    names = ("waterfall", query_of(RAIN), "siren")
    assert all(name in told for name, told in zip(names, done.warnings, strict=True))
    remixer = LlmRemixer(
        LlmAgent(chat_model("extracting:keyword")),
        partial(HeardStage, listener(), UnsureTool()),
    )
    assert len(remixer.remix(MIXTURE, RATE, "remove the rain").warnings) == 2


def test_stretches() -> None:
    audio = np.zeros((2, 10_040), np.float32)
    audio[1, 2_000:4_000] = 0.1
    audio[0, 10_000:] = 0.1
    assert heard_stretches(audio, 10_000) == ((0.2, 0.4), (1.0, 1.0))
    assert heard_stretches(np.zeros((1, 100), np.float32), 8_000) == ()
    assert heard_stretches(np.full((1, 1), 0.5, np.float32), 8_000) == ((0.0, 0.0),)


def test_the_factory() -> None:
    with pytest.raises(SystemOptionError, match="steps"):
        agent_llm(model="planner:keyword", steps=0)
    with pytest.raises(MissingWeightsError, match="nowhere"):
        agent_llm(model="planner:keyword", separator="nowhere", tool="")


def test_the_factory_puts_it_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.systems.llm.load_listener", lambda **_: listener())
    monkeypatch.setattr("agents.systems.llm.load_extractor", lambda name, device: RainTool())
    remixer = agent_llm(model="planner:keyword", seconds=30, steps=4)
    assert remixer.card.name == "agent-llm"
    assert remixer.card.reference.endswith("planner:keyword")
    assert remixer.card.weights == {"ears": "0" * 64, "rain": "0" * 64}
    done = remixer.remix(MIXTURE, RATE, "lower everything")
    np.testing.assert_allclose(done.audio, 0.5 * MIXTURE, atol=1e-6)


def test_silence_needs_no_model() -> None:
    silence = np.zeros((1, 800), np.float32)
    done = offline().remix(silence, RATE, "remove the rain")
    np.testing.assert_array_equal(done.audio, silence)
    assert "llm_call" not in [step.name for step in done.trace]
