"""The agent without a server: dry runs, what its tools can do, and which models there are."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import ToolMessage

from agents.llm.chat_models import chat_model
from agents.llm.client import SYSTEM, LlmAgent
from agents.llm.errors import MissingModelError, ModelRefusedError
from agents.llm.tools import AgentSession, describe, tools_for
from agents.plan import PlanError, RemixPlan
from agents.systems.llm import LlmRemixer, agent_llm
from lcr.errors import LcrError
from lcr.instruction import read_description
from tests.agents.llm_scripted import ScriptedModel, action, calls
from tests.agents.llm_server import DESCRIPTIONS, RATE, MadeStage

TOOLS = ("list_sources", "listen_to", "set_action", "extract", "preview", "finish")


def test_a_dry_run_gives_the_plan_and_no_audio() -> None:
    stage = MadeStage()
    chat = ScriptedModel(
        answers=[
            calls(("list_sources", {}), ("listen_to", {"source": "S1"})),
            calls(
                action("s1", "up", gain_db=3),
                action("s3", "up"),
                action("s3", "down", gain_db=-12.0),
                action("others", "remove"),
                ("preview", {}),
                ("finish", {}),
            ),
        ]
    )
    remixer = LlmRemixer(LlmAgent(chat), lambda *_: stage)
    planned = remixer.plan(stage.mixture, RATE, "the man a bit louder, the dog softer, no more")
    assert planned.plan == RemixPlan.model_validate(
        {
            "changes": [
                {"source": "s1", "action": "up", "gain_db": 3},
                {"source": "s3", "action": "down", "gain_db": -12},
            ],
            "others": "remove",
        }
    )
    assert planned.plan.words() == "up by 3 dB s1; down by 12 dB s3; the rest goes"
    assert [m.text for m in chat.sent[0]] == [
        SYSTEM,
        "the man a bit louder, the dog softer, no more",
    ]
    results = {m.name: json.loads(m.text) for m in chat.sent[1] if isinstance(m, ToolMessage)}
    assert results["list_sources"]["sources"][2] == {
        "id": "s3", "kind": "audio", "label": "dog barking", "confidence": 0.9,
    }  # fmt: skip
    assert results["listen_to"] == {"id": "s1", "level_db": -20.0, "heard_s": [[0.0, 0.25]]}
    preview = next(s for s in planned.trace if s.detail == "preview")
    assert '"after_db": null' in str(preview.data["result"])


def test_an_extracted_source_can_be_changed() -> None:
    stage = MadeStage()
    chat = ScriptedModel(
        answers=[
            calls(("extract", {"words": " a siren "})),
            calls(action("q1", "remove"), ("finish", {})),
        ]
    )
    plan = LlmAgent(chat).plan("no siren", stage).plan
    assert stage.extracted == ["a siren"]
    assert [(c.source, c.action) for c in plan.changes] == [("q1", "remove")]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*TOOLS, "shell"]),
            st.dictionaries(
                st.sampled_from(["source", "action", "gain_db", "words", "x"]),
                st.sampled_from(["s1", "s4", "s9", "others", "keep", "up", "down", "remove"])
                | st.text(max_size=20)
                | st.floats()
                | st.integers(-99, 99)
                | st.none(),
                max_size=4,
            ),
        ),
        max_size=12,
    )
)
def test_whatever_is_called_a_plan_stays_within_its_limits(
    made: list[tuple[str, dict[str, Any]]],
) -> None:
    desk = AgentSession(MadeStage())
    tools = {tool.name: tool for tool in tools_for(desk)}
    for name, arguments in made:
        try:
            if name in tools:
                json.loads(tools[name].invoke(arguments))
        except (ValueError, LcrError):
            pass
    gains = [desk.plan.others_gain, *(c.gain for c in desk.plan.changes)]
    assert all(0 <= gain <= 16 for gain in gains)
    known = {source.id for source in desk.stage.sources}
    assert {c.source for c in desk.plan.changes} <= known


def test_descriptions_survive_as_data() -> None:
    for one in DESCRIPTIONS:
        assert read_description(json.loads(json.dumps(describe(one)))) == one


def test_a_plan_that_changes_nothing_is_one() -> None:
    chat = ScriptedModel(answers=[calls(("finish", {}))])
    assert LlmAgent(chat).plan("good morning", MadeStage()).plan == RemixPlan(changes=())


def test_two_prompts_share_nothing() -> None:
    chat = ScriptedModel(
        answers=[calls(action("s1", "remove"), ("finish", {})), calls(("finish", {}))]
    )
    agent = LlmAgent(chat)
    assert agent.plan("remove the man", MadeStage()).plan.changes
    assert not agent.plan("nothing", MadeStage()).plan.changes


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("", "no language model was named; give model=openai:NAME"),
        ("openai:gpt-x", "set OPENAI_API_KEY"),
        ("gpt-x", "no language model is 'gpt-x'"),
        ("local:/nowhere/at/all", "/nowhere/at/all"),
    ],
)
def test_without_a_model_it_says_what_to_do(
    model: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(MissingModelError) as caught:
        agent_llm(model=model)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [("http://127.0.0.1:9/v1", "no server answers"), ("file:///etc/passwd", "base_url must be")],
)
def test_without_a_server_it_says_so(url: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(MissingModelError, match=words):
        agent_llm(model="openai:any", base_url=url)


def test_the_planner_as_a_chat_model() -> None:
    stage = MadeStage()
    remixer = LlmRemixer(LlmAgent(chat_model("planner:keyword")), lambda *_: stage)
    done = remixer.remix(stage.mixture, RATE, "remove the dog")
    np.testing.assert_allclose(done.audio, stage.audio[[0, 1, 3]].sum(0), atol=1e-6)
    done = remixer.remix(stage.mixture, RATE, "turn the piano up by 3 dB and drop the woman")
    gains = np.float32([1, 0, 1, 10 ** (3 / 20)])
    np.testing.assert_allclose(done.audio, np.einsum("s,sct", gains, stage.audio), atol=1e-6)
    assert [step.detail for step in done.trace if step.name == "tool"] == [
        "list_sources", *["set_action"] * 5, "finish",
    ]  # fmt: skip


def test_a_planner_that_cannot_read_refuses() -> None:
    empty = MadeStage(DESCRIPTIONS[:1])
    empty.sources = []
    with pytest.raises(ModelRefusedError):
        LlmAgent(chat_model("planner:keyword")).plan("remove the dog", empty)


def test_a_stage_that_lost_a_source() -> None:
    chat = ScriptedModel(answers=[calls(action("s4", "remove"), ("finish", {}))])
    stage = MadeStage()
    desk = AgentSession(stage)
    desk.set_action("s4", "remove")
    stage.sources = stage.sources[:2]
    with pytest.raises(PlanError, match="no source 's4'"):
        _ = desk.plan
    assert chat.answers
