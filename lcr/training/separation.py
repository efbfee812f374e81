"""Training of separators, for cascades: permutation-invariant, over all sources of a mixture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lcr.data.mixtures import Example
from lcr.losses.pit import pit_loss
from lcr.losses.snr import negative_snr
from lcr.nn.grounded.bands import BandTransform
from lcr.training.data import TrainingMixtures
from lcr.training.grounding import energy_shares
from lcr.training.precision import cpu_products
from lcr.training.stages import DEFAULT, Scores, StageConfig

CLUSTER_DIM = 20


class BandSeparator(Protocol):
    """A separator whose stem can be run by itself, which the deep-clustering loss needs."""

    transform: BandTransform

    def encode(self, spectrum: Tensor) -> Tensor: ...
    def mask(self, spectrum: Tensor, h: Tensor, samples: int) -> Tensor: ...


class SeparatorStage:
    """A separator alone: mixtures (batch, samples) to estimates (batch, sources, samples), as many
    as `mixtures` have sources, in any order.

    The loss is the soft-capped negative SNR in the best order: level counts, for the estimates are
    scaled and added up later. It needs neither instructions nor prompts. Two helps, for by itself
    a small network hardly leaves the plateau on which each output is some of every source:

    - with `pit_groups` (2, 2) orders are tried within the speech and within the other sounds;
    - with `clustering_weight` a second head on a band-split separator's stem is trained by deep
      clustering (Hershey et al., 2016; both together: Chimera, Luo et al., 2017), which is
      indifferent to orders. It is dropped after training.

    Validation tries all orders.
    """

    def __init__(
        self, separator: nn.Module, mixtures: TrainingMixtures, config: StageConfig = DEFAULT
    ) -> None:
        self.modules = nn.ModuleDict({"separator": separator})
        self.separator, self.mixtures, self.config = separator, mixtures, config
        if config.clustering_weight:
            channels = getattr(getattr(separator, "norm", None), "normalized_shape", None)
            if channels is None:
                raise ValueError("clustering_weight is for band-split separators")
            self.modules["clusters"] = nn.Linear(channels[0], CLUSTER_DIM)

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        sources = self.mixtures.batch(rng).sources
        estimate, extra = self._estimate_and_cluster(sources)
        sizes = list(self.config.pit_groups) or [sources.shape[1]]
        parts = zip(torch.split(estimate, sizes, 1), torch.split(sources, sizes, 1), strict=True)
        losses = [
            pit_loss(estimate=e, reference=r, ceiling_db=self.config.ceiling_db).loss.mean()
            * e.shape[1]
            for e, r in parts
        ]
        loss = torch.stack(losses).sum() / sources.shape[1]
        figures = {"source_snr_db": -float(loss.detach())}
        if extra is not None:
            loss = loss + self.config.clustering_weight * extra
            figures["clustering"] = float(extra.detach())
        return loss, figures

    def _estimate_and_cluster(self, sources: Tensor) -> tuple[Tensor, Tensor | None]:
        if not self.config.clustering_weight:
            return self._estimate(sources), None
        separator = cast(BandSeparator, self.separator)
        mixture = sources.sum(1)
        level = mixture.square().mean(-1, keepdim=True).add(1e-12).sqrt()
        with cpu_products(bfloat16=self.config.cpu_bfloat16):
            spectrum = separator.transform(mixture / level)
            h = separator.encode(spectrum)
            estimate = separator.mask(spectrum, h, mixture.shape[-1]).float()
            embedded = self.modules["clusters"](h).float()
        shares, weight = energy_shares(separator.transform, sources)
        return estimate * level.unsqueeze(1), clustering_loss(embedded, shares, weight)

    def validate(self, examples: Sequence[Example], batch: int = 8) -> Scores:
        """`source_snri_db`: SNR improvement of the sources over the mixture in the best order, and
        `improved_share` of the sources, both as means over the sources of each example."""
        values = {"source_snri_db": 0.0, "improved_share": 0.0}
        device = next(self.separator.parameters()).device
        for start in range(0, len(examples), batch):
            some = list(examples[start : start + batch])
            sources = torch.from_numpy(np.stack([e.sources for e in some])).to(device)
            estimate = self._estimate(sources)
            found = pit_loss(estimate=estimate, reference=sources, ceiling_db=100.0)
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

    def _estimate(self, sources: Tensor) -> Tensor:
        with cpu_products(bfloat16=self.config.cpu_bfloat16):
            estimate: Tensor = self.separator(sources.sum(1)).float()
        return estimate


def clustering_loss(embedded: Tensor, shares: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean square of how far the affinity of two bands and frames of a mixture, the
    product of their unit embeddings, is from that of what makes them up (Hershey et al., 2016,
    eq. 1). Two places of one source alone have affinity 1, of two sources 0.

    `embedded` (batch, bands, frames, dim), `shares` (batch, sources, bands, frames) of energy,
    `weight` (batch, bands, frames).
    """
    root = (weight / weight.sum((1, 2), keepdim=True)).sqrt().flatten(1).unsqueeze(-1)
    found = functional.normalize(embedded, dim=-1).flatten(1, 2) * root
    true = shares.clamp_min(0).sqrt().flatten(2).transpose(1, 2) * root
    # |V V' - Y Y'|^2, without the matrices of all pairs.
    parts = (
        (found.mT @ found).square().sum((1, 2)),
        -2 * (found.mT @ true).square().sum((1, 2)),
        (true.mT @ true).square().sum((1, 2)),
    )
    return torch.stack(parts).sum(0).mean()
