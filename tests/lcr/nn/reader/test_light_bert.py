"""The light BERT reads as transformers and peft do, from the same folder and the same state."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from lcr.base_weights import MissingWeightsError
from lcr.nn.reader.config import LoraConfig, ReaderConfig
from lcr.nn.reader.light_bert import WEIGHTS, LightBert, is_light
from lcr.nn.reader.prompt_reader import PromptReader
from tests.tiny_bert import tiny_bert
from tests.tiny_models import PROMPTS, tiny_gpt2


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base") / "bert")


def pair(base: Path, lora: LoraConfig | None) -> tuple[PromptReader, PromptReader]:
    """The light reader and the whole one with one trained state, which no weight is zero in."""
    config = ReaderConfig(base=str(base), slots=17, lora=lora, max_tokens=24)
    light, whole = (PromptReader(config, cache=None, light=x).eval() for x in (True, False))
    assert isinstance(light.encoder, LightBert)
    assert not isinstance(whole.encoder, LightBert)
    random = torch.Generator().manual_seed(3)
    state = {k: torch.randn(v.shape, generator=random) for k, v in whole.trained_state().items()}
    assert set(state) == set(light.trained_state())
    for reader in (light, whole):
        reader.load_state_dict(state, strict=False)
    return light, whole


@pytest.mark.parametrize("lora", [None, LoraConfig(rank=4, alpha=6.0)])
@pytest.mark.parametrize("prompts", [PROMPTS[:1], PROMPTS, ["mute the dog rain . " * 20, "dog"]])
@pytest.mark.filterwarnings("ignore::lcr.nn.reader.text_encoder.PromptTruncatedWarning")
@torch.no_grad()
def test_it_reads_as_transformers_and_peft_do(
    base: Path, lora: LoraConfig | None, prompts: list[str]
) -> None:
    light, whole = pair(base, lora)
    torch.testing.assert_close(light(prompts), whole(prompts), atol=1e-6, rtol=1e-5)


def test_any_text_is_cut_into_the_same_tokens(base: Path) -> None:
    light, whole = pair(base, None)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.text(max_size=60), min_size=1, max_size=3))
    def same(texts: list[str]) -> None:
        texts = [text.encode("utf-8", "replace").decode() for text in texts]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mine, theirs = light.tokens(texts), whole.tokens(texts)
        for ours, other in zip(mine, theirs, strict=True):
            assert torch.equal(ours, other)

    same()


def test_other_models_and_settings_are_left_to_transformers(base: Path, tmp_path: Path) -> None:
    def config(**changes: object) -> ReaderConfig:
        return ReaderConfig(base=str(base), slots=0, **changes)  # type: ignore[arg-type]

    assert is_light(base, config())
    assert not is_light(base, config(mode="all"))
    assert not is_light(base, config(pooling="final"))
    assert not is_light(base, config(dtype="bfloat16"))
    assert not is_light(base, config(lora=LoraConfig(targets=["key"])))
    assert not is_light(tmp_path, config())
    gpt2 = tiny_gpt2(tmp_path / "gpt2")
    assert not is_light(gpt2, ReaderConfig(base=str(gpt2), slots=0))
    reader = PromptReader(ReaderConfig(base=str(gpt2), slots=0), cache=None, light=True)
    assert not isinstance(reader.encoder, LightBert)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _drop(path: Path) -> None:
    tensors = load_file(path)
    del tensors["encoder.layer.1.attention.self.value.weight"]
    save_file(tensors, path)


def _reshape(path: Path) -> None:
    tensors = load_file(path)
    tensors["embeddings.word_embeddings.weight"] = torch.zeros(3, 16)
    save_file(tensors, path)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_cut, "cannot be loaded"),
        (_drop, r"lacks 1 weights of a bert, such as encoder\.layer\.1"),
        (_reshape, "word_embeddings"),
    ],
)
def test_damaged_weights_are_refused(
    tmp_path: Path, harm: Callable[[Path], None], words: str
) -> None:
    base = tiny_bert(tmp_path / "bert")
    harm(base / WEIGHTS)
    with pytest.raises(MissingWeightsError, match=words):
        PromptReader(ReaderConfig(base=str(base), slots=0), cache=None, light=True)


def test_the_shipped_model_starts_without_what_is_slow_to_import(tmp_path: Path) -> None:
    """A start of the command pays for that."""
    code = """
import json, sys
import lcr
import numpy as np
lcr.load("lcr").remix(np.zeros((1, 16_000), np.float32), 16_000, "turn the dog down")
slow = {"transformers", "peft", "scipy.signal"}
print(json.dumps(sorted(slow & set(sys.modules))))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
