"""LCR as a Remixer: loads a checkpoint, batches as one by one, says what it read."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from lcr.checkpoints import CONFIG_FILE, WEIGHTS, WEIGHTS_FILE, WeightsError
from lcr.joint.remixer import DEFAULT_WEIGHTS, JointRemixer, load
from lcr.nn.grounded.remixer import GroundedConfig, GroundedRemixer
from lcr.nn.reader.prompt_reader import MissingWeightsError, PromptReader, ReaderConfig
from lcr.nn.reader.slots import SlotVocabulary
from lcr.remixer import RemixRequest
from lcr.testing import check_remixer
from tests.shipped import shipped_model
from tests.tiny_bert import tiny_bert

LABELS = ("rain", "dog barking")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model in the shipped format, on a tiny random BERT."""
    folder = tmp_path_factory.mktemp("lcr-tiny")
    slots = SlotVocabulary(LABELS).size
    torch.manual_seed(0)
    reader_config = ReaderConfig(base=str(tiny_bert(folder / "bert")), slots=slots)
    reader = PromptReader(reader_config)
    model = GroundedConfig(
        n_fft=256,
        hop=128,
        channels=8,
        blocks=1,
        query_channels=8,
        z_dim=reader.z_dim,
        film_hidden=8,
        mask_hidden=8,
        columns=len(SlotVocabulary(LABELS).columns),
        band_bins=(29, 50, 50),
    )
    remixer = GroundedRemixer(model)
    with torch.no_grad():
        for parameter in remixer.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    with torch.no_grad():
        reader.name.bias[0] = 6.0
        reader.act.bias[0] = 9.0  # whatever the prompt, "0 rain" is read
    tensors = {f"reader.{k}": v.half() for k, v in reader.trained_state().items()}
    tensors |= {f"remixer.{k}": v.half() for k, v in remixer.state_dict().items()}
    save_file(tensors, folder / WEIGHTS_FILE)
    config = {
        "labels": LABELS,
        "reader": asdict(reader_config),
        "remixer": {"kind": "grounded", **asdict(model)},
    }
    (folder / CONFIG_FILE).write_text(json.dumps(config))
    return folder


def test_it_keeps_the_contract(checkpoint: Path) -> None:
    check_remixer(lambda: load(weights=str(checkpoint)))


def test_a_batch_is_the_same_as_one_by_one(checkpoint: Path) -> None:
    system = load(weights=str(checkpoint))
    rng = np.random.default_rng(0)
    requests = [
        RemixRequest(
            mixture=rng.standard_normal((1, 6000)).astype(np.float32) * 0.1,
            sample_rate=16000,
            prompt=prompt,
        )
        for prompt in ("mute the rain", "the dog . the dog", "")
    ]
    together = system.remix_many(requests)
    for request, one in zip(requests, together, strict=True):
        alone = system.remix(request.mixture, request.sample_rate, request.prompt)
        np.testing.assert_allclose(one.audio, alone.audio, atol=1e-4)
    mixed = [
        *requests,
        RemixRequest(mixture=np.zeros((2, 99), np.float32), sample_rate=8000, prompt="x"),
    ]
    assert [r.audio.shape for r in system.remix_many(mixed)] == [r.mixture.shape for r in mixed]
    assert system.remix_many([]) == []


def alone_and_in_threads(system: JointRemixer, seconds: float) -> None:
    """One remixer, six requests of other shapes and prompts, three threads, twice over."""
    rng = np.random.default_rng(0)
    prompts = ("mute the rain", "turn the dog up", "remove the man", "keep only the rain")
    jobs = [
        (
            (0.1 * rng.standard_normal((1 + i % 2, int(seconds * 16000) + 321 * i))).astype("f4"),
            prompts[i % len(prompts)],
        )
        for i in range(6)
    ]

    def remix(job: tuple[np.ndarray, str]) -> np.ndarray:
        return system.remix(job[0], 16000, job[1]).audio

    expected = [remix(job) for job in jobs]
    with ThreadPoolExecutor(3) as pool:
        for found, alone in zip(pool.map(remix, jobs * 2), expected * 2, strict=True):
            np.testing.assert_allclose(found, alone, rtol=0, atol=1e-6)


def test_threads_share_a_remixer(checkpoint: Path) -> None:
    alone_and_in_threads(load(weights=str(checkpoint)), 0.5)


@pytest.mark.slow
def test_threads_share_the_shipped_model() -> None:
    alone_and_in_threads(shipped_model(), 1.0)


def test_the_trace_tells_what_was_read(checkpoint: Path) -> None:
    system = load(weights=str(checkpoint))
    steps = system.remix(np.zeros((1, 800), np.float32), 16000, "mute the rain").trace
    assert [step.name for step in steps] == ["read prompt", "remix"]
    names = SlotVocabulary(LABELS).names
    slots = steps[0].data["slots"]
    assert isinstance(slots, dict)
    assert "0 rain" in slots
    assert set(slots) <= set(names)
    assert all(step.seconds is not None and step.seconds >= 0 for step in steps)


def test_the_card_names_its_weights(checkpoint: Path) -> None:
    card = load(weights=str(checkpoint)).card
    assert (card.family, card.sample_rate, card.uses_oracle) == ("joint", 16000, frozenset())
    assert checkpoint.name in card.weights
    assert all(len(digest) == 64 for digest in card.weights.values())


def test_broken_checkpoints_are_refused_in_words(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError, match=r"no .*config\.json"):
        JointRemixer.from_checkpoint(tmp_path, name="lcr")
    config = json.loads((checkpoint / CONFIG_FILE).read_text())
    (tmp_path / CONFIG_FILE).write_text(json.dumps(config))
    (tmp_path / WEIGHTS_FILE).write_bytes((checkpoint / WEIGHTS_FILE).read_bytes()[:1000])
    with pytest.raises(WeightsError, match="is damaged"):
        JointRemixer.from_checkpoint(tmp_path, name="lcr")
    tensors = load_file(checkpoint / WEIGHTS_FILE)
    gone = sorted(tensors)[-1]
    del tensors[gone]
    save_file(tensors, tmp_path / WEIGHTS_FILE)
    with pytest.raises(WeightsError, match=gone.removeprefix("remixer.")):
        JointRemixer.from_checkpoint(tmp_path, name="lcr")
    config["remixer"]["columns"] += 1
    (tmp_path / CONFIG_FILE).write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="does not fit"):
        JointRemixer.from_checkpoint(tmp_path, name="lcr")
    config["remixer"]["kind"] = "unheard-of"
    (tmp_path / CONFIG_FILE).write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="not of the kind"):
        JointRemixer.from_checkpoint(tmp_path, name="lcr")
    (tmp_path / CONFIG_FILE).write_text(json.dumps({"labels": []}))
    with pytest.raises(WeightsError, match="does not fit"):
        JointRemixer.from_checkpoint(tmp_path, name="lcr")


@pytest.mark.slow
def test_the_shipped_model_obeys_its_prompt() -> None:
    """Not a benchmark: the reader's slots for plain prompts, and volume of everything."""
    system = shipped_model()
    assert (WEIGHTS / DEFAULT_WEIGHTS / "README.md").is_file()
    rng = np.random.default_rng(0)
    mixture = (0.05 * rng.standard_normal((1, 32000))).astype(np.float32)
    louder = system.remix(mixture, 16000, "Turn up the overall volume, please.")
    quieter = system.remix(mixture, 16000, "Make everything quieter.")
    np.testing.assert_allclose(louder.audio, 2 * mixture, atol=1e-3)
    np.testing.assert_allclose(quieter.audio, mixture / 2, atol=1e-3)
    slots = system.remix(mixture, 16000, "Remove the rain.").trace[0].data["slots"]
    assert isinstance(slots, dict)
    assert "0 rain" in slots
