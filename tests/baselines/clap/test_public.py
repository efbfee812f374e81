"""Public CLAPs load strictly from small checkpoints in their layouts, and embed as they do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from baselines.clap.checkpoint import load_clap
from baselines.clap.public import PublicClap
from lcr.base_weights import MissingWeightsError

transformers: Any = pytest.importorskip("transformers")
tokenizers: Any = pytest.importorskip("tokenizers")

TEXTS = ["the dog barks", "rain"]
WORDS = ["<s>", "<pad>", "</s>", "<unk>", "the", "dog", "rain"]
AUDIO = {
    "spec_size": 64,
    "num_mel_bins": 64,
    "window_size": 4,
    "patch_embeds_hidden_size": 8,
    "hidden_size": 16,
    "depths": [2, 2],
    "num_attention_heads": [2, 4],
    "num_hidden_layers": 2,
    "mlp_ratio": 2.0,
}
TEXT = {
    "vocab_size": len(WORDS),
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 1,
    "intermediate_size": 32,
    "max_position_embeddings": 80,
    "layer_norm_eps": 1e-5,
}
FEATURES = {
    "fft_window_size": 1024,
    "hop_length": 480,
    "feature_size": 64,
    "sampling_rate": 48_000,
    "frequency_min": 50,
    "frequency_max": 14_000,
    "max_length_s": 10,
    "truncation": "rand_trunc",
    "padding": "repeatpad",
}


def tiny_model(**changes: Any) -> Any:
    torch.manual_seed(0)
    config = transformers.ClapConfig(
        audio_config={**AUDIO, "spec_size": 256, **changes}, text_config=TEXT, projection_dim=12
    )
    model = transformers.ClapModel(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        model.audio_model.audio_encoder.batch_norm.running_mean.fill_(-40.0)
        model.audio_model.audio_encoder.batch_norm.running_var.fill_(200.0)
    return model.eval()


def save_tokenizer(folder: Path) -> None:
    words = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>")
    )
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>"
    ).save_pretrained(folder)


def transformers_folder(folder: Path, *, pickled: bool = False, **changes: Any) -> Any:
    """The model that is saved in `folder`, in the layout of laion/clap-htsat-unfused."""
    folder.mkdir()
    model = tiny_model(**changes)
    if pickled:
        model.config.save_pretrained(folder)
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    else:
        model.save_pretrained(folder)
    save_tokenizer(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(FEATURES))
    return model


def laion_state(model: Any) -> dict[str, Tensor]:
    """A `ClapModel`'s weights under the names of laion-clap's modules, with what else its files
    hold. (Held against laion-clap's own code when this was written.)"""
    found: dict[str, Tensor] = {
        "logit_scale_a": model.logit_scale_a,
        "logit_scale_t": model.logit_scale_t,
    }
    heads = {"linear1": "0", "linear2": "2"}
    for side in ("audio", "text"):
        for name, value in getattr(model, f"{side}_projection").state_dict().items():
            layer, _, kind = name.partition(".")
            found[f"{side}_projection.{heads[layer]}.{kind}"] = value
        found[f"{side}_transform.sequential.0.weight"] = torch.zeros(12, 12)
    for name, value in model.text_model.state_dict().items():
        found[f"text_branch.{name}"] = value
    del found["text_branch.embeddings.token_type_ids"]
    encoder = model.audio_model.audio_encoder
    for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
        found[f"audio_branch.bn0.{name}"] = getattr(encoder.batch_norm, name)
    for name in ("patch_embed.proj", "patch_embed.norm", "norm"):
        for key, value in encoder.get_submodule(name).state_dict().items():
            found[f"audio_branch.{name}.{key}"] = value
    for i, stage in enumerate(encoder.layers):
        if stage.downsample is not None:
            for key, value in stage.downsample.state_dict().items():
                found[f"audio_branch.layers.{i}.downsample.{key}"] = value
        for j, block in enumerate(stage.blocks):
            prefix = f"audio_branch.layers.{i}.blocks.{j}."
            attention = block.attention.self
            for kind in ("weight", "bias"):
                three = [
                    getattr(m, kind) for m in (attention.query, attention.key, attention.value)
                ]
                found[f"{prefix}attn.qkv.{kind}"] = torch.cat(three)
                for ours, theirs in (
                    ("norm1", block.layernorm_before),
                    ("norm2", block.layernorm_after),
                    ("attn.proj", block.attention.output.dense),
                    ("mlp.fc1", block.intermediate.dense),
                    ("mlp.fc2", block.output.dense),
                ):
                    found[f"{prefix}{ours}.{kind}"] = getattr(theirs, kind)
            found[f"{prefix}attn.relative_position_bias_table"] = (
                attention.relative_position_bias_table
            )
            found[f"{prefix}attn.relative_position_index"] = attention.relative_position_index
    found["audio_branch.layers.0.blocks.1.attn_mask"] = torch.zeros(256, 16, 16)
    found["audio_branch.spectrogram_extractor.stft.conv_real.weight"] = torch.zeros(4, 1, 4)
    found["audio_branch.logmel_extractor.melW"] = torch.zeros(4, 64)
    found["audio_branch.tscam_conv.weight"] = torch.zeros(4, 16, 2, 3)
    found["audio_branch.head.weight"] = torch.zeros(4, 4)
    return {f"module.{key}": value.detach().clone() for key, value in found.items()}


def laion_file(folder: Path, change: Callable[[dict[str, Any]], object] | None = None) -> Path:
    """As laion-clap's training writes it, beside its tokeniser."""
    folder.mkdir(exist_ok=True)
    content = {
        "epoch": 3,
        "name": "x",
        "state_dict": laion_state(tiny_model()),
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]},
        "best": np.float64(0.5),
    }
    if change is not None:
        change(content)
    torch.save(content, folder / "630k.pt")
    save_tokenizer(folder)
    return folder / "630k.pt"


@torch.no_grad()
def check_equal(found: Any, model: Any, folder: Path) -> None:
    """Embeddings are those of `model` after the public feature extractor and tokeniser."""
    assert isinstance(found, PublicClap)
    clip = np.random.default_rng(0).standard_normal((2, 48_000)).astype(np.float32)
    clip *= np.linspace(0, 1, 48_000, dtype=np.float32) ** 3
    clip *= 0.1 / np.sqrt((clip**2).mean(-1, keepdims=True))  # the level that ours is brought to
    extractor = transformers.ClapFeatureExtractor(**FEATURES)
    heard = extractor(list(clip), sampling_rate=48_000, return_tensors="pt")["input_features"]
    audio = model.audio_projection(model.audio_model(heard.float()).pooler_output)
    expected = torch.nn.functional.normalize(audio, dim=-1)
    assert (expected[0] - expected[1]).abs().max() > 1e-4
    torch.testing.assert_close(
        found.embed_audio(torch.from_numpy(clip)), expected, atol=2e-5, rtol=0
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokens = tokenizer(TEXTS, padding="max_length", max_length=77, return_tensors="pt")
    text = model.text_projection(
        model.text_model(tokens["input_ids"], tokens["attention_mask"]).pooler_output
    )
    torch.testing.assert_close(
        found.embed_text(TEXTS), torch.nn.functional.normalize(text, dim=-1), atol=2e-5, rtol=0
    )
    assert found.scale.item() == pytest.approx(model.logit_scale_a.exp().item())
    assert (found.sample_rate, found.width) == (48_000, 12)


@pytest.mark.parametrize("pickled", [False, True])
def test_a_folder_of_transformers_loads(tmp_path: Path, pickled: bool) -> None:
    model = transformers_folder(tmp_path / "clap-htsat-unfused", pickled=pickled)
    loaded = load_clap(tmp_path / "clap-htsat-unfused")
    check_equal(loaded.model, model, tmp_path / "clap-htsat-unfused")
    assert loaded.kind is None
    assert list(loaded.weights) == ["clap-htsat-unfused"]
    assert "Wu et al." in loaded.reference
    assert loaded.licence


def test_a_file_of_laion_clap_loads(tmp_path: Path) -> None:
    path = laion_file(tmp_path / "x")
    loaded = load_clap(path)
    check_equal(loaded.model, tiny_model(), path.parent)
    assert list(loaded.weights) == ["630k.pt"]


def test_bare_tensors_of_laion_clap_load_and_the_tokeniser_may_lie_elsewhere(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bare.pt"
    torch.save({k.removeprefix("module."): v for k, v in laion_state(tiny_model()).items()}, path)
    save_tokenizer(tmp_path / "words")
    check_equal(
        load_clap(path, tokenizer=tmp_path / "words").model, tiny_model(), tmp_path / "words"
    )


def test_without_a_tokeniser_it_says_where_to_put_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LCR_MODELS", raising=False)
    constants: Any = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "downloads"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    torch.save({"state_dict": laion_state(tiny_model())}, tmp_path / "x.pt")
    with pytest.raises(MissingWeightsError, match=r"put roberta-base's tokenizer\.json beside it"):
        load_clap(tmp_path / "x.pt")
    with pytest.raises(MissingWeightsError, match=r"tokenizer\.json"):
        load_clap(tmp_path / "x.pt", tokenizer=tmp_path)
