"""Separators keep level, length and alignment; checkpoints load strictly and run no code."""

from __future__ import annotations

import hashlib
import json
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from baselines.pit import separation
from baselines.pit.separation import (
    BandSplitConfig,
    BandSplitSeparator,
    ConvTasNetSeparator,
    Separator,
    build_separator,
    load_separator,
    save_separator,
)
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import WeightsError
from tests.lcr.evaluation.test_metrics import library

TINY_ARGS = {
    "n_src": 3,
    "sample_rate": 16_000,
    "n_filters": 16,
    "n_blocks": 2,
    "n_repeats": 1,
    "bn_chan": 8,
    "hid_chan": 8,
    "skip_chan": 8,
}
KINDS = ("softmax", "sigmoid", "conv-tasnet")


def tiny_separator(kind: str, sources: int = 3) -> Separator:
    torch.manual_seed(0)
    if kind == "conv-tasnet":
        library("asteroid.models")
        return ConvTasNetSeparator({**TINY_ARGS, "n_src": sources}).eval()
    config = BandSplitConfig(
        sources=sources,
        n_fft=128,
        hop=64,
        band_bins=(8, 24, 33),
        channels=8,
        blocks=1,
        mask_hidden=8,
        masks=kind,  # type: ignore[arg-type]
    )
    return BandSplitSeparator(config).eval()


def noise(*shape: int, seed: int = 0) -> Tensor:
    return 0.05 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def serialized() -> dict[str, Any]:
    models = library("asteroid.models")
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it imports
        content: dict[str, Any] = models.ConvTasNet(**TINY_ARGS).serialize()
    return content


@pytest.fixture
def asteroid_file(tmp_path: Path) -> Path:
    """A small ConvTasNet as asteroid's own `serialize` writes it."""
    path = tmp_path / "pytorch_model.bin"
    torch.save(serialized(), path)
    return path


@torch.no_grad()
@pytest.mark.parametrize("samples", [1, 15, 16, 17, 100, 4001])
@pytest.mark.parametrize("kind", KINDS)
def test_any_length_comes_back_whole(kind: str, samples: int) -> None:
    separator = tiny_separator(kind)
    estimates = separator(noise(2, samples))
    assert estimates.shape == (2, 3, samples)
    assert torch.isfinite(estimates).all()
    if samples > 1000:  # no part of the end is left silent
        assert estimates[..., -7:].abs().min() > 0


@torch.no_grad()
@pytest.mark.parametrize("gain_db", [-20.0, 20.0])
@pytest.mark.parametrize("kind", KINDS)
def test_the_output_follows_the_level(kind: str, gain_db: float) -> None:
    separator, mixture = tiny_separator(kind), noise(2, 4000)
    gain = 10 ** (gain_db / 20)
    plain, scaled = separator(mixture), separator(gain * mixture)
    change_db = 10 * torch.log10(scaled.square().sum(-1) / plain.square().sum(-1))
    assert change_db.sub(gain_db).abs().max() < 0.1
    torch.testing.assert_close(scaled / gain, plain, atol=1e-5, rtol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("samples", [1, 63, 5000])
@pytest.mark.parametrize("kind", KINDS)
def test_consistent_estimates_sum_to_the_mixture(kind: str, samples: int) -> None:
    separator, mixture = tiny_separator(kind, 4), noise(2, samples)
    residual = mixture - separator(mixture).sum(1)
    assert separator.mixture_consistent == (kind == "softmax")
    if separator.mixture_consistent:
        assert residual.abs().max() < 1e-4 * mixture.abs().max()
    else:
        assert residual.abs().max() > 1e-3 * mixture.abs().max()


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_estimates_are_aligned(kind: str) -> None:
    """A click stays where it is."""
    mixture = torch.zeros(1, 4000)
    mixture[0, 2000] = 1
    if kind == "conv-tasnet":  # untrained filters smear by a kernel at most
        assert tiny_separator(kind)(mixture)[..., :1984].abs().max() == 0
    else:
        assert (tiny_separator(kind)(mixture).abs().argmax(-1) == 2000).all()


@torch.no_grad()
def test_silence_stays_silent() -> None:
    for kind in KINDS:
        assert tiny_separator(kind)(torch.zeros(1, 3000)).abs().max() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_settings_and_weights_make_the_same_separator_again(kind: str, tmp_path: Path) -> None:
    separator = tiny_separator(kind)
    save_separator(separator, tmp_path / "mine", recipe="test", steps=3)
    loaded = load_separator(tmp_path / "mine")
    assert loaded.separator.settings() == separator.settings()
    assert not loaded.separator.training
    weights = (tmp_path / "mine" / "model.safetensors").read_bytes()
    assert loaded.weights == {"mine": hashlib.sha256(weights).hexdigest()}
    config = json.loads((tmp_path / "mine" / "config.json").read_text())
    assert (config["schema"], config["recipe"], config["steps"]) == (1, "test", 3)
    with torch.no_grad():
        mixture = noise(1, 2000)
        assert torch.equal(loaded.separator(mixture), separator(mixture))


@torch.no_grad()
def test_an_asteroid_checkpoint_is_asteroids_network(asteroid_file: Path) -> None:
    loaded = load_separator(asteroid_file)
    assert (loaded.separator.sources, loaded.separator.sample_rate) == (3, 16_000)
    digest = hashlib.sha256(asteroid_file.read_bytes()).hexdigest()
    assert loaded.weights == {"pytorch_model.bin": digest}
    with torch.serialization.safe_globals([torch.torch_version.TorchVersion]):
        content = torch.load(asteroid_file, weights_only=True)
    theirs = library("asteroid.models").ConvTasNet.from_pretrained(content).eval()
    mixture = noise(2, 16 + 8 * 300)
    torch.testing.assert_close(loaded.separator(mixture), theirs(mixture), atol=1e-6, rtol=1e-3)


class Malicious:
    """Writes a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_pickled_code_is_named_and_never_run(asteroid_file: Path, tmp_path: Path) -> None:
    trap = tmp_path / "was-run"
    content = {"model_args": Malicious(trap), "state_dict": {}}
    torch.save(content, asteroid_file)
    with pytest.raises(WeightsError, match=r"holds code \(.*Path.*\), which is not run"):
        load_separator(asteroid_file)
    asteroid_file.write_bytes(pickle.dumps(content))  # torch's older format is plain pickle
    with pytest.raises(WeightsError, match="no checkpoint of torch, or is damaged"):
        load_separator(asteroid_file)
    assert not trap.exists()


@pytest.mark.parametrize("kept", [0, 1, 10, 1000, 0.5, 0.999])
def test_a_truncated_checkpoint_is_refused(asteroid_file: Path, kept: float) -> None:
    whole = asteroid_file.read_bytes()
    asteroid_file.write_bytes(whole[: int(kept * len(whole)) if kept % 1 else int(kept)])
    with pytest.raises(WeightsError, match="damaged or cut short"):
        load_separator(asteroid_file)


def _changed(content: dict[str, Any], change: str) -> object:
    args, state = content["model_args"], content["state_dict"]
    if change == "no dict":
        return [1, 2]
    if change == "state dict alone":
        return state
    if change == "other model":
        return {**content, "model_name": "DPRNNTasNet"}
    if change == "no sample rate":
        return {**content, "model_args": {k: v for k, v in args.items() if k != "sample_rate"}}
    if change == "other size":
        return {**content, "model_args": {**args, "n_src": 4}}
    if change == "unknown argument":
        return {**content, "model_args": {**args, "rubbish": 1}}
    if change == "unknown filterbank":
        return {**content, "model_args": {**args, "fb_name": "rubbish"}}
    if change == "not tensors":
        return {**content, "state_dict": {**state, "encoder.filterbank._filters": 3}}
    lacking = {k: v for k, v in state.items() if k != "encoder.filterbank._filters"}
    return {**content, "state_dict": lacking}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("no dict", "model_args and state_dict are needed; it holds list"),
        ("state dict alone", "no model of asteroid's"),
        ("other model", "is a DPRNNTasNet; only asteroid's ConvTasNet"),
        ("no sample rate", "lack sample_rate"),
        ("other size", "does not fit.*size mismatch"),
        ("unknown argument", "does not fit.*rubbish"),
        ("unknown filterbank", "does not fit.*rubbish"),
        ("not tensors", "other things than tensors"),
        ("a tensor short", "1 tensors are missing or unknown, such as network.encoder"),
    ],
)
def test_a_wrong_checkpoint_is_refused(asteroid_file: Path, change: str, words: str) -> None:
    torch.save(_changed(serialized(), change), asteroid_file)
    with pytest.raises(WeightsError, match=f"(?s){words}"):
        load_separator(asteroid_file)


def test_a_wrong_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError, match="no checkpoint of a separator at"):
        load_separator(tmp_path / "nowhere")
    with pytest.raises(MissingWeightsError, match="not a checkpoint"):
        load_separator(tmp_path)
    folder = tmp_path / "mine"
    save_separator(tiny_separator("softmax"), folder)
    whole, tensors = (folder / "config.json").read_text(), load_file(folder / "model.safetensors")
    for old, new, words in (
        ('"separator"', '"remixer"', "has no `separator`"),
        ("band-split", "wave-u-net", "no separator is of kind 'wave-u-net'"),
        ('"hop": 64', '"hop": 32', "hop is 32"),
        ('"masks": "softmax"', '"masks": "relu"', "masks must be 'softmax' or 'sigmoid'"),
        ('"sources": 3', '"sources": 0', "at least one source"),
        ('"sources": 3', '"sources": 4', "size mismatch"),
        ('"blocks": 1', '"depth": 1', "depth"),
        ('"schema": 1', '"schema": 1, "kinds": ["speech"]', "are not those of 3 outputs"),
    ):
        assert old in whole
        (folder / "config.json").write_text(whole.replace(old, new))
        with pytest.raises(WeightsError, match=f"(?s){words}"):
            load_separator(folder)
    (folder / "config.json").write_text(whole)
    tensors.pop("separator.norm.weight")
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(WeightsError, match="1 tensors are missing"):
        load_separator(folder)
    (folder / "model.safetensors").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(WeightsError, match="damaged"):
        load_separator(folder)


def test_without_asteroid_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asteroid.models", None)
    with pytest.raises(ModuleNotFoundError, match="asteroid"):
        build_separator({"kind": "conv-tasnet", **TINY_ARGS})
    assert separation.load_separator  # the module itself needs none of it
