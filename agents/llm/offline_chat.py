"""A planner of ours as a LangChain chat model: it lists the sources, sets actions, finishes.

So the whole agent, with its tools, budget and record, runs and is scored without any language
model. The planner reads the user's words and the descriptions that `list_sources` gave.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage
from pydantic import ConfigDict

from agents.llm.protocol import ToolModel
from agents.llm.tools import OTHERS
from agents.plan import LEAST_DB, MOST_DB, SourceChange
from agents.planners.choose import load_planner
from agents.planners.queries import queries_for
from lcr.instruction import Action, read_description
from lcr.remixer import RefusedError


class PlannerChatModel(ToolModel):
    """Emits the tool calls of the agent for what `planner` plans.

    It counts no tokens, as it has none. What the planner cannot read it declines in words.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    planner: Any
    """A `baselines.composite.planning.Planner` that needs no truth."""

    @property
    def _llm_type(self) -> str:
        return "planner"

    def _answer(self, messages: list[BaseMessage], tools: list[dict[str, Any]]) -> AIMessage:
        answer = self._planned(messages)
        answer.usage_metadata = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        return answer

    def _planned(self, messages: Sequence[BaseMessage]) -> AIMessage:
        listed = [m for m in messages if isinstance(m, ToolMessage) and m.name == "list_sources"]
        if not listed:
            return AIMessage("", tool_calls=[_call("list_sources", 0, {})])
        asked = next(m for m in messages if isinstance(m, HumanMessage))
        sources = json.loads(listed[-1].text)["sources"]
        if not sources:
            return AIMessage("I hear nothing that could be changed")
        try:
            plan = self.planner.plan(asked.text, [read_description(one) for one in sources])
        except (ValueError, RefusedError) as error:
            return AIMessage(f"I cannot read that: {error}")
        found = [change_of(one["id"], g) for one, g in zip(sources, plan.gains, strict=True)]
        return _decided([*found, change_of(OTHERS, plan.rest)])


class ExtractingChatModel(PlannerChatModel):
    """Plans by the prompt alone, has everything extracted that it names, and acts on that. What the
    tool could not extract is left as the rest is; where nothing was found, nothing is silenced."""

    def _planned(self, messages: Sequence[BaseMessage]) -> AIMessage:
        asked = next(m for m in messages if isinstance(m, HumanMessage))
        try:
            wanted = queries_for(self.planner.plan(asked.text, []), False)
        except (ValueError, RefusedError) as error:
            return AIMessage(f"I cannot read that: {error}")
        calls = [_call("extract", n, {"words": q.words}) for n, q in enumerate(wanted.queries)]
        answers = {
            m.tool_call_id: m.text
            for m in messages
            if isinstance(m, ToolMessage) and m.name == "extract"
        }
        if calls and not answers:
            return AIMessage("", tool_calls=calls)
        changes = [
            change_of(json.loads(answer)["added"]["id"], query.gain)
            for call, query in zip(calls, wanted.queries, strict=True)
            if (answer := answers.get(str(call["id"]), "")).startswith('{"added"')
        ]
        nothing_found = bool(calls) and not changes
        rest = 1.0 if nothing_found and wanted.rest == 0 else wanted.rest
        return _decided([*changes, change_of(OTHERS, rest)])


Chat = TypeVar("Chat", bound=PlannerChatModel)


def planner_chat(name: str, kind: type[Chat] = PlannerChatModel) -> Chat:  # type: ignore[assignment]
    """The chat model of a planner by name. Raises as `agents.planners.choose.load_planner` does."""
    planner = load_planner(name)
    return kind(planner=planner, weights=dict(getattr(planner, "weights", {})))


def _decided(changes: Sequence[SourceChange]) -> AIMessage:
    calls = [
        _call("set_action", number, change.model_dump(exclude_none=True))
        for number, change in enumerate(changes)
    ]
    return AIMessage("", tool_calls=[*calls, _call("finish", len(calls), {})])


def change_of(source: str, gain: float) -> SourceChange:
    """The change that has a linear `gain`; gains beyond a plan's limits become the nearest."""
    for action in Action:
        if gain == action.gain:
            return SourceChange.model_validate({"source": source, "action": action.name.lower()})
    gain_db = 20 * math.log10(gain) if gain > 0 else -math.inf
    if gain_db < LEAST_DB:
        return SourceChange(source=source, action="remove")
    return SourceChange(
        source=source, action="up" if gain_db > 0 else "down", gain_db=min(gain_db, MOST_DB)
    )


def _call(name: str, number: int, arguments: dict[str, Any]) -> ToolCall:
    return ToolCall(name=name, args=arguments, id=f"{name}-{number}")
