"""Every baseline: trained from a recipe by `train.py`, shipped by `ship.py`, loaded by its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from baselines.audiosep.checkpoint import load_audiosep
from baselines.clap.checkpoint import load_clap
from baselines.clap.model import Clap
from baselines.lass.remixer import load_lass
from baselines.llm_tse.remixer import load_llm_tse
from baselines.llm_tse.training import SpeakerMixtures
from baselines.pit.separation import load_separator
from experiments import ship, train
from experiments.comparison.errors import ConfigError
from experiments.training.recipe import build_stage, open_mixtures, validation
from experiments.training.schema import Recipe, load_recipe
from lcr.base_weights import MissingWeightsError
from lcr.nn.reader.prompt_reader import PromptReader
from lcr.training.data import TrainingMixtures
from tests.experiments.training import test_train_cli
from tests.tiny_bert import tiny_bert

pytestmark = pytest.mark.slow

bank = test_train_cli.bank
torch_as_it_was = test_train_cli.torch_as_it_was

BANDS = "n_fft = 128\nhop = 64\nband_bins = [8, 24, 33]\nchannels = 8\nblocks = 1"
RECIPE = """
name = "tiny"
stage = "{stage}"
validation = 1
[[blends]]
speech = "field"
audio = "field"
share = 1.0
[training]
mixtures = 2
instructions = 1
duration_s = 0.5
[reader]
base = "{base}"
[loop]
steps = 2
save_every = 2
validate_every = 2
optimiser = "adamw"
[system]
"""
SYSTEMS = {
    "separator": f'kind = "band-split"\n{BANDS}',
    "clap": """
kind = "speech"
base = "{base}"
clips = {{ residue = 0.25 }}
[system.towers]
features = {{ n_fft = 256, hop = 160, mels = 16, window_s = 0.63 }}
spec_size = 32
window = 4
channels = 8
depths = [2, 2]
heads = [2, 2]
width = 16
""",
    "lass": f"""
kind = "audio"
[system.encoder]
kind = "sentence"
base = "{{base}}"
[system.extractor]
kind = "band-split"
{BANDS}
""",
    "audiosep": """
widths = [4, 4, 4, 4, 4, 4]
[system.encoder]
kind = "sentence"
base = "{base}"
""",
    "llm-tse": f"""
[system.clues]
dim = 12
{BANDS}
[system.extractor]
kind = "band-split"
{BANDS}
""",
}
FIGURES = {
    "separator": "source_snri_db",
    "clap": "recall1",
    "lass": "extraction_snri_db",
    "audiosep": "extraction_snri_db",
    "llm-tse": "extraction_snri_db",
}


def loaded_parts(stage: str, out: Path) -> dict[str, nn.Module]:
    """What the baseline's own loader makes of a folder, by the names that training exports."""
    if stage == "separator":
        return {"separator": load_separator(out).separator}
    if stage == "clap":
        clap = load_clap(out)
        assert clap.kind == "speech"
        assert {"field/top1", "field/recall1"} <= set(clap.scores)
        assert isinstance(clap.model, Clap)
        return {"towers": clap.model.towers, "reader": clap.model.reader}
    if stage == "lass":
        lass = load_lass(out)
        assert lass.kind == "audio"
        return {"extractor": lass.extractor}
    if stage == "audiosep":
        return {"ss_model": load_audiosep(out).network}
    tse = load_llm_tse(out)
    return {"reader": tse.reader, "clues": tse.clues, "extractor": tse.extractor}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """A tiny recipe of a stage, in a file."""
    base = tiny_bert(tmp_path / "bert")

    def written(stage: str) -> Path:
        path = tmp_path / f"{stage}.toml"
        path.write_text(
            RECIPE.format(stage=stage, base=base) + SYSTEMS.get(stage, "").format(base=base)
        )
        return path

    return written


def train_and_ship(
    recipe: Path, bank: Path, run: Path, out: Path, *more: str, settings: Sequence[str] = ()
) -> None:
    told = ["--field", str(bank), "--device", "cpu", "--processes", "1"]
    changed = [word for setting in settings for word in ("--set", setting)]
    assert train.main([str(recipe), "--run", str(run), *told, *changed]) == 0
    assert ship.main([str(recipe), "--run", str(run), *changed, *more, str(out)]) == 0


def learning(path: Path, bank: Path, *overrides: str) -> tuple[Recipe, TrainingMixtures]:
    """A recipe, and what its stage learns from."""
    recipe = load_recipe(path, overrides)
    return recipe, open_mixtures(recipe, {"field": bank})


@pytest.mark.parametrize("stage", SYSTEMS)
def test_what_is_trained_ships_and_is_what_its_loader_loads(
    stage: str,
    write: Callable[[str], Path],
    bank: Path,
    tmp_path: Path,
    torch_as_it_was: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    train_and_ship(write(stage), bank, run, out, "--curve", f"{stage}={run}")
    assert f"field/{FIGURES[stage]}" in capsys.readouterr().out
    told = json.loads((out / "config.json").read_text())
    assert (told["recipe"], told["steps"]) == ("tiny", 2)
    assert f"field/{FIGURES[stage]}" in told["scores"]
    assert "field/" in (out / "curve.csv").read_text().partition("\n")[0]
    trained = load_file(run / "weights.safetensors")
    shipped = load_file(out / "model.safetensors")
    assert {v.dtype for v in shipped.values() if v.is_floating_point()} == {torch.float16}
    loaded = {
        f"{name}.{key}": value
        for name, part in loaded_parts(stage, out).items()
        for key, value in (
            part.trained_state() if isinstance(part, PromptReader) else part.state_dict()
        ).items()
    }
    assert set(loaded) == set(shipped) == set(trained)
    for name, value in trained.items():
        expected = value.half().float() if value.is_floating_point() else value
        torch.testing.assert_close(loaded[name], expected, rtol=0, atol=0)


def test_a_clap_that_ships_steers_lass(
    write: Callable[[str], Path], bank: Path, tmp_path: Path, torch_as_it_was: None
) -> None:
    clap, lass = tmp_path / "clap", tmp_path / "lass"
    recipe = write("lass")
    text = recipe.read_text().replace('kind = "sentence"', f'kind = "clap"\nweights = "{clap}"')
    recipe.write_text(text)
    with pytest.raises(MissingWeightsError, match="no checkpoint of a CLAP"):
        build_stage(*learning(recipe, bank))
    train_and_ship(write("clap"), bank, tmp_path / "run-clap", clap)
    train_and_ship(recipe, bank, tmp_path / "run-lass", lass)
    loaded = load_lass(lass)
    assert loaded.query.encoder.width == loaded.extractor.z_dim == load_clap(clap).model.width
    assert loaded.weights["clap"] == load_clap(clap).weights["clap"]


def test_speakers_alone_are_mixed_for_llm_tse(write: Callable[[str], Path], bank: Path) -> None:
    recipe, mixtures = learning(write("llm-tse"), bank)
    assert isinstance(mixtures, SpeakerMixtures)
    ((example,),) = validation(recipe, {"field": bank}).values()
    kinds = [d.kind for d in example.instruction.descriptions]
    assert kinds == ["speech", "speech"]


@pytest.mark.parametrize("stage", SYSTEMS)
def test_every_step_trains_every_parameter(
    stage: str, write: Callable[[str], Path], bank: Path
) -> None:
    """Several processes train one static graph: in each step all of it, or none ever."""
    learner = build_stage(*learning(write(stage), bank))
    for seed in range(5):
        learner.modules.zero_grad()
        learner.loss(np.random.default_rng(seed))[0].backward()  # type: ignore[no-untyped-call]
        trained = {n: p.grad for n, p in learner.modules.named_parameters() if p.requires_grad}
        assert [name for name, gradient in trained.items() if gradient is None] == []


def test_a_stage_starts_from_an_earlier_one(
    write: Callable[[str], Path], bank: Path, tmp_path: Path
) -> None:
    recipe, mixtures = learning(write("separator"), bank)
    first = build_stage(replace(recipe, loop=replace(recipe.loop, seed=1)), mixtures)
    run = tmp_path / "run"
    run.mkdir()
    state = {f"separator.{k}": v for k, v in first.modules["separator"].state_dict().items()}
    save_file(state, run / "weights.safetensors")
    other = build_stage(recipe, mixtures)
    again = build_stage(replace(recipe, init={"separator": str(run)}), mixtures)
    assert any(
        not torch.equal(a, b)
        for a, b in zip(first.modules.parameters(), other.modules.parameters(), strict=True)
    )
    for a, b in zip(first.modules.parameters(), again.modules.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("stage", "override", "words"),
    [
        ("separator", "system.kind=tasnet", "no separator is of kind 'tasnet'"),
        ("separator", "system.chanels=8", "unexpected keyword argument 'chanels'"),
        ("separator", "system.channels=-8", "negative dimension"),
        ("separator", "system.sources=3", "mixtures have 4 sources at 16000 Hz"),
        ("separator", "init.reader=runs/x", "a separator stage trains separator"),
        ("clap", "system.kind=music", "system: kind is 'music'"),
        ("clap", "system.width=8", "unknown key 'width'"),
        ("clap", "system.clips=3", "clips must be a table"),
        ("clap", "system.clips.residue=3.0", "chances, 0 to 1"),
        ("clap", "system.towers.heads=[2]", "1 heads for 2 stages"),
        ("lass", "system.kind=music", "system: kind is 'music'"),
        ("lass", "system.encoder.kind=oracle", "no query encoder is"),
        ("lass", "system.extractor.kind=blocks", "system: 'network' is missing"),
        ("lass", "system.extractor.z_dim=5", "z_dim is 5; what steers it is 16 wide"),
        ("audiosep", "system.widths=[4]", "six widths"),
        ("llm-tse", "system.clues.dims=4", "did you mean 'dim'"),
        ("llm-tse", "reader.preset=gpt", "did you mean gpt2"),
        ("reader", "system.kind=speech", "a reader stage has no"),
    ],
)
def test_wrong_settings_are_told_in_one_line(
    stage: str, override: str, words: str, write: Callable[[str], Path], bank: Path
) -> None:
    recipe, mixtures = learning(write(stage), bank, override)
    with pytest.raises(ConfigError, match=words) as told:
        build_stage(recipe, mixtures)
    assert "\n" not in str(told.value)


def test_a_run_of_other_settings_does_not_ship(
    write: Callable[[str], Path], bank: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = write("separator"), tmp_path / "out"
    stage = build_stage(*learning(path, bank))
    state = {f"separator.{k}": v for k, v in stage.modules["separator"].state_dict().items()}
    weights = tmp_path / "weights.safetensors"

    def shipped(*more: str) -> str:
        save_file(state, weights)
        assert ship.main([str(path), "--run", str(tmp_path), *more, str(out)]) == 2
        assert not out.exists()
        (line,) = capsys.readouterr().err.strip().splitlines()
        return line

    assert "repeat the --set" in shipped("--set", "system.channels=12")
    next(iter(state.values())).fill_(1e6)
    assert "16-bit float" in shipped()
