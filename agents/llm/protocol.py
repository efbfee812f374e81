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
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field

from agents.llm.errors import BrokenAnswerError, ModelFailedError
from agents.llm.key import hide

MALFORMED = "malformed"
FINISH = "finish"
_SHOWN = 2_000
"""Characters of a malformed call that the model is shown again, or of an error that is told."""

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
    """Read the answer of any LangChain model as `read_answer` does; its other fields are kept."""
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


def read_completion(content: bytes) -> AIMessage:
    """The message of a completion, whole or as a stream of events. Raises BrokenAnswerError,
    ModelFailedError for an error that calls itself a success."""
    try:
        text = content.decode("utf-8-sig").lstrip()
        data = json.loads(text) if text.startswith("{") else _joined(text)
        if error := data.get("error"):
            raise ModelFailedError(f"the model failed: {str(error)[:_SHOWN]}")
        choice = data["choices"][0]
        message = choice["message"]
        read = read_answer(
            message.get("content"), message.get("tool_calls") or message.get("function_call")
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        begins = content[:80].decode("utf-8", "replace")
        raise BrokenAnswerError(
            f"the model's answer is unusable: {type(error).__name__}: {error}; it begins {begins!r}"
        ) from None
    read.usage_metadata = _usage(data.get("usage"))
    read.response_metadata = {"finish_reason": choice.get("finish_reason")}
    if message.get("refusal"):
        read.additional_kwargs["refusal"] = message["refusal"]
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
    """`value` as JSON without the API key, and without lone surrogates, which UTF-8 cannot hold."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return json.loads(hide(text.encode("utf-8", "replace").decode()))


def _written_calls(text: str) -> tuple[list[object], str]:
    """Find tool calls that the model wrote as text; returns them and the words beside them."""
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


def _joined(text: str) -> dict[str, Any]:
    """A stream of events as one completion. Raises ValueError for one that breaks off."""
    calls: list[dict[str, Any]] = []
    message: dict[str, Any] = {"content": "", "refusal": "", "tool_calls": calls}
    whole: dict[str, Any] = {}
    finish, ended = None, False
    for line in text.split("\n"):
        event = line.removeprefix("data:").strip() if line.startswith("data:") else ""
        if event == "[DONE]":
            ended = True
        elif event:
            data = json.loads(event)
            whole |= {key: data[key] for key in ("usage", "error") if data.get(key)}
            for choice in data.get("choices") or ():
                delta = choice.get("delta") or {}
                for key in ("content", "refusal"):
                    message[key] += delta.get(key) or ""
                for part in delta.get("tool_calls") or ():
                    _add_call(calls, part)
                finish = choice.get("finish_reason") or finish
    if not (ended or finish or "error" in whole):
        raise ValueError("a stream of events broke off")
    return {**whole, "choices": [{"message": message, "finish_reason": finish}]}


def _add_call(calls: list[dict[str, Any]], part: dict[str, Any]) -> None:
    """A piece of a call; one with a name begins a further call, unless it has number and id of one
    that has begun, as some servers repeat both."""
    function, number = part.get("function") or {}, part.get("index")
    same = [call for call in calls if call["index"] == number]
    again = number is None or not same or part.get("id") != same[-1]["id"]
    if not same or (function.get("name") and again):
        begun = {"name": function.get("name"), "arguments": ""}
        calls.append({"id": part.get("id"), "index": number, "function": begun})
        same = calls[-1:]
    written = function.get("arguments") or ""
    same[-1]["function"]["arguments"] += (
        written if isinstance(written, str) else json.dumps(written)
    )


def _usage(data: object) -> UsageMetadata | None:
    """What the server counted; None where that is no count."""
    try:
        assert isinstance(data, dict)
        read, written = (int(float(data[key])) for key in ("prompt_tokens", "completion_tokens"))
        assert read > 0 <= written
    except (AssertionError, KeyError, TypeError, ValueError, OverflowError):
        return None
    cached = (data.get("prompt_tokens_details") or {}).get("cached_tokens")
    return UsageMetadata(
        input_tokens=read,
        output_tokens=written,
        total_tokens=read + written,
        input_token_details={"cache_read": cached if isinstance(cached, int) else 0},
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has two values of one name")
    return found


_decoder = json.JSONDecoder(object_pairs_hook=_unique)
