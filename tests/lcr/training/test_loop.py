"""Training resumes exactly, validates on averaged weights, and warms up and decays as stated."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from lcr.data.mixtures import Example, MixtureConfig, MixtureSet
from lcr.errors import LcrError
from lcr.nn.grounded.remixer import GroundedConfig, GroundedRemixer
from lcr.nn.reader.slots import SlotVocabulary
from lcr.training.data import Blend, TrainingConfig, TrainingMixtures
from lcr.training.loader import LoadedMixtures
from lcr.training.logs import TrainingLog
from lcr.training.loop import Loop, LoopConfig
from lcr.training.stages import RemixerStage, Scores
from lcr.training.state import StateError
from tests.lcr.data.test_mixtures import ToyBank

VOCABULARY = SlotVocabulary(("rain", "dog barking", "helicopter"))
TINY = GroundedConfig(
    n_fft=128,
    hop=64,
    channels=8,
    blocks=1,
    query_channels=8,
    z_dim=VOCABULARY.size,
    film_hidden=8,
    mask_hidden=8,
    columns=len(VOCABULARY.columns),
    band_bins=(8, 24, 33),
)
MIXTURES = TrainingConfig(mixtures=2, instructions=2, duration_s=0.5)
FAST = LoopConfig(steps=6, warmup_steps=2, validate_every=3, save_every=2, ema=0.9)


def loop(
    folder: Path,
    config: LoopConfig = FAST,
    kind: type[RemixerStage] = RemixerStage,
    network: GroundedConfig = TINY,
    loader: LoadedMixtures | None = None,
    about: Mapping[str, object] | None = None,
) -> Loop:
    torch.manual_seed(0)
    bank = ToyBank()
    mixtures = loader or TrainingMixtures([Blend(bank, bank, 1.0)], MIXTURES)
    stage = kind(GroundedRemixer(network), VOCABULARY, mixtures)
    valid = MixtureSet(
        bank, split="valid", config=MixtureConfig(duration_s=0.5), seed=0, name="toy-valid"
    )
    examples = {"toy": [valid.example(i) for i in range(16)]}
    return Loop(stage, config, folder, examples, loader=loader, about=about)


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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"optimiser": "adamw"}, "was written by optimiser 'muon', and is now 'adamw'"),
        ({"muon_parts": ("blocks",)}, "other parameters under Muon"),
    ],
)
def test_a_state_of_another_optimiser_is_refused_with_the_reason(
    tmp_path: Path, change: Mapping[str, object], words: str
) -> None:
    train(loop(tmp_path), budget_s=0.0)
    other = loop(tmp_path, replace(FAST, **change))  # type: ignore[arg-type]
    before = weights(other)
    with pytest.raises(StateError, match=words):
        other.resume()
    assert all(torch.equal(a, b) for a, b in zip(before, weights(other), strict=True))


def test_a_state_of_another_model_or_none_at_all_is_refused(tmp_path: Path) -> None:
    one = loop(tmp_path)
    train(one, budget_s=0.0)
    with pytest.raises(StateError, match=r"another model: remixer\.stem\.1\..* differ"):
        loop(tmp_path, network=replace(TINY, blocks=2)).resume()
    with pytest.raises(StateError, match=r"another model: .* of shape \(.*\), now \("):
        loop(tmp_path, network=replace(TINY, film_hidden=9)).resume()


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x04", 1000, [], {}, {1: 2}, {"trained": 3}])
def test_what_is_no_state_is_refused(tmp_path: Path, content: object) -> None:
    one = loop(tmp_path)
    train(one, budget_s=0.0)
    if isinstance(content, int):
        one.state_path.write_bytes(one.state_path.read_bytes()[:content])
    elif isinstance(content, bytes):
        one.state_path.write_bytes(content)
    else:
        torch.save(content, one.state_path)
    other = loop(tmp_path)
    before = weights(other)
    with pytest.raises(StateError, match="is no state of a run"):
        other.resume()
    assert all(torch.equal(a, b) for a, b in zip(before, weights(other), strict=True))


def test_a_run_that_was_begun_otherwise_does_not_go_on(tmp_path: Path) -> None:
    begun = {"training": {"duration_s": 1.0}, "bank": "a"}
    train(loop(tmp_path, about=begun), budget_s=0.0)
    assert loop(tmp_path, about=begun).resume()
    with pytest.raises(StateError, match=r"training\.duration_s: 1\.0, now 2\.0\)"):
        loop(tmp_path, about=begun | {"training": {"duration_s": 2.0}}).resume()
    with pytest.raises(StateError, match="bank: a, now nothing"):
        loop(tmp_path, about={"training": {"duration_s": 1.0}}).resume()


def test_the_rates_of_the_recipe_hold_not_those_of_the_state(tmp_path: Path) -> None:
    train(loop(tmp_path, replace(FAST, weight_decay=0.5)), budget_s=0.0)
    other = loop(tmp_path, replace(FAST, weight_decay=0.0, rate=7.0))
    assert other.resume()
    groups = [group for optimiser in other.state.optimisers for group in optimiser.param_groups]
    assert [group["weight_decay"] for group in groups] == [0.0, 0.0]
    assert groups[0]["base"] == 7.0


def test_without_averaging_the_last_weights_are_validated(tmp_path: Path) -> None:
    one = loop(tmp_path, replace(FAST, ema=0.0))
    train(one)
    trained = weights(one)
    for value, parameter in zip(one.averaged()["remixer"].values(), trained, strict=False):
        assert value.shape == parameter.shape
    assert all(torch.equal(a, b) for a, b in zip(trained, weights(one), strict=True))
    plain = loop(tmp_path / "averaged", FAST)
    train(plain)
    assert all(torch.equal(a, b) for a, b in zip(trained, weights(plain), strict=True))
    plain.averaged()
    assert not all(torch.equal(a, b) for a, b in zip(trained, weights(plain), strict=True))


class Flat(RemixerStage):
    """Validation that never changes."""

    def validate(self, examples: Sequence[Example]) -> Scores:
        return Scores({"quality": 3.0 * len(examples)}, len(examples))

    def estimate(self, examples: Sequence[Example]) -> Tensor:
        return torch.from_numpy(np.stack([e.mixture for e in examples])) * 2


PLATEAU = replace(FAST, schedule="plateau", warmup_steps=1, patience=1, watch="quality")


def test_flat_validations_halve_every_rate(tmp_path: Path) -> None:
    one = loop(tmp_path, replace(PLATEAU, validate_every=2), Flat)
    train(one)
    # Validations after steps 2, 4 and 6: the first is the best, each flat one halves.
    assert one.state.plateau.factor == 0.25
    for group in (g for o in one.state.optimisers for g in o.param_groups):
        assert group["lr"] == group["base"] / 2  # steps 5 and 6


def test_a_figure_to_watch_that_is_not_there_is_named(tmp_path: Path) -> None:
    one = loop(tmp_path, replace(PLATEAU, watch="qualitee"), Flat)
    with pytest.raises(LcrError, match=r"'qualitee' is no figure .*; there are: quality"):
        train(one)


def test_samples_are_written_at_every_validation(tmp_path: Path) -> None:
    one = loop(tmp_path, replace(FAST, samples=2), Flat)
    train(one)
    folders = sorted((tmp_path / "samples").iterdir())
    assert [f.name for f in folders] == [e.id for e in one.examples["toy"][:2]]
    for folder, example in zip(folders, one.examples["toy"], strict=False):
        names = {"mixture", "target", "step-0000003", "step-0000006"}
        assert {p.stem for p in folder.glob("*.wav")} == names
        wanted = {"mixture": example.mixture, "target": example.target}
        wanted["step-0000006"] = 2 * example.mixture
        for name, wave in wanted.items():
            heard, rate = soundfile.read(folder / f"{name}.wav", dtype="float32")
            assert rate == example.sample_rate
            np.testing.assert_array_equal(heard, wave)
        assert (folder / "prompt.txt").read_text(encoding="utf-8").strip() == example.prompt


def test_samples_of_a_stage_without_audio_are_refused(tmp_path: Path) -> None:
    class Mute(RemixerStage):
        estimate = None

    with pytest.raises(LcrError, match="a Mute makes no audio"):
        loop(tmp_path, replace(FAST, samples=1), Mute)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_batches_made_ahead_change_nothing_and_their_share_is_told(tmp_path: Path) -> None:
    plain = loop(tmp_path / "plain")
    train(plain)
    bank = ToyBank()
    ahead = LoadedMixtures([Blend(bank, bank, 1.0)], MIXTURES, workers=1)
    one = loop(tmp_path / "ahead", loader=ahead)
    train(one, budget_s=0.0)
    train(one)
    assert all(torch.equal(a, b) for a, b in zip(weights(plain), weights(one), strict=True))
    with (tmp_path / "ahead" / "log.csv").open() as file:
        row = next(csv.DictReader(file))
    assert 0 <= float(row["loader_share"]) < 1


def test_the_log_drops_rows_after_the_state_and_takes_new_columns(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path, 0)
    log.add(10, 1.0, {"a": 0.5})
    log.add(123_456, 2.0, {"a": 0.25})
    log.close()
    shutil.copy(tmp_path / "log.csv", tmp_path / "kept.csv")
    log = TrainingLog(tmp_path, 123_455)
    log.add(123_457, 3.0, {"a": 0.125, "b": 7.0})
    log.close()
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"step": "10", "seconds": "1.0", "a": "0.5", "b": ""},
        {"step": "123457", "seconds": "3.0", "a": "0.125", "b": "7"},
    ]
    shutil.move(tmp_path / "kept.csv", tmp_path / "log.csv")
    assert len(TrainingLog(tmp_path, 123_456)._rows) == 2


@pytest.mark.parametrize(
    ("change", "words"), [({"ema": 1.0}, "ema"), ({"patience": 0}, "patience")]
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LoopConfig(**change)  # type: ignore[arg-type]


def test_learning_lowers_the_loss_and_is_logged(tmp_path: Path) -> None:
    one = loop(
        tmp_path, LoopConfig(steps=40, warmup_steps=2, validate_every=20, ema=0.5, rate=5e-3)
    )
    before = _loss_of_some_batches(one)
    end = train(one)["toy/snri_without_ovc_db"]
    assert _loss_of_some_batches(one) < 0.9 * before
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(float(row["step"])) for row in rows] == [20, 40]
    assert float(rows[1]["toy/snri_without_ovc_db"]) == pytest.approx(end, rel=1e-3)


def _loss_of_some_batches(one: Loop) -> float:
    with torch.no_grad():
        return sum(one.stage.loss(np.random.default_rng(i))[0].item() for i in range(8)) / 8


def test_the_rate_warms_up_stays_and_decays() -> None:
    config = LoopConfig(steps=100, warmup_steps=10, decay_share=0.5, final_rate=0.1)
    assert config.rate_at(0) == pytest.approx(0.1)
    assert config.rate_at(9) == config.rate_at(50) == 1.0
    assert config.rate_at(75) == pytest.approx(0.5)
    assert config.rate_at(100) == pytest.approx(0.1)


def test_a_budget_of_minutes_drives_the_rate_and_ends_the_training() -> None:
    config = LoopConfig(steps=5, minutes=10, warmup_steps=10, decay_share=0.5, final_rate=0.1)
    assert config.done(1000, 300.0) == pytest.approx(0.5)
    assert config.rate_at(1000, 300.0) == 1.0
    assert config.rate_at(1000, 450.0) == pytest.approx(0.5)
    assert config.rate_at(0, 450.0) == pytest.approx(0.05)
    assert config.done(1000, 700.0) == 1.0
    with pytest.raises(ValueError, match="minutes must be positive, got 0"):
        LoopConfig(minutes=0)


def test_training_by_minutes_goes_on_where_it_was_and_ends(tmp_path: Path) -> None:
    config = replace(FAST, steps=1, minutes=2 / 60, validate_every=10_000)
    first = loop(tmp_path, config)
    assert first.run(budget_s=0.2, report=lambda *_: None) == {}
    assert first.step >= 1  # a busy machine may do no more
    second = loop(tmp_path, config)
    assert second.resume()
    scores = second.run(budget_s=60, report=lambda *_: None)
    assert second.done == 1
    assert second.step > first.step
    assert second.seconds == pytest.approx(2.0, abs=0.7)
    assert "toy/snri_without_ovc_db" in scores


def test_batches_depend_on_the_generator_alone() -> None:
    bank = ToyBank()
    mixtures = TrainingMixtures([Blend(bank, bank, 1.0)], TrainingConfig(duration_s=0.5))
    a, b = (mixtures.batch(np.random.default_rng(5)) for _ in range(2))
    torch.testing.assert_close(a.sources, b.sources, rtol=0, atol=0)
    assert [[p.text for p in row] for row in a.prompts] == [
        [p.text for p in row] for row in b.prompts
    ]
    assert a.gains.shape == (3, 4, 4)
    assert torch.isfinite(a.sources).all()
