"""A device for minutes: the largest model that fits is trained in slices that go on exactly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from experiments import minutes
from lcr.cli import main as lcr
from tests.corpus_trees import corpora
from tests.experiments.training import test_train_cli

pytestmark = pytest.mark.slow

torch_as_it_was = test_train_cli.torch_as_it_was


def test_the_largest_recipe_that_fits_is_chosen() -> None:
    recipes = [Path(name) for name in ("small", "middle", "large")]
    seconds = {"small": 0.1, "middle": 0.2, "large": 1.0}
    assert minutes.choose(recipes, seconds, [100] * 3, 60.0) == Path("middle")
    assert minutes.choose(recipes, seconds, [100] * 3, 1000.0) == Path("large")
    assert minutes.choose(recipes, seconds, [100] * 3, 1.0) == Path("small")


@pytest.mark.rehearsal
@pytest.mark.usefixtures("torch_as_it_was")
def test_slices_come_out_as_one(tmp_path: Path) -> None:
    root = corpora(tmp_path / "corpora")
    assert lcr(["data", "index", str(root), "--processes", "1"]) == 0
    build = ["data", "build", str(root), str(tmp_path / "sets"), "--processes", "1", "--shards"]
    assert lcr([*build, "--sets", "train=8", "valid=4"]) == 0
    recipe = test_train_cli.RECIPE.format(steps=3).replace("instructions = 2", "instructions = 1")
    recipe = recipe.replace("duration_s = 0.5", "duration_s = 5.0")
    recipe = f'validation_manifest = "{tmp_path / "sets" / "valid"}"\n{recipe}'
    small, large = tmp_path / "small.toml", tmp_path / "large.toml"
    small.write_text(recipe)
    large.write_text(recipe.replace("channels = 8", "channels = 12", 1))
    always = ["--sources", str(tmp_path / "sets" / "train"), "--total", "10", "--device", "cpu"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    words = [str(small), str(large), *always]
    assert minutes.main([*words, "--run", str(whole), "--minutes", "9"]) == 0
    chosen = json.loads((whole / "choice.json").read_text())
    assert chosen["recipe"] == str(large)
    assert all(took > 0 for took in chosen["seconds_a_step"].values())
    step = 0
    while step < 3:
        assert minutes.main([*words, "--run", str(parts), "--minutes", "0.0001"]) == 0
        step, before = torch.load(parts / "run" / "state.pt", weights_only=True)["step"], step
        assert step > before
    one, other = (load_file(run / "weights.safetensors") for run in (whole, parts))
    assert {tensor.dtype for tensor in one.values()} == {torch.float16}
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name
