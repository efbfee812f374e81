"""Training resumes exactly, validates on averaged weights, and warms up and decays as stated."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from lcr.data.mixtures import MixtureConfig, MixtureSet
from lcr.nn.band_split import BandSplitConfig, BandSplitRemixer
from lcr.nn.slots import SlotVocabulary
from lcr.training.data import Blend, TrainingConfig, TrainingMixtures
from lcr.training.loop import Loop, LoopConfig
from lcr.training.stages import RemixerStage
from tests.data.test_mixtures import ToyBank

VOCABULARY = SlotVocabulary(("rain", "dog barking", "helicopter"))
TINY = BandSplitConfig(
    n_fft=128,
    hop=64,
    channels=8,
    stem_blocks=1,
    blocks=1,
    z_dim=VOCABULARY.size,
    film_hidden=8,
    mask_hidden=8,
    match_columns=len(VOCABULARY.columns),
    band_bins=(8, 24, 33),
)
FAST = LoopConfig(steps=6, warmup_steps=2, validate_every=3, save_every=2, ema=0.9)


def loop(folder: Path, config: LoopConfig = FAST) -> Loop:
    torch.manual_seed(0)
    bank = ToyBank()
    mixtures = TrainingMixtures(
        [Blend(bank, bank, 1.0)], TrainingConfig(mixtures=2, instructions=2, duration_s=0.5)
    )
    stage = RemixerStage(BandSplitRemixer(TINY), VOCABULARY, mixtures)
    valid = MixtureSet(
        bank, split="valid", config=MixtureConfig(duration_s=0.5), seed=0, name="toy-valid"
    )
    return Loop(stage, config, folder, {"toy": [valid.example(i) for i in range(16)]})


def train(one: Loop, budget_s: float = 1e9) -> dict[str, float]:
    return one.run(budget_s=budget_s, report=lambda step, total, figures: None)


def weights(one: Loop) -> list[torch.Tensor]:
    return [p.detach().clone() for p in one.stage.modules.parameters()]


def test_a_stopped_run_goes_on_exactly(tmp_path: Path) -> None:
    whole = loop(tmp_path / "whole")
    scores = train(whole)
    part = loop(tmp_path / "part")
    while part.step < FAST.steps:
        train(part, budget_s=0.0)  # one step, then the time is up
        part = loop(tmp_path / "part")
        assert part.resume()
    assert part.step == whole.step == FAST.steps
    for a, b in zip(weights(whole), weights(part), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    for name, state in whole.averaged().items():
        for key, value in part.averaged()[name].items():
            torch.testing.assert_close(value, state[key], rtol=0, atol=0)
    assert part.validate() == pytest.approx(scores)


def test_a_crash_while_saving_leaves_the_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = loop(tmp_path)
    train(one, budget_s=0.0)
    before = one.state_path.read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    one.state.step += 1
    with pytest.raises(OSError, match="No space left"):
        one.save()
    assert one.state_path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]


def test_learning_lowers_the_loss_and_is_logged(tmp_path: Path) -> None:
    one = loop(
        tmp_path, LoopConfig(steps=40, warmup_steps=2, validate_every=20, ema=0.5, rate=5e-3)
    )
    start = one.validate()["toy/snri_without_ovc_db"]
    end = train(one)["toy/snri_without_ovc_db"]
    assert start == pytest.approx(0.0, abs=1e-3)  # untrained: the mixture itself
    assert end > 0.2
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(float(row["step"])) for row in rows] == [20, 40]
    assert float(rows[1]["toy/snri_without_ovc_db"]) == pytest.approx(end, rel=1e-3)


def test_the_rate_warms_up_stays_and_decays() -> None:
    config = LoopConfig(steps=100, warmup_steps=10, decay_share=0.5, final_rate=0.1)
    assert config.rate_at(0) == pytest.approx(0.1)
    assert config.rate_at(9) == config.rate_at(50) == 1.0
    assert config.rate_at(75) == pytest.approx(0.5)
    assert config.rate_at(100) == pytest.approx(0.1)


def test_batches_depend_on_the_generator_alone() -> None:
    import numpy as np

    bank = ToyBank()
    mixtures = TrainingMixtures([Blend(bank, bank, 1.0)], TrainingConfig(duration_s=0.5))
    a, b = (mixtures.batch(np.random.default_rng(5)) for _ in range(2))
    torch.testing.assert_close(a.sources, b.sources, rtol=0, atol=0)
    assert [[p.text for p in row] for row in a.prompts] == [
        [p.text for p in row] for row in b.prompts
    ]
    assert a.gains.shape == (3, 4, 4)
    assert torch.isfinite(a.sources).all()
