"""A CLAP learns from training mixtures what its validation then finds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.clap import training
from baselines.clap.training import ClapStage, ClapStageConfig
from lcr.data.bank import Entry, Split, Waveform
from lcr.data.mixtures import Example, MixtureConfig, MixtureSet
from lcr.instruction import AudioDescription, Description, Kind, SpeechDescription
from lcr.training.data import AugmentConfig, Blend, TrainingConfig, TrainingMixtures
from lcr.training.loop import Loop, LoopConfig
from tests.baselines.clap.test_model import tiny_clap

PLAIN = AugmentConfig(audio_speed=0, speech_speed=0, tilt=0, layer=0)
MIXTURES = TrainingConfig(mixtures=4, instructions=1, duration_s=0.5, augment=PLAIN)


PITCHES_HZ: dict[Description, float] = {
    SpeechDescription(gender="M", pitch="low"): 200,
    SpeechDescription(gender="F", pitch="low"): 500,
    SpeechDescription(gender="M", pitch="high"): 900,
    SpeechDescription(gender="F", pitch="high"): 1400,
    AudioDescription(label="rain"): 2000,
    AudioDescription(label="dog"): 2900,
    AudioDescription(label="mute"): 4200,
    AudioDescription(label="."): 6000,
}


class Tones:
    """Speakers and sounds that a pitch tells apart: eight tones, one a description. The labels are
    words that the tiny BERT knows."""

    name = "tones"
    digest = hashlib.sha256(b"tones").hexdigest()

    def entries(self, split: Split) -> Sequence[Entry]:
        return [
            Entry(id=f"{i}", description=description, split=split, group=f"{i}")
            for i, description in enumerate(PITCHES_HZ)
        ]

    def load(self, entry: Entry) -> Waveform:
        time = np.arange(8000) / 16_000
        found = 0.1 * np.sin(2 * np.pi * PITCHES_HZ[entry.description] * time)
        return found.astype(np.float32)


def mixtures() -> TrainingMixtures:
    return TrainingMixtures([Blend(Tones(), Tones(), 1.0)], MIXTURES)


def examples(count: int = 16) -> list[Example]:
    valid = MixtureSet(
        Tones(), split="valid", config=MixtureConfig(duration_s=0.5), seed=0, name="tones-valid"
    )
    return [valid.example(i) for i in range(count)]


def stage(folder: Path, kind: Kind = "audio", **changes: Any) -> ClapStage:
    return ClapStage(tiny_clap(folder, kind), mixtures(), ClapStageConfig(**changes))


@pytest.mark.slow
def test_some_steps_raise_what_is_retrieved_and_assigned(tmp_path: Path) -> None:
    config = LoopConfig(
        steps=60, warmup_steps=5, optimiser="adamw", rate=1e-2, ema=0.5, validate_every=1000
    )
    one = Loop(stage(tmp_path / "bert"), config, tmp_path / "run", {"tones": examples()})
    before = one.validate()
    after = one.run(budget_s=1e9, report=lambda *_: None)
    assert before["tones/chance"] == after["tones/chance"] == 0.25
    assert before["tones/top1"] < 0.5
    assert after["tones/top1"] > 0.7
    assert after["tones/assigned"] > 0.9
    assert after["tones/recall1"] > before["tones/recall1"] + 0.3
    assert after["tones/recall5"] >= after["tones/recall1"]
    assert after["tones/assigned_with_residue"] > 0.7
    assert set(one.averaged()) == {"reader", "towers"}


@pytest.mark.parametrize("kind", ["speech", "audio"])
def test_the_loss_follows_the_generator_and_reaches_all_that_learns(
    tmp_path: Path, kind: Kind
) -> None:
    one = stage(tmp_path, kind)
    loss, figures = one.loss(np.random.default_rng(3))
    again, _ = one.loss(np.random.default_rng(3))
    other, _ = one.loss(np.random.default_rng(4))
    assert loss.item() == again.item() == figures["contrastive"] != other.item()
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(
        p.grad is not None and p.grad.isfinite().all()
        for p in one.modules.parameters()
        if p.requires_grad
    )
    assert 0 <= figures["batch_recall"] <= 1


def test_clips_of_the_other_kind_are_more_to_tell_apart(tmp_path: Path) -> None:
    heard: list[int] = []
    one = stage(tmp_path)
    embed = one.clap.embed_audio

    def counted(clips: torch.Tensor) -> torch.Tensor:
        heard.append(len(clips))
        return embed(clips)

    one.clap.embed_audio = counted  # type: ignore[method-assign]
    with_others, _ = one.loss(np.random.default_rng(0))
    one.config = replace(one.config, others=False)
    without, _ = one.loss(np.random.default_rng(0))
    assert heard == [16, 8]
    assert with_others > without


def test_residue_is_some_of_another_source(tmp_path: Path) -> None:
    sources = torch.eye(3).repeat(2, 1, 1)  # three sources of three samples
    one = stage(tmp_path, residue=1.0, residue_db=(-6.0206, -6.0206))
    leaky = one._with_residue(sources, np.random.default_rng(0))
    assert (leaky.diagonal(dim1=1, dim2=2) == 1).all()
    off = leaky - sources
    torch.testing.assert_close(off.sum(-1), torch.full((2, 3), 0.5))
    assert ((off > 0).sum(-1) == 1).all()
    one.config = replace(one.config, residue=0.0)
    torch.testing.assert_close(one._with_residue(sources, np.random.default_rng(0)), sources)


def test_figures_are_the_same_for_any_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = stage(tmp_path)
    one.modules.eval()
    some = examples(8)
    parts = [some[0::2], some[1::2]]
    told: list[Any] = []

    class Rank:
        process_index = 0

    with torch.no_grad():
        whole = one.validate(some)
        with monkeypatch.context() as patch:
            patch.setattr(training, "gather_object", lambda mine: told.extend(mine) or mine)
            for part in parts:
                one.validate(part)
            patch.setattr(training, "gather_object", lambda mine: told)
            patch.setattr(training, "PartialState", Rank)
            found = []
            for Rank.process_index, part in enumerate(parts):
                found.append(one.validate(part))
    assert sum(f.count for f in found) == whole.count
    for key, value in whole.values.items():
        assert sum(f.values[key] for f in found) == pytest.approx(value)


@torch.no_grad()
def test_a_process_without_examples_adds_nothing(tmp_path: Path) -> None:
    found = stage(tmp_path).validate([])
    assert found.count == 0
    assert set(found.values.values()) == {0.0}


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"whole": 1.5}, "chances"), ({"residue_db": (-6.0, -30.0)}, r"\(least, most\)")],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ClapStageConfig(**changes)
