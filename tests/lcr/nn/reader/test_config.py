"""What a reader's config allows, what it means by default, and the presets."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import Any

import pytest

from lcr.nn.reader.prompt_reader import PRESETS, LoraConfig, ReaderConfig, preset


def test_the_mode_follows_lora_unless_named() -> None:
    assert ReaderConfig(slots=0).trains == "lora"
    assert ReaderConfig(slots=0, lora=None).trains == "frozen"
    assert ReaderConfig(slots=0, mode="frozen").trains == "frozen"
    assert ReaderConfig(slots=0, mode="all").trains == "all"


def test_configs_of_shipped_models_still_mean_the_same() -> None:
    written = {
        "base": "all-MiniLM-L6-v2",
        "slots": 417,
        "embed": True,
        "max_tokens": 96,
        "lora": {"rank": 16, "alpha": 16.0, "dropout": 0.05},
    }
    config = ReaderConfig(**{**written, "lora": LoraConfig(**written["lora"])})
    assert config == ReaderConfig(slots=417)
    assert asdict(config).items() >= {k: v for k, v in written.items() if k != "lora"}.items()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"slots": 2}, "slots is 2"),
        ({"slots": 1}, "slots is 1"),
        ({"slots": -3}, "slots is -3"),
        ({"slots": 0, "embed": False}, "z is empty"),
        ({"slots": 5, "embed": False, "project": 3}, "project is 3"),
        ({"slots": 0, "project": 0}, "project is 0"),
        ({"slots": 0, "mode": "lora", "lora": None}, "lora is not given"),
        ({"slots": 0, "mode": "all", "bits": 4}, "cannot be trained"),
    ],
)
def test_what_does_not_go_together_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        ReaderConfig(**settings)


def test_presets_are_the_papers_readers() -> None:
    assert set(PRESETS) == {"minilm", "gpt2", "llama-2-7b"}
    assert preset("gpt2").trains == "all"
    llama = preset("llama-2-7b")
    assert (llama.trains, llama.dtype, llama.base) == (
        "lora",
        "bfloat16",
        "meta-llama/Llama-2-7b-chat-hf",
    )
    assert llama.lora == LoraConfig(rank=16, alpha=16.0, dropout=0.05)
    assert llama.project is None  # z as it is (section IV-A)
    assert replace(preset("minilm"), slots=417) == ReaderConfig(slots=417)
    with pytest.raises(ValueError, match=r"'gpt-2' among .*did you mean gpt2\?"):
        preset("gpt-2")
