"""PromptReader: prompt -> semantic filter z (section IV-A)."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from lcr.base_weights import (
    MINILM,
    MINILM_SHA256,
    MissingWeightsError,
    find_base,
    minilm_folder,
)
from lcr.nn.reader.config import ACTIONS, PRESETS, LoraConfig, ReaderConfig, preset
from lcr.nn.reader.embedding_cache import CacheError, EmbeddingCache, Rows, default_cache_path
from lcr.nn.reader.text_encoder import digest, is_pooler, load_light_encoder, load_text_encoder

__all__ = [
    "MINILM",
    "MINILM_SHA256",
    "PRESETS",
    "LoraConfig",
    "MissingWeightsError",
    "PromptReader",
    "ReaderConfig",
    "ReaderOutput",
    "minilm_folder",
    "preset",
]


@dataclass(frozen=True)
class ReaderOutput:
    """What was read of some prompts: `slots` (prompts, slots) probabilities of what each states,
    `embedding` (prompts, width or `project`)."""

    slots: Tensor
    embedding: Tensor


class PromptReader(nn.Module):
    """A transformers encoder or decoder; z is what its tokens state and the prompt's embedding.

    Every token says which column it may name (a class, a style, a scope) and which action it
    stands under; a slot is on when some token says both (a noisy or over tokens). Names are thus
    learnt once for all actions.

    What a frozen language model makes of a prompt is kept in `cache` ("default": the file of
    `default_cache_path`), so that a prompt read again costs a look-up. Others are never cached.
    `light` is for readers that will not be trained: some seconds sooner where
    `lcr.nn.reader.light_bert` knows the base.

    Raises MissingWeightsError, MissingPackageError (`bits` without bitsandbytes) or ValueError.
    """

    def __init__(
        self,
        config: ReaderConfig,
        *,
        cache: EmbeddingCache | Literal["default"] | None = "default",
        light: bool = False,
    ) -> None:
        super().__init__()
        self.config = config
        self._folder = find_base(config.base)
        loaded = (load_light_encoder if light else load_text_encoder)(self._folder, config)
        self.tokens, self.encoder, width = loaded.tokens, loaded.model, loaded.width
        self.columns = max(0, config.slots - 1) // ACTIONS
        if config.slots:
            self.name = nn.Linear(width, self.columns)
            self.act = nn.Linear(width, ACTIONS)
            self.rest = nn.Linear(width, 1)
            # Few slots are on in any prompt; starting from that saves the first hundred steps.
            nn.init.constant_(self.name.bias, -6.0)
        self.project = None if config.project is None else nn.Linear(width, config.project)
        self.z_dim = config.slots + ((config.project or width) if config.embed else 0)
        self._cache = self._usable(cache)
        self._identity: bytes | None = None
        self.register_load_state_dict_post_hook(_forget_identity)  # type: ignore[no-untyped-call]

    def read(self, prompts: Sequence[str]) -> ReaderOutput:
        """Read one or more prompts; any text, empty ones too. What is longer than `max_tokens` is
        cut at its end, with a PromptTruncatedWarning. Raises ValueError without any prompt."""
        if not prompts:
            raise ValueError("there is no prompt to read")
        # Tokenisers refuse lone surrogates, and an empty prompt still has its end tokens.
        texts = [p.encode("utf-8", "replace").decode("utf-8") for p in prompts]
        hidden, mask = self._encode(texts) if self._cache is None else self._recall(texts)
        pooled = self._pool(hidden, mask)
        embedding = pooled if self.project is None else self.project(pooled)
        if not self.config.slots:
            return ReaderOutput(pooled.new_empty(len(pooled), 0), embedding)
        named = torch.sigmoid(self.name(hidden)) * mask  # (prompts, tokens, columns)
        action = torch.softmax(self.act(hidden), -1)  # (prompts, tokens, actions)
        both = (action.unsqueeze(-1) * named.unsqueeze(-2)).clamp_max(1 - 1e-6)
        stated = 1 - torch.log1p(-both).sum(1).exp()
        slots = torch.cat([stated.flatten(1), torch.sigmoid(self.rest(pooled))], -1)
        return ReaderOutput(slots, embedding)

    def forward(self, prompts: Sequence[str]) -> Tensor:
        """Prompts to z, (prompts, z_dim), float32."""
        return self.join(self.read(prompts))

    def join(self, reading: ReaderOutput) -> Tensor:
        """z of a reading, (prompts, z_dim): slots, then the embedding when the config has it."""
        if not self.config.embed:
            return reading.slots
        return torch.cat([reading.slots, reading.embedding], -1)

    def trained_state(self) -> dict[str, Tensor]:
        """What training changed: the heads and, by mode, LoRA or the language model; the rest of
        the base is found by its name."""
        return {name: value for name, value in self.state_dict().items() if self._learns(name)}

    def train(self, mode: bool = True) -> PromptReader:
        """As in torch, but a language model that is not trained keeps its dropout off."""
        super().train(mode)
        if self.config.trains == "frozen":
            self.encoder.eval()
        return self

    def _learns(self, name: str) -> bool:
        if not name.startswith("encoder."):
            return True
        if self.config.trains == "all":
            return not is_pooler(name)
        return "lora_" in name

    def _encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Last layer, (prompts, tokens, width), and which tokens are real, (prompts, tokens, 1)."""
        ids, mask = self.tokens(texts)
        device = next(self.encoder.parameters()).device
        ids, mask = ids.to(device), mask.to(device)
        learning = torch.is_grad_enabled() and self.config.trains != "frozen"
        with torch.set_grad_enabled(learning):
            out = self.encoder(input_ids=ids, attention_mask=mask)
        hidden: Tensor = out.last_hidden_state.float()
        return hidden, mask.unsqueeze(-1).to(hidden.dtype)

    def _pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """(prompts, width): the final real token's state, or the mean over real tokens."""
        if self.tokens.pooling == "mean":
            return (hidden * mask).sum(1) / mask.sum(1)
        final = mask.sum((1, 2)).long() - 1
        return hidden[torch.arange(len(hidden), device=hidden.device), final]

    def _recall(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """`_encode` through the cache. Where no slots are read, only the pooled state is kept, as
        if it were a prompt of one token."""
        if self._identity is None:
            self._identity = self._identify()
        keys = [hashlib.sha256(self._identity + t.encode()).digest() for t in texts]
        rows = dict(zip(keys, self._ask(keys), strict=True))
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if rows[key] is None}
        if fresh:
            made = self._rows(list(fresh.values()))
            rows.update(zip(fresh, made, strict=True))
            self._keep(dict(zip(fresh, made, strict=True)))
        # Copied, because what SQLite gives is read-only.
        states = [torch.from_numpy(np.array(rows[key])) for key in keys]
        device = next(self.encoder.parameters()).device
        hidden = nn.utils.rnn.pad_sequence(states, batch_first=True).to(device)
        lengths = torch.tensor([len(state) for state in states], device=device)
        mask = torch.arange(hidden.shape[1], device=device) < lengths.unsqueeze(1)
        return hidden, mask.unsqueeze(-1).to(hidden.dtype)

    def _rows(self, texts: Sequence[str]) -> list[Rows]:
        hidden, mask = self._encode(texts)
        if not self.config.slots:
            return list(self._pool(hidden, mask).unsqueeze(1).cpu().numpy())
        lengths = mask.sum((1, 2)).long().tolist()
        return [state[:n].cpu().numpy() for state, n in zip(hidden, lengths, strict=True)]

    def _ask(self, keys: Sequence[bytes]) -> list[Rows | None]:
        if self._cache is not None:
            try:
                return self._cache.get(keys)
            except CacheError as error:
                self._do_without(error)
        return [None] * len(keys)

    def _keep(self, entries: dict[bytes, Rows]) -> None:
        if self._cache is not None:
            try:
                self._cache.put(entries)
            except CacheError as error:
                self._do_without(error)

    def _do_without(self, error: CacheError) -> None:
        # A full disk costs time, not the run.
        warnings.warn(f"prompts are read without a cache: {error}", RuntimeWarning, stacklevel=2)
        self._cache = None

    def _identify(self) -> bytes:
        """Digest of all that the cached states depend on besides the text."""
        kept = "tokens" if self.config.slots else "prompt"
        settings = f"1 {self.tokens.pooling} {self.config.max_tokens} {kept} "
        return hashlib.sha256(settings.encode() + digest(self._folder, self.encoder)).digest()

    def _usable(self, cache: EmbeddingCache | Literal["default"] | None) -> EmbeddingCache | None:
        if self.config.trains != "frozen":
            if isinstance(cache, EmbeddingCache):
                raise ValueError(f'a reader of mode "{self.config.trains}" changes: no cache')
            return None
        if cache != "default":
            return cache
        path = default_cache_path()
        return None if path is None else EmbeddingCache(path)


def _forget_identity(reader: PromptReader, _: object) -> None:
    """Loaded weights may be others: what they are is looked at anew."""
    reader._identity = None
