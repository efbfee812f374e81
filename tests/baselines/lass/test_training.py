"""LASS learns to extract what is described, and is scored by what that gains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from baselines.lass.network import Extractor
from baselines.lass.query import query_of
from baselines.lass.training import LassStage
from lcr.instruction import Kind
from tests.baselines.lass.test_remixer import WIDTH, LetterEncoder, tiny_extractor
from tests.lcr.training.test_separation import examples, mixtures


def stage(extractor: Extractor, kind: Kind = "audio") -> LassStage:
    return LassStage(extractor, LetterEncoder(), mixtures(), kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["speech", "audio"])
def test_a_few_steps_lower_the_loss(kind: Kind) -> None:
    learner = stage(tiny_extractor(lively=False), kind)
    optimiser = torch.optim.Adam(learner.modules.parameters(), lr=2e-2)
    losses = []
    for _ in range(20):
        loss, figures = learner.loss(np.random.default_rng(3))
        assert figures == {"snri_db": pytest.approx(-loss.item())}
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 1.0


class Keeper(Extractor):
    """Puts out a share of the mixture, or the true sound of a query that it was told of."""

    z_dim = WIDTH

    def __init__(self, share: float, told: list[tuple[str, Tensor]] | None = None) -> None:
        super().__init__()
        self.share = torch.nn.Parameter(torch.tensor(share))
        self.told = told or []

    def forward(self, mixture: Tensor, z: Tensor) -> Tensor:
        out = self.share * mixture.unsqueeze(1).expand(-1, z.shape[1], -1)
        for text, sound in self.told:
            near = (z @ LetterEncoder().embed_text([text]).T).squeeze(-1) > 1 - 1e-6
            out = torch.where(near.unsqueeze(-1), sound, out)
        return out

    def extract(self, mixture: Tensor, z: Tensor) -> Tensor:
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        return {}


def test_the_mixture_gains_nothing() -> None:
    scores = stage(Keeper(1.0)).validate(examples())
    assert scores.count == 5
    assert scores.values["extraction_snri_db"] == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize(("kind", "first"), [("speech", 0), ("audio", 2)])
def test_the_truth_gains_all_of_its_kind(kind: Kind, first: int) -> None:
    (example,) = examples(1)
    told = [
        (query_of(example.instruction.descriptions[i]), torch.from_numpy(example.sources[i]))
        for i in (first, first + 1)
    ]
    scores = stage(Keeper(1.0, told), kind).validate([example])
    assert scores.values["extraction_snri_db"] > 90  # up to the ceiling
    assert scores.values["improved_share"] == 1.0


def test_batches_depend_on_the_generator_alone() -> None:
    learner = stage(tiny_extractor())
    one, same, other = (learner.loss(np.random.default_rng(s))[0].item() for s in (1, 1, 2))
    assert one == same
    assert one != other


def test_mixtures_without_the_kind_are_refused() -> None:
    learner = stage(tiny_extractor())
    learner.kind = "music"  # type: ignore[assignment]
    with pytest.raises(ValueError, match="without music"):
        learner.loss(np.random.default_rng(0))
