"""A separator learns by the PIT loss, and is scored by what its best order gains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.pit.separation import BandSplitConfig, BandSplitSeparator
from lcr.data.mixtures import Example, MixtureConfig, MixtureSet
from lcr.training.config import LoopConfig
from lcr.training.data import Blend, TrainingConfig, TrainingMixtures
from lcr.training.loop import Loop
from lcr.training.separation import SeparatorStage, clustering_loss
from lcr.training.stages import StageConfig
from tests.lcr.data.test_mixtures import ToyBank

TINY = BandSplitConfig(
    n_fft=128, hop=64, band_bins=(8, 24, 33), channels=8, blocks=1, mask_hidden=8
)


def mixtures() -> TrainingMixtures:
    bank = ToyBank()
    config = TrainingConfig(mixtures=3, instructions=1, duration_s=0.5)
    return TrainingMixtures([Blend(bank, bank, 1.0)], config)


def examples(count: int = 5) -> list[Example]:
    config = MixtureConfig(duration_s=0.5)
    valid = MixtureSet(ToyBank(), split="valid", config=config, seed=0, name="toy-valid")
    return [valid.example(i) for i in range(count)]


def tiny_stage(config: StageConfig | None = None) -> SeparatorStage:
    torch.manual_seed(0)
    return SeparatorStage(BandSplitSeparator(TINY), mixtures(), config or StageConfig())


class Fixed(nn.Module):
    """Puts out what it was given, whatever the mixture."""

    def __init__(self, estimates: Tensor) -> None:
        super().__init__()
        self.estimates = nn.Parameter(estimates)

    def forward(self, mixture: Tensor) -> Tensor:
        return self.estimates[: len(mixture)]


def test_a_few_steps_lower_the_loss() -> None:
    stage = tiny_stage()
    optimiser = torch.optim.Adam(stage.modules.parameters(), lr=2e-2)
    losses = []
    for _ in range(20):
        loss, figures = stage.loss(np.random.default_rng(3))
        assert figures == {"source_snr_db": pytest.approx(-loss.item())}
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        assert all(p.grad is not None for p in stage.separator.parameters())
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.5


@torch.no_grad()
def test_validation_is_the_mean_gain_in_the_best_order() -> None:
    some = examples()
    sources = torch.from_numpy(np.stack([e.sources for e in some]))
    noise = torch.randn(sources.shape, generator=torch.Generator().manual_seed(0))
    power = sources.square().mean(-1, keepdim=True).sqrt()
    estimate = (sources + 0.1 * power * noise).flip(1)  # an SNR of 20 dB each
    scores = SeparatorStage(Fixed(estimate), mixtures()).validate(some, batch=len(some))
    others = sources.sum(1, keepdim=True) - sources
    ratio = sources.square().sum(-1) / others.square().sum(-1)
    expected = (20 - 10 * torch.log10(ratio)).mean(1).sum()
    assert scores.count == len(some)
    assert scores.values["source_snri_db"] == pytest.approx(float(expected), abs=0.5)
    assert scores.values["improved_share"] == len(some)


@torch.no_grad()
def test_the_mixture_for_every_source_gains_nothing() -> None:
    some = examples()
    mixture = torch.from_numpy(np.stack([e.mixture for e in some]))
    stage = SeparatorStage(Fixed(mixture.unsqueeze(1).repeat(1, 4, 1)), mixtures())
    scores = stage.validate(some, batch=len(some))
    assert scores.values["source_snri_db"] == pytest.approx(0, abs=1e-4)


@torch.no_grad()
def test_validation_in_batches_adds_up() -> None:
    stage, some = tiny_stage(), examples()
    whole, parts = (stage.validate(some, batch=n).values for n in (5, 2))
    assert whole == {key: pytest.approx(value, abs=1e-4) for key, value in parts.items()}


@pytest.mark.usefixtures("bfloat16_products")
def test_bfloat16_on_the_cpu_is_close_to_float32() -> None:
    exact, half = (
        tiny_stage(StageConfig(cpu_bfloat16=b)).loss(np.random.default_rng(0))[0].item()
        for b in (False, True)
    )
    assert exact != half
    assert half == pytest.approx(exact, abs=0.1)


def test_the_loop_trains_it(tmp_path: Path) -> None:
    config = LoopConfig(
        steps=4, validate_every=2, schedule="plateau", watch="source_snri_db", optimiser="adamw"
    )
    loop = Loop(tiny_stage(), config, tmp_path, {"toy": examples(3)})
    scores = loop.run(budget_s=1e9, report=lambda step, total, figures: None)
    assert {"toy/source_snri_db", "toy/improved_share"} <= set(scores)
    assert set(loop.averaged()) == {"separator"}


def all_pairs(embedded: Tensor, shares: Tensor, weight: Tensor) -> float:
    """The clustering loss, pair by pair."""
    total = 0.0
    for e, s, w in zip(embedded, shares, weight, strict=True):
        vectors = functional.normalize(e.flatten(0, 1), dim=-1)
        made_of = s.flatten(1).sqrt().t()
        share = w.flatten() / w.sum()
        apart = (vectors @ vectors.t() - made_of @ made_of.t()).square()
        total += float(share @ apart @ share)
    return total / len(embedded)


def test_clustering_loss_is_the_mean_over_all_pairs() -> None:
    draw = torch.Generator().manual_seed(0)
    embedded = torch.randn(2, 3, 5, 4, generator=draw)
    shares = torch.rand(2, 4, 3, 5, generator=draw)
    shares /= shares.sum(1, keepdim=True)
    weight = torch.rand(2, 3, 5, generator=draw)
    found = clustering_loss(embedded, shares, weight).item()
    assert found == pytest.approx(all_pairs(embedded, shares, weight), abs=1e-6)


def test_clustering_loss_is_nothing_where_every_source_has_a_direction_of_its_own() -> None:
    owner = torch.tensor([[[0, 1, 2, 1], [2, 2, 0, 1]]])
    shares = functional.one_hot(owner, 3).permute(0, 3, 1, 2).float()
    turned = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1))).Q
    weight = torch.ones(1, 2, 4)
    assert clustering_loss(5 * turned[owner], shares, weight).item() == pytest.approx(0, abs=1e-6)
    assert clustering_loss(torch.ones(1, 2, 4, 3), shares, weight).item() > 0.3


def test_orders_are_tried_within_groups_alone() -> None:
    batch = mixtures().batch(np.random.default_rng(0)).sources
    power = batch.square().mean(-1, keepdim=True).sqrt()
    noise = torch.randn(batch.shape, generator=torch.Generator().manual_seed(0))
    near = batch + 0.1 * power * noise  # an SNR of 20 dB each
    groups = StageConfig(pit_groups=(2, 2))
    snr = {}
    for name, order in (("within", [1, 0, 3, 2]), ("across", [2, 3, 0, 1])):
        for way, config in (("all", StageConfig()), ("groups", groups)):
            stage = SeparatorStage(Fixed(near[:, order]), mixtures(), config)
            _, figures = stage.loss(np.random.default_rng(0))
            snr[name, way] = figures["source_snr_db"]
    assert snr["within", "groups"] == pytest.approx(snr["within", "all"], abs=1e-4)
    assert snr["across", "all"] == pytest.approx(snr["within", "all"], abs=1e-4)
    assert snr["across", "groups"] < 5 < snr["across", "all"]


def test_clustering_trains_the_stem_and_is_told() -> None:
    stage = tiny_stage(StageConfig(clustering_weight=1.0))
    plain = tiny_stage()
    plain.separator.load_state_dict(stage.separator.state_dict())
    loss, figures = stage.loss(np.random.default_rng(3))
    bare, _ = plain.loss(np.random.default_rng(3))
    assert figures["clustering"] > 0
    assert loss.item() == pytest.approx(bare.item() + figures["clustering"], abs=1e-4)
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None for p in stage.modules.parameters())


def test_clustering_needs_a_stem() -> None:
    with pytest.raises(ValueError, match="band-split"):
        SeparatorStage(nn.Linear(2, 2), mixtures(), StageConfig(clustering_weight=1.0))
