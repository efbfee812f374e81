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
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately
from langgraph.runtime import Runtime
from langgraph.types import Command

from agents.llm.budget import Meter, Usage, call_within
from agents.llm.chat_models import failure_of, requests_recorded
from agents.llm.errors import ModelRefusedError, NoPlanError
from agents.llm.tools import AgentSession
from agents.plan import PlanError, parse_plan
from lcr.errors import LcrError
from lcr.remixer import Step

_SHOWN = 2_000
"""Characters of a tool's arguments or result, or of an answer, that the record keeps."""
_OK = 200
_AGAIN = "Answer by calling the tools: set_action for what is to change, then finish."


class Guard(AgentMiddleware):
    """Watches one conversation. `steps` is its record, in order."""

    def __init__(self, desk: AgentSession, meter: Meter) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self._desk, self._meter = desk, meter
        self._nudges = 0

    @hook_config(can_jump_to=["end"])
    def before_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Raises OutOfTimeError, as every budget is checked before it is spent."""
        self._meter.check_time()
        return {"jump_to": "end"} if self._desk.finished else None

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """One call of the model. Raises AgentError or one of its kinds."""
        system = [] if request.system_message is None else [request.system_message]
        sent = count_tokens_approximately([*system, *request.messages], tools=request.tools)
        self._meter.check_call(sent)
        began = time.perf_counter()
        with requests_recorded() as requests:
            try:
                response = call_within(self._meter.seconds_left, lambda: handler(request))
            except Exception as error:
                streamed = getattr(request.model, "streaming", False) is True
                begun = bool(requests) and requests[-1]["status"] == _OK
                failed = failure_of(error, answering=streamed and begun)
                self._step(str(failed), began, {"error": type(error).__name__}, requests)
                raise failed from error
        answer = _last(response.result)
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
        self._step(answer.text, began, data, requests)
        _check_refusal(answer)
        return response

    def _step(
        self,
        words: str,
        began: float,
        data: dict[str, object],
        requests: list[dict[str, object]],
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
        """Go on with a model that called no tool. Raises NoPlanError, ModelRefusedError."""
        answer = _last(state["messages"])
        if answer.tool_calls:
            return None
        broken = bool(answer.invalid_tool_calls)
        if broken:
            told = "; ".join(str(call.get("error")) for call in answer.invalid_tool_calls)
            self._note("malformed_call", told)
        elif answer.text.strip():
            if self._adopted(answer.text):
                return {"jump_to": "end"}
            if self._desk.decided:
                self._note("ended", "the model ended without calling finish")
                return {"jump_to": "end"}
        self._nudges += 1
        if self._nudges > self._meter.budget.nudges:
            raise self._hopeless(answer, broken=broken)
        return {"jump_to": "model", "messages": [HumanMessage(_AGAIN)]}

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

    def _hopeless(self, answer: AIMessage, *, broken: bool) -> LcrError:
        asked = f"asked {self._nudges} times"
        if broken:
            return NoPlanError(f"{asked}, the model wrote calls that are no JSON")
        words = answer.text.strip()
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
            data |= {"result": result.text[:_SHOWN], "ok": result.status != "error"}
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


def _check_refusal(answer: AIMessage) -> None:
    refusal = answer.additional_kwargs.get("refusal")
    if refusal:
        raise ModelRefusedError(f"the model refused: {str(refusal)[:_SHOWN]}")
    if answer.response_metadata.get("finish_reason") == "content_filter":
        raise ModelRefusedError("the provider's content filter stopped the model's answer")
