"""Chat models by name: OpenAI's, those of any server with its protocol, and local ones.

| name            | what it is                                                              |
|-----------------|-------------------------------------------------------------------------|
| `openai:NAME`   | a model of OpenAI, or with `base_url` of any server with its protocol:  |
|                 | Ollama, vLLM, llama.cpp, `transformers serve`                           |
| `local:FOLDER`  | a causal language model that transformers loads from that folder        |
| `planner:NAME`  | one of `agents.planners.choose`, that answers as a chat model does             |

The key comes from OPENAI_API_KEY and nowhere else; it is in no message and no record.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import time
import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import httpx2
from langchain_core.exceptions import ModelConnectionError, ModelError, ModelTimeoutError
from langchain_core.language_models import BaseChatModel

from agents.llm.budget import Budget
from agents.llm.errors import (
    AgentError,
    BrokenAnswerError,
    MissingModelError,
    ModelFailedError,
    OutOfTimeError,
)

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

KEY = "OPENAI_API_KEY"
OPENAI = "https://api.openai.com/v1"
_FORMS = "openai:NAME (with base_url: of any server with its protocol), local:FOLDER, planner:NAME"
_NO_KEY = "none"
"""What servers without keys are sent in place of one."""
_ANSWER_BYTES = 16 << 20
_PROBE_S = 3.0

_requests: contextvars.ContextVar[list[dict[str, object]] | None] = contextvars.ContextVar(
    "requests of the call of a model that is under way", default=None
)


def chat_model(
    name: str,
    *,
    base_url: str = "",
    budget: Budget | None = None,
    retries: int = 2,
    timeout_s: float = 60.0,
    stream: bool = False,
    temperature: float | None = None,
    device: str = "cpu",
) -> BaseChatModel:
    """The model that `name` stands for (see the table above).

    `retries` of requests that fail with 408, 409, 429, 5xx or without an answer, with back-off
    or after what Retry-After says; `timeout_s` is what one request may take from first to last
    byte. Raises MissingModelError where there is no such model, key or server.
    """
    budget = budget or Budget()
    provider, _, rest = name.partition(":")
    if provider == "local" and rest:
        from agents.llm.local import load_local

        return load_local(rest, budget=budget, device=device)
    if provider == "planner" and rest:
        from agents.llm.offline_chat import planner_chat

        return planner_chat(rest)
    if provider == "openai" and rest:
        return _openai(
            rest,
            base_url=base_url,
            budget=budget,
            retries=retries,
            timeout_s=min(timeout_s, budget.seconds),
            stream=stream,
            temperature=temperature,
        )
    what = "no language model was named" if not name else f"no language model is {name!r}"
    raise MissingModelError(f"{what}; give model={_FORMS}")


def _openai(
    model: str,
    *,
    base_url: str,
    budget: Budget,
    retries: int,
    timeout_s: float,
    stream: bool,
    temperature: float | None,
) -> ChatOpenAI:
    key = os.environ.get(KEY, "").strip()
    if base_url:
        check_server(base_url)
    elif not key:
        raise MissingModelError(
            f"no key for OpenAI's {model}: set {KEY}, or give base_url=URL of a server with its "
            "protocol (Ollama: http://localhost:11434/v1)"
        )
    import openai
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    client = openai.DefaultHttpxClient(
        timeout=timeout_s,
        event_hooks={"request": [_sent], "response": [_answered(timeout_s)]},
    )
    chat = ChatOpenAI(
        model=model,
        base_url=base_url or OPENAI,
        api_key=SecretStr(key or _NO_KEY),
        http_client=client,
        http_socket_options=(),  # with options of its own langchain-openai ignores proxies
        timeout=timeout_s,
        max_retries=retries,
        max_completion_tokens=budget.answer_tokens,
        temperature=temperature,
        streaming=stream,
        stream_usage=True,
        use_responses_api=False,
    )
    weakref.finalize(chat, client.close)
    return chat


def check_server(base_url: str) -> None:
    """Raises MissingModelError unless something speaks HTTP at `base_url`."""
    try:
        url = httpx2.URL(base_url)
        if url.scheme not in ("http", "https") or not url.host:
            raise MissingModelError(f"base_url must be http(s)://HOST[:PORT]/v1; got {base_url!r}")
        httpx2.get(f"{base_url.rstrip('/')}/models", timeout=_PROBE_S)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise MissingModelError(
            f"no server answers at {base_url} ({type(error).__name__}: {error}); start it, or "
            "give the base_url of one that runs"
        ) from error


def weights_of(chat: BaseChatModel) -> dict[str, str]:
    """Names and sha256 of the weights that a local model or a planner runs with; of a server's
    model there are none to be known."""
    known = getattr(chat, "weights", {})
    return dict(known) if isinstance(known, Mapping) else {}


@contextlib.contextmanager
def requests_recorded() -> Iterator[list[dict[str, object]]]:
    """The requests that a call of a model makes, each with its status, None where it got none,
    and seconds to its status."""
    found: list[dict[str, object]] = []
    token = _requests.set(found)
    try:
        yield found
    finally:
        _requests.reset(token)


def failure_of(error: Exception, *, answering: bool = False) -> AgentError:
    """Why a call of a model failed, in this project's words and without the key. `answering`: a
    stream had begun, so that the model's client did not try again by itself."""
    if isinstance(error, AgentError):
        return error
    words = f"{type(error).__name__}: {error}"
    key = os.environ.get(KEY, "").strip()
    words = words.replace(key, f"${KEY}") if key else words
    if isinstance(error, (ModelTimeoutError, httpx2.TimeoutException)):
        return OutOfTimeError(f"the model did not answer in time: {words}")
    if answering and isinstance(error, (ModelConnectionError, httpx2.TransportError)):
        return BrokenAnswerError(f"the model's answer broke off: {words}")
    if isinstance(error, (ModelError, httpx2.HTTPError)):
        return ModelFailedError(f"the model failed: {words}")
    return BrokenAnswerError(f"the model's answer is unusable: {words}")


def _sent(request: httpx2.Request) -> None:
    found = _requests.get()
    if found is not None:
        found.append({"status": None, "seconds": None})
    request.extensions["sent"] = time.monotonic()


def _answered(timeout_s: float) -> Any:  # noqa: ANN401 (an httpx hook)
    def hook(response: httpx2.Response) -> None:
        began = float(response.request.extensions["sent"])
        found = _requests.get()
        if found:
            seconds = round(time.monotonic() - began, 4)
            found[-1] = {"status": response.status_code, "seconds": seconds}
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _BoundedStream(response.stream, until=began + timeout_s)

    return hook


class _BoundedStream(httpx2.SyncByteStream):
    """An answer's bytes; httpx's own time-out starts anew with each of them, this one does not."""

    def __init__(self, stream: httpx2.SyncByteStream, *, until: float) -> None:
        self._stream, self._until = stream, until

    def __iter__(self) -> Iterator[bytes]:
        received = 0
        for part in self._stream:
            received += len(part)
            if time.monotonic() > self._until:
                raise httpx2.ReadTimeout("the answer took too long from first to last byte")
            if received > _ANSWER_BYTES:
                raise httpx2.ReadError(f"the answer is longer than {_ANSWER_BYTES} bytes")
            yield part

    def close(self) -> None:
        self._stream.close()
