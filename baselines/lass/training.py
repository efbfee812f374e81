"""How LASS is trained: one source of a mixture wanted, its description for a query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from baselines.clap.wording import caption
from baselines.lass.network import Extractor
from baselines.lass.query import QueryEncoder, query_of
from lcr.data.mixtures import Example
from lcr.instruction import Description, Kind
from lcr.losses.snr import negative_snr_improvement
from lcr.training.data import TrainingMixtures
from lcr.training.precision import cpu_products
from lcr.training.stages import DEFAULT, Scores, StageConfig


class LassStage:
    """An extractor alone, behind a frozen query encoder: the negative SNR improvement (section
    IV-C) of a random source of `kind` in each mixture, said in ever new words.

    It needs neither instructions nor prompts. Mixtures need a source of `kind`.
    """

    def __init__(
        self,
        extractor: Extractor,
        encoder: QueryEncoder,
        mixtures: TrainingMixtures,
        kind: Kind,
        config: StageConfig = DEFAULT,
    ) -> None:
        self.modules = nn.ModuleDict({"extractor": extractor})
        self.extractor, self.encoder, self.mixtures = extractor, encoder, mixtures
        self.kind, self.config = kind, config

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        batch = self.mixtures.batch(rng)
        wanted = [int(rng.choice(of_kind(row, self.kind))) for row in batch.descriptions]
        texts = [
            caption(row[i], rng).text for row, i in zip(batch.descriptions, wanted, strict=True)
        ]
        sources = batch.sources.to(self._device)
        target = sources[torch.arange(len(wanted)), torch.tensor(wanted)].unsqueeze(1)
        loss = self._loss(sources.sum(1), texts, target, queries=1, ceiling_db=30.0).mean()
        return loss, {"snri_db": -float(loss.detach())}

    def validate(self, examples: Sequence[Example]) -> Scores:
        """`extraction_snri_db`: SNR improvement of the sources of its kind over the mixture, each
        asked for by its description; `improved_share` of them. Means over an example's sources."""
        values = {"extraction_snri_db": 0.0, "improved_share": 0.0}
        for example in examples:
            described = example.instruction.descriptions
            wanted = of_kind(described, self.kind)
            sources = torch.from_numpy(example.sources).to(self._device)
            with torch.no_grad():
                gained = -self._loss(
                    sources.sum(0, keepdim=True),
                    [query_of(described[i]) for i in wanted],
                    sources[wanted].unsqueeze(0),
                    queries=len(wanted),
                    ceiling_db=100.0,
                )
            values["extraction_snri_db"] += float(gained.mean())
            values["improved_share"] += float((gained > 0).float().mean())
        return Scores(values, len(examples))

    def _loss(
        self,
        mixture: Tensor,
        texts: Sequence[str],
        target: Tensor,
        *,
        queries: int,
        ceiling_db: float,
    ) -> Tensor:
        """(batch, queries) of mixtures (batch, samples), texts batch by batch and targets (batch,
        queries, samples)."""
        with torch.no_grad():
            z = self.encoder.embed_text(texts).to(self._device)
        with cpu_products(bfloat16=self.config.cpu_bfloat16):
            estimate = self.extractor(mixture, z.view(len(mixture), queries, -1)).float()
        return negative_snr_improvement(
            estimate=estimate,
            reference=target,
            mixture=mixture.unsqueeze(1),
            ceiling_db=ceiling_db,
        )

    @property
    def _device(self) -> torch.device:
        return next(self.extractor.parameters()).device


def of_kind(descriptions: Sequence[Description], kind: Kind) -> list[int]:
    """Which of these are of `kind`. Raises ValueError where none is."""
    found = [i for i, d in enumerate(descriptions) if d.kind == kind]
    if not found:
        raise ValueError(f"a mixture without {kind} has nothing to be extracted")
    return found
