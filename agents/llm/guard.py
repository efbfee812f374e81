"""Between the agent's graph and the model: time, tokens, money, refusals, and the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from langchain.agents.middleware import (
    AgentMiddleware,
    AgentState,
    ModelRequest,
    ModelResponse,
    ToolCallRequest,
    hook_config,
)
from langchain_core.exceptions import ModelError, ModelTimeoutError
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately
from langgraph.runtime import Runtime
from langgraph.types import Command

from agents.llm.budget import Meter, ModelCall, Usage, call_within
from agents.llm.errors import (
    AgentError,
    BrokenAnswerError,
    ModelFailedError,
    ModelRefusedError,
    NoPlanError,
    OutOfTimeError,
)
from agents.llm.key import hide
from agents.llm.protocol import FINISH, MALFORMED, holds_unread_calls, read_message
from agents.llm.tools import AgentSession
from agents.plan import PlanError, parse_plan
from lcr.errors import LcrError
from lcr.remixer import Step

_SHOWN = 2_000
"""Characters of a tool's arguments or result, or of an answer, that the record keeps."""
_MOST_WAIT_S = 8.0
_AGAIN = "Answer by calling the tools: set_action for what is to change, then finish."
_PARSER = (
    "the server may not return tool calls: start it with its tool parser (vLLM: "
    "--enable-auto-tool-choice --tool-call-parser NAME; llama.cpp: --jinja)"
)


class Guard(AgentMiddleware):
    """Watches one conversation. `steps` is its record, in order."""

    def __init__(self, desk: AgentSession, meter: Meter, *, backoff_s: float) -> None:
        """A call whose answer is unusable is made again after `backoff_s`, then twice that."""
        super().__init__()
        self.steps: list[Step] = []
        self._desk, self._meter, self._backoff_s = desk, meter, backoff_s
        self._nudges = 0
        self._failed: list[str] = []
        """Tools whose calls in the latest answer failed."""

    @hook_config(can_jump_to=["end"])
    def before_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Raises OutOfTimeError, as every budget is checked before it is spent."""
        self._meter.check_time()
        return {"jump_to": "end"} if self._desk.finished else None

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """One call of the model, made again where its answer is none. Raises AgentError or one of
        its kinds."""
        retries = self._meter.budget.retries
        for number in range(retries):
            try:
                return self._call(request, handler)
            except BrokenAnswerError:
                wait_s = min(self._backoff_s * 2**number, _MOST_WAIT_S)
                time.sleep(max(0.0, min(wait_s, self._meter.seconds_left)))
        return self._call(request, handler)

    def _call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        system = [] if request.system_message is None else [request.system_message]
        sent = count_tokens_approximately([*system, *request.messages], tools=request.tools)
        self._meter.check_call(sent)
        began = time.perf_counter()
        call = ModelCall(self._meter.seconds_left)
        try:
            written = _last(call_within(call, lambda: handler(request)).result)
            answer = read_message(written)
        except Exception as error:
            failed = _failure_of(error)
            self._step(str(failed), began, {"error": type(error).__name__}, call.requests)
            raise failed from None  # what a client raises may hold the key
        usage, counted = _usage(answer, sent)
        self._meter.count(usage)
        data: dict[str, object] = {
            "tokens_in": usage.tokens_in,
            "tokens_out": usage.tokens_out,
            "tokens_cached": usage.cached,
            "tokens_counted_by": "model" if counted else "estimate",
            "finish_reason": answer.response_metadata.get("finish_reason"),
        }
        if self._meter.price is not None:
            data["usd"] = self._meter.price.of(usage)
        self._step(answer.text, began, data, call.requests)
        _check_refusal(answer)
        return ModelResponse(result=[answer])

    def _step(
        self, words: str, began: float, data: dict[str, object], requests: list[dict[str, object]]
    ) -> None:
        step = Step(
            name="llm_call",
            detail=words[:_SHOWN],
            seconds=time.perf_counter() - began,
            data={"llm_calls": 1, **data, "requests": list(requests)},
        )
        self.steps.append(step)

    @hook_config(can_jump_to=["model", "end"])
    def after_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Go on with a model that called no tool. Raises BudgetError, NoPlanError,
        ModelRefusedError."""
        answer = _last(state["messages"])
        calls = answer.tool_calls
        if calls:
            self._meter.check_tools(len(calls))
            self._failed = []
        if any(MALFORMED not in call["args"] for call in calls):
            return None
        if answer.text.strip() and not calls:
            if self._adopted(answer.text):
                return {"jump_to": "end"}
            if self._desk.decided and not self._failed:
                self._note("ended", "the model ended without calling finish")
                return {"jump_to": "end"}
        self._nudges += 1
        if self._nudges > self._meter.budget.nudges:
            raise self._hopeless(answer)
        # Malformed calls are answered each with what is wrong with it.
        return None if calls else {"jump_to": "model", "messages": [HumanMessage(_AGAIN)]}

    def _adopted(self, text: str) -> bool:
        """Whether the answer is a whole plan as JSON, as models without tools write it."""
        try:
            plan = parse_plan(text)
            self._desk.adopt(plan)
        except PlanError as error:
            if text.lstrip().startswith("{"):
                self._note("malformed_plan", str(error))
            return False
        self._note("plan", plan.words())
        return True

    def _hopeless(self, answer: AIMessage) -> LcrError:
        asked, words = f"asked {self._nudges} times", answer.text.strip()
        if answer.tool_calls:
            why = "; ".join(str(call["args"]["why"]) for call in answer.tool_calls)
            return NoPlanError(f"{asked}, the model wrote calls that cannot be read: {why}")
        if holds_unread_calls(words):
            return NoPlanError(f"{asked}, the model wrote no call that can be read; {_PARSER}")
        if words and not words.startswith("{"):
            return ModelRefusedError(
                f"{asked}, the model called no tool and said: {words[:_SHOWN]}"
            )
        return NoPlanError(f"{asked}, the model gave " + ("no valid plan" if words else "nothing"))

    def wrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]],
    ) -> ToolMessage | Command[Any]:
        """One call of a tool; what is wrong with it is told to the model. Raises OutOfTimeError."""
        self._meter.check_time()
        call = request.tool_call
        began = time.perf_counter()
        try:
            if MALFORMED in call["args"]:
                raise ValueError(f"the call cannot be read: {call['args']['why']}")
            if call["name"] == FINISH and self._failed:
                raise ValueError(
                    f"not finished, as calls of {', '.join(self._failed)} failed: make them anew, "
                    "or call finish alone if they are not needed"
                )
            # LangChain does not check what is sent to tools that take nothing.
            if request.tool is not None and not request.tool.args and call["args"]:
                raise ValueError(f"{call['name']} takes no arguments")
            result = handler(request)
        except (LcrError, ValueError) as error:
            result = ToolMessage(
                content=f"Error: {error}",
                name=call["name"],
                tool_call_id=call["id"] or "",
                status="error",
            )
        data: dict[str, object] = {"arguments": str(call["args"])[:_SHOWN]}
        if isinstance(result, ToolMessage):
            data |= {"result": hide(result.text)[:_SHOWN], "ok": result.status != "error"}
            if result.status == "error":
                self._failed.append(call["name"])
        self.steps.append(
            Step(
                name="tool",
                detail=str(call["name"])[:_SHOWN],
                seconds=time.perf_counter() - began,
                data=data,
            )
        )
        return result

    def _note(self, name: str, words: str) -> None:
        self.steps.append(Step(name=name, detail=words[:_SHOWN]))


def _last(messages: Sequence[BaseMessage]) -> AIMessage:
    return next(one for one in reversed(messages) if isinstance(one, AIMessage))


def _usage(answer: AIMessage, sent: int) -> tuple[Usage, bool]:
    """Tokens of a call as the model counted them; estimated where it did not."""
    counted = answer.usage_metadata
    if counted is None:
        return Usage(tokens_in=sent, tokens_out=count_tokens_approximately([answer])), False
    cached = counted.get("input_token_details", {}).get("cache_read", 0) or 0
    return (
        Usage(
            tokens_in=max(0, counted["input_tokens"]),
            tokens_out=max(0, counted["output_tokens"]),
            cached=min(max(0, cached), max(0, counted["input_tokens"])),
        ),
        True,
    )


def _failure_of(error: Exception) -> AgentError:
    """Why a call of a model failed, in this project's words."""
    if isinstance(error, AgentError):
        return error
    words = f"{type(error).__name__}: {error}"
    if isinstance(error, ModelTimeoutError):
        return OutOfTimeError(f"the model did not answer in time: {words}")
    if isinstance(error, ModelError):
        return ModelFailedError(f"the model failed: {words}")
    return BrokenAnswerError(f"the model's answer is unusable: {words}")


def _check_refusal(answer: AIMessage) -> None:
    refusal = answer.additional_kwargs.get("refusal")
    if refusal:
        raise ModelRefusedError(f"the model refused: {str(refusal)[:_SHOWN]}")
    if answer.response_metadata.get("finish_reason") == "content_filter":
        raise ModelRefusedError("the provider's content filter stopped the model's answer")
