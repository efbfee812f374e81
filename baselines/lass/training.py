"""How LASS is trained: one source of a mixture wanted, its description for a query."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
        mixture = sources.sum(1)
        loss = negative_snr_improvement(
            estimate=self._extract(mixture, texts).squeeze(1),
            reference=sources[torch.arange(len(wanted)), torch.tensor(wanted)],
            mixture=mixture,
            ceiling_db=self.config.ceiling_db,
        ).mean()
        return loss, {"snri_db": -float(loss.detach())}

    def validate(self, examples: Sequence[Example]) -> Scores:
        """`extraction_scores` of the sources of its kind, each asked for by its description."""

        def extract(mixture: Tensor, example: Example, wanted: Sequence[int]) -> Tensor:
            described = example.instruction.descriptions
            texts = [query_of(described[i]) for i in wanted]
            return self._extract(mixture.unsqueeze(0), texts).squeeze(0)

        return extraction_scores(examples, extract, self.kind, self._device)

    def _extract(self, mixture: Tensor, texts: Sequence[str]) -> Tensor:
        """(batch, queries, samples) of mixtures (batch, samples) and texts batch by batch."""
        with torch.no_grad():
            z = self.encoder.embed_text(texts).to(self._device)
        with cpu_products(bfloat16=self.config.cpu_bfloat16):
            found: Tensor = self.extractor(mixture, z.view(len(mixture), -1, z.shape[-1]))
        return found.float()

    @property
    def _device(self) -> torch.device:
        return next(self.extractor.parameters()).device


def of_kind(descriptions: Sequence[Description], kind: Kind) -> list[int]:
    """Which of these are of `kind`. Raises ValueError where none is."""
    found = [i for i, d in enumerate(descriptions) if d.kind == kind]
    if not found:
        raise ValueError(f"a mixture without {kind} has nothing to be extracted")
    return found


def extraction_scores(
    examples: Sequence[Example],
    extract: Callable[[Tensor, Example, Sequence[int]], Tensor],
    kind: Kind | None,
    device: torch.device,
) -> Scores:
    """`extraction_snri_db`: SNR improvement over the mixture of each example's sources of `kind`
    (None: of all); `improved_share` of them. Means over an example's sources.

    `extract` makes (wanted, samples) of a mixture (samples,), its example and which of its sources
    are wanted.
    """
    values = {"extraction_snri_db": 0.0, "improved_share": 0.0}
    for example in examples:
        described = example.instruction.descriptions
        wanted = list(range(len(described))) if kind is None else of_kind(described, kind)
        sources = torch.from_numpy(example.sources).to(device)
        mixture = sources.sum(0)
        with torch.no_grad():
            gained = -negative_snr_improvement(
                estimate=extract(mixture, example, wanted),
                reference=sources[wanted],
                mixture=mixture,
                ceiling_db=100.0,
            )
        values["extraction_snri_db"] += float(gained.mean())
        values["improved_share"] += float((gained > 0).float().mean())
    return Scores(values, len(examples))
