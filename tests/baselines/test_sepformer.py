"""SpeechBrain's SepFormer as a Remixer: its own numbers at the mixture's level, and no code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from baselines.sepformer import (
    CHECKPOINTS,
    HYPERPARAMS,
    SepformerDenoiser,
    check_folder,
    load_sepformer,
    project,
    sepformer_denoiser,
)
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import WeightsError
from lcr.instruction import Task
from lcr.testing import CHECKS, Subject
from tests.speechbrain_modules import speechbrain_module

pytestmark = pytest.mark.slow

HPARAMS = """
sample_rate: 16000
num_spks: 1
Encoder: &id003 !new:speechbrain.lobes.models.dual_path.Encoder
  kernel_size: 16
  out_channels: 16
SBtfintra: &id001 !new:speechbrain.lobes.models.dual_path.SBTransformerBlock
  num_layers: 1
  d_model: 16
  nhead: 2
  d_ffn: 32
  dropout: 0
  use_positional_encoding: true
  norm_before: true
MaskNet: &id005 !new:speechbrain.lobes.models.dual_path.Dual_Path_Model
  num_spks: 1
  in_channels: 16
  out_channels: 16
  num_layers: 1
  K: 50
  intra_model: *id001
  inter_model: *id001
  norm: ln
  linear_layer_after_inter_intra: false
  skip_around_intra: true
Decoder: &id004 !new:speechbrain.lobes.models.dual_path.Decoder
  in_channels: 16
  out_channels: 1
  kernel_size: 16
  stride: 8
  bias: false
modules:
  encoder: *id003
  decoder: *id004
  masknet: *id005
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    encoder: !ref <Encoder>
    masknet: !ref <MaskNet>
    decoder: !ref <Decoder>
"""
"""As the public folder's, but small."""


def write_sepformer(folder: Path, *, hparams: str = HPARAMS, width: int = 16) -> Path:
    """A random SepFormer of SpeechBrain's modules, saved as SpeechBrain saves them."""
    models: Any = speechbrain_module("lobes.models.dual_path")
    folder.mkdir(parents=True)
    state = torch.get_rng_state()
    torch.manual_seed(1)
    block = models.SBTransformerBlock(
        num_layers=1,
        d_model=width,
        nhead=2,
        d_ffn=32,
        dropout=0,
        use_positional_encoding=True,
        norm_before=True,
    )
    masknet = models.Dual_Path_Model(
        num_spks=1,
        in_channels=width,
        out_channels=width,
        num_layers=1,
        K=50,
        intra_model=block,
        inter_model=block,
        norm="ln",
        linear_layer_after_inter_intra=False,
        skip_around_intra=True,
    )
    modules = {
        "encoder": models.Encoder(kernel_size=16, out_channels=width),
        "masknet": masknet,
        "decoder": models.Decoder(
            in_channels=width, out_channels=1, kernel_size=16, stride=8, bias=False
        ),
    }
    torch.set_rng_state(state)
    for name, module in modules.items():
        torch.save(module.state_dict(), folder / f"{name}.ckpt")
    (folder / HYPERPARAMS).write_text(hparams, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sepformer(tmp_path_factory.mktemp("sepformer") / "tiny")


@pytest.fixture(scope="module")
def denoiser(folder: Path) -> SepformerDenoiser:
    return loaded(folder)


def loaded(folder: Path) -> SepformerDenoiser:
    found = load_sepformer(folder)
    speechbrain_module("inference.separation")  # clears what SpeechBrain leaves behind
    return found


def noise(samples: int, channels: int = 1) -> np.ndarray:
    rng = np.random.default_rng(samples)
    return (0.1 * rng.standard_normal((channels, samples))).astype(np.float32)


@pytest.mark.parametrize("check", CHECKS)
def test_it_conforms(check: str, folder: Path) -> None:
    CHECKS[check](Subject(lambda: loaded(folder)))


def test_it_is_speechbrains_output_at_the_mixtures_level(
    denoiser: SepformerDenoiser, folder: Path
) -> None:
    separation: Any = speechbrain_module("inference.separation")
    theirs = separation.SepformerSeparation.from_hparams(
        source=str(folder), run_opts={"device": "cpu"}
    )
    mixture = noise(8000)  # a whole number of frames
    level = float(np.sqrt(np.square(mixture).mean()))
    with torch.inference_mode():
        heard = theirs.separate_batch(torch.from_numpy(mixture * (0.05 / level)))[..., 0].numpy()
    got = denoiser.remix(mixture, 16_000, "").audio
    expected = heard * (mixture * heard).sum() / np.square(heard).sum()
    np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())
    residual = mixture - got
    assert abs((residual * got).sum()) < 1e-4 * np.square(got).sum()  # of least squares


@pytest.mark.parametrize("gain_db", [-20.0, 20.0])
def test_the_output_follows_the_level(denoiser: SepformerDenoiser, gain_db: float) -> None:
    mixture, gain = noise(9000), np.float32(10 ** (gain_db / 20))
    plain = denoiser.remix(mixture, 16_000, "").audio
    scaled = denoiser.remix(gain * mixture, 16_000, "").audio
    change_db = 10 * np.log10(np.square(scaled).sum() / np.square(plain).sum())
    assert abs(change_db - gain_db) < 0.1
    np.testing.assert_allclose(scaled / gain, plain, atol=1e-4 * np.abs(plain).max())


@pytest.mark.parametrize("samples", [8001, 8007, 15])
def test_no_part_of_the_end_is_left_silent(denoiser: SepformerDenoiser, samples: int) -> None:
    got = denoiser.remix(noise(samples, 2), 16_000, "").audio
    assert got.shape == (2, samples)
    assert np.abs(got[:, -7:]).max() > 0


def test_the_card_names_one_task_and_all_weights(denoiser: SepformerDenoiser) -> None:
    assert denoiser.card.tasks == {Task.SE}
    assert set(denoiser.card.weights) == {f"tiny/{name}" for name in CHECKPOINTS}
    assert not denoiser.card.uses_oracle


@given(gain=st.floats(1e-3, 1e3), level=st.floats(0.0, 2.0), samples=st.integers(2, 50))
def test_projection_undoes_any_scale(gain: float, level: float, samples: int) -> None:
    rng = np.random.default_rng(samples)
    s, v = rng.standard_normal((2, 1, samples))
    v -= s * (s * v).sum() / np.square(s).sum()  # uncorrelated
    speech, estimate = (x.astype(np.float32) for x in (level * s, gain * s))
    mixture = (level * s + v).astype(np.float32)
    got = project(estimate=estimate, mixture=mixture)
    np.testing.assert_allclose(got, speech, atol=1e-4 * (1 + level))


def test_projection_of_silence_is_silence() -> None:
    silence = np.zeros((2, 10), np.float32)
    np.testing.assert_array_equal(project(estimate=silence, mixture=silence + 1), silence)


def test_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / HYPERPARAMS).write_text(HPARAMS, encoding="utf-8")
    with pytest.raises(MissingWeightsError, match=r"encoder.ckpt, masknet.ckpt, decoder.ckpt miss"):
        sepformer_denoiser(weights=str(tmp_path))
    with pytest.raises(MissingWeightsError, match="hf download speechbrain/sepformer-dns4-16k"):
        sepformer_denoiser(weights=str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "line",
    [
        "x: !apply:os.system [echo]",
        "x: !new:subprocess.Popen [echo]",
        "x: !name:os.system",
        "x: !module:os",
        "x: !include:other.yaml",
        "x: !applyref:os.system [echo]",
        "x: !!python/object/apply:os.system [echo]",
        "x: (!!python/object/apply:os.system [echo])",
        'x: " (!!python/object/apply:os.system [echo])"',
        "x: !ref <e>(!!python/object/apply:os.system [echo])",
        "pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer\n"
        "  custom_hooks: {encoder: !name:os.system }",
    ],
)
def test_code_in_hyperparams_is_refused(folder: Path, tmp_path: Path, line: str) -> None:
    for name in CHECKPOINTS:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / HYPERPARAMS).write_text(f"e: ''\n{line}\n", encoding="utf-8")
    with pytest.raises(WeightsError, match="is not part of a SepFormer"):
        load_sepformer(tmp_path)
    (tmp_path / HYPERPARAMS).write_text(HPARAMS, encoding="utf-8")
    check_folder(tmp_path)


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("this was run",))


@pytest.mark.parametrize(
    "content",
    ["code", "code in a zip", "cut short", "another size", "two outputs", "short", "unknown"],
)
def test_other_checkpoints_are_refused(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hparams = HPARAMS
    if content == "two outputs":
        hparams = HPARAMS.replace("num_spks: 1\nE", "num_spks: 2\nE")
    broken = write_sepformer(tmp_path / "x", hparams=hparams)
    path = broken / "encoder.ckpt"
    if content == "code":
        path.write_bytes(pickle.dumps(_Code()))
    elif content == "cut short":
        path.write_bytes(path.read_bytes()[:-200])
    elif content == "code in a zip":
        torch.save({"conv1d.weight": _Code()}, path)
    elif content == "another size":
        torch.save({"conv1d.weight": torch.zeros(8, 1, 16)}, path)
    words = None
    if content in ("short", "unknown"):
        path = broken / "masknet.ckpt"
        state = torch.load(path, weights_only=True)
        if content == "short":
            state.pop("norm.weight")
        else:
            state["norms.weight"] = torch.zeros(1)
        torch.save(state, path)
        words = r"masknet\.ckpt: 1 tensors are missing or unknown, such as norms?\.weight"
    with pytest.raises(WeightsError, match=words):
        loaded(broken)
    assert "this was run" not in capsys.readouterr().out
