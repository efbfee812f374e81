"""A baseline may begin with what LCR-G listens with: `[init] ears`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from baselines.lass_network import BandExtractor
from baselines.separation import BandSplitSeparator
from experiments.errors import ConfigError
from experiments.recipe import build_stage
from lcr.nn.grounded import GroundedConfig, GroundedRemixer
from tests.experiments import test_baseline_stages, test_train_cli

bank = test_train_cli.bank
write = test_baseline_stages.write
learning = test_baseline_stages.learning


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
    stage: str,
    write: Callable[[str], Path],
    bank: Path,
    donor: tuple[GroundedRemixer, Path],
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
    torch.testing.assert_close(network.norm(h), remixer.hear(wave).features)


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
