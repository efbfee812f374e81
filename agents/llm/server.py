"""A chat model behind a server with OpenAI's protocol: Ollama, vLLM, llama.cpp, OpenAI itself.

OpenAI's own client asks it. A call ends when its time is over, whatever the server does: all that
the client does, its attempts and the waiting between them, is cancelled then, so that no request
follows. Nothing is fetched from where a server points to, and no more is read than an answer can
hold. What is read is the content as it came, since servers' answers are not all as OpenAI's are.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from functools import cache
from typing import Any

import httpx2
import openai
from langchain_core.messages import AIMessage, BaseMessage
from pydantic import SecretStr

from agents.llm.budget import Budget, ModelCall, call_within, current_call
from agents.llm.errors import BudgetError, MissingModelError, ModelFailedError, OutOfTimeError
from agents.llm.protocol import ToolModel, read_completion, sent_messages

OPENAI = "https://api.openai.com/v1"
_NO_KEY = "none"
"""Sent where there is no key: the client insists on one, servers without keys do not read it."""
_PROBE_S = 3.0
_SHOWN = 500
"""Characters of a server's error that are told."""


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
        body: dict[str, Any] = {
            "model": self.model,
            "messages": sent_messages(messages),
            "max_completion_tokens": self.budget.answer_tokens,
        }
        if httpx2.URL(self.base_url).host != httpx2.URL(OPENAI).host:
            # Its older name, which many servers know alone, and OpenAI refuses beside the new one.
            body["max_tokens"] = self.budget.answer_tokens
        if self.streaming:  # not as the client's own option: it would try only the head again
            body["extra_body"] = {"stream": True, "stream_options": {"include_usage": True}}
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if tools:
            body["tools"] = tools
        call = current_call()
        seconds = min(call.seconds_left, self.budget.seconds)
        try:
            content = asyncio.run(asyncio.wait_for(self._ask(body, call), seconds))
        except openai.APIStatusError as error:
            raise ModelFailedError(_failure(error)) from None
        except openai.APITimeoutError:
            told = f"{self.budget.timeout_s:g} s"
            raise OutOfTimeError(f"no answer of the model within {told}") from None
        except openai.APIConnectionError as error:
            told = f"{type(error.__cause__).__name__}: {error.__cause__}"
            raise ModelFailedError(f"the model failed: {told}") from None
        except asyncio.TimeoutError:
            came = ", ".join(str(request["status"] or "none") for request in call.requests)
            raise OutOfTimeError(
                f"the model did not answer in time ({seconds:.3g} s; HTTP answers: {came})"
            ) from None
        return read_completion(content)

    async def _ask(self, body: dict[str, Any], call: ModelCall) -> bytes:
        """The content of the first answer that is one."""
        async with openai.AsyncOpenAI(
            base_url=self.base_url,
            api_key=self.key.get_secret_value() or _NO_KEY,
            timeout=self.budget.timeout_s,
            max_retries=self.budget.retries,
            http_client=_HttpClient(self.budget, call),
        ) as client:
            answer = await client.chat.completions.with_raw_response.create(**body)
            content: bytes = answer.http_response.content
            return content


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that are trusted; reading them takes longer than many an answer."""
    return httpx2.create_ssl_context()


class _HttpClient(httpx2.AsyncClient):
    """Writes each request down in `call`, follows no redirect, and reads answers whole: within
    the budget's `timeout_s`, and no more bytes than its tokens can be."""

    def __init__(self, budget: Budget, call: ModelCall) -> None:
        super().__init__(verify=_trusted(), headers={"accept-encoding": "identity"})
        self._budget, self._call = budget, call

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:  # noqa: ANN401
        if self._call.seconds_left <= 0:
            raise httpx2.ReadTimeout("the call is over", request=request)
        try:
            return await asyncio.wait_for(self._read(request, options), self._budget.timeout_s)
        except asyncio.TimeoutError:
            raise httpx2.ReadTimeout("the answer is not whole", request=request) from None

    async def _read(self, request: httpx2.Request, options: dict[str, Any]) -> httpx2.Response:
        sent: dict[str, object] = {"status": None, "seconds": None}
        self._call.requests.append(sent)
        began = time.monotonic()
        most = (1 << 20) + (self._budget.answer_tokens << 10)
        options |= {"stream": True, "follow_redirects": False}
        async with contextlib.aclosing(await super().send(request, **options)) as answer:
            sent |= {"status": answer.status_code, "seconds": round(time.monotonic() - began, 4)}
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise ModelFailedError("the server compresses its answers though told not to")
            content = b""
            async for part in answer.aiter_raw():
                content += part
                if len(content) > most:
                    raise BudgetError(
                        f"the answer is longer than {most} bytes, though the server was told to "
                        f"write at most {self._budget.answer_tokens} tokens"
                    )
        return httpx2.Response(
            answer.status_code, headers=answer.headers, content=content, request=request
        )


def check_server(base_url: str) -> None:
    """Raises MissingModelError unless something speaks HTTP at `base_url`."""

    async def probe() -> None:
        url = f"{base_url.rstrip('/')}/models"
        async with httpx2.AsyncClient(timeout=_PROBE_S) as client, client.stream("GET", url):
            pass  # whatever it answers

    try:
        url = httpx2.URL(base_url)
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            raise MissingModelError(
                "base_url must be http(s)://HOST[:PORT]/v1, without a user or a key"
            )
        limit = ModelCall(_PROBE_S)
        call_within(limit, lambda: asyncio.run(asyncio.wait_for(probe(), _PROBE_S)))
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, asyncio.TimeoutError) as error:
        raise MissingModelError(
            f"no server answers at {base_url} ({type(error).__name__}: {error}); start it, or "
            "give the base_url of one that runs"
        ) from error


def _failure(error: openai.APIStatusError) -> str:
    """What a server says of its failure."""
    status, headers = error.status_code, error.response.headers
    if "location" in headers and status < 400:
        return (
            f"the server answers {status} and points to {headers['location'][:_SHOWN]}, where "
            "nothing is sent; give that as base_url if it is to be trusted"
        )
    told = error.message.removeprefix(f"Error code: {status} - ")
    return f"the model failed: HTTP {status}: {told[:_SHOWN]}"
