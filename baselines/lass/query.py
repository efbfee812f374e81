"""Queries of LASS: the words for one sound, and what they are embedded by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from baselines.clap.checkpoint import load_clap
from baselines.clap.wording import wordings
from baselines.shipped import find_weights
from lcr.base_weights import MINILM
from lcr.checkpoints import WeightsError, base_weights, must_be
from lcr.instruction import Description
from lcr.nn.reader.prompt_reader import PromptReader, ReaderConfig


class QueryEncoder(Protocol):
    """Embeds texts by meaning; every CLAP here is a QueryEncoder."""

    @property
    def width(self) -> int: ...

    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """Texts to unit vectors (texts, width). Raises ValueError without any text."""
        ...


class SentenceEncoder:
    """A frozen sentence encoder, MiniLM unless told otherwise: it has read much and heard nothing.

    `width` keeps as many of the embedding's values, the first, so that what they steer is smaller.
    Raises MissingWeightsError where its weights are not on this machine, ValueError for a width
    that the encoder does not have.
    """

    def __init__(self, base: str = MINILM, width: int | None = None) -> None:
        self.base = base
        config = ReaderConfig(base=base, slots=0, mode="frozen", lora=None)
        self._reader = PromptReader(config).eval()
        self._width = self._reader.z_dim if width is None else width
        if not 1 <= self._width <= self._reader.z_dim:
            raise ValueError(f"width must be 1 to {self._reader.z_dim}; got {width}")

    @property
    def width(self) -> int:
        return self._width

    @torch.no_grad()
    def embed_text(self, texts: Sequence[str]) -> Tensor:
        return functional.normalize(self._reader(texts)[:, : self._width], dim=-1)


@dataclass(frozen=True)
class LoadedEncoder:
    """An encoder, and the names and sha256 of its weights, as cards hold them. `settings` say
    which it is, for a checkpoint's config.json."""

    encoder: QueryEncoder
    settings: Mapping[str, Any]
    weights: Mapping[str, str] = field(default_factory=dict)


def load_encoder(settings: Mapping[str, Any]) -> LoadedEncoder:
    """{"kind": "sentence", "base": ..., "width": ...} or {"kind": "clap", "weights": ...}: a CLAP
    that ships or the path of another, whose text tower is used; "encoder" as in `load_clap`.

    Where `settings` have the `sha256` of the weights that an extractor was trained with, others
    raise WeightsError; so do settings that name no encoder. Raises MissingWeightsError.
    """
    kind = settings.get("kind")
    if kind == "sentence":
        base = str(settings.get("base", MINILM))
        width = settings.get("width")
        encoder: QueryEncoder = SentenceEncoder(base, width)
        weights = base_weights(base)
        named: dict[str, Any] = {"kind": "sentence", "base": base}
        if width is not None:
            named["width"] = width
    elif kind == "clap" and "weights" in settings:
        name, code = str(settings["weights"]), settings.get("encoder", "transformers")
        loaded = load_clap(find_weights(name), encoder=code)
        encoder, weights = loaded.model, dict(loaded.weights)
        named = {"kind": "clap", "weights": name}
        if code != "transformers":
            named["encoder"] = code
    else:
        raise WeightsError(f"no query encoder is {dict(settings)}; there are sentence, clap")
    found = " ".join(weights[name] for name in sorted(weights))
    must_be(
        found,
        settings.get("sha256"),
        f"the query encoder {named} is not the one that the extractor was trained with",
    )
    return LoadedEncoder(encoder, {**named, "sha256": found}, weights)


def query_of(description: Description) -> str:
    """The words for a sound of which this is the true description, always the same."""
    return wordings(description, 1)[0]
