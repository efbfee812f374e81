"""Chat models by name: OpenAI's, those of any server with its protocol, and local ones.

| name            | what it is                                                              |
|-----------------|-------------------------------------------------------------------------|
| `openai:NAME`   | a model of OpenAI, or with `base_url` of any server with its protocol:  |
|                 | Ollama, vLLM, llama.cpp, `transformers serve`                           |
| `local:FOLDER`  | a causal language model that transformers loads from that folder        |
| `planner:NAME`  | one of `agents.planners.choose`, that answers as a chat model does             |
| `extracting:NAME` | the same, of those that plan by the prompt alone: it extracts what is named  |

The key comes from OPENAI_API_KEY and nowhere else; it is in no message and no record.
"""

from __future__ import annotations

from collections.abc import Mapping

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from agents.llm.budget import Budget
from agents.llm.errors import MissingModelError
from agents.llm.key import KEY, read_key

_FORMS = (
    "openai:NAME (with base_url: of any server with its protocol), local:FOLDER, planner:NAME, "
    "extracting:NAME"
)
_HOTTEST = 2.0


def chat_model(
    name: str,
    *,
    base_url: str = "",
    budget: Budget | None = None,
    stream: bool = False,
    temperature: float | None = None,
    device: str = "cpu",
) -> BaseChatModel:
    """The model that `name` stands for (see the table above), within `budget`.

    Raises MissingModelError where there is no such model, key or server, ValueError for a
    temperature that is not from 0 to 2.
    """
    budget = budget or Budget()
    provider, _, rest = name.partition(":")
    if temperature is not None and not 0 <= temperature <= _HOTTEST:
        raise ValueError(f"a temperature is from 0 to {_HOTTEST:g}; got {temperature}")
    if provider == "local" and rest:
        from agents.llm.local import load_local

        return load_local(rest, budget=budget, device=device)
    if provider == "planner" and rest:
        from agents.llm.offline_chat import planner_chat

        return planner_chat(rest)
    if provider == "extracting" and rest:
        from agents.llm.offline_chat import ExtractingChatModel, planner_chat

        return planner_chat(rest, ExtractingChatModel)
    if provider == "openai" and rest:
        from agents.llm.server import OPENAI, ServerModel, check_server

        key = read_key()
        if base_url:
            check_server(base_url)
        elif not key:
            raise MissingModelError(
                f"no key for OpenAI's {rest}: set {KEY}, or give base_url=URL of a server with its "
                "protocol (Ollama: http://localhost:11434/v1)"
            )
        return ServerModel(
            model=rest,
            base_url=base_url or OPENAI,
            key=SecretStr(key),
            budget=budget,
            streaming=stream,
            temperature=temperature,
        )
    what = "no language model was named" if not name else f"no language model is {name!r}"
    raise MissingModelError(f"{what}; give model={_FORMS}")


def weights_of(chat: BaseChatModel) -> dict[str, str]:
    """Names and sha256 of the weights that a local model or a planner runs with; of a server's
    model there are none to be known."""
    known = getattr(chat, "weights", {})
    return dict(known) if isinstance(known, Mapping) else {}
