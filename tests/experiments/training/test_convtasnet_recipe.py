"""asteroid's Conv-TasNet trains by its recipe, ships and is what `pit` loads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from baselines.composite.remixer import pit
from baselines.pit.separation import ConvTasNetSeparator, build_separator
from experiments.training.recipe import build_stage
from experiments.training.schema import load_recipe
from tests.experiments.training import test_baseline_stages, test_train_cli
from tests.experiments.training.test_baseline_stages import learning, train_and_ship
from tests.lcr.evaluation.test_metrics import library

pytestmark = pytest.mark.slow

RECIPE = Path(__file__).parents[3] / "experiments" / "recipes" / "desk" / "desk-pit.toml"
TINY = {"n_filters": 16, "bn_chan": 8, "hid_chan": 8, "n_blocks": 2, "n_repeats": 1}

bank = test_train_cli.bank
torch_as_it_was = test_train_cli.torch_as_it_was
write = test_baseline_stages.write


@pytest.fixture
def recipe(write: Callable[[str], Path]) -> Path:
    """The shipped [system], tiny, with the tiny recipe's bank and length."""
    library("asteroid.models")
    system = load_recipe(RECIPE, []).system
    path = write("separator")
    head = path.read_text().partition("[system]\n")[0]
    settings = {**system, **TINY}
    words = "\n".join(
        f"{key} = {value!r}" if not isinstance(value, str) else f'{key} = "{value}"'
        for key, value in settings.items()
    )
    path.write_text(f"{head}[system]\n{words}\n")
    return path


def test_it_trains_and_ships_for_pit(
    recipe: Path, bank: Path, tmp_path: Path, torch_as_it_was: None
) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    train_and_ship(recipe, bank, run, out)
    trained = load_file(run / "weights.safetensors")
    system = pit(weights=str(out))
    network = system._separator
    assert isinstance(network, ConvTasNetSeparator)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, trained[f"separator.{name}"].half().float())


def test_every_step_trains_every_parameter(recipe: Path, bank: Path) -> None:
    stage = build_stage(*learning(recipe, bank))
    stage.loss(np.random.default_rng(0))[0].backward()  # type: ignore[no-untyped-call]
    assert [n for n, p in stage.modules.named_parameters() if p.grad is None] == []


def test_the_whole_recipe_makes_a_separator_of_four() -> None:
    library("asteroid.models")
    separator = build_separator(load_recipe(RECIPE, []).system)
    assert (separator.sources, separator.sample_rate) == (4, 16_000)
    estimates = separator(0.1 * torch.randn(1, 1000))
    assert estimates.shape == (1, 4, 1000)
    assert sum(p.numel() for p in separator.parameters()) < 3e6
