"""LLM-TSE: by text, by a recording, or by both; at the mixture's level; learns from all three."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.llm_tse.remixer import (
    Clues,
    CluesConfig,
    LlmTse,
    llm_tse,
    load_llm_tse,
    read_enrolment,
    save_llm_tse,
)
from baselines.llm_tse.training import CLUES, LlmTseStage, SpeakerMixtures, extraction_prompt
from lcr.audio.core import AudioFileError, write_audio
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import WeightsError
from lcr.data.bank import Entry, Split, Waveform
from lcr.data.mixtures import Example, MixtureConfig, MixtureSet
from lcr.instruction import SpeechDescription, Task
from lcr.losses.snr import negative_snr
from lcr.nn.reader.prompt_reader import PromptReader
from lcr.remixer import SystemCard
from lcr.testing import CHECKS, Subject
from lcr.training.data import AugmentConfig, Blend, TrainingConfig
from tests.baselines.lass.test_remixer import noise, tiny_extractor
from tests.lcr.data.test_mixtures import ToyBank
from tests.tiny_models import PROMPTS, reader, tiny_bases

DIM = 12
CARD = SystemCard(
    name="llm-tse", family="composite", sample_rate=16_000, tasks=frozenset({Task.TSE})
)


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return tiny_bases(tmp_path_factory.mktemp("bases"))


def tiny_clues(text_dim: int = 16) -> Clues:
    torch.manual_seed(0)
    config = CluesConfig(
        text_dim=text_dim, dim=DIM, n_fft=128, hop=64, band_bins=(8, 24, 33), channels=8
    )
    return Clues(config).eval()


@pytest.fixture(scope="module")
def tiny_reader(bases: dict[str, Path]) -> PromptReader:
    return reader(bases["bert"])


@pytest.fixture(scope="module")
def system(tiny_reader: PromptReader) -> LlmTse:
    return LlmTse(tiny_reader, tiny_clues(), tiny_extractor(z_dim=DIM), CARD)


def enrolment(seed: int = 5) -> torch.Tensor:
    return torch.from_numpy(noise(9000, seed=seed))


@pytest.mark.parametrize("check", CHECKS)
def test_it_conforms(check: str, bases: dict[str, Path]) -> None:
    def build() -> LlmTse:
        return LlmTse(reader(bases["bert"]), tiny_clues(), tiny_extractor(z_dim=DIM), CARD)

    CHECKS[check](Subject(build))


def test_each_clue_tells_and_both_tell_more(system: LlmTse) -> None:
    mixture = noise(1, 4000)
    got = [
        system.extract(mixture, 16_000, prompt=prompt, enrolment=clue)
        for prompt in ("", "mute the dog", "rain")
        for clue in (None, enrolment(5), enrolment(6))
        if prompt or clue is not None
    ]
    said = {remix.trace[0].detail for remix in got}
    assert said == {"text", "audio", "text and audio"}
    for i, one in enumerate(got):
        for other in got[:i]:
            assert np.abs(one.audio - other.audio).max() > 1e-6


def test_who_speaks_does_not_depend_on_how_loud() -> None:
    clues = tiny_clues()
    plain, loud = (clues(None, gain * enrolment()[None]) for gain in (1.0, 30.0))
    torch.testing.assert_close(plain, loud, atol=1e-4, rtol=1e-4)


def test_a_missing_clue_is_the_learnt_vector() -> None:
    clues = tiny_clues()
    text = torch.randn(2, 16)
    with torch.no_grad():
        clues.no_audio.copy_(torch.arange(DIM))
    expected = clues.fuse(torch.cat([clues.text(text), clues.no_audio.expand(2, -1)], -1))
    torch.testing.assert_close(clues(text, None), expected)


@pytest.mark.parametrize("given", ["none", "two and three"])
def test_clues_that_do_not_fit_are_refused(given: str) -> None:
    text, audio = (torch.zeros(2, 16), torch.zeros(3, 100)) if given != "none" else (None, None)
    with pytest.raises(ValueError, match="one a mixture"):
        tiny_clues()(text, audio)


@pytest.mark.parametrize("gain_db", [-20.0, 20.0])
def test_the_output_follows_the_level(system: LlmTse, gain_db: float) -> None:
    mixture, gain = noise(1, 5000), np.float32(10 ** (gain_db / 20))
    plain, scaled = (system.remix(g * mixture, 16_000, "rain").audio for g in (np.float32(1), gain))
    change_db = 10 * np.log10(np.square(scaled).sum() / np.square(plain).sum())
    assert abs(change_db - gain_db) < 0.1
    np.testing.assert_allclose(scaled / gain, plain, atol=1e-4 * np.abs(plain).max())


def test_nobody_asked_for_is_refused(system: LlmTse) -> None:
    with pytest.raises(ValueError, match="nobody is asked for"):
        system.remix(noise(1, 100), 16_000, " ")


@pytest.mark.parametrize("mode", ["frozen", "lora"])
def test_a_checkpoint_comes_back_whole(bases: dict[str, Path], tmp_path: Path, mode: Any) -> None:
    # A decoder as LLaMA is, at its last token, with LoRA as the paper trains it.
    read = reader(bases["llama"], mode)
    with torch.no_grad():
        for name, parameter in read.named_parameters():
            if "lora_" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
    saved = LlmTse(read, tiny_clues(), tiny_extractor(z_dim=DIM), CARD)
    folder = tmp_path / "mine"
    folder.mkdir()
    save_llm_tse(read, tiny_clues(), tiny_extractor(z_dim=DIM), folder, about="a test")
    path = tmp_path / "her.wav"
    write_audio(path, enrolment()[None].numpy(), 16_000)
    again = llm_tse(weights=str(folder), enrolment=str(path))
    assert set(again.card.weights) == {"mine", "llama"}
    assert again.card.tasks == {Task.TSE}
    assert not again.card.uses_oracle
    mixture = noise(1, 3000)
    expected = saved.extract(mixture, 16_000, prompt=PROMPTS[0], enrolment=read_enrolment(path))
    got = again.remix(mixture, 16_000, PROMPTS[0])
    np.testing.assert_allclose(got.audio, expected.audio, atol=1e-6)


def test_wrong_checkpoints_are_refused(tiny_reader: PromptReader, tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError, match="nowhere"):
        llm_tse(weights=str(tmp_path / "nowhere"))
    save_llm_tse(tiny_reader, tiny_clues(), tiny_extractor(z_dim=DIM), tmp_path)
    with pytest.raises(AudioFileError, match="does not exist"):
        llm_tse(weights=str(tmp_path), enrolment=str(tmp_path / "no.wav"))
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    config["llm-tse"]["clues"]["dim"] = 13
    path.write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="the clues expect 16 and 13"):
        load_llm_tse(tmp_path)
    path.write_text("{}")
    with pytest.raises(WeightsError, match="is no LLM-TSE"):
        load_llm_tse(tmp_path)


def mixtures() -> SpeakerMixtures:
    bank = ToyBank()
    config = TrainingConfig(mixtures=3, instructions=1, duration_s=0.5)
    return SpeakerMixtures([Blend(bank, bank, 1.0)], config)


def examples(count: int) -> list[Example]:
    config = MixtureConfig(duration_s=0.5, n_audio=0)
    valid = MixtureSet(ToyBank(), split="valid", config=config, seed=0, name="toy-valid")
    return [valid.example(i) for i in range(count)]


def test_speakers_are_enrolled_by_other_recordings() -> None:
    batch = mixtures().speakers(np.random.default_rng(0))
    assert batch.sources.shape == (3, 2, 8000)
    assert batch.enrolments.shape == (3, 8000)
    assert batch.enrolments.square().mean(-1).min() > 0
    for row, i, sound, clue in zip(
        batch.descriptions, batch.wanted, batch.sources, batch.enrolments, strict=True
    ):
        assert isinstance(row[i], SpeechDescription)
        same = torch.corrcoef(torch.stack([sound[i], clue]))[0, 1]
        assert same.abs() < 0.5
    same = mixtures().speakers(np.random.default_rng(0))
    torch.testing.assert_close(batch.enrolments, same.enrolments)


@pytest.mark.slow
@pytest.mark.parametrize("clue", CLUES)
def test_a_few_steps_lower_the_loss(tiny_reader: PromptReader, clue: str) -> None:
    torch.manual_seed(0)
    extractor = tiny_extractor(z_dim=DIM, lively=False)
    stage = LlmTseStage(tiny_reader, tiny_clues(), extractor, mixtures())
    seed = next(i for i in range(30) if clue_of(stage.mixtures, i) == clue)
    losses = fit(stage, lambda step: seed, steps=20)
    assert losses[-1] < losses[0] - 1.0


class ToneBank(ToyBank):
    """Men hum at 400 Hz and women at 2 kHz, so that spectra alone tell who speaks."""

    def load(self, entry: Entry) -> Waveform:
        rng = np.random.default_rng(len(entry.id))
        hertz = 400 if "-M-" in entry.id else 2000
        phase = rng.uniform(0, 6)
        times = np.arange(12_000) / 16_000
        return (0.1 * np.sin(2 * np.pi * hertz * times + phase)).astype(np.float32)

    def entries(self, split: Split) -> Sequence[Entry]:
        return [
            replace(e, description=SpeechDescription(gender=e.description.gender))
            if isinstance(e.description, SpeechDescription)
            else e
            for e in super().entries(split)
        ]


def test_who_is_heard_is_whom_the_recording_is_of(tiny_reader: PromptReader) -> None:
    torch.manual_seed(0)
    bank = ToneBank()
    config = TrainingConfig(
        mixtures=4, instructions=1, duration_s=0.25, augment=AugmentConfig(speech_speed=0, tilt=0)
    )
    drawn = SpeakerMixtures([Blend(bank, bank, 1.0)], config)
    extractor = tiny_extractor(z_dim=DIM, lively=False)
    stage = LlmTseStage(tiny_reader, tiny_clues(), extractor, drawn)
    heard = [seed for seed in range(160) if clue_of(drawn, seed) == "audio"]
    fit(stage, heard.__getitem__, steps=45)
    batch = drawn.speakers(np.random.default_rng(1000))
    others = batch.sources.sum(1) - batch.sources[range(4), batch.wanted]
    with torch.no_grad():
        z = stage.clues.eval()(None, batch.enrolments)
        estimate = extractor.eval()(batch.sources.sum(1), z.unsqueeze(1)).squeeze(1)
    right = negative_snr(estimate=estimate, reference=batch.sources[range(4), batch.wanted])
    wrong = negative_snr(estimate=estimate, reference=others)
    assert (right < -15).all()
    assert (wrong > 0).all()


def clue_of(drawn: SpeakerMixtures, seed: int) -> str:
    """The clue that the stage gives with the batch of a seed: it is drawn behind the speakers."""
    rng = np.random.default_rng(seed)
    drawn.speakers(rng)
    return CLUES[int(rng.integers(len(CLUES)))]


def fit(stage: LlmTseStage, seed_at: Callable[[int], int], *, steps: int) -> list[float]:
    trained = [p for p in stage.modules.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=2e-2)
    losses = []
    for step in range(steps):
        loss, figures = stage.loss(np.random.default_rng(seed_at(step)))
        (given,) = figures.keys() - {"snri_db"}
        assert figures[given] == pytest.approx(-loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def test_it_is_scored_by_what_prompts_gain(tiny_reader: PromptReader) -> None:
    stage = LlmTseStage(tiny_reader, tiny_clues(), tiny_extractor(z_dim=DIM), mixtures())
    scores = stage.validate(examples(3))
    assert scores.count == 3
    assert np.isfinite(scores.values["extraction_snri_db"])
    assert 0 <= scores.values["improved_share"] <= 3
    assert stage.validate(examples(3)) == scores


def test_parts_that_do_not_fit_are_refused(tiny_reader: PromptReader) -> None:
    with pytest.raises(ValueError, match="the reader is 16 wide and the extractor 12; the clues"):
        LlmTse(tiny_reader, tiny_clues(7), tiny_extractor(z_dim=DIM), CARD)


def test_a_prompt_asks_for_one_speaker_alone() -> None:
    row = (SpeechDescription(gender="M"), SpeechDescription(gender="F"))
    rng = np.random.default_rng(0)
    her = {extraction_prompt(row, 1, rng) for _ in range(20)}
    his = {extraction_prompt(row, 0, rng) for _ in range(20)}
    assert not her & his
