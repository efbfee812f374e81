"""A baseline may begin with what LCR-G listens with: `[init] ears`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from baselines.composite.stem import is_in_stem
from baselines.lass.network import BandExtractor
from baselines.llm_tse.remixer import load_llm_tse
from baselines.pit.separation import BandSplitSeparator
from experiments.comparison.errors import ConfigError
from experiments.training.recipe import build_stage
from lcr.checkpoints import CONFIG_FILE, WEIGHTS_FILE, WeightsError
from lcr.nn.grounded.remixer import GroundedConfig, GroundedRemixer
from tests.experiments.training import test_baseline_stages, test_train_cli
from tests.experiments.training.test_baseline_stages import train_and_ship

bank = test_train_cli.bank
write = test_baseline_stages.write
learning = test_baseline_stages.learning
torch_as_it_was = test_train_cli.torch_as_it_was


@pytest.fixture
def donor(tmp_path: Path) -> tuple[GroundedRemixer, Path]:
    """An LCR-G with the sizes of the tiny baselines, and its run."""
    torch.manual_seed(7)
    config = GroundedConfig(
        n_fft=128, hop=64, band_bins=(8, 24, 33), channels=8, blocks=1, query_channels=8
    )
    remixer = GroundedRemixer(config)
    run = tmp_path / "run"
    run.mkdir()
    state = {f"remixer.{key}": value for key, value in remixer.state_dict().items()}
    save_file(state, run / "weights.safetensors")
    return remixer, run


@pytest.mark.parametrize("stage", ["separator", "lass", "llm-tse"])
@torch.no_grad()
def test_a_baseline_hears_as_its_donor(
    stage: str, write: Callable[[str], Path], bank: Path, donor: tuple[GroundedRemixer, Path]
) -> None:
    remixer, run = donor
    recipe, mixtures = learning(write(stage), bank)
    modules = build_stage(replace(recipe, init={"ears": str(run)}), mixtures).modules
    network = modules["separator" if stage == "separator" else "extractor"]
    assert isinstance(network, BandSplitSeparator | BandExtractor)
    wave = torch.randn(1, 2_000, generator=torch.Generator().manual_seed(0))
    spectrum = network.transform(wave / wave.square().mean().sqrt())
    h = network.features(spectrum)
    for block in network.stem if isinstance(network, BandSplitSeparator) else network.blocks:
        h = block(h)
    torch.testing.assert_close(network.norm(h), remixer.encode(wave).features)


@pytest.mark.parametrize(
    ("stage", "override", "words"),
    [
        ("separator", "system.blocks=2", "another stem"),
        ("separator", "system.channels=12", "other sizes"),
        ("clap", "validation=1", "only band-split networks"),
    ],
)
def test_ears_that_do_not_fit_are_refused(
    stage: str,
    override: str,
    words: str,
    write: Callable[[str], Path],
    bank: Path,
    donor: tuple[GroundedRemixer, Path],
) -> None:
    recipe, mixtures = learning(write(stage), bank, override)
    with pytest.raises(ConfigError, match=words):
        build_stage(replace(recipe, init={"ears": str(donor[1])}), mixtures)


def test_borrowed_ears_are_neither_trained_nor_shipped(
    write: Callable[[str], Path],
    bank: Path,
    donor: tuple[GroundedRemixer, Path],
    tmp_path: Path,
    torch_as_it_was: None,
) -> None:
    state = load_file(donor[1] / "weights.safetensors")
    lent = tmp_path / "lent"
    lent.mkdir()
    save_file(state, lent / WEIGHTS_FILE)
    (lent / CONFIG_FILE).write_text("{}")
    out = tmp_path / "out"
    lending = [f'system.ears="{lent}"']
    train_and_ship(write("llm-tse"), bank, tmp_path / "tse", out, settings=lending)

    shipped = load_file(out / WEIGHTS_FILE)
    assert {"clues.fuse.0.weight", "extractor.films.0.gamma.0.weight"} <= set(shipped)
    assert not [key for key in shipped if key.split(".")[1] in ("features", "blocks", "norm")]
    tse = load_llm_tse(out)
    for module in (tse.clues, tse.extractor):
        stem = {k: v for k, v in module.state_dict().items() if is_in_stem(k)}
        for key, value in stem.items():
            torch.testing.assert_close(value, state[f"remixer.{key.replace('blocks', 'stem')}"])
    sha256 = hashlib.sha256((lent / WEIGHTS_FILE).read_bytes()).hexdigest()
    assert tse.weights[str(lent)] == sha256

    save_file({k: v + 1 for k, v in state.items()}, lent / WEIGHTS_FILE)
    with pytest.raises(WeightsError, match="not those that the network was trained with"):
        load_llm_tse(out)
