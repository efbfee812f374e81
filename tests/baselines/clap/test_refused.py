"""Public CLAPs that are wrong, broken or more than tensors are refused, with words."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from baselines.clap.checkpoint import load_clap
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import WeightsError
from tests.baselines.clap.test_public import FEATURES, laion_file, transformers_folder


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch pwned",)


def _drop(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["state_dict"].pop(f"module.{name}")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_drop("audio_branch.bn0.weight"), "audio_branch.bn0.weight is missing"),
        (_drop("text_branch.pooler.dense.bias"), "lacks 1 tensors, such as text_model.pooler"),
        (_drop("logit_scale_a"), "such as logit_scale_a"),
        (
            lambda c: c["state_dict"].update({"module.audio_branch.conv": torch.zeros(1)}),
            "has unknown 1 tensors",
        ),
        (
            lambda c: c["state_dict"].update({"module.text_projection.2.bias": torch.zeros(3)}),
            "another shape",
        ),
        (
            lambda c: c["state_dict"].update(
                {"module.audio_branch.patch_embed.mel_conv2d.weight": torch.zeros(1)}
            ),
            "feature fusion",
        ),
        (lambda c: c.update(state_dict={"conv_block1": torch.zeros(1)}), "it holds conv_block1"),
        (lambda c: c.update(state_dict=[1, 2]), "other things than tensors by name"),
        (lambda c: c.update(args=Evil()), "holds code .*system"),
    ],
)
def test_a_wrong_file_of_laion_clap_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[dict[str, Any]], object],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match=words):
        load_clap(laion_file(tmp_path, change))
    assert not (tmp_path / "pwned").exists()


def test_a_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = laion_file(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(WeightsError, match="cut short"):
        load_clap(path)


def _unlink(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


def _fused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["audio_config"]["enable_fusion"] = True
    (folder / "config.json").write_text(json.dumps(config))


def _cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-50])


def _changed(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        state = load_file(folder / "model.safetensors")
        change(state)
        save_file(state, folder / "model.safetensors")

    return harm


def _cut_pickled(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    path = folder / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[:-500])


def _code(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"x": Evil()}, folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("harm", "error", "words"),
    [
        (_unlink("model.safetensors"), MissingWeightsError, r"pytorch_model\.bin"),
        (_unlink("preprocessor_config.json"), MissingWeightsError, "preprocessor_config"),
        (_unlink("tokenizer.json"), MissingWeightsError, "no tokeniser"),
        (_write("tokenizer.json", "{"), WeightsError, "tokeniser"),
        (
            _write("preprocessor_config.json", json.dumps({**FEATURES, "truncation": "fusion"})),
            WeightsError,
            "'fusion' with 'repeatpad'",
        ),
        (_write("preprocessor_config.json", "{}"), WeightsError, "sampling_rate"),
        (_fused, WeightsError, "feature fusion"),
        (_cut, WeightsError, "cut short"),
        (_cut_pickled, WeightsError, "cut short"),
        (
            _changed(lambda s: s.pop("text_projection.linear1.bias")),
            WeightsError,
            "lacks 1 tensors, such as text_projection.linear1.bias",
        ),
        (
            _changed(lambda s: s.update({"text_projection.linear3.bias": torch.zeros(1)})),
            WeightsError,
            "has unknown 1 tensors, such as text_projection.linear3.bias",
        ),
        (
            _changed(lambda s: s.update({"text_projection.linear1.bias": torch.zeros(1)})),
            WeightsError,
            "has of another shape 1 tensors",
        ),
        (_code, WeightsError, "holds code .*system"),
    ],
)
def test_a_wrong_folder_of_transformers_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    harm: Callable[[Path], object],
    error: type[Exception],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    transformers_folder(tmp_path / "x")
    harm(tmp_path / "x")
    with pytest.raises(error, match=words):
        load_clap(tmp_path / "x")
    assert not (tmp_path / "pwned").exists()
