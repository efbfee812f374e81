"""Training of separators, for cascades: permutation-invariant, over all sources of a mixture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from lcr.data.mixtures import Example
from lcr.nn.permutation import Matched, pit_loss
from lcr.training.data import TrainingMixtures
from lcr.training.losses import negative_snr
from lcr.training.stages import DEFAULT, Scores, StageConfig


class SeparatorStage:
    """A separator alone: mixtures (batch, samples) to estimates (batch, sources, samples), as many
    as `mixtures` have sources, in any order.

    The loss is the soft-capped negative SNR in the best order: level counts, for the estimates are
    scaled and added up later. It needs neither instructions nor prompts.
    """

    def __init__(
        self, separator: nn.Module, mixtures: TrainingMixtures, config: StageConfig = DEFAULT
    ) -> None:
        self.modules = nn.ModuleDict({"separator": separator})
        self.separator, self.mixtures, self.config = separator, mixtures, config

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        sources = self.mixtures.batch(rng).sources
        found = self._match(sources, ceiling_db=30.0)[1]
        loss = found.loss.mean()
        return loss, {"source_snr_db": -float(loss.detach())}

    def validate(self, examples: Sequence[Example], batch: int = 8) -> Scores:
        """`source_snri_db`: SNR improvement of the sources over the mixture in the best order, and
        `improved_share` of the sources, both as means over the sources of each example."""
        values = {"source_snri_db": 0.0, "improved_share": 0.0}
        device = next(self.separator.parameters()).device
        for start in range(0, len(examples), batch):
            some = examples[start : start + batch]
            sources = torch.from_numpy(np.stack([e.sources for e in some])).to(device)
            estimate, found = self._match(sources, ceiling_db=100.0)
            before = negative_snr(
                estimate=sources.sum(1, keepdim=True), reference=sources, ceiling_db=100.0
            )
            after = negative_snr(
                estimate=found.reorder(estimate), reference=sources, ceiling_db=100.0
            )
            gained = before - after
            values["source_snri_db"] += float(gained.mean(1).sum())
            values["improved_share"] += float((gained > 0).float().mean(1).sum())
        return Scores(values, len(examples))

    def _match(self, sources: Tensor, *, ceiling_db: float) -> tuple[Tensor, Matched]:
        """Estimates from the sum of `sources`, and their best order."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.cpu_bfloat16):
            estimate = self.separator(sources.sum(1)).float()
        return estimate, pit_loss(estimate=estimate, reference=sources, ceiling_db=ceiling_db)
