"""Every remixer trains by the same stage; what Table VII changes in training is what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lcr.losses.snr import negative_snr
from lcr.nn.grounded.remixer import GroundedRemixer
from lcr.nn.paper.sound_remixer import SoundRemixer, configuration, variant
from lcr.nn.paper.tcn import TcnConfig
from lcr.training.data import Blend, TrainingConfig, TrainingMixtures
from lcr.training.stages import RemixerStage, StageConfig
from tests.lcr.data.test_mixtures import ToyBank
from tests.lcr.training.test_loop import TINY, VOCABULARY

MIXTURES = TrainingConfig(mixtures=2, instructions=3, duration_s=0.5)


def mixtures(config: TrainingConfig = MIXTURES) -> TrainingMixtures:
    bank = ToyBank()
    return TrainingMixtures([Blend(bank, bank, 1.0)], config)


def sound_remixer(name: str = "default") -> SoundRemixer:
    network = TcnConfig(bottleneck=8, hidden=8, repeats=1, layers=2)
    desk = configuration("C", "desk", z_dim=VOCABULARY.size)
    torch.manual_seed(0)
    return SoundRemixer(variant(name, replace(desk, network=network, channels=16)).config)


def loss(stage: RemixerStage) -> tuple[float, dict[str, float]]:
    found, figures = stage.loss(np.random.default_rng(3))
    found.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None for p in stage.remixer.parameters())
    return found.item(), figures


def test_a_remixer_of_the_paper_trains_by_the_remixing_loss_alone() -> None:
    stage = RemixerStage(sound_remixer(), VOCABULARY, mixtures())
    total, figures = loss(stage)
    assert figures == {"snri_db": pytest.approx(-total)}


def test_permutation_adds_the_best_assignment_of_parts() -> None:
    remixer = sound_remixer("multi-mask-pit")
    plain, _ = loss(RemixerStage(remixer, VOCABULARY, mixtures()))
    remixer.zero_grad()
    stage = RemixerStage(remixer, VOCABULARY, mixtures(), StageConfig(permutation_weight=2.0))
    total, figures = loss(stage)
    assert total == pytest.approx(plain + 2 * figures["permutation"], rel=1e-5)
    batch = mixtures().batch(np.random.default_rng(3))
    z = stage._z([p for row in batch.prompts for p in row]).view(2, 3, -1)
    parts = remixer.parts(batch.sources.sum(1), z)
    straight = negative_snr(
        estimate=parts, reference=batch.gains.unsqueeze(-1) * batch.sources.unsqueeze(1)
    )
    assert figures["permutation"] <= straight.mean().item() + 1e-5


def test_grounding_has_the_weight_it_is_given() -> None:
    torch.manual_seed(0)
    remixer = GroundedRemixer(TINY)
    without, figures = loss(
        RemixerStage(remixer, VOCABULARY, mixtures(), StageConfig(grounding_weight=0.01))
    )
    twice, same = loss(
        RemixerStage(remixer, VOCABULARY, mixtures(), StageConfig(grounding_weight=0.02))
    )
    assert figures == same
    assert twice - without == pytest.approx(0.01 * figures["grounding"], rel=1e-3)


def test_fixed_prompts_have_one_wording() -> None:
    fixed, free = (mixtures(replace(MIXTURES, fixed_prompts=f)) for f in (True, False))

    def wordings(made: TrainingMixtures) -> dict[object, set[str]]:
        rng = np.random.default_rng(0)
        found: dict[object, set[str]] = {}
        for _ in range(40):
            batch = made.batch(rng)
            for told, gains, row in zip(
                batch.descriptions, batch.gains, batch.prompts, strict=True
            ):
                for gain, prompt in zip(gains, row, strict=True):
                    found.setdefault((told, tuple(gain.tolist())), set()).add(prompt.text)
        return found

    assert max(map(len, wordings(fixed).values())) == 1
    assert max(map(len, wordings(free).values())) > 1


@pytest.mark.usefixtures("bfloat16_products")
def test_bfloat16_on_the_cpu_is_close_to_float32() -> None:
    torch.manual_seed(0)
    remixer = GroundedRemixer(TINY)
    exact, half = (
        loss(RemixerStage(remixer, VOCABULARY, mixtures(), StageConfig(cpu_bfloat16=b)))[0]
        for b in (False, True)
    )
    assert exact != half
    assert half == pytest.approx(exact, rel=0.02)
