"""Money, tokens and seconds are limited, whatever a model does."""

from __future__ import annotations

import math
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatResult

from agents.llm.budget import Budget, Price, price_of
from agents.llm.client import LlmAgent
from agents.llm.errors import BudgetError, ModelFailedError, OutOfTimeError
from agents.plan import HeardSource
from agents.systems.llm import LlmRemixer, agent_llm
from lcr.registry import SystemOptionError
from tests.agents.llm_scripted import ScriptedModel, calls
from tests.agents.llm_server import RATE, MadeStage


def test_money() -> None:
    limited = Budget(usd=0.01, answer_tokens=100)
    prices = {"m": {"input": 2.0, "output": 8.0, "cached": 0.5}}
    with pytest.raises(BudgetError, match="the price of 'other' is not known"):
        price_of("other", prices, limited)
    assert price_of("other", prices, Budget()) is None
    with pytest.raises(BudgetError, match="input, output and cached"):
        price_of("m", {"m": {"in": 1.0}}, limited)
    with pytest.raises(BudgetError, match="price"):
        LlmAgent(ScriptedModel(answers=[]), budget=limited)
    price = price_of("m", prices, limited)
    assert price == Price(input=2, output=8, cached=0.5)
    answers = [calls(("list_sources", {}), tokens=(1000, 100)) for _ in range(9)]
    with pytest.raises(BudgetError, match=r"0\.01 USD") as caught:
        LlmAgent(ScriptedModel(answers=answers), budget=limited, price=price).plan("x", MadeStage())
    spent = [step.data["usd"] for step in caught.value.trace if step.name == "llm_call"]
    assert spent == pytest.approx([0.0028] * 3)  # a fourth, at its longest, would be too much


def test_tokens_are_estimated_where_a_model_counts_none() -> None:
    silent = AIMessage("", tool_calls=[{"name": "finish", "args": {}, "id": "c"}])
    planned = LlmAgent(ScriptedModel(answers=[silent])).plan("remove the dog", MadeStage())
    (call,) = [step for step in planned.trace if step.name == "llm_call"]
    assert call.data["tokens_counted_by"] == "estimate"
    sent = call.data["tokens_in"]
    assert isinstance(sent, int)
    assert 600 < sent < 3000


def test_a_model_that_hangs_is_left_behind() -> None:
    class Hanging(ScriptedModel):
        def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
            import threading

            threading.Event().wait(5)
            raise AssertionError("too late to matter")

    with pytest.raises(OutOfTimeError) as caught:
        LlmAgent(Hanging(answers=[]), budget=Budget(seconds=1)).plan("x", MadeStage())
    assert [step.name for step in caught.value.trace] == ["llm_call"]
    assert isinstance(caught.value, TimeoutError)


def test_what_a_model_raises_is_a_failure_of_the_model() -> None:
    broken = ScriptedModel(answers=[RuntimeError("no memory")] * 3)
    with pytest.raises(ModelFailedError, match="RuntimeError: no memory"):
        LlmAgent(broken, backoff_s=0).plan("x", MadeStage())
    assert broken.answers == []  # it was tried again


def test_attempts_are_calls_too() -> None:
    broken = ScriptedModel(answers=[RuntimeError("no memory")] * 3)
    with pytest.raises(BudgetError) as caught:
        LlmAgent(broken, budget=Budget(steps=2), backoff_s=0).plan("x", MadeStage())
    assert [step.name for step in caught.value.trace] == ["llm_call"] * 2


@pytest.mark.parametrize("name", ["seconds", "usd", "timeout_s"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_what_is_no_limit_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        Budget(**{name: value})
    with pytest.raises(SystemOptionError, match=name):
        agent_llm(model="planner:keyword", **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["input", "output", "cached"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_what_is_no_price_is_refused(name: str, value: float) -> None:
    price = {"input": 1.0, "output": 1.0, name: value}
    with pytest.raises(BudgetError, match=name):
        price_of("m", {"m": price}, Budget(usd=1.0))


@pytest.mark.parametrize("name", ["steps", "tool_calls", "tokens", "answer_tokens"])
def test_limits_are_counts(name: str) -> None:
    for value in (0, -1, 2.5, math.inf):
        with pytest.raises(ValueError, match=name):
            Budget(**{name: value})  # type: ignore[arg-type]


def test_what_a_stage_raises_keeps_the_record() -> None:
    class Broken(MadeStage):
        def extract(self, words: str) -> HeardSource:
            raise RuntimeError("no memory")

    stage = Broken()
    remixer = LlmRemixer(
        LlmAgent(ScriptedModel(answers=[calls(("extract", {"words": "a siren"}))])),
        lambda *_: stage,
    )
    with pytest.raises(RuntimeError) as caught:
        remixer.remix(stage.mixture, RATE, "no siren")
    assert [step.name for step in caught.value.trace] == ["llm_call"]  # type: ignore[attr-defined]
