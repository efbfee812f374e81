"""What a PromptReader is made of and what of it is trained."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lcr.base_weights import MINILM

Mode = Literal["frozen", "lora", "all"]
Pooling = Literal["mean", "final"]
Precision = Literal["float32", "bfloat16", "float16"]
Bits = Literal[4, 8]

ACTIONS = 4
"""Rows of the slots: remove, keep, up, down."""


@dataclass(frozen=True, kw_only=True)
class LoraConfig:
    """Low-rank adaptation of the query and value projections (section VI-E, appendix A).

    `targets` are names of linear layers, for architectures whose query and value peft does not
    know. Where they are fused with the key in one layer (GPT-2), that layer is adapted whole.
    """

    rank: int = 16
    alpha: float = 16.0
    dropout: float = 0.05
    targets: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True)
class ReaderConfig:
    """`base` is "all-MiniLM-L6-v2", a folder in transformers' format or a name on the hub.

    z is the probability of each of `slots` statements (four actions x columns, and one more; none
    when 0) and, when `embed`, the embedding of the prompt: the last layer at the final token for
    decoders, which EOS ends, and its masked mean for encoders, or what `pooling` names. The
    embedding is as wide as the model, as in the paper, or projected to `project`.

    `mode` says what of the language model is trained; None is "lora" where `lora` is given, else
    "frozen". `bits` quantises the base by bitsandbytes. "all" trains in `dtype`: prefer float32
    and autocast.
    """

    base: str = MINILM
    slots: int
    embed: bool = True
    max_tokens: int = 96
    lora: LoraConfig | None = LoraConfig()
    mode: Mode | None = None
    pooling: Pooling | None = None
    project: int | None = None
    dtype: Precision = "float32"
    bits: Bits | None = None

    def __post_init__(self) -> None:
        if self.slots and (self.slots <= 1 or self.slots % ACTIONS != 1):
            raise ValueError(f"slots is {self.slots}; it is 0 or one more than a multiple of 4")
        if not self.slots and not self.embed:
            raise ValueError("z is empty: embed is off and slots is 0")
        if self.project is not None and (self.project <= 0 or not self.embed):
            raise ValueError(f"project is {self.project}; it needs embed and a positive width")
        if self.mode == "lora" and self.lora is None:
            raise ValueError('mode is "lora" but lora is not given')
        if self.bits is not None and self.trains == "all":
            raise ValueError('quantised weights cannot be trained: take mode "lora" or "frozen"')

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> ReaderConfig:
        """From what `dataclasses.asdict` gave. Raises TypeError, ValueError."""
        lora = settings.get("lora")
        return cls(**{**settings, "lora": LoraConfig(**lora) if lora else None})

    @property
    def trains(self) -> Mode:
        """Which weights of the language model are trained, also where `mode` is None."""
        return self.mode or ("frozen" if self.lora is None else "lora")


PRESETS = {
    "minilm": ReaderConfig(slots=0),
    "gpt2": ReaderConfig(slots=0, base="openai-community/gpt2", mode="all"),
    "llama-2-7b": ReaderConfig(
        slots=0, base="meta-llama/Llama-2-7b-chat-hf", mode="lora", dtype="bfloat16"
    ),
}
"""MiniLM with LoRA (ours), and the paper's two readers with its training (appendix A)."""


def preset(name: str) -> ReaderConfig:
    """A reader of PRESETS; `dataclasses.replace` changes it. Raises ValueError for other names."""
    if name not in PRESETS:
        close = difflib.get_close_matches(name, PRESETS, n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        raise ValueError(f"no reader preset {name!r} among {', '.join(PRESETS)}{meant}")
    return PRESETS[name]
