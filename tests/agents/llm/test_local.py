"""Local chat models: what they write is read strictly, and a real one runs the whole agent."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agents.llm.budget import Budget
from agents.llm.chat_models import chat_model, weights_of
from agents.llm.client import LlmAgent
from agents.llm.errors import AgentError, MissingModelError, ModelFailedError, NoPlanError
from agents.llm.local import LocalChatModel
from agents.llm.protocol import MALFORMED, read_answer
from agents.systems.llm import LlmRemixer
from lcr.base_weights import weights_sha256
from tests.agents.llm_server import RATE, MadeStage
from tests.tiny_models import EOS_ID, tiny_llama

TEMPLATE = (
    "{% for tool in tools or [] %}{{ tool.function.name }} {% endfor %}"
    "{% for m in messages %}[{{ m.role }}]{{ m.content or '' }}"
    "{% for c in m.tool_calls or [] %}{{ c.function.name }}({{ c.function.arguments | tojson }})"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)
REMOVE_DOG = (
    '<tool_call>{"name": "set_action", "arguments": {"source": "s3", "action": "remove"}}'
    '</tool_call>\n<tool_call>{"name": "finish", "arguments": {}}</tool_call>'
)
BUDGET = Budget(answer_tokens=200, seconds=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model of bytes that has read nothing, with a chat template and long conversations
    (its positions are rotary: it has no table of them)."""
    path = tiny_llama(tmp_path_factory.mktemp("model"))
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 16_384}))
    (path / "chat_template.jinja").write_text(TEMPLATE)
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> LocalChatModel:
    chat = chat_model(f"local:{folder}", budget=BUDGET)
    assert isinstance(chat, LocalChatModel)
    chat.model.generation_config.eos_token_id = EOS_ID
    return chat


def say(model: LocalChatModel, answer: str) -> None:
    """A bias, of transformers' own, towards one answer; without one the model babbles."""
    ids = [*model.tokenizer.encode(answer, add_special_tokens=False), EOS_ID]
    bias = [[ids[:end], 1000.0 * end] for end in range(1, len(ids) + 1)]
    model.model.generation_config.sequence_bias = bias if answer else None


def test_a_local_model_runs_the_agent(model: LocalChatModel, folder: Path) -> None:
    say(model, REMOVE_DOG)
    stage = MadeStage()
    remixer = LlmRemixer(LlmAgent(model, budget=BUDGET), lambda *_: stage)
    done = remixer.remix(stage.mixture, RATE, "remove the dog")
    np.testing.assert_allclose(done.audio, stage.audio[[0, 1, 3]].sum(0), atol=1e-6)
    (call,) = [step for step in done.trace if step.name == "llm_call"]
    assert call.data["tokens_out"] == len(REMOVE_DOG) + 1
    assert call.data["tokens_counted_by"] == "model"
    assert weights_of(model) == {folder.name: weights_sha256(folder)}


def test_a_model_that_babbles_ends_in_an_error(model: LocalChatModel) -> None:
    say(model, "")
    babbling = model.model_copy(update={"answer_tokens": 10})
    with pytest.raises(AgentError) as caught:
        LlmAgent(babbling, budget=Budget(nudges=1)).plan("remove the dog", MadeStage())
    assert [s.data["tokens_out"] for s in caught.value.trace if s.name == "llm_call"] == [10, 10]


def test_a_conversation_that_is_too_long_is_said_to_be(model: LocalChatModel) -> None:
    with pytest.raises(ModelFailedError, match="the model reads 16384") as caught:
        LlmAgent(model, budget=BUDGET).plan("remove " * 3000, MadeStage())
    assert len(caught.value.trace) == 1  # it is not tried again


def test_a_model_without_a_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="chat template"):
        chat_model(f"local:{tiny_llama(tmp_path)}")


def test_calls_are_read() -> None:
    answer = read_answer(f"Well. {REMOVE_DOG}")
    assert answer.text == "Well."
    assert [(c["name"], c["args"]) for c in answer.tool_calls] == [
        ("set_action", {"source": "s3", "action": "remove"}),
        ("finish", {}),
    ]
    assert len({c["id"] for c in answer.tool_calls}) == 2
    bare = read_answer(' {"name": "finish", "parameters": {}} ')
    assert [c["name"] for c in bare.tool_calls] == ["finish"]


@pytest.mark.parametrize(
    "block",
    [
        "",
        "finish()",
        '{"name": "finish"',
        '{"name": "finish"} and more',
        '{"name": "finish", "arguments": {"x": 1, "x": 2}}',
        '["finish"]',
        '{"name": 3, "arguments": {}}',
        '{"arguments": {}}',
        '{"name": "finish", "arguments": "{"}',
        '{"name": "finish", "arguments": {}, "parameters": {}}',
        '{"name": "finish", "arguments": {}, "code": "print(1)"}',
        "{'name': 'finish'}",
    ],
)
def test_what_is_no_call_is_not_mended(block: str) -> None:
    for text in (f"<tool_call>{block}</tool_call>", f"<tool_call>{block}"):
        (call,) = read_answer(text).tool_calls
        assert set(call["args"]) == {MALFORMED, "why"}
        assert call["args"]["why"]


@pytest.mark.parametrize("text", ["", "Hello.", '{"changes": []}', '{"a": {"name": "finish"}}'])
def test_words_are_words(text: str) -> None:
    answer = read_answer(text)
    assert (answer.text, answer.tool_calls) == (text, [])


def test_a_plan_in_json_needs_no_tools(model: LocalChatModel) -> None:
    """As a small generative planner writes it."""
    say(model, '{"changes": [{"source": "s3", "action": "remove"}]}')
    planned = LlmAgent(model, budget=BUDGET).plan("remove the dog", MadeStage())
    assert planned.plan.words() == "remove s3; the rest stays"


def test_half_a_plan_is_none(model: LocalChatModel) -> None:
    say(model, "{")
    with pytest.raises(NoPlanError, match="no valid plan"):
        LlmAgent(model, budget=BUDGET).plan("remove the dog", MadeStage())
