"""Our CLAPs come back from their folders as they were, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from baselines.clap.checkpoint import load_clap, load_clap_tensors, save_clap
from baselines.clap.model import Clap
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import WeightsError
from tests.baselines.clap.test_model import clips, tiny_clap

pytestmark = pytest.mark.slow

TEXTS = ["the dog", "mute the rain"]


@pytest.fixture
def clap(tmp_path: Path) -> Clap:
    return tiny_clap(tmp_path / "bert", "speech")


@torch.no_grad()
def test_a_clap_comes_back(clap: Clap, tmp_path: Path) -> None:
    clap.towers.audio.audio_model.audio_encoder.batch_norm.running_mean.fill_(-40.0)
    save_clap(clap, tmp_path / "x", scores={"top1": 0.5}, precision=torch.float32, recipe="r")
    loaded = load_clap(tmp_path / "x")
    torch.testing.assert_close(
        loaded.model.embed_audio(clips(2, 999)), clap.embed_audio(clips(2, 999))
    )
    torch.testing.assert_close(loaded.model.embed_text(TEXTS), clap.embed_text(TEXTS))
    assert loaded.model.scale == clap.scale
    assert loaded.kind == "speech"
    assert loaded.scores == {"top1": 0.5}
    assert set(loaded.weights) == {"x", "bert"}
    assert all(len(digest) == 64 for digest in loaded.weights.values())
    assert loaded.licence
    assert loaded.reference
    config = json.loads((tmp_path / "x" / "config.json").read_text())
    assert config["recipe"] == "r"


@torch.no_grad()
def test_half_precision_is_close_and_half_as_large(clap: Clap, tmp_path: Path) -> None:
    save_clap(clap, tmp_path / "half")
    save_clap(clap, tmp_path / "whole", precision=torch.float32)
    sizes = [(tmp_path / n / "model.safetensors").stat().st_size for n in ("half", "whole")]
    assert sizes[0] < 0.75 * sizes[1]
    found = load_clap(tmp_path / "half").model.embed_audio(clips(2, 999))
    torch.testing.assert_close(found, clap.embed_audio(clips(2, 999)), atol=5e-3, rtol=0)


def test_only_what_was_trained_of_the_text_encoder_is_kept(tmp_path: Path) -> None:
    one = tiny_clap(tmp_path / "bert", mode="lora")
    with torch.no_grad():
        for name, parameter in one.reader.named_parameters():
            if "lora_B" in name:
                parameter.normal_(generator=torch.Generator().manual_seed(0))
    save_clap(one, tmp_path / "x", precision=torch.float32)
    tensors = load_file(tmp_path / "x" / "model.safetensors")
    assert all("lora_" in key for key in tensors if key.startswith("reader."))
    assert any(key.startswith("reader.") for key in tensors)
    with torch.no_grad():
        torch.testing.assert_close(
            load_clap(tmp_path / "x").model.embed_text(TEXTS), one.embed_text(TEXTS)
        )


def test_what_training_exports_fits(clap: Clap, tmp_path: Path) -> None:
    """`experiments/train.py` writes the state of each module under its name."""
    tensors = {f"towers.{k}": 0 * v for k, v in clap.towers.state_dict().items()}
    load_clap_tensors(clap, tensors)
    assert not any(p.any() for p in clap.towers.parameters())
    with pytest.raises(ValueError, match="missing or unknown"):
        load_clap_tensors(clap, dict(list(tensors.items())[1:]))


def _without_a_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["towers.log_scale"]
    save_file(tensors, folder / "model.safetensors")


def _cut_short(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _pickle(folder: Path) -> None:
    torch.save({"x": torch.zeros(1)}, folder / "model.safetensors")


def _config(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def broken(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        change(config)
        (folder / "config.json").write_text(json.dumps(config))

    return broken


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_without_a_tensor, r"such as log_scale"),
        (_cut_short, "damaged"),
        (_pickle, "damaged"),
        (_config(lambda c: c.pop("clap")), "'clap' is missing"),
        (_config(lambda c: c["clap"].update(kind="music")), "'music'"),
        (_config(lambda c: c["clap"]["towers"].update(width=8)), "size mismatch"),
        (_config(lambda c: c["clap"]["towers"].update(spec_size=33)), "multiple of mels"),
        (_config(lambda c: c["clap"].update(layers=3)), "layers"),
        (lambda folder: (folder / "config.json").write_text("{"), "damaged"),
    ],
)
def test_a_broken_folder_is_refused(
    clap: Clap, tmp_path: Path, harm: Callable[[Path], None], words: str
) -> None:
    save_clap(clap, tmp_path / "x")
    harm(tmp_path / "x")
    with pytest.raises(WeightsError, match=words):
        load_clap(tmp_path / "x")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError, match="nowhere"):
        load_clap(tmp_path / "nowhere")
    with pytest.raises(MissingWeightsError, match=r"config\.json"):
        load_clap(tmp_path)
