"""Whatever a server does, each prompt ends in a valid remix or in a recorded failure, inside its
budget: a real HTTP server that speaks OpenAI's protocol, on loopback."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.llm.budget import Budget
from agents.llm.chat_models import chat_model
from agents.llm.client import LlmAgent
from agents.systems.llm import LlmRemixer
from experiments.comparison.answers import llm_cost
from experiments.comparison.environment import MemoryMeter
from experiments.comparison.systems import Outcome, ReadySystem, run_batch
from lcr.data.mixtures import Example
from lcr.instruction import instruction
from lcr.prompts.generator import write_prompt
from tests.agents.llm_server import (
    DESCRIPTIONS,
    RATE,
    Answer,
    MadeStage,
    Script,
    calls,
    cut,
    cut_stream,
    dripping,
    dripping_head,
    fails,
    raw,
    says,
    served,
    silent,
    stalling_stream,
    streams,
)

pytestmark = pytest.mark.slow

KEY = "sk-test-0123456789"
LIST = ("list_sources", {})
REMOVE_DOG = ("set_action", {"source": "s3", "action": "remove"})
FINISH = ("finish", {})
RIGHT = (calls(LIST), calls(REMOVE_DOG, FINISH))
BUDGET = Budget(steps=6, tool_calls=20, tokens=20_000, answer_tokens=100, seconds=10, nudges=2)
AT_ONCE = {"retry_after_ms": "1"}

Run = Callable[..., tuple[Outcome, Script]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The whole way, from the runner to the server and back."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept.txt").write_text("kept")

    def ran(
        *answers: Answer,
        budget: Budget = BUDGET,
        limit_s: float = 60,
        linger_s: float = 0,
        **options: Any,
    ) -> tuple[Outcome, Script]:
        with served(*answers) as script:
            limits = [name for name in ("retries", "timeout_s") if name in options]
            budget = replace(budget, **{name: options.pop(name) for name in limits})
            chat = chat_model("openai:scripted", base_url=script.url, budget=budget, **options)
            stage = MadeStage()
            remixer = LlmRemixer(LlmAgent(chat, budget=budget, backoff_s=0.01), lambda *_: stage)
            system = ReadySystem(
                name="agent-llm",
                remixer=remixer,
                card=remixer.card,
                config_digest="0" * 64,
                device="cpu",
                load_bytes=0,
            )
            before = stage.mixture.copy()
            (outcome,) = run_batch(system, [example(stage)], MemoryMeter("cpu"), timeout_s=limit_s)
            np.testing.assert_array_equal(stage.mixture, before)
            time.sleep(linger_s / 10)  # what was sent arrives
            asked = len(script.bodies)
            time.sleep(linger_s)
            assert len(script.bodies) == asked  # nothing follows
        assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("kept.txt", "kept")]
        inside(outcome, script, budget, limit_s)
        return outcome, script

    return ran


def example(stage: MadeStage) -> Example:
    told = instruction("1101", DESCRIPTIONS)
    sources = stage.audio[:, 0]
    return Example(
        id="one",
        index=0,
        mixture=stage.mixture[0],
        sources=sources,
        target=np.float32(told.gains) @ sources,
        instruction=told,
        prompt="remove the dog",
        written=write_prompt(told, np.random.default_rng(0)),
        sample_rate=RATE,
        clips=("a", "b", "c", "d"),
        groups=("a", "b", "c", "d"),
    )


def inside(outcome: Outcome, script: Script, budget: Budget, limit_s: float) -> None:
    """It ended by itself or by the runner's limit, spent what it may, and told nobody the key."""
    assert outcome.status in ("ok", "error", "refused", "timeout")
    assert outcome.error is None or outcome.error["type"] != "TimeIsUp" or limit_s < 60
    assert KEY not in repr(outcome)
    cost = llm_cost(outcome.trace)
    assert cost["llm_calls"] <= budget.steps
    assert cost["tokens_in"] + cost["tokens_out"] <= budget.tokens
    assert len([s for s in outcome.trace if s.name == "tool"]) <= budget.tool_calls
    assert all(key == f"Bearer {KEY}" for key in script.keys)


def told(outcome: Outcome) -> str:
    assert outcome.error is not None
    return f"{outcome.error['type']}: {outcome.error['message']}"


def steps(outcome: Outcome, name: str) -> list[Any]:
    return [step for step in outcome.trace if step.name == name]


def is_right(outcome: Outcome) -> None:
    assert outcome.status == "ok", outcome.error
    assert outcome.remix is not None
    expected = MadeStage().audio[[0, 1, 3]].sum(0)
    np.testing.assert_allclose(outcome.remix.audio, expected, atol=1e-6)


def test_right_answer(run: Run) -> None:
    outcome, script = run(
        calls(LIST, tokens=(900, 12, 0)), calls(REMOVE_DOG, FINISH, tokens=(1000, 30, 896))
    )
    is_right(outcome)
    first, second = steps(outcome, "llm_call")
    assert first.data["tokens_in"] == 900
    assert second.data["tokens_cached"] == 896
    assert second.data["requests"][0]["status"] == 200
    assert llm_cost(outcome.trace) == {"llm_calls": 2, "tokens_in": 1900, "tokens_out": 42}
    assert [s.detail for s in steps(outcome, "tool")] == ["list_sources", "set_action", "finish"]
    assert all(s.data["ok"] for s in steps(outcome, "tool"))
    assert all(s.seconds is not None for s in outcome.trace if s.name in ("llm_call", "tool"))
    # What comes first is the same for every request: providers cache it.
    one, two = script.bodies
    assert one["tools"] == two["tools"]
    assert two["messages"][: len(one["messages"])] == one["messages"]
    assert one["max_completion_tokens"] == 100
    schema = {tool["function"]["name"]: tool["function"]["parameters"] for tool in one["tools"]}
    assert list(schema) == [
        "list_sources", "listen_to", "set_action", "extract", "preview", "finish",
    ]  # fmt: skip
    assert schema["set_action"]["required"] == ["source", "action"]


def test_stream(run: Run) -> None:
    outcome, script = run(streams(LIST), streams(REMOVE_DOG, FINISH), stream=True)
    is_right(outcome)
    assert all(body["stream"] for body in script.bodies)
    assert llm_cost(outcome.trace) == {"llm_calls": 2, "tokens_in": 140, "tokens_out": 14}


@pytest.mark.parametrize(
    "broken",
    [
        calls(("set_action", '{"source": "s3", "action": ')),
        calls(("set_action", '["s3", "remove"]')),
        calls(("set_action", '{"source": "s3", "action": "explode"}')),
        calls(("set_action", '{"source": "s3", "action": "up", "gain_db": 4000}')),
        calls(("set_action", '{"source": "s3", "action": "up", "gain_db": NaN}')),
        calls(("set_action", '{"source": "s3", "action": "remove", "file": "/etc/passwd"}')),
        calls(("open_file", {"path": "kept.txt"})),
        calls(("__import__('os').remove", {"path": "kept.txt"})),
        calls(("set_action", {"source": "s9", "action": "remove"})),
        calls(("listen_to", {"source": "../kept.txt"})),
        calls(("extract", {"words": "silence"})),
        calls(("extract", {"words": "x" * 300})),
        says(""),
        says('{"changes": [{"source": "s9", "action": "remove"}]}'),
        says("I would remove the dog."),
    ],
)
def test_a_fault_is_told_and_can_be_put_right(run: Run, broken: Answer) -> None:
    outcome, script = run(broken, *RIGHT)
    is_right(outcome)
    assert len(script.bodies) == 3
    assert script.bodies[1]["messages"][-1]["role"] in ("tool", "user")


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (calls(("set_action", '{"source": ')), "NoPlanError: asked 3 times"),
        (calls(("open_file", {"path": "kept.txt"})), "BudgetError: the budget of 6 calls"),
        (calls(("set_action", {"source": "s9", "action": "keep"})), "BudgetError: the budget of"),
        (calls(("listen_to", {"source": "s1"})), "BudgetError: the budget of"),
        (calls(*[LIST] * 21), "BudgetError: the budget of"),
        (says(""), "NoPlanError: asked 3 times, the model gave nothing"),
        (says(None), "NoPlanError: asked 3 times, the model gave nothing"),
        (says("{'changes': []}"), "NoPlanError: asked 3 times, the model gave no valid plan"),
        (raw("<html>busy</html>"), "BrokenAnswerError: the model's answer is unusable"),
        (raw('{"choices": []}'), "BrokenAnswerError: the model's answer is unusable"),
        (raw('{"choices": null}'), "BrokenAnswerError: the model's answer is unusable"),
        (raw("{}"), "BrokenAnswerError: the model's answer is unusable"),
        (raw("["), "BrokenAnswerError: the model's answer is unusable"),
        (fails(404, "no such model"), "ModelFailedError: the model failed: HTTP 404"),
        (fails(400, "context_length_exceeded"), "ModelFailedError: the model failed"),
        (fails(500, **AT_ONCE), "ModelFailedError: the model failed: HTTP 500"),
        (fails(429, **AT_ONCE), "ModelFailedError: the model failed: HTTP 429"),
        (calls(LIST, tokens=(30_000, 1, 0)), "BudgetError: the budget of 20000 tokens"),
    ],
)
def test_a_fault_for_ever_is_an_error(run: Run, broken: Answer, error: str) -> None:
    budget = replace(BUDGET, tokens=31_000) if "20000" in error else BUDGET
    outcome, script = run(broken, budget=budget)
    assert (outcome.status, outcome.remix) == ("error", None)
    assert error.replace("20000", "31000") in told(outcome)
    assert 1 <= len(script.bodies) <= BUDGET.steps * 3
    assert llm_cost(outcome.trace)["llm_calls"] >= 1


@pytest.mark.parametrize(
    "refusal",
    [
        says(refusal="I'm sorry, I can't help with that."),
        says("", finish="content_filter"),
        says("I'm sorry, I can't help with that."),
    ],
)
def test_refusal(run: Run, refusal: Answer) -> None:
    outcome, _ = run(refusal)
    assert outcome.status == "refused"
    assert "ModelRefusedError" in told(outcome)
    assert llm_cost(outcome.trace)["tokens_in"] >= 100


@pytest.mark.parametrize(
    ("slow", "stream"),
    [
        (dripping, False),
        (dripping_head, False),
        (silent, False),
        (dripping, True),
        (stalling_stream, True),
    ],
)
@pytest.mark.parametrize("limit", ["request", "budget"])
def test_slow_answers_are_timeouts(run: Run, slow: Answer, stream: bool, limit: str) -> None:
    tight = replace(BUDGET, seconds=0.5 if limit == "budget" else 2.0)
    outcome, _ = run(
        calls(LIST) if not stream else streams(LIST),
        slow,
        budget=tight,
        stream=stream,
        retries=0,
        timeout_s=0.3 if limit == "request" else 60,
    )
    assert outcome.status == "timeout"
    assert "OutOfTimeError" in told(outcome)
    assert outcome.wall_s < 20
    *_, last = steps(outcome, "llm_call")  # a busy machine may not get beyond the first
    assert last.data["error"]


def test_a_cut_connection_is_tried_again(run: Run) -> None:
    outcome, script = run(cut, *RIGHT)
    is_right(outcome)
    assert len(script.bodies) == 3


def test_a_cut_stream_is_tried_again(run: Run) -> None:
    outcome, script = run(cut_stream, streams(LIST), streams(REMOVE_DOG, FINISH), stream=True)
    is_right(outcome)
    assert len(script.bodies) == 3


@pytest.mark.parametrize(("broken", "stream"), [(cut, False), (cut_stream, True)])
def test_cut_for_ever(run: Run, broken: Answer, stream: bool) -> None:
    outcome, script = run(broken, stream=stream, retries=1)
    assert outcome.status == "error"
    assert "Error: the model" in told(outcome)
    assert 1 <= len(script.bodies) <= 3


def test_429_then_success_waits_as_told(run: Run) -> None:
    outcome, script = run(fails(429, retry_after="1.2"), *RIGHT)
    is_right(outcome)
    first = steps(outcome, "llm_call")[0]
    assert [r["status"] for r in first.data["requests"]] == [429, 200]
    assert script.times[1] - script.times[0] >= 1.2  # its own back-off starts with 0.5 s


def test_500_for_ever_is_tried_as_often_as_told(run: Run) -> None:
    outcome, script = run(fails(500, **AT_ONCE), retries=3)
    assert outcome.status == "error"
    assert len(script.bodies) == 4
    (call,) = steps(outcome, "llm_call")
    assert [r["status"] for r in call.data["requests"]] == [500] * 4


@pytest.mark.parametrize(
    "fault",
    [
        fails(500),
        fails(429, retry_after="0.1"),
        cut,
        raw("<html>busy</html>"),
        silent,
        dripping,
        dripping_head,
    ],
)
def test_nothing_follows_the_deadline(run: Run, fault: Answer) -> None:
    tight = replace(BUDGET, seconds=0.3, retries=9, steps=99)
    outcome, script = run(fault, budget=tight, linger_s=1)
    assert outcome.status == "timeout", outcome.error
    recorded = [request for call in steps(outcome, "llm_call") for request in call.data["requests"]]
    assert len(recorded) >= len(script.bodies)  # all, and the one that was being made
    assert "language-model-call" not in {thread.name for thread in threading.enumerate()}


def test_nothing_follows_the_runners_limit_and_what_was_paid_for_is_recorded(run: Run) -> None:
    outcome, _ = run(calls(LIST), fails(500), retries=9, limit_s=2, linger_s=3)
    assert outcome.status == "timeout"
    assert llm_cost(outcome.trace)["tokens_in"] >= 100


def test_waiting_ends_with_the_budget(run: Run) -> None:
    tight = replace(BUDGET, seconds=0.4)
    outcome, script = run(fails(429, retry_after="60"), budget=tight)
    assert outcome.status == "timeout"
    assert len(script.bodies) == 1


def test_nobody_waits_for_years(run: Run) -> None:
    outcome, script = run(fails(429, retry_after="Thu, 01 Jan 2099 00:00:00 GMT"))
    assert outcome.status == "error"
    assert "HTTP 429" in told(outcome)
    assert len(script.bodies) == 1


def test_wrong_key(run: Run) -> None:
    outcome, script = run(fails(401, f"Incorrect API key provided: {KEY}"))
    assert outcome.status == "error"
    assert "HTTP 401" in told(outcome)
    assert "$OPENAI_API_KEY" in told(outcome)
    assert len(script.bodies) == 1


def test_a_plan_as_json_will_do(run: Run) -> None:
    outcome, _ = run(says('{"changes": [{"source": "s3", "action": "remove"}]}'))
    is_right(outcome)


def test_a_model_that_forgets_to_finish(run: Run) -> None:
    outcome, _ = run(calls(REMOVE_DOG), says("Done, the dog is gone."))
    is_right(outcome)
    assert steps(outcome, "ended")


def test_nothing_warns_and_no_environment_is_changed(run: Run) -> None:
    before = dict(os.environ)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(*RIGHT)
    assert dict(os.environ) == before
