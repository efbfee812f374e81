"""OpenAI's form of messages and tools, in and out.

Servers and models write their calls of tools in many forms. Each is read where it can mean one
thing only, and nothing is mended or guessed: a call that cannot be read stays one, of the tool that
it names, whose arguments are {"malformed": what was written, "why": the reason}. So it is answered,
recorded and counted like any other, and the history that goes back to the server is well-formed.
"""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, ToolCall, convert_to_openai_messages
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field

from agents.llm.key import hide

MALFORMED = "malformed"
FINISH = "finish"
_SHOWN = 2_000
"""Characters of a malformed call that the model is shown again."""

_BLOCK = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_FUNCTION = re.compile(r"\s*<function=([^>]+)>(.*)</function>\s*", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>]+)>\n?(.*?)\n?</parameter>", re.DOTALL)
_FENCED = re.compile(r"\s*```\w*\n(.*?)\n?```\s*", re.DOTALL)
_MARK = re.compile(r"(?:\[TOOL_CALLS\]|<\|python_tag\|>)")
_CALL_BEGINS = re.compile(r'\[?\s*\{\s*"(?:name|function|type|id)"\s*:')
_BETWEEN = re.compile(r"[\s;,]*")
_UNREAD = re.compile(
    r'set_action|list_sources|listen_to|"name"\s*:|<\W?(?:tool|function)|\[TOOL_CALLS|<\|'
)


class ToolModel(BaseChatModel):
    """A chat model of ours: it is told its tools in OpenAI's form, and answers at once."""

    weights: Mapping[str, str] = Field(default_factory=dict)
    """Names and sha256 of the weights that it runs with, as far as they are known."""

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        **kwargs: object,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """As LangChain's agent asks for it."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        tools = kwargs.get("tools")
        answer = self._answer(messages, tools if isinstance(tools, list) else [])
        return ChatResult(generations=[ChatGeneration(message=answer)])

    @abstractmethod
    def _answer(self, messages: list[BaseMessage], tools: list[dict[str, Any]]) -> AIMessage:
        """What it says next. Raises AgentError or one of its kinds."""


def sent_messages(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """`messages` in OpenAI's form, as text that UTF-8 can hold: half an emoji becomes "?"."""
    plain: list[dict[str, Any]] = _well_formed(convert_to_openai_messages(list(messages)))
    return plain


def read_answer(content: object, calls: object = None) -> AIMessage:
    """What a model answered, without its thoughts and without the key.

    `content` is text or a list of parts; `calls` are as the protocol has them, [{"id", "function":
    {"name", "arguments"}}], and may lack anything. Without any, those that are written as text are
    read: `<tool_call>` blocks of JSON or XML, or a whole answer, fenced or not, that is JSON. Each
    gets an id of its own, and `finish` comes last, as the others are meant to be done by then.
    """
    words = _text(content).rpartition("</think>")[2]
    words = "" if words.lstrip().startswith("<think>") else words.strip()
    if fenced := _FENCED.fullmatch(words):
        words = fenced[1].strip()
    given = list(calls) if isinstance(calls, (list, tuple)) else [calls] if calls else []
    if not given:
        given, words = _written_calls(words)
    ids: set[str] = set()
    read: list[ToolCall] = []
    for number, one in enumerate(given):
        data = one if isinstance(one, dict) else {}
        identity = data.get("id")
        if not isinstance(identity, str) or not identity or identity in ids:
            identity = f"call{number:05d}"  # nine letters and digits, which Mistral asks for
        ids.add(identity)
        name, arguments = _read_call(one)
        read.append(ToolCall(name=name, args=_well_formed(arguments), id=hide(identity)))
    read.sort(key=lambda call: call["name"] == FINISH)
    return AIMessage(content=_well_formed(words), tool_calls=read)


def read_message(answer: AIMessage) -> AIMessage:
    """The same for the answer of any LangChain model; what it tells besides is kept."""
    given = [
        {"id": call["id"], "name": call["name"], "arguments": call["args"]}
        for call in (*answer.tool_calls, *answer.invalid_tool_calls)
    ]
    read = read_answer(answer.text, given)
    read.usage_metadata = answer.usage_metadata
    read.response_metadata = _well_formed(
        {"finish_reason": answer.response_metadata.get("finish_reason")}
    )
    if refusal := answer.additional_kwargs.get("refusal"):
        read.additional_kwargs["refusal"] = _well_formed(str(refusal))
    return read


def holds_unread_calls(words: str) -> bool:
    """Whether words that are no call are the rest of one, in a form that is not read."""
    return bool(_UNREAD.search(words))


def _text(content: object) -> str:
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _well_formed(value: Any) -> Any:  # noqa: ANN401 (JSON)
    """JSON without the key and without half characters, which no UTF-8 can hold."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return json.loads(hide(text.encode("utf-8", "replace").decode()))


def _written_calls(text: str) -> tuple[list[object], str]:
    """Calls that are written as text, and the words beside them."""
    if blocks := _BLOCK.findall(text):
        return [call for block in blocks for call in _calls_of(block)], _BLOCK.sub("", text).strip()
    mark = _MARK.match(text)
    if mark or _CALL_BEGINS.match(text) or _FUNCTION.fullmatch(text):
        return _calls_of(text[mark.end() if mark else 0 :]), ""
    return [], text


def _calls_of(block: str) -> list[object]:
    """The calls of a text that is nothing else; the text itself where it cannot be read."""
    if written := _FUNCTION.fullmatch(block):
        return [{"name": written[1], "arguments": dict(_PARAMETER.findall(written[2]))}]
    found: list[object] = []
    at = 0
    try:
        while at < len(block.rstrip()):
            at = _between(block, at)
            one, at = _decoder.raw_decode(block, at)
            found += one if isinstance(one, list) else [one]
            at = _between(block, at)
    except (ValueError, RecursionError):
        return [block.strip()]
    return found or [block.strip()]


def _between(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _read_call(call: object) -> tuple[str, dict[str, Any]]:
    """Name and arguments; those of a call that cannot be read say so."""
    name = ""
    try:
        data = _decoder.decode(call) if isinstance(call, str) else call
        if isinstance(data, dict) and isinstance(data.get("function"), dict):
            data = data["function"]
        name = _name(data.get("name")) if isinstance(data, dict) else ""
        if not isinstance(data, dict) or not name:
            raise ValueError("a call is one JSON object with the name of a tool and arguments")
        if more := set(data) - {"name", "arguments", "parameters", "id", "type"}:
            raise ValueError(f"a call has a name and arguments only; got {', '.join(more)}")
        if "arguments" in data and "parameters" in data:
            raise ValueError("a call has arguments or parameters, not both")
        return name, _arguments(data.get("arguments", data.get("parameters")))
    except (ValueError, RecursionError) as error:
        written = call if isinstance(call, str) else json.dumps(call, default=str)
        return name or "unknown", {MALFORMED: written[:_SHOWN], "why": str(error)}


def _name(name: object) -> str:
    """A tool's name: without the prefix that some models learnt, once where a stream's chunks
    repeat it, and with no sign that servers refuse in a history."""
    if not isinstance(name, str):
        return ""
    plain = name.strip().removeprefix("functions.")[:200]
    once = re.fullmatch(r"(.+?)\1*", plain)
    return re.sub(r"[^\w-]", "_", hide(once[1] if once else plain), flags=re.ASCII)[:64]


def _arguments(value: object) -> dict[str, Any]:
    """Arguments as an object, or as the text of one, which some servers encode twice. Raises
    ValueError, RecursionError."""
    for _ in range(2):
        if isinstance(value, str):
            value = _decoder.decode(value) if value.strip() else {}
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"arguments are one JSON object; got {type(value).__name__}")
    json.dumps(value, allow_nan=False)  # raises ValueError for NaN, which no JSON holds
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has two values of one name")
    return found


_decoder = json.JSONDecoder(object_pairs_hook=_unique)
