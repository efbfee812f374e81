"""The authors' checkpoints: SpeechBrain's networks in their format give the same sound here."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import lcr
from lcr.checkpoints import WeightsError
from lcr.joint import authors
from lcr.joint.authors import FILES, READER, checkpoint_folder, load_authors, read_remixer
from lcr.joint.load import load
from lcr.nn.paper.sound_remixer import SoundRemixer, SoundRemixerConfig
from lcr.nn.paper.tcn import TcnConfig
from lcr.nn.reader.prompt_reader import MissingWeightsError, PromptReader, ReaderConfig
from lcr.testing import check_remixer
from tests.speechbrain_lcr import Convolutional, LanguageModel, Reference, Transformer, shaken
from tests.tiny_bert import tiny_bert
from tests.tiny_models import WIDTH, tiny_llama

FITTING = 8 * 700 + 16
"""Samples that fill the encoder's last frame; of others the authors leave the end silent."""

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


def references(z_dim: int = 5) -> dict[str, Reference]:
    return {
        "LCR-T": Transformer(z_dim),
        "causal LCR-C": Convolutional(z_dim, causal=True),
        "LCR-C": Convolutional(z_dim, causal=False),
        "LCR-C with four masks": Convolutional(z_dim, causal=True, masks=4),
    }


@pytest.mark.parametrize("name", ["LCR-T", "causal LCR-C", "LCR-C", "LCR-C with four masks"])
def test_every_tensor_finds_its_place(name: str, tmp_path: Path) -> None:
    theirs = shaken(references()[name])
    ours = read_remixer(theirs.save(tmp_path / "save"), causal=name != "LCR-C").eval()
    x, z = torch.randn(2, FITTING), torch.randn(2, 5)
    with torch.no_grad():
        expected = theirs(x, z)
        scale = expected.abs().max()
        found = ours(x, z.unsqueeze(1)).squeeze(1)
        assert (found - expected).abs().max() <= 1e-5 * scale
        exact = theirs.double()(x.double(), z.double())
        found = ours.double()(x.double(), z.double().unsqueeze(1)).squeeze(1)
        assert (found - exact).abs().max() <= 1e-12 * scale


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("llama"), ends_prompts=True)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, llama: Path) -> Path:
    """A save folder with two checkpoints of causal LCR-C; the later is the one to load."""
    folder = tmp_path_factory.mktemp("causal_convtasnet_llama2_lora")
    for name in ("CKPT+2023-12-14+23-27-09+00", "CKPT+2023-12-15+01-00-00+00"):
        reference = shaken(Convolutional(WIDTH, causal=True))
        if "12-14" in name:  # silent, so that taking it would be heard
            torch.nn.init.zeros_(reference.encoder.conv1d.weight)
        LanguageModel(llama).save(reference.save(folder / name))
    return folder


def tiny(llama: Path):
    return replace(READER, base=str(llama), dtype="float32", max_tokens=96)


def test_a_prompt_and_a_mixture_give_the_authors_remix(released: Path, llama: Path) -> None:
    reference, language_model = shaken(Convolutional(WIDTH, causal=True)), LanguageModel(llama)
    system = load_authors(released, reader=tiny(llama))
    mixture = 0.1 * torch.randn(1, FITTING, generator=torch.Generator().manual_seed(2))
    remixes = []
    for prompt in ("Extract the piano.", "Make the man louder; remove the helicopter!"):
        with torch.no_grad():
            expected = reference(mixture, language_model.read(prompt)).numpy()
        found = system.remix(mixture.numpy(), 16_000, prompt).audio
        assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
        remixes.append(found)
    assert not np.allclose(*remixes, rtol=0, atol=1e-2 * np.abs(remixes[0]).max())


def test_it_keeps_the_contract(released: Path, llama: Path) -> None:
    check_remixer(lambda: load_authors(released, reader=tiny(llama)))


def test_the_card_says_what_was_loaded(released: Path, llama: Path) -> None:
    card = load_authors(released, reader=tiny(llama)).card
    assert (card.name, card.family, card.sample_rate) == ("lcr-c-authors", "joint", 16_000)
    assert not card.causal  # gLN looks at the whole recording
    assert set(card.weights) == {f"CKPT+2023-12-15+01-00-00+00/{name}" for name in FILES}


def test_load_tells_the_folders_apart(tmp_path: Path, released: Path) -> None:
    assert checkpoint_folder(released) == released / "CKPT+2023-12-15+01-00-00+00"
    assert checkpoint_folder(tmp_path) is None
    with pytest.raises(MissingWeightsError, match=r"no config\.json of lcr, no masknet\.ckpt"):
        lcr.load(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(MissingWeightsError, match=r"model\.safetensors"):
        lcr.load(str(tmp_path))
    with pytest.raises(WeightsError, match="names its language model itself"):
        lcr.load(tmp_path, base="gpt2")
    with pytest.raises(MissingWeightsError, match="nowhere"):
        lcr.load(released, base=str(tmp_path / "nowhere"))


def test_load_takes_lcrs_own_checkpoints_of_these_blocks(tmp_path: Path) -> None:
    reader = PromptReader(ReaderConfig(base=str(tiny_bert(tmp_path / "bert")), slots=0))
    network = TcnConfig(bottleneck=6, hidden=8, layers=2, repeats=1)
    config = SoundRemixerConfig(block="C", network=network, channels=12, z_dim=reader.z_dim)
    remixer = SoundRemixer(config)
    tensors = {f"reader.{k}": v for k, v in reader.trained_state().items()}
    tensors |= {f"remixer.{k}": v for k, v in remixer.state_dict().items()}
    save_file(tensors, tmp_path / "model.safetensors")
    settings = {"labels": [], "reader": asdict(reader.config), "remixer": config.to_dict()}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    x = torch.randn(1, 8 * 100 + 16)
    found = lcr.load(tmp_path).remix(x.numpy(), 16_000, "mute the dog").audio
    with torch.no_grad():
        expected = remixer(x, reader(["mute the dog"]).unsqueeze(1))[:, 0]
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-5)


def test_what_is_missing_or_broken_is_named(tmp_path: Path, llama: Path) -> None:
    folder = shaken(Convolutional(WIDTH, causal=True)).save(tmp_path / "save")
    with pytest.raises(MissingWeightsError, match=r"lacks lora_llm\.ckpt; the authors'"):
        load_authors(folder, reader=tiny(llama))
    LanguageModel(llama).save(folder)
    lora = torch.load(folder / "lora_llm.ckpt")
    name, value = next(iter(lora.items()))
    torch.save({**lora, name: value[:8]}, folder / "lora_llm.ckpt")
    with pytest.raises(WeightsError, match=r"does not fit .*2 tensors differ.*lora_A"):
        load_authors(folder, reader=tiny(llama))
    masks = torch.load(folder / "masknet.ckpt")
    torch.save({**masks, "surprise": torch.ones(1)}, folder / "masknet.ckpt")
    with pytest.raises(WeightsError, match="unknown tensor surprise"):
        read_remixer(folder)
    del masks["layer_norm.gamma"]
    torch.save(masks, folder / "masknet.ckpt")
    with pytest.raises(WeightsError, match=r"1 tensors are missing .*network\.norm\.weight"):
        read_remixer(folder)
    (folder / "encoder.ckpt").write_bytes(b"PK not a zip")
    with pytest.raises(WeightsError, match=r"encoder\.ckpt .*damaged"):
        read_remixer(folder)


def test_a_language_model_of_another_width_is_refused(tmp_path: Path, llama: Path) -> None:
    folder = shaken(Convolutional(WIDTH + 1, causal=True)).save(tmp_path / "save")
    LanguageModel(llama).save(folder)
    with pytest.raises(WeightsError, match=r"wants a language model 17 wide; .* is 16 wide"):
        load_authors(folder, reader=tiny(llama))


def test_importing_lcr_imports_no_torch() -> None:
    code = "import sys, lcr; assert callable(lcr.load); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_system_lcr_takes_them_as_weights(
    released: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So do comparisons and tables; without the language model it is what is missing."""
    with pytest.raises(MissingWeightsError, match="Llama-2-7b-chat-hf"):
        load(weights=str(released))
    monkeypatch.setattr(authors, "load_authors", lambda folder, *, reader, device: (folder, device))
    assert load(weights=str(released), device="cpu") == (released, "cpu")
