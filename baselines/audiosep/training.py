"""How AudioSep is trained, here at desk size: one sound of a mixture wanted, L1 on the waveform."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from baselines.audiosep.network import LEVEL, ResUNet30, ResUNetConfig, separate
from baselines.audiosep.remixer import SPEECH
from baselines.clap.wording import caption
from baselines.lass.query import QueryEncoder, query_of
from baselines.lass.training import extraction_scores
from lcr.data.bank import SAMPLE_RATE
from lcr.data.mixtures import Example
from lcr.losses.snr import negative_snr_improvement
from lcr.training.data import Batch, TrainingMixtures
from lcr.training.precision import cpu_products
from lcr.training.stages import DEFAULT, Scores, StageConfig

SPEECH_SHARE = 0.1
"""Of mixtures in which all speech is wanted, by the query "speech"; else one source is."""


def desk_config(z_dim: int) -> ResUNetConfig:
    """Sizes for a desk: the public network at 16 kHz with a quarter of its channels. `z_dim` is the
    width of the query encoder."""
    return ResUNetConfig(n_fft=1024, widths=(8, 16, 32, 64, 96, 96), z_dim=z_dim)


class AudioSepStage:
    """A separator alone, behind a frozen query encoder: the mean absolute error of the waveform
    (section III of arXiv 2308.05037), in mixtures brought to one level.

    Raises ValueError where the network's rate or the queries' width does not fit.
    """

    def __init__(
        self,
        network: ResUNet30,
        encoder: QueryEncoder,
        mixtures: TrainingMixtures,
        config: StageConfig = DEFAULT,
    ) -> None:
        found, expected = (
            (network.config.sample_rate, network.config.z_dim),
            (SAMPLE_RATE, encoder.width),
        )
        if found != expected:
            raise ValueError(f"rate and query width must be {expected}; the network has {found}")
        self.modules = nn.ModuleDict({"ss_model": network})  # as in the checkpoint
        self.network, self.encoder, self.mixtures = network, encoder, mixtures
        self.config = config

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        batch = self.mixtures.batch(rng)
        texts, gains = self._wanted(batch, rng)
        sources = batch.sources.to(self._device)
        mixture = sources.sum(1)
        target = torch.einsum("bn,bns->bs", gains.to(sources), sources)
        estimate = self._separate(mixture, texts)
        level = mixture.square().mean(-1, keepdim=True).add(1e-20).sqrt() / LEVEL
        loss = ((estimate - target) / level).abs().mean()
        gained = -negative_snr_improvement(
            estimate=estimate.detach(), reference=target, mixture=mixture
        )
        return loss, {"l1": float(loss.detach()), "snri_db": float(gained.mean())}

    def validate(self, examples: Sequence[Example]) -> Scores:
        """`extraction_scores` of every source, each asked for by its description."""

        def extract(mixture: Tensor, example: Example, wanted: Sequence[int]) -> Tensor:
            texts = [query_of(d) for d in example.instruction.descriptions]
            return self._separate(mixture.expand(len(wanted), -1), texts)

        return extraction_scores(examples, extract, None, self._device)

    def _wanted(self, batch: Batch, rng: np.random.Generator) -> tuple[list[str], Tensor]:
        """Draw a query for each mixture, and the gains (mixtures, sources) of its target."""
        texts, gains = [], torch.zeros(batch.sources.shape[:2])
        for row, described in enumerate(batch.descriptions):
            speech = [i for i, d in enumerate(described) if d.kind == "speech"]
            if speech and rng.random() < SPEECH_SHARE:
                texts.append(SPEECH)
                gains[row, speech] = 1
            else:
                one = int(rng.integers(len(described)))
                texts.append(caption(described[one], rng).text)
                gains[row, one] = 1
        return texts, gains

    def _separate(self, mixture: Tensor, texts: Sequence[str]) -> Tensor:
        with torch.no_grad():
            z = self.encoder.embed_text(texts).to(self._device)
        with cpu_products(bfloat16=self.config.cpu_bfloat16):
            return separate(self.network, mixture, z).float()

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device
