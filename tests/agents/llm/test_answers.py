"""Odd answers of servers and models: each is read rightly, put right by the model, or a named
error; the key is in none of them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from agents.llm.budget import Budget
from agents.llm.chat_models import chat_model
from agents.llm.client import LlmAgent, Planned
from agents.llm.errors import (
    AgentError,
    BrokenAnswerError,
    BudgetError,
    ModelFailedError,
    ModelRefusedError,
    NoPlanError,
)
from tests.agents.llm_server import (
    Answer,
    MadeStage,
    Script,
    calls,
    chunk,
    completion,
    events,
    fails,
    raw,
    says,
    send_json,
    served,
)

KEY = "sk-test-0123456789"
ARGUMENTS: dict[str, object] = {"source": "s3", "action": "remove"}
WRITTEN = json.dumps(ARGUMENTS)
CALL = json.dumps({"name": "set_action", "arguments": ARGUMENTS})
LLAMA = json.dumps({"name": "set_action", "parameters": ARGUMENTS})
END = '{"name": "finish", "arguments": {}}'
PLAN = json.dumps({"changes": [ARGUMENTS]})
REMOVE_DOG = ("set_action", ARGUMENTS)
FINISH: tuple[str, object] = ("finish", {})
GOOD = calls(REMOVE_DOG, FINISH)
WANTED = "remove s3; the rest stays"
XML = (
    "<tool_call>\n<function=set_action>\n<parameter=source>\ns3\n</parameter>\n"
    "<parameter=action>\nremove\n</parameter>\n</function>\n</tool_call>"
)


def tool_calls(made: object, content: str | None = None, **more: object) -> Answer:
    """An answer whose `tool_calls` are just that."""
    body = completion(content, finish="tool_calls")
    body["choices"][0]["message"]["tool_calls"] = made
    return lambda handler: send_json(handler, {**body, **more})


def call(name: object = "set_action", arguments: object = WRITTEN, **more: object) -> Any:
    return {
        "id": "c1",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    } | more


LAST = call("finish", "{}", id="c9")


def stream(*deltas: dict[str, Any], finish: str | None = "tool_calls") -> Answer:
    return lambda handler: events(handler, [*map(chunk, deltas), chunk({}, finish)])


def gzipped(handler: Any) -> None:
    content = gzip.compress(b" " * (64 << 20))
    handler.send_response(200)
    handler.send_header("content-encoding", "gzip")
    handler.send_header("content-length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


READ: dict[str, Answer] = {
    "arguments as an object": tool_calls([call(arguments=ARGUMENTS), call("finish", {})]),
    "arguments encoded twice": tool_calls([call(arguments=json.dumps(WRITTEN)), LAST]),
    "arguments missing, null and empty": tool_calls(
        [call(), call("list_sources", None), call("preview", ""), {"function": {"name": "finish"}}]
    ),
    "parameters for arguments": tool_calls(
        [{"function": {"name": "set_action", "parameters": ARGUMENTS}}, LAST]
    ),
    "flat calls": tool_calls([json.loads(CALL), json.loads(END)]),
    "ids null": tool_calls([call(id=None), call("finish", "{}", id=None)]),
    "ids missing": tool_calls([{"function": one["function"]} for one in (call(), LAST)]),
    "ids as numbers": tool_calls([call(id=1), call("finish", "{}", id=1)]),
    "one id for all": tool_calls([call(), call("finish", "{}")]),
    "finish first": tool_calls([LAST, call()]),
    "names with a prefix and spaces": tool_calls([call(" functions.set_action "), LAST]),
    "an action in capitals": tool_calls(
        [call(arguments=WRITTEN.replace("remove", "Remove")), LAST]
    ),
    "usage as text": tool_calls(
        [call(), LAST], usage={"prompt_tokens": "50", "completion_tokens": "5.0"}
    ),
    "usage that is no number": tool_calls(
        [call(), LAST], usage={"prompt_tokens": "NaN", "completion_tokens": -3}
    ),
    "half an emoji in the words": tool_calls([call(), LAST], "\ud83d so"),
    "tagged": says(f"Well.<tool_call>{CALL}</tool_call>\n<tool_call>{END}</tool_call>"),
    "tagged, the last unclosed": says(f"<tool_call>{CALL}</tool_call>\n<tool_call>{END}"),
    "two calls in one tag": says(f"<tool_call>{CALL}\n{END}</tool_call>"),
    "tagged XML": says(f"{XML}<tool_call><function=finish></function></tool_call>"),
    "Mistral's list": says(f"[TOOL_CALLS] [{CALL}, {END}]"),
    "Llama's calls with ;": says(f"<|python_tag|>{LLAMA}; {END}"),
    "a fenced list": says(f"```json\n[{LLAMA}, {END}]\n```"),
    "OpenAI's form as text": says(json.dumps([call(), LAST])),
    "content in parts": says([{"type": "text", "text": CALL}, {"type": "x"}, END]),  # type: ignore[arg-type]
    "a plan, fenced": says(f"```json\n{PLAN}\n```"),
    "a plan after thoughts": says(f"<think>\nThe dog is {CALL}?\n</think>\n\n{PLAN}"),
    "thoughts whose begin is the template's": says(f"Let me see {{.\n</think>\n[{CALL},{END}]"),
    "a byte order mark": raw("\ufeff" + json.dumps(completion(PLAN))),
    "a stream of events unasked": stream(
        {"tool_calls": [{"index": 0, **call(arguments='{"source": "s3",')}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"action": "remove"}'}}]},
        {"tool_calls": [{"index": 1, **LAST}]},
    ),
    "a stream that repeats names": stream(
        {"tool_calls": [{"index": 0, **call(arguments="")}]},
        {"tool_calls": [{"index": 0, **call()}]},
        {"tool_calls": [{"index": 1, **LAST}]},
    ),
    "a stream without numbers": stream({"tool_calls": [call(), LAST]}),
    "a stream with one number for all": stream(
        {"tool_calls": [{"index": 0, **call()}]}, {"tool_calls": [{"index": 0, **LAST}]}
    ),
    "a line separator inside an event": stream(
        {"content": "so\u2028"}, {"tool_calls": [{"index": 0, **call()}, {"index": 1, **LAST}]}
    ),
}
"""Answers that need no second one."""

TOLD: dict[str, tuple[Answer, ...]] = {
    "a failed call and finish": (calls(("set_action", {"source": "s9", "action": "up"}), FINISH),),
    "an unknown tool and finish": (calls(("mute", {"source": "s3"}), FINISH),),
    "no name and finish": (tool_calls([call(None), call(""), call(7), LAST]),),
    "no JSON and finish": (calls(("set_action", WRITTEN[:-1] + ",}"), FINISH),),
    "a list and finish": (calls(("set_action", "[]"), FINISH),),
    "text and finish": (calls(("set_action", '"s3"'), FINISH),),
    "two values of one name": (calls(("set_action", WRITTEN[:-1] + ', "source": "s1"}'), FINISH),),
    "an endless number": (calls(("set_action", '{"source":"s3","gain_db":1e999}'), FINISH),),
    "a deep list": (calls(("set_action", "[" * 100_000), FINISH),),
    "calls that are no objects": (tool_calls(["set_action", 3, [], LAST]),),
    "a call cut by the limit": (
        tool_calls([call(arguments='{"source": "s3", "action": "up", "gain_db": 1')]),
    ),
    "a stream cut by the limit": (
        stream(
            {"tool_calls": [{"index": 0, **call(arguments='{"source":"s3","action":"up"')}]},
            finish="length",
        ),
    ),
    "a failed call and the end in words": (
        calls(REMOVE_DOG, ("set_action", {"source": "s9", "action": "up"})),
        says("Done!"),
    ),
    "thoughts without an end": (says(f"<think>I shall write {PLAN}"),),
    "half an emoji in the history": (
        tool_calls([call("extract", '{"words": "\\ud83d", "x": 1}')], "\ud83d"),
    ),
}
"""What is wrong with these is told to the model, which then does it right."""

WRONG: dict[str, tuple[Answer, type[AgentError]]] = {
    "calls in Python": (says('[set_action(source="s3", action="remove"), finish()]'), NoPlanError),
    "calls in channels": (
        says(f"<|channel|>commentary to=functions.set_action <|message|>{WRITTEN}<|call|>"),
        NoPlanError,
    ),
    "a call in prose": (says(f"I would call {CALL} now."), NoPlanError),
    "half a tag": (says(f"<tool_call>{CALL[:-2]}"), NoPlanError),
    "words alone": (says("I'm sorry, I can't help with that."), ModelRefusedError),
    "the key in words": (says(f"Your key is {KEY}."), ModelRefusedError),
    "the key in a refusal": (says(refusal=f"Not with {KEY}"), ModelRefusedError),
    "the key as a source": (calls(("listen_to", {"source": KEY})), BudgetError),
    "the key, escaped, as a source": (
        calls(("listen_to", '"{\\"source\\": \\"\\\\u0073' + KEY[1:] + '\\"}"')),
        BudgetError,
    ),
    "the key as a tool": (calls((KEY, {})), BudgetError),
    "the key as a reason": (says("", finish=KEY), NoPlanError),
    "the key in what is no JSON": (raw(f"<html>{KEY}"), BrokenAnswerError),
    "the key in an error": (fails(400, f"bad key {KEY}"), ModelFailedError),
    "an error that calls itself a success": (
        raw('{"error": {"message": "out of memory", "code": 500}}'),
        ModelFailedError,
    ),
    "gzip that grows": (gzipped, ModelFailedError),
    "more than was asked for": (says("la " * 3_000_000), BudgetError),
    "more than can be spent": (says("", tokens=(10**9, 1, 0)), BudgetError),
    "3000 calls": (calls(*[("list_sources", {})] * 3000), BudgetError),
}
"""And these are errors of a kind."""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def planned(script: Script, **limits: Any) -> Planned:
    budget = Budget(**{"steps": 4, "seconds": 20, **limits})
    chat = chat_model("openai:m", base_url=script.url, budget=budget)
    return LlmAgent(chat, budget=budget, backoff_s=0.01).plan("Get rid of the dog.", MadeStage())


@pytest.mark.parametrize("name", READ)
def test_what_can_mean_one_thing_is_read(name: str) -> None:
    with served(READ[name]) as script:
        done = planned(script)
    assert done.plan.words() == WANTED
    assert len(script.bodies) == 1
    assert all(step.data["ok"] for step in done.trace if step.name == "tool")
    (asked,) = [step.data for step in done.trace if step.name == "llm_call"]
    assert asked["tokens_counted_by"] == (
        "estimate" if re.search("no number|stream|event", name) else "model"
    )
    if name == "usage as text":
        assert (asked["tokens_in"], asked["tokens_out"]) == (50, 5)


@pytest.mark.parametrize("name", TOLD)
def test_what_cannot_is_told_to_the_model_and_no_plan(name: str) -> None:
    with served(*TOLD[name], GOOD) as script:
        done = planned(script)
    assert done.plan.words() == WANTED
    assert len(script.bodies) == len(TOLD[name]) + 1
    last = script.bodies[-1]["messages"]
    made = [one["id"] for m in last if m["role"] == "assistant" for one in m.get("tool_calls", ())]
    answered = [m["tool_call_id"] for m in last if m["role"] == "tool"]
    assert answered == made  # each, malformed ones too
    assert all(
        isinstance(json.loads(one["function"]["arguments"]), dict)
        for m in last
        for one in m.get("tool_calls", ())
    )
    tools = [step.data for step in done.trace if step.name == "tool"]
    assert len(tools) == len(made) + 2
    if made:
        assert not all(data["ok"] for data in tools)
        refused = [m["content"] for m in last if m["role"] == "tool" and "Error" in m["content"]]
        assert all(len(reason) > 20 for reason in refused)


@pytest.mark.parametrize("name", WRONG)
def test_what_stays_wrong_is_an_error_without_the_key(name: str) -> None:
    answer, kind = WRONG[name]
    with served(answer) as script, pytest.raises(AgentError) as caught:
        planned(script)
    assert type(caught.value) is kind
    assert KEY not in f"{caught.value} {caught.value.trace!r} {caught.value.__cause__!r}"
    assert [step.name for step in caught.value.trace].count("llm_call") >= 1
    assert len(script.bodies) <= 4
    if "Python" in name or "channels" in name or "prose" in name:
        assert "tool parser" in str(caught.value)


@pytest.fixture
def elsewhere() -> Iterator[Script]:
    with served(GOOD) as script:
        yield script


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_conversation_is_not_sent_to_where_a_server_points(
    status: int, elsewhere: Script
) -> None:
    with (
        served(fails(status, location=f"{elsewhere.url}/chat/completions")) as script,
        pytest.raises(ModelFailedError) as caught,
    ):
        planned(script)
    assert elsewhere.url in str(caught.value)
    assert (len(script.bodies), len(elsewhere.bodies)) == (1, 0)


def test_openais_own_client_asks() -> None:
    asked_by: list[str] = []

    def answer(handler: Any) -> None:
        asked_by.append(handler.headers["user-agent"])
        GOOD(handler)

    with served(answer) as script:
        planned(script)
    assert asked_by == [f"AsyncOpenAI/Python {openai.__version__}"]


def test_short_keys_are_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "s3")
    with served(GOOD) as script:
        assert planned(script).plan.words() == WANTED
    assert script.keys == ["Bearer s3"]
