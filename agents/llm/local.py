"""A local transformers language model as a LangChain chat model.

Messages and tools go through the model's own chat template. What it writes is read strictly: a
tool call is a `<tool_call>` block, or the whole answer, that is one JSON object with a name and
arguments; anything that begins as one and is none is a malformed call, never mended or guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    InvalidToolCall,
    ToolCall,
    convert_to_openai_messages,
)
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, Field

from agents.llm.budget import Budget
from agents.llm.errors import MissingModelError, ModelFailedError
from lcr.base_weights import MissingWeightsError, find_base, weights_sha256

_BLOCK = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_ARGUMENTS = ("arguments", "parameters")


def load_local(name: str, *, budget: Budget, device: str = "cpu") -> LocalChatModel:
    """From a folder, or a name that `lcr.base_weights.find_base` finds. No code of the
    folder is run. Raises MissingModelError for one without a model, tokenizer or chat template."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # Checkpoints in half precision decode slowly on a CPU.
    dtype = torch.float32 if device == "cpu" else "auto"
    try:
        folder = find_base(name)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, dtype=dtype
        )
    except MissingWeightsError as error:
        raise MissingModelError(str(error)) from error
    except (OSError, ValueError, KeyError) as error:
        raise MissingModelError(
            f"{name} holds no causal language model that transformers can load: {error}"
        ) from error
    if not tokenizer.chat_template:
        raise MissingModelError(f"{name} has no chat template; take an instruction-tuned model")
    return LocalChatModel(
        model=model.to(device).eval(),
        tokenizer=tokenizer,
        answer_tokens=budget.answer_tokens,
        seconds=budget.seconds,
        weights={folder.name: weights_sha256(folder)},
    )


class LocalChatModel(BaseChatModel):
    """Writes its likeliest answer, the same each time, of at most `answer_tokens` tokens and in
    at most `seconds`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: Any
    """A transformers causal language model."""
    tokenizer: Any
    """Its tokenizer, with a chat template."""
    answer_tokens: int = 1_024
    seconds: float = 90.0
    weights: Mapping[str, str] = Field(default_factory=dict)
    """Name and sha256 of its weights."""

    @property
    def _llm_type(self) -> str:
        return "transformers"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        **kwargs: object,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Tools are told to the model by its chat template."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        import torch

        inputs = self.tokenizer.apply_chat_template(
            [_plain(message) for message in convert_to_openai_messages(messages)],
            tools=kwargs.get("tools"),
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
        ).to(self.model.device)
        read = int(inputs["input_ids"].shape[1])
        longest = getattr(self.model.config, "max_position_embeddings", None)
        if longest is not None and read >= longest:
            raise ModelFailedError(f"the conversation has {read} tokens; the model reads {longest}")
        room = self.answer_tokens if longest is None else min(self.answer_tokens, longest - read)
        with torch.inference_mode():
            ids = self.model.generate(
                **inputs,
                max_new_tokens=room,
                max_time=self.seconds,
                do_sample=False,
                pad_token_id=self.tokenizer.eos_token_id,
            )[0, read:]
        answer = read_answer(self.tokenizer.decode(ids, skip_special_tokens=True))
        answer.usage_metadata = {
            "input_tokens": read,
            "output_tokens": len(ids),
            "total_tokens": read + len(ids),
        }
        return ChatResult(generations=[ChatGeneration(message=answer)])


def read_answer(text: str) -> AIMessage:
    """A model's text as a message: its tool calls, those that are malformed, and other words."""
    blocks = [block.strip() for block in _BLOCK.findall(text)]
    words = _BLOCK.sub("", text).strip()
    if not blocks and _looks_like_a_call(words):
        blocks, words = [words], ""
    calls: list[ToolCall] = []
    malformed: list[InvalidToolCall] = []
    for number, block in enumerate(blocks):
        identity = f"call-{number}"
        try:
            name, arguments = _read_call(block)
        except ValueError as error:
            malformed.append(
                InvalidToolCall(
                    type="invalid_tool_call", name=None, args=block, id=identity, error=str(error)
                )
            )
        else:
            calls.append(ToolCall(name=name, args=arguments, id=identity))
    return AIMessage(content=words, tool_calls=calls, invalid_tool_calls=malformed)


def _looks_like_a_call(text: str) -> bool:
    return text.startswith("{") and bool(re.match(r'\{\s*"name"\s*:', text))


def _read_call(block: str) -> tuple[str, dict[str, Any]]:
    """Raises ValueError for anything but {"name": TEXT, "arguments": {...}}."""
    data = json.loads(block)
    if not isinstance(data, dict) or not isinstance(data.get("name"), str):
        raise ValueError("a call is one JSON object with a name and arguments")
    keys = [key for key in _ARGUMENTS if key in data]
    if len(keys) > 1 or set(data) - {"name", *keys}:
        raise ValueError(f"a call has a name and arguments only; got {', '.join(map(str, data))}")
    arguments = data[keys[0]] if keys else {}
    if not isinstance(arguments, dict):
        raise ValueError("arguments are one JSON object")
    return data["name"], arguments


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    """As chat templates expect it: the arguments of calls as objects, no empty fields."""
    calls = message.get("tool_calls")
    if not calls:
        return message
    read = [
        {
            "type": "function",
            "function": {
                "name": call["function"]["name"],
                "arguments": json.loads(call["function"]["arguments"]),
            },
        }
        for call in calls
    ]
    return {**message, "tool_calls": read}
