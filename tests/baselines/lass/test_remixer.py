"""LASS: what is asked for by its description, at its level; checkpoints load strictly."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from baselines.composite.extraction import ExtractionRemixer
from baselines.composite.planning import OraclePlanner
from baselines.lass.network import (
    BandExtractor,
    BandExtractorConfig,
    BlocksExtractor,
    Extractor,
    build_extractor,
)
from baselines.lass.query import LoadedEncoder, SentenceEncoder, load_encoder, query_of
from baselines.lass.remixer import (
    LoadedLass,
    build_lass,
    lass_audio,
    lass_speech,
    load_lass,
    save_lass,
)
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import WeightsError
from lcr.instruction import AudioDescription, Description, SpeechDescription, Task, instruction
from lcr.nn.paper.sound_remixer import SoundRemixerConfig
from lcr.nn.paper.tcn import TcnConfig
from lcr.remixer import MissingOracleError, NotDefinedError, Oracle, SystemCard
from lcr.testing import CHECKS, Subject
from tests.tiny_bert import tiny_bert

DESCRIPTIONS: tuple[Description, ...] = (
    SpeechDescription(gender="M"),
    SpeechDescription(gender="F"),
    AudioDescription(label="dog barking"),
    AudioDescription(label="rain"),
)
TINY = {
    "n_fft": 128,
    "hop": 64,
    "band_bins": (8, 24, 33),
    "channels": 8,
    "blocks": 2,
    "film_hidden": 8,
    "mask_hidden": 8,
}
WIDTH = 6


def tiny_extractor(
    kind: str = "band-split", z_dim: int = WIDTH, *, lively: bool = True
) -> Extractor:
    """With `lively` FiLMs and masks do something, as they do once trained."""
    torch.manual_seed(0)
    extractor: Extractor
    if kind == "blocks":
        network = TcnConfig(bottleneck=8, hidden=8, layers=2, repeats=2)
        settings = SoundRemixerConfig(block="C", network=network, channels=16, z_dim=z_dim)
        extractor = BlocksExtractor(settings)
    else:
        extractor = BandExtractor(BandExtractorConfig(z_dim=z_dim, **TINY))  # type: ignore[arg-type]
    if lively:
        with torch.no_grad():
            for name, parameter in extractor.named_parameters():
                if "film" in name or "heads" in name:
                    parameter.add_(0.3 * torch.randn_like(parameter))
    return extractor.eval()


class LetterEncoder:
    """Unit vectors from the letters of a text."""

    width = WIDTH

    def embed_text(self, texts: Sequence[str]) -> Tensor:
        rows = [np.bincount([ord(c) % WIDTH for c in t], minlength=WIDTH) for t in texts]
        return functional.normalize(torch.tensor(np.stack(rows), dtype=torch.float32), dim=-1)


def lass(extractor: Extractor | None = None, kind: Any = "audio") -> ExtractionRemixer:
    task = {"speech": Task.TSE, "audio": Task.TAE}[kind]
    card = SystemCard(
        name=f"lass-{kind}",
        family="composite",
        sample_rate=16_000,
        uses_oracle=frozenset({"instruction"}),
        tasks=frozenset({task}),
    )
    query = LoadedEncoder(LetterEncoder(), {})
    loaded = LoadedLass(extractor or tiny_extractor(), query, kind, {})
    return build_lass(loaded, OraclePlanner(), card)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return (0.05 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def remixed(system: ExtractionRemixer, mixture: np.ndarray, pattern: str) -> np.ndarray:
    oracle = Oracle(instruction=instruction(pattern, DESCRIPTIONS))
    return system.remix(mixture, 16_000, "", oracle=oracle).audio


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", ["speech", "audio"])
def test_it_conforms(kind: str, check: str) -> None:
    CHECKS[check](Subject(lambda: lass(kind=kind)))


@torch.no_grad()
@pytest.mark.parametrize("samples", [1, 63, 4001])
@pytest.mark.parametrize("kind", ["band-split", "blocks"])
def test_any_length_and_number_of_queries(kind: str, samples: int) -> None:
    extractor = tiny_extractor(kind)
    mixture, z = torch.from_numpy(noise(2, samples)), torch.randn(2, 3, WIDTH)
    together = extractor(mixture, z)
    assert together.shape == (2, 3, samples)
    for row in range(2):
        for query in range(3):
            alone = extractor(mixture[row : row + 1], z[row : row + 1, query : query + 1])
            torch.testing.assert_close(together[row, query], alone[0, 0], atol=1e-5, rtol=1e-4)
    if samples > 1:  # the queries matter
        assert (together[:, 0] - together[:, 1]).abs().max() > 1e-4


@torch.no_grad()
def test_an_untrained_mask_is_the_same_for_all_bins() -> None:
    """Zero logits but for the heads' bias of -1: the estimate is sigmoid(-1) of the mixture."""
    mixture = torch.from_numpy(noise(1, 3000))
    got = tiny_extractor(lively=False)(mixture, torch.randn(1, 1, WIDTH))
    expected = mixture / (1 + np.e)
    torch.testing.assert_close(got[:, 0], expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("gain_db", [-20.0, 20.0])
@pytest.mark.parametrize("kind", ["band-split", "blocks"])
def test_the_output_follows_the_level(kind: str, gain_db: float) -> None:
    system, mixture = lass(tiny_extractor(kind)), noise(1, 5000)
    gain = np.float32(10 ** (gain_db / 20))
    plain, scaled = (remixed(system, g * mixture, "0010") for g in (np.float32(1), gain))
    change_db = 10 * np.log10(np.square(scaled).sum() / np.square(plain).sum())
    assert abs(change_db - gain_db) < 0.1
    np.testing.assert_allclose(scaled / gain, plain, atol=1e-4 * np.abs(plain).max())


class Echo(Extractor):
    """Puts the mixture out, scaled by how near the query is to that for rain."""

    z_dim = WIDTH

    def extract(self, mixture: Tensor, z: Tensor) -> Tensor:
        rain = LetterEncoder().embed_text([query_of(DESCRIPTIONS[3])])
        return mixture.unsqueeze(1) * (z @ rain.T)

    def settings(self) -> dict[str, Any]:
        return {}


def test_the_query_is_the_true_description() -> None:
    system, mixture = lass(Echo()), noise(2, 4000)
    oracle = Oracle(instruction=instruction("0001", DESCRIPTIONS))
    got = system.remix(mixture, 16_000, "anything", oracle=oracle)
    np.testing.assert_allclose(got.audio, mixture, atol=1e-6)
    (step,) = [step for step in got.trace if step.name == "extract"]
    assert step.detail == query_of(AudioDescription(label="rain")) + " x 1"
    assert np.abs(remixed(system, mixture, "0010") - mixture).max() > 1e-3


@pytest.mark.parametrize("pattern", ["1000", "0011", "00U0", "1110", "1100", "UUUU"])
def test_other_tasks_are_not_defined(pattern: str) -> None:
    with pytest.raises(NotDefinedError, match="lass-audio extracts one audio source as it is"):
        remixed(lass(), noise(1, 100), pattern)


def test_without_the_truth_it_refuses() -> None:
    with pytest.raises(MissingOracleError):
        lass().remix(noise(1, 100), 16_000, "rain")


def test_a_query_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="queries are 6 wide, and the extractor expects 5"):
        lass(tiny_extractor(z_dim=5))


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """A checkpoint with a tiny BERT for an encoder."""

    def write(kind: str = "band-split", of: Any = "audio") -> Path:
        base = tiny_bert(tmp_path / "bert")
        query = load_encoder({"kind": "sentence", "base": str(base)})
        folder = tmp_path / "lass"
        folder.mkdir(exist_ok=True)
        save_lass(tiny_extractor(kind, query.encoder.width), query, of, folder, about="a test")
        return folder

    return write


@pytest.mark.parametrize("kind", ["band-split", "blocks"])
def test_a_checkpoint_comes_back_whole(written: Callable[..., Path], kind: str) -> None:
    folder = written(kind)
    loaded = load_lass(folder)
    saved = tiny_extractor(kind, 16)
    assert loaded.extractor.settings() == saved.settings()
    again = build_extractor(json.loads(json.dumps(saved.settings())))
    assert again.settings() == saved.settings()
    for name, value in saved.state_dict().items():
        torch.testing.assert_close(loaded.extractor.state_dict()[name], value)
    system = lass_audio(weights=str(folder))
    assert set(system.card.weights) == {"lass", "bert"}
    assert system.card.tasks == {Task.TAE}
    assert np.isfinite(remixed(system, noise(1, 2000), "0010")).all()


def test_a_sentence_encoder_gives_unit_vectors(tmp_path: Path) -> None:
    encoder = SentenceEncoder(str(tiny_bert(tmp_path / "bert")))
    got = encoder.embed_text(["the dog", "rain"])
    assert got.shape == (2, encoder.width)
    torch.testing.assert_close(got.norm(dim=-1), torch.ones(2))


def test_wrong_checkpoints_are_refused(written: Callable[..., Path], tmp_path: Path) -> None:
    folder = written()
    with pytest.raises(WeightsError, match="extracts audio, and lass-speech is for speech"):
        lass_speech(weights=str(folder))
    with pytest.raises(MissingWeightsError, match="nowhere"):
        lass_audio(weights=str(tmp_path / "nowhere"))
    config = json.loads((folder / "config.json").read_text())
    other = {**config, "lass": {**config["lass"], "encoder": {"kind": "sentence", "base": "x"}}}
    other["lass"]["encoder"] = {**config["lass"]["encoder"], "sha256": "0" * 64}
    (folder / "config.json").write_text(json.dumps(other))
    with pytest.raises(WeightsError, match="is not the one that the extractor was trained with"):
        load_lass(folder)
    config["lass"]["extractor"]["channels"] = 16
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="does not fit"):
        load_lass(folder)
    (folder / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match="is no LASS"):
        load_lass(folder)


@pytest.mark.parametrize("settings", [{}, {"kind": "clap"}, {"kind": "word2vec"}])
def test_unknown_encoders_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(WeightsError, match="no query encoder is"):
        load_encoder(settings)


def test_loaded_encoders_tell_their_weights(tmp_path: Path) -> None:
    base = tiny_bert(tmp_path / "bert")
    loaded = load_encoder({"kind": "sentence", "base": str(base)})
    assert isinstance(loaded, LoadedEncoder)
    assert loaded.settings["sha256"] == loaded.weights["bert"]
