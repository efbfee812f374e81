"""AudioSep learns to extract what is described, and is scored by what that gains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.audiosep.checkpoint import build_network
from baselines.audiosep.network import ResUNet30, ResUNetConfig
from baselines.audiosep.training import AudioSepStage, desk_config
from lcr.training.config import LoopConfig
from lcr.training.loop import Loop
from lcr.training.stages import StageConfig
from tests.baselines.lass.test_remixer import WIDTH, LetterEncoder
from tests.lcr.training.test_separation import examples, mixtures

SMALL = ResUNetConfig(n_fft=1024, widths=(4, 4, 4, 4, 4, 4), z_dim=WIDTH)


def stage(config: ResUNetConfig = SMALL, **settings: Any) -> AudioSepStage:
    torch.manual_seed(0)
    return AudioSepStage(ResUNet30(config), LetterEncoder(), mixtures(), StageConfig(**settings))


@pytest.mark.slow
def test_a_few_steps_lower_the_loss() -> None:
    learner = stage()
    trained = [p for p in learner.modules.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=1e-2)
    losses = []
    for _ in range(15):
        loss, figures = learner.loss(np.random.default_rng(3))
        assert set(figures) == {"l1", "snri_db"}
        assert figures["l1"] == pytest.approx(loss.item())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        assert all(p.grad is not None for p in trained)  # what is never heard is not trained
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_the_loop_trains_what_loads(tmp_path: Path) -> None:
    config = LoopConfig(steps=2, validate_every=2, optimiser="adamw")
    loop = Loop(stage(), config, tmp_path, {"toy": examples(1)})
    scores = loop.run(budget_s=1e9, report=lambda step, total, figures: None)
    assert {"toy/extraction_snri_db", "toy/improved_share"} <= set(scores)
    exported = loop.averaged()
    assert set(exported) == {"ss_model"}  # under which name checkpoints hold it
    network = build_network(exported["ss_model"], tmp_path)
    assert network.config == SMALL
    assert network.state_dict()["base.bn0.num_batches_tracked"] == 2


def test_batches_depend_on_the_generator_alone() -> None:
    learner = stage()
    learner.modules.eval()
    one, same, other = (learner.loss(np.random.default_rng(s))[0].item() for s in (1, 1, 2))
    assert one == same
    assert one != other


def test_the_mixture_gains_nothing() -> None:
    learner = stage()
    learner.modules.eval()
    with torch.no_grad():
        learner.network.base.after_conv.weight.zero_()
        learner.network.base.after_conv.bias.copy_(torch.tensor([40.0, 1.0, 0.0]))
    scores = learner.validate(examples(2))
    assert scores.count == 2
    assert scores.values["extraction_snri_db"] == pytest.approx(0.0, abs=0.05)


@pytest.mark.usefixtures("bfloat16_products")
def test_bfloat16_on_the_cpu_is_close_to_float32() -> None:
    exact, half = (
        stage(cpu_bfloat16=b).loss(np.random.default_rng(0))[0].item() for b in (False, True)
    )
    assert exact != half
    assert half == pytest.approx(exact, rel=0.05)


def test_another_rate_or_query_width_is_refused() -> None:
    for sizes in ({"n_fft": 2048, "z_dim": WIDTH}, {"n_fft": 1024, "z_dim": 5}):
        with pytest.raises(ValueError, match="rate and query width must be"):
            stage(ResUNetConfig(widths=SMALL.widths, **sizes))


def test_the_desk_size_is_the_public_network_at_16_khz() -> None:
    config = desk_config(384)
    assert (config.sample_rate, config.hop, config.z_dim) == (16_000, 160, 384)
    with torch.device("meta"):
        count = sum(p.numel() for p in ResUNet30(config).parameters())
    assert 1.5e6 < count < 3e6
