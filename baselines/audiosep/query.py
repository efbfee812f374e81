"""AudioSep's query: the text side of LAION's CLAP, RoBERTa and a projection, by transformers.

AudioSep trains behind the frozen CLAP of `music_speech_audioset_epoch_15_esc_89.98.pt`; its own
checkpoint holds a copy, which its loader puts in that one's place. Names are mapped by
`baselines.clap.laion.rename`: `text_branch.` is `text_model.` here, and `text_projection.0.` and
`.2.` are `text_projection.linear1.` and `.linear2.` with a ReLU between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from baselines.clap.laion import rename, text_settings, tokenizer_folder
from baselines.clap.public import load_tokenizer
from lcr.checkpoints import WeightsError, must_fit, no_larger_than

PARTS = ("text_branch.", "text_projection.")
"""What of a CLAP's tensors a query passes through."""
IGNORED = (
    "audio_branch.",
    "audio_projection.",
    "audio_transform.",
    "text_transform.",
    "logit_scale_a",
    "logit_scale_t",
)
"""The rest of it: the side of audio, the second projections of an unused loss, the temperatures."""
_TOKENS = 512
_COMPUTED = ("embeddings.position_ids", "embeddings.token_type_ids")
"""Buffers that follow from the sizes: some versions of transformers save them, others do not."""


class ClapQuery:
    """A `ClapTextModelWithProjection` and its tokeniser as a `QueryEncoder`."""

    def __init__(self, model: Any, tokenizer: Any) -> None:  # noqa: ANN401 (transformers' own)
        self._model = model.requires_grad_(False).eval()
        self._tokenizer = tokenizer

    @property
    def width(self) -> int:
        return int(self._model.config.projection_dim)

    @torch.no_grad()
    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors (texts, width). Raises ValueError without any text."""
        if not texts:
            raise ValueError("there is no text to embed")
        tokens = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=_TOKENS, return_tensors="pt"
        )
        out: Tensor = self._model(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
        ).text_embeds
        return functional.normalize(out, dim=-1)


def build_query(
    state: Mapping[str, Tensor], path: Path, tokenizer: Path | None = None
) -> ClapQuery:
    """From laion-clap's tensors of `PARTS`, which came from `path`: all of them must fit.

    The tokeniser is looked for in `tokenizer`, beside `path` and as the model roberta-base (see
    `lcr.base_weights.find_base`). Raises MissingWeightsError, WeightsError.
    """
    from transformers import ClapTextConfig, ClapTextModelWithProjection

    if "text_projection.2.bias" not in state:
        raise WeightsError(f"{path} does not fit: its CLAP has no text_projection.2.bias")
    settings = text_settings(state, path)
    width = len(state["text_projection.2.bias"])
    with must_fit(path, "holds no CLAP with RoBERTa"), no_larger_than(state):
        config = ClapTextConfig(**settings, projection_dim=width)
        model: Any = ClapTextModelWithProjection(config)
    wanted = {name: value for name, value in state.items() if not name.endswith(_COMPUTED)}
    computed = {k: v for k, v in model.state_dict().items() if k.endswith(_COMPUTED)}
    try:
        model.load_state_dict(rename(wanted) | computed, strict=True)
    except RuntimeError as error:
        raise WeightsError(f"{path}: its CLAP does not fit RoBERTa: {error}") from error
    return ClapQuery(model.float(), load_tokenizer(tokenizer_folder(path, tokenizer)))
