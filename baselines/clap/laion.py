"""laion-clap's own checkpoints as transformers' `ClapModel`.

Names differ as `RENAMED` says; HTSAT's query, key and value are one matrix there and three here.
Left out is what no embedding passes through: the spectrogram's tables (computed here), the heads
for AudioSet's classes and the second projections of an unused loss. Sizes are read off the shapes,
so that HTSAT-tiny, -base and -large load alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from baselines.clap.features import LAION
from baselines.clap.public import PublicClap, build, load_tokenizer
from lcr.base_weights import MissingWeightsError, find_base
from lcr.checkpoints import WeightsError, read_state
from lcr.files import sha256_of

RENAMED = (
    ("text_branch.", "text_model."),
    ("audio_branch.", "audio_model.audio_encoder."),
    (".bn0.", ".batch_norm."),
    (".norm1.", ".layernorm_before."),
    (".norm2.", ".layernorm_after."),
    (".attn.proj.", ".attention.output.dense."),
    (".attn.", ".attention.self."),
    (".mlp.fc1.", ".intermediate.dense."),
    (".mlp.fc2.", ".output.dense."),
    ("_projection.0.", "_projection.linear1."),
    ("_projection.2.", "_projection.linear2."),
)
"""Parts of names in laion-clap, and in transformers; first to last."""
LEFT_OUT = (
    "audio_branch.spectrogram_extractor.",
    "audio_branch.logmel_extractor.",
    "audio_branch.tscam_conv.",
    "audio_branch.head.",
    "audio_transform.",
    "text_transform.",
)
TOKENIZER = "FacebookAI/roberta-base"
_MASK = ".attn_mask"
"""Of shifted windows; computed here."""
_HEAD = 64
"""Width of RoBERTa's attention heads."""


def load_laion(path: Path, tokenizer: Path | None = None) -> tuple[PublicClap, str]:
    """A .pt file of laion-clap without fusion, and its sha256.

    Its tokeniser, RoBERTa's, is not in it: it is looked for in `tokenizer`, beside the file, and
    as the model roberta-base (see `find_base`). Raises MissingWeightsError, WeightsError.
    """
    from transformers import ClapConfig

    state = {k.removeprefix("module."): v for k, v in read_state(path).items()}
    config = ClapConfig(
        audio_config=audio_settings(state, path),
        text_config=text_settings(state, path),
        projection_dim=len(_need(state, "audio_projection.2.bias", path)),
    )
    words = load_tokenizer(tokenizer_folder(path, tokenizer))
    return build(config, rename(state), words, LAION, path), sha256_of(path)


def rename(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """laion-clap's tensors under transformers' names."""
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        if key.startswith(LEFT_OUT) or key.endswith(_MASK):
            continue
        for ours, theirs in RENAMED:
            key = key.replace(ours, theirs)
        if ".attention.self.qkv." in key:
            for name, part in zip(("query", "key", "value"), value.chunk(3), strict=True):
                renamed[key.replace(".qkv.", f".{name}.")] = part
        else:
            renamed[key] = value
    return renamed


def audio_settings(state: Mapping[str, Tensor], path: Path) -> dict[str, Any]:
    """Fields of `ClapAudioConfig`."""
    if any(".mel_conv2d." in key for key in state):
        raise WeightsError(
            f"{path} is a CLAP with feature fusion, which draws crops at random; take one without "
            "(630k-audioset-best.pt)"
        )
    patches = _need(state, "audio_branch.patch_embed.proj.weight", path)
    channels, patch = patches.shape[0], patches.shape[-1]
    stages = _count(state, "audio_branch.layers.")
    first = "audio_branch.layers.0.blocks.0."
    window = (
        math.isqrt(len(_need(state, f"{first}attn.relative_position_bias_table", path))) + 1
    ) // 2
    heads = [
        _need(state, f"audio_branch.layers.{i}.blocks.0.attn.relative_position_bias_table", path)
        for i in range(stages)
    ]
    # The first shifted block has a mask for each window of the image.
    mask = state.get(f"audio_branch.layers.0.blocks.1{_MASK}")
    return {
        "patch_size": patch,
        "patch_stride": [patch, patch],
        "patch_embeds_hidden_size": channels,
        "hidden_size": channels * 2 ** (stages - 1),
        "num_hidden_layers": stages,
        "depths": [_count(state, f"audio_branch.layers.{i}.blocks.") for i in range(stages)],
        "num_attention_heads": [table.shape[1] for table in heads],
        "window_size": window,
        "spec_size": 256 if mask is None else math.isqrt(len(mask)) * window * patch,
        "num_mel_bins": len(_need(state, "audio_branch.bn0.weight", path)),
        "mlp_ratio": len(_need(state, f"{first}mlp.fc1.bias", path)) / channels,
    }


def text_settings(state: Mapping[str, Tensor], path: Path) -> dict[str, Any]:
    """Fields of `ClapTextConfig`: RoBERTa's."""
    vocabulary, width = _need(state, "text_branch.embeddings.word_embeddings.weight", path).shape
    first = "text_branch.encoder.layer.0."
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "num_hidden_layers": _count(state, "text_branch.encoder.layer."),
        "num_attention_heads": width // _HEAD,
        "intermediate_size": len(_need(state, f"{first}intermediate.dense.bias", path)),
        "max_position_embeddings": len(
            _need(state, "text_branch.embeddings.position_embeddings.weight", path)
        ),
        "type_vocab_size": len(
            _need(state, "text_branch.embeddings.token_type_embeddings.weight", path)
        ),
        "layer_norm_eps": 1e-5,
    }


def _need(state: Mapping[str, Tensor], name: str, path: Path) -> Tensor:
    if name not in state:
        raise WeightsError(
            f"{path} is no HTSAT with RoBERTa of laion-clap: {name} is missing; it holds "
            f"{', '.join(sorted(state)[:3]) or 'nothing'}"
        )
    return state[name]


def _count(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many numbered parts there are below `prefix`."""
    return len({key[len(prefix) :].split(".")[0] for key in state if key.startswith(prefix)})


def tokenizer_folder(path: Path, given: Path | None) -> Path:
    """Where the tokeniser of checkpoint `path` lies: as given, beside it, or by its name. Raises
    MissingWeightsError."""
    if given is not None:
        return given
    if any((path.parent / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        return path.parent
    try:
        return find_base(TOKENIZER)
    except MissingWeightsError as error:
        raise MissingWeightsError(
            f"{path} holds no tokeniser: put roberta-base's tokenizer.json beside it. ({error})"
        ) from error
