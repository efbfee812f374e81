"""BERT for reading prompts, in torch alone: the same numbers as transformers and peft, which take
longer to import than a short recording takes to remix.

Only for what ships: an absolute-position BERT encoder in a folder of transformers' format, frozen
or with LoRA on query and value. Modules are named as peft names them, so that a reader's trained
state fits either.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import no_larger_than
from lcr.nn.reader.config import LoraConfig, ReaderConfig

WEIGHTS, TOKENIZER, CONFIG = "model.safetensors", "tokenizer.json", "config.json"
_ADAPTED = ("query", "value")
"""Adapted where a LoraConfig names no targets; targets are the ends of layers' names."""


@dataclass(frozen=True)
class Hidden:
    """What a transformers model gives, as far as readers use it: (batch, tokens, width)."""

    last_hidden_state: Tensor


def is_light(folder: Path, settings: ReaderConfig) -> bool:
    """Whether `LightBert` reads what is in `folder` as transformers would."""
    if settings.bits or settings.dtype != "float32" or settings.trains == "all":
        return False
    if settings.pooling == "final" or (settings.lora is not None and settings.lora.targets):
        return False
    if not all((folder / name).is_file() for name in (WEIGHTS, TOKENIZER, CONFIG)):
        return False
    found = _config(folder)
    plain = found.get("position_embedding_type", "absolute") == "absolute"
    decoder = found.get("is_decoder") or found.get("add_cross_attention")
    return bool(
        found.get("model_type") == "bert"
        and found.get("hidden_act") == "gelu"
        and plain
        and not decoder
    )


class LightTokenizer:
    """As much of a transformers tokenizer as `PromptTokenizer` uses."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.no_padding()
        self.model_max_length = int(_config(folder)["max_position_embeddings"])
        self.pad_token_id: int | None = self._tokenizer.token_to_id("[PAD]")

    def __call__(
        self,
        texts: str | Sequence[str],
        *,
        truncation: bool = False,
        max_length: int = 0,
        **_: object,
    ) -> dict[str, Any]:
        if truncation:
            self._tokenizer.enable_truncation(max_length)
        else:
            self._tokenizer.no_truncation()
        if isinstance(texts, str):
            return {"input_ids": self._tokenizer.encode(texts).ids}
        return {"input_ids": [row.ids for row in self._tokenizer.encode_batch(list(texts))]}


class LightBert(nn.Module):
    """`forward(input_ids, attention_mask)`, (batch, tokens) int64, to `Hidden`. Layers below
    `adapted_from` have no LoRA.

    Raises MissingWeightsError for a folder whose weights are damaged or do not fit its config.
    """

    def __init__(self, folder: Path, lora: LoraConfig | None, *, adapted_from: int = 0) -> None:
        super().__init__()
        config = _config(folder)
        self.width = int(config["hidden_size"])
        path = folder / WEIGHTS
        try:
            told = path.stat()
            tensors = _read(path, told.st_mtime_ns, told.st_size)
        except Exception as error:  # safetensors raises its own type for a damaged file
            raise MissingWeightsError(f"{folder} cannot be loaded: {error}") from error
        model = nn.Module()
        with no_larger_than(tensors):
            model.embeddings = _Embeddings(config)
            model.encoder = nn.Module()
            model.encoder.layer = nn.ModuleList(
                _Layer(config, lora if i >= adapted_from else None)
                for i in range(int(config["num_hidden_layers"]))
            )
        self._load(model, folder, tensors)
        model.requires_grad_(False)
        if lora is None:
            self.embeddings, self.encoder = model.embeddings, model.encoder
        else:
            self.base_model = nn.Module()
            self.base_model.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Hidden:
        own: Any = self.base_model.model if hasattr(self, "base_model") else self
        h = own.embeddings(input_ids)
        mask = attention_mask[:, None, None].bool()
        for layer in own.encoder.layer:
            h = layer(h, mask)
        return Hidden(h)

    def adapt(self, adapted: bool | Tensor) -> None:
        """Whether LoRA counts, as a tensor 0 or 1; without, it is the published model."""
        for module in self.modules():
            if isinstance(module, _Adapted):
                module.adapted = adapted

    def _load(self, model: nn.Module, folder: Path, tensors: Mapping[str, Tensor]) -> None:
        own = {}
        for name, value in tensors.items():
            name = name.removeprefix("bert.")
            if name.split(".")[0] in ("embeddings", "encoder"):
                own[_place(name, model)] = value.float()
        own.pop("embeddings.position_ids", None)
        wanted = {name for name in model.state_dict() if "lora_" not in name}
        lacking = sorted(wanted ^ set(own))
        if lacking:
            raise MissingWeightsError(
                f"{folder} lacks {len(lacking)} weights of a bert, such as {lacking[0]}"
            )
        try:
            model.load_state_dict(own, strict=False, assign=True)
        except RuntimeError as error:
            raise MissingWeightsError(f"{folder} cannot be loaded: {error}") from error


@lru_cache(maxsize=2)
def _read(path: Path, changed_ns: int, size: int) -> Mapping[str, Tensor]:
    """The tensors of a file, which nothing changes: all that read by one language model share
    them."""
    return load_file(path)


def _config(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    return found


def _place(name: str, model: nn.Module) -> str:
    """Our name for a tensor of the published checkpoint: in a layer with LoRA the published weights
    are those of its `base_layer`."""
    owner, _, last = name.rpartition(".")
    try:
        adapted = isinstance(model.get_submodule(owner), _Adapted)
    except AttributeError:
        return name
    return f"{owner}.base_layer.{last}" if adapted else name


class _Adapted(nn.Module):
    """A linear layer with low-rank adaptation beside it, named as peft names them."""

    def __init__(self, inputs: int, outputs: int, lora: LoraConfig) -> None:
        super().__init__()
        self.base_layer = nn.Linear(inputs, outputs)
        self.lora_A = nn.ModuleDict({"default": nn.Linear(inputs, lora.rank, bias=False)})
        self.lora_B = nn.ModuleDict({"default": nn.Linear(lora.rank, outputs, bias=False)})
        nn.init.zeros_(self.lora_B["default"].weight)  # type: ignore[arg-type]
        self.scale = lora.alpha / lora.rank
        self.adapted: bool | Tensor = True

    def forward(self, x: Tensor) -> Tensor:
        if self.adapted is False:
            plain: Tensor = self.base_layer(x)
            return plain
        change: Tensor = self.lora_B["default"](self.lora_A["default"](x))
        out: Tensor = self.base_layer(x)
        return out + self.scale * self.adapted * change


class _Embeddings(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width = int(config["hidden_size"])
        self.word_embeddings = nn.Embedding(int(config["vocab_size"]), width)
        self.position_embeddings = nn.Embedding(int(config["max_position_embeddings"]), width)
        self.token_type_embeddings = nn.Embedding(int(config["type_vocab_size"]), width)
        self.LayerNorm = nn.LayerNorm(width, eps=float(config["layer_norm_eps"]))

    def forward(self, ids: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        kind = self.token_type_embeddings.weight[0]
        out: Tensor = self.LayerNorm(
            self.word_embeddings(ids) + kind + self.position_embeddings(places)
        )
        return out


class _Layer(nn.Module):
    """Self-attention and a perceptron, each with a residual connection and a norm behind it."""

    def __init__(self, config: dict[str, Any], lora: LoraConfig | None) -> None:
        super().__init__()
        width, inner = int(config["hidden_size"]), int(config["intermediate_size"])
        eps = float(config["layer_norm_eps"])
        self.heads = int(config["num_attention_heads"])
        heard = {name: _linear(width, width, name, lora) for name in ("query", "key", "value")}
        self.attention = nn.ModuleDict(
            {
                "self": nn.ModuleDict(heard),
                "output": _joined(width, width, eps, "attention.output.dense", lora),
            }
        )
        self.intermediate = nn.ModuleDict(
            {"dense": _linear(width, inner, "intermediate.dense", lora)}
        )
        self.output = _joined(inner, width, eps, "output.dense", lora)

    def forward(self, h: Tensor, mask: Tensor) -> Tensor:
        own: Any = self.attention["self"]
        query, key, value = (
            own[name](h).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        heard = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        h = _add(self.attention["output"], heard.transpose(1, 2).flatten(2), h)
        return _add(self.output, functional.gelu(self.intermediate["dense"](h)), h)


def _linear(inputs: int, outputs: int, name: str, lora: LoraConfig | None) -> nn.Module:
    """The layer of that name, adapted where `lora` says so."""
    if lora is None or not any(name.endswith(end) for end in lora.targets or _ADAPTED):
        return nn.Linear(inputs, outputs)
    return _Adapted(inputs, outputs, lora)


def _joined(
    inputs: int, width: int, eps: float, name: str, lora: LoraConfig | None
) -> nn.ModuleDict:
    return nn.ModuleDict(
        {"dense": _linear(inputs, width, name, lora), "LayerNorm": nn.LayerNorm(width, eps=eps)}
    )


def _add(joined: Any, change: Tensor, h: Tensor) -> Tensor:  # noqa: ANN401 (a ModuleDict)
    out: Tensor = joined["LayerNorm"](joined["dense"](change) + h)
    return out
