"""A chat model behind a server with OpenAI's protocol: Ollama, vLLM, llama.cpp, OpenAI itself.

A call ends when its time is over, whatever the server does: everything that it does, its attempts
and the waiting between them, is cancelled then, so that no request follows. Nothing is fetched from
where a server points to, and no more is read than an answer can hold.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from pydantic import SecretStr

from agents.llm.budget import Budget, call_within
from agents.llm.errors import (
    BrokenAnswerError,
    BudgetError,
    MissingModelError,
    ModelFailedError,
    OutOfTimeError,
)
from agents.llm.protocol import ToolModel, read_answer, sent_messages

OPENAI = "https://api.openai.com/v1"
_WORTH_ANOTHER = (408, 409, 429, *range(500, 600))
_FIRST_WAIT_S = 0.5
_PROBE_S = 3.0
_SHOWN = 500
"""Characters of a server's error that are told."""


@dataclass
class ModelCall:
    """A call of a model that is under way: when it must end (`time.monotonic`), and its requests,
    each with its status and the seconds to it, None where none came."""

    until: float = math.inf
    requests: list[dict[str, object]] = field(default_factory=list)

    @property
    def seconds_left(self) -> float:
        return self.until - time.monotonic()


_call: contextvars.ContextVar[ModelCall | None] = contextvars.ContextVar("model call", default=None)


def current_call() -> ModelCall:
    """The call that is under way here; one without an end where nobody limits it."""
    return _call.get() or ModelCall()


@contextlib.contextmanager
def limited_call(seconds: float) -> Iterator[ModelCall]:
    """What is done inside is one call of a model, which must end in `seconds`."""
    token = _call.set(ModelCall(until=time.monotonic() + seconds))
    try:
        yield current_call()
    finally:
        _call.reset(token)


class ServerModel(ToolModel):
    """`streaming` asks for the answer piece by piece; it is read when it is whole either way."""

    model: str
    base_url: str = OPENAI
    key: SecretStr = SecretStr("")
    budget: Budget
    streaming: bool = False
    temperature: float | None = None

    @property
    def _llm_type(self) -> str:
        return "openai-server"

    def _answer(self, messages: list[BaseMessage], tools: list[dict[str, Any]]) -> AIMessage:
        body: dict[str, object] = {
            "model": self.model,
            "messages": sent_messages(messages),
            "max_completion_tokens": self.budget.answer_tokens,
        }
        if httpx2.URL(self.base_url).host != httpx2.URL(OPENAI).host:
            # Its older name, which many servers know alone, and OpenAI refuses beside the new one.
            body["max_tokens"] = self.budget.answer_tokens
        if self.streaming:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if tools:
            body["tools"] = tools
        call = current_call()
        seconds = min(call.seconds_left, self.budget.seconds)
        try:
            content = asyncio.run(asyncio.wait_for(self._ask(body, call), seconds))
        except OutOfTimeError:
            raise
        except (TimeoutError, asyncio.TimeoutError):  # they differ in Python 3.10
            raise OutOfTimeError(f"the model did not answer in time ({seconds:.3g} s)") from None
        return read_completion(content)

    async def _ask(self, body: Mapping[str, object], call: ModelCall) -> bytes:
        """The content of the first answer that is one."""
        attempts = range(self.budget.retries, -1, -1)
        async with _client(self.budget.timeout_s, self.key.get_secret_value()) as client:
            for number, left in enumerate(attempts):
                request: dict[str, object] = {"status": None, "seconds": None}
                call.requests.append(request)
                wait_s = _FIRST_WAIT_S * 2**number
                try:
                    status, headers, content = await asyncio.wait_for(
                        self._post(client, body, request), self.budget.timeout_s
                    )
                except (TimeoutError, asyncio.TimeoutError, httpx2.TimeoutException):
                    if not left:
                        told = f"{self.budget.timeout_s:g} s"
                        raise OutOfTimeError(f"no answer of the model within {told}") from None
                except httpx2.HTTPError as error:
                    if not left:
                        told = f"{type(error).__name__}: {error}"
                        raise ModelFailedError(f"the model failed: {told}") from None
                else:
                    if status < 300:
                        return content
                    if status not in _WORTH_ANOTHER or not left:
                        raise ModelFailedError(_failure(status, headers, content))
                    wait_s = _told_wait_s(headers, wait_s)
                if wait_s >= call.seconds_left:
                    raise OutOfTimeError(
                        f"the model is to be asked again in {wait_s:.3g} s, and the budget has "
                        f"{call.seconds_left:.3g} s left"
                    )
                await asyncio.sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    async def _post(
        self, client: httpx2.AsyncClient, body: Mapping[str, object], request: dict[str, object]
    ) -> tuple[int, httpx2.Headers, bytes]:
        most = (1 << 20) + (self.budget.answer_tokens << 10)
        sent = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        began = time.monotonic()
        url = f"{self.base_url.rstrip('/')}/chat/completions"
        async with client.stream("POST", url, content=sent) as answer:
            request |= {
                "status": answer.status_code,
                "seconds": round(time.monotonic() - began, 4),
            }
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise ModelFailedError("the server compresses its answers though told not to")
            content = b""
            async for part in answer.aiter_raw():
                content += part
                if len(content) > most:
                    raise BudgetError(
                        f"the answer is longer than {most} bytes, though the server was told to "
                        f"write at most {self.budget.answer_tokens} tokens"
                    )
            return answer.status_code, answer.headers, content


def check_server(base_url: str) -> None:
    """Raises MissingModelError unless something speaks HTTP at `base_url`."""

    async def probe() -> None:
        url = f"{base_url.rstrip('/')}/models"
        async with _client(_PROBE_S) as client, client.stream("GET", url):
            pass  # whatever it answers

    try:
        url = httpx2.URL(base_url)
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            raise MissingModelError(
                "base_url must be http(s)://HOST[:PORT]/v1, without a user or a key"
            )
        call_within(_PROBE_S, lambda: asyncio.run(asyncio.wait_for(probe(), _PROBE_S)))
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, asyncio.TimeoutError) as error:
        raise MissingModelError(
            f"no server answers at {base_url} ({type(error).__name__}: {error}); start it, or "
            "give the base_url of one that runs"
        ) from error


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


def _client(timeout_s: float, key: str = "") -> httpx2.AsyncClient:
    headers = {"content-type": "application/json", "accept-encoding": "identity"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    return httpx2.AsyncClient(timeout=timeout_s, follow_redirects=False, headers=headers)


def _failure(status: int, headers: httpx2.Headers, content: bytes) -> str:
    """What a server says of its failure."""
    if "location" in headers and status < 400:
        return (
            f"the server answers {status} and points to {headers['location'][:_SHOWN]}, where "
            "nothing is sent; give that as base_url if it is to be trusted"
        )
    told = content.decode("utf-8", "replace")
    with contextlib.suppress(ValueError, LookupError, TypeError, RecursionError):
        told = json.loads(told)["error"]["message"]
    return f"the model failed: HTTP {status}: {str(told)[:_SHOWN]}"


def _told_wait_s(headers: httpx2.Headers, otherwise: float) -> float:
    """Seconds until the server wants to be asked again."""
    told = headers.get("retry-after", "")
    try:
        if "retry-after-ms" in headers:
            wait_s = float(headers["retry-after-ms"]) / 1000
        elif told[:1].isalpha():
            wait_s = parsedate_to_datetime(told).timestamp() - time.time()
        else:
            wait_s = float(told)
    except (ValueError, OverflowError):
        return otherwise
    return max(0.0, wait_s) if math.isfinite(wait_s) else otherwise
