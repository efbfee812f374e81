"""Sounds and texts meet in one space: unit vectors, any length, any level, no clip sees another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from baselines.clap.features import LogMelConfig
from baselines.clap.model import Clap, ClapConfig, TowerConfig
from lcr.instruction import Kind
from tests.tiny_bert import tiny_bert

FEATURES = LogMelConfig(n_fft=256, hop=160, mels=16, window_s=0.63)
TOWERS = TowerConfig(
    features=FEATURES,
    spec_size=32,
    window=4,
    channels=8,
    depths=(2, 2),
    heads=(2, 2),
    width=16,
    dropout=0.0,
    drop_path=0.0,
)


def tiny_clap(folder: Path, kind: Kind = "audio", **changes: Any) -> Clap:
    """In eval mode, on a tiny BERT in `folder`; always the same weights."""
    base = tiny_bert(folder)
    torch.manual_seed(0)
    clap = Clap(ClapConfig(kind=kind, base=str(base), towers=TOWERS, max_tokens=32, **changes))
    with torch.no_grad():  # fresh weights are so small that clips hardly differ
        for parameter in clap.towers.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return clap.eval()


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Clap:
    return tiny_clap(tmp_path_factory.mktemp("bert"))


def clips(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("samples", [1, 999, FEATURES.window, 3 * FEATURES.window + 7])
def test_embeddings_are_unit_vectors_whatever_the_length(clap: Clap, samples: int) -> None:
    with torch.no_grad():
        found = clap.embed_audio(clips(3, samples))
    assert found.shape == (3, clap.width) == (3, 16)
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(3))


def test_texts_are_embedded_in_the_same_space(clap: Clap) -> None:
    found = clap.embed_text(["the dog", "the rain", ""])
    assert found.shape == (3, 16)
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(3))
    assert (found[0] - found[1]).abs().max() > 1e-3
    with pytest.raises(ValueError, match="no prompt"):
        clap.embed_text([])


@torch.no_grad()
def test_neither_neighbours_nor_level_change_an_embedding(clap: Clap) -> None:
    some = clips(3, 9000) * torch.linspace(0.1, 1, 9000)
    some[1] = some[1].sign() * some[1] ** 2
    together = clap.embed_audio(some)
    assert (together[0] - together[1]).abs().max() > 1e-3
    torch.testing.assert_close(clap.embed_audio(some[1:2])[0], together[1], atol=1e-5, rtol=0)
    torch.testing.assert_close(clap.embed_audio(0.1 * some), together, atol=1e-3, rtol=0)


@torch.no_grad()
def test_silence_has_an_embedding(clap: Clap) -> None:
    assert clap.embed_audio(torch.zeros(1, 500)).isfinite().all()


def test_everything_but_the_text_encoder_learns(clap: Clap) -> None:
    logits = (
        clap.scale * clap.embed_text(["the dog", "the rain"]) @ clap.embed_audio(clips(2, 900)).T
    )
    (logits[0, 0] - logits[0, 1]).backward()  # type: ignore[no-untyped-call]
    without = {n for n, p in clap.named_parameters() if p.grad is None and p.requires_grad}
    assert without == set()
    assert not any(p.requires_grad for p in clap.reader.parameters())
    clap.zero_grad()


def test_the_scale_is_bounded(tmp_path: Path) -> None:
    one = tiny_clap(tmp_path)
    with torch.no_grad():
        one.towers.log_scale.fill_(10.0)
    assert one.scale.item() == pytest.approx(100.0)


def test_lora_learns_in_the_text_encoder(tmp_path: Path) -> None:
    names = [
        n for n, p in tiny_clap(tmp_path, mode="lora").reader.named_parameters() if p.requires_grad
    ]
    assert names
    assert all("lora_" in name for name in names)


def test_the_default_window_fills_its_image() -> None:
    config = TowerConfig()
    assert config.features.frames * config.features.mels == config.spec_size**2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spec_size": 100}, "multiple of mels"),
        ({"features": replace(LogMelConfig(), window_s=6.0)}, "holds 256"),
        ({"depths": (2, 2, 2, 2), "heads": (2, 4, 8, 8)}, "multiple of 256"),
        ({"heads": (2, 4)}, "2 heads for 3"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TowerConfig(**changes)
