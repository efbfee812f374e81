"""A local transformers language model as a LangChain chat model.

Messages and tools go through the model's own chat template; what it writes is read as
`agents.llm.protocol` reads any answer.
"""

from __future__ import annotations

import json
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from pydantic import ConfigDict

from agents.llm.budget import Budget, current_call
from agents.llm.errors import MissingModelError, ModelFailedError
from agents.llm.protocol import ToolModel, read_answer, sent_messages
from lcr.base_weights import MissingWeightsError, find_base, weights_sha256


def load_local(name: str, *, budget: Budget, device: str = "cpu") -> LocalChatModel:
    """From a folder, or a name that `lcr.base_weights.find_base` finds. No code of the
    folder is run. Raises MissingModelError for one without a model, tokenizer or chat template."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from lcr.nn.reader.text_encoder import quiet

    # Checkpoints in half precision decode slowly on a CPU.
    dtype = torch.float32 if device == "cpu" else "auto"
    try:
        folder = find_base(name)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        with quiet():
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


class LocalChatModel(ToolModel):
    """Writes its likeliest answer, the same each time, of at most `answer_tokens` tokens and in
    at most `seconds`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: Any
    """A transformers causal language model."""
    tokenizer: Any
    """Its tokenizer, with a chat template."""
    answer_tokens: int = 1_024
    seconds: float = 90.0

    @property
    def _llm_type(self) -> str:
        return "transformers"

    def _answer(self, messages: list[BaseMessage], tools: list[dict[str, Any]]) -> AIMessage:
        import torch

        inputs = self.tokenizer.apply_chat_template(
            [_plain(message) for message in sent_messages(messages)],
            tools=tools or None,
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
                max_time=min(self.seconds, current_call().seconds_left),
                do_sample=False,
                pad_token_id=self.tokenizer.eos_token_id,
            )[0, read:]
        answer = read_answer(self.tokenizer.decode(ids, skip_special_tokens=True))
        answer.usage_metadata = {
            "input_tokens": read,
            "output_tokens": len(ids),
            "total_tokens": read + len(ids),
        }
        return answer


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    """A message as chat templates expect it: the arguments of calls as objects, no empty fields."""
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
