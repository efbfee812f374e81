"""What is trained: the remixer on true slots, the reader on text, then both together."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lcr.data.mixtures import Example
from lcr.instruction import Task
from lcr.losses.pit import permutation_invariant
from lcr.losses.snr import negative_snr, negative_snr_improvement
from lcr.nn.grounded.remixer import Encoding, GroundedRemixer
from lcr.nn.paper.sound_remixer import SoundRemixer
from lcr.nn.reader.prompt_reader import PromptReader
from lcr.nn.reader.slots import SlotVocabulary
from lcr.prompts.generator import Prompt
from lcr.training.data import Batch, TrainingMixtures
from lcr.training.grounding import grounding_loss
from lcr.training.precision import cpu_products
from lcr.training.samples import Estimating

StageName = Literal[
    "remixer", "reader", "joint", "separator", "clap", "lass", "llm-tse", "audiosep", "queries"
]
RemixNetwork = GroundedRemixer | SoundRemixer


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """What a stage's loss is made of, and how precisely it is computed."""

    capped: bool = True
    """Whether SNRs above 30 dB hardly count (`lcr.losses.snr`); the paper's loss is not capped."""
    grounding_weight: float = 1.0
    """Of the grounded stem's own loss (nats a band and frame) beside the remixing loss (dB)."""
    permutation_weight: float = 0.0
    """Of the PIT loss (dB) of a multi-mask remixer's parts (Table VII, "MM + PIT")."""
    pit_groups: tuple[int, ...] = ()
    """Sizes of the groups of sources within which a separator's outputs are matched in training,
    such as (2, 2) for speech and audio; (): all sources are one group."""
    clustering_weight: float = 0.0
    """Of the deep-clustering loss (0 to 1) on what a band-split separator hears, beside its SNR."""
    slot_weight: float = 0.1
    """Of the reader's own loss (nats a prompt) in the joint stage."""
    reader_batch: int = 32
    """Prompts a step of the reader stage."""
    cpu_bfloat16: bool = False
    """Matrix products on the CPU in bfloat16, on processors that have them (AVX-512 BF16, AMX); on
    others they stay in float32. On a GPU the loop's `precision` decides."""

    @property
    def ceiling_db(self) -> float:
        """The SNR in dB at which losses are capped; infinite for no cap (see `lcr.losses.snr`)."""
        return 30.0 if self.capped else math.inf


DEFAULT = StageConfig()


@dataclass(frozen=True)
class Scores:
    """Sums of a validation, so that parts from several processes add up."""

    values: dict[str, float]
    count: int


class Stage(Protocol):
    """One training objective over some modules."""

    modules: nn.ModuleDict

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        """The loss of a fresh batch drawn from `rng`, and figures to log."""
        ...

    def validate(self, examples: Sequence[Example]) -> Scores: ...


def slot_tensor(vocabulary: SlotVocabulary, prompts: Sequence[Prompt]) -> Tensor:
    """(prompts, slots) of 0 and 1."""
    return torch.from_numpy(np.stack([vocabulary.encode(p) for p in prompts]))


class _RemixingStage(ABC):
    """Base of the stages that remix: the loss of a batch given z, and estimates for validation."""

    def __init__(
        self,
        remixer: RemixNetwork,
        vocabulary: SlotVocabulary,
        mixtures: TrainingMixtures,
        config: StageConfig,
    ) -> None:
        self.remixer, self.vocabulary, self.mixtures = remixer, vocabulary, mixtures
        self.config = config

    @abstractmethod
    def filters(self, examples: Sequence[Example]) -> Tensor:
        """Semantic filters (examples, z_dim)."""

    def estimate(self, examples: Sequence[Example]) -> Tensor:
        """(examples, samples), remixed by the filters of their prompts."""
        mixture = torch.from_numpy(np.stack([e.mixture for e in examples])).to(self._device)
        with cpu_products(bfloat16=self.config.cpu_bfloat16):
            estimates: Tensor = self.remixer(mixture, self.filters(examples).unsqueeze(1))
        return estimates.squeeze(1)

    def validate(self, examples: Sequence[Example]) -> Scores:
        return remix_scores(self, examples)

    @property
    def _device(self) -> torch.device:
        return next(self.remixer.parameters()).device

    def _remix_loss(self, batch: Batch, z: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Loss and figures of a batch under `z` (mixtures * instructions, z_dim). All targets of
        a mixture are one matrix product, and the stem listens to it once."""
        mixture = batch.sources.sum(1)
        z = z.view(len(mixture), -1, z.shape[-1])
        if isinstance(self.remixer, GroundedRemixer):
            encoding = self.remixer.encode(mixture)
            estimate = self.remixer.remix(encoding, z)
            extra = {"grounding": (self.config.grounding_weight, partial(self._ground, encoding))}
        else:
            parts = self.remixer.parts(mixture, z)
            estimate = parts.sum(2)
            extra = {"permutation": (self.config.permutation_weight, partial(_permuted, parts))}
        losses = negative_snr_improvement(
            estimate=estimate,
            reference=batch.gains @ batch.sources,
            mixture=mixture.unsqueeze(1),
            ceiling_db=self.config.ceiling_db,
        )
        loss = losses.mean()
        figures = {"snri_db": -float(losses.detach().mean())}
        for name, (weight, of) in extra.items():
            if weight:
                more = of(batch)
                loss = loss + weight * more
                figures[name] = float(more.detach())
        return loss, figures

    def _ground(self, encoding: Encoding, batch: Batch) -> Tensor:
        assert isinstance(self.remixer, GroundedRemixer)
        return grounding_loss(
            self.remixer, encoding, batch.sources, batch.descriptions, self.vocabulary
        )


class RemixerStage(_RemixingStage):
    """Trains the remixer alone on the true slots, as if a perfect reader had read the prompt."""

    def __init__(
        self,
        remixer: RemixNetwork,
        vocabulary: SlotVocabulary,
        mixtures: TrainingMixtures,
        config: StageConfig = DEFAULT,
    ) -> None:
        super().__init__(remixer, vocabulary, mixtures, config)
        self.modules = nn.ModuleDict({"remixer": remixer})

    def filters(self, examples: Sequence[Example]) -> Tensor:
        return self._z([e.written for e in examples])

    def _z(self, prompts: Sequence[Prompt]) -> Tensor:
        """z of the true slots; the reader's embedding part is zero."""
        slots = slot_tensor(self.vocabulary, prompts).to(self._device)
        return functional.pad(slots, (0, self.remixer.config.z_dim - slots.shape[-1]))

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        batch = self.mixtures.batch(rng)
        with cpu_products(bfloat16=self.config.cpu_bfloat16):
            return self._remix_loss(batch, self._z([p for row in batch.prompts for p in row]))


class ReaderStage:
    """Trains the reader alone, by the binary cross-entropy of all slots of a prompt."""

    def __init__(
        self,
        reader: PromptReader,
        vocabulary: SlotVocabulary,
        mixtures: TrainingMixtures,
        config: StageConfig = DEFAULT,
    ) -> None:
        self.modules = nn.ModuleDict({"reader": reader})
        self.reader, self.vocabulary, self.mixtures = reader, vocabulary, mixtures
        self.config = config

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        prompts = self.mixtures.prompts(self.config.reader_batch, rng)
        with cpu_products(bfloat16=self.config.cpu_bfloat16):
            stated = self.reader.read([p.text for p in prompts]).slots
        loss = slot_loss(stated, slot_tensor(self.vocabulary, prompts))
        return loss, {"slot_loss": float(loss.detach())}

    def validate(self, examples: Sequence[Example]) -> Scores:
        stated = self.reader.read([e.prompt for e in examples]).slots
        truth = slot_tensor(self.vocabulary, [e.written for e in examples]).to(stated)
        exact = ((stated > 0.5) == (truth > 0.5)).all(-1).sum().item()
        loss = slot_loss(stated, truth).item() * len(examples)
        return Scores({"exact_share": float(exact), "slot_loss": loss}, len(examples))


class JointStage(_RemixingStage):
    """Reader and remixer together: negative SNR through z into the reader, as in section IV-C.
    Where z has slots, plus a little of the reader's own loss so that they keep their meaning;
    where it has none, mixture, target and prompt are all that is learnt from, as in the paper."""

    def __init__(
        self,
        reader: PromptReader,
        remixer: RemixNetwork,
        vocabulary: SlotVocabulary,
        mixtures: TrainingMixtures,
        config: StageConfig = DEFAULT,
    ) -> None:
        super().__init__(remixer, vocabulary, mixtures, config)
        self.modules = nn.ModuleDict({"reader": reader, "remixer": remixer})
        self.reader = reader

    def filters(self, examples: Sequence[Example]) -> Tensor:
        z: Tensor = self.reader([e.prompt for e in examples])
        return z

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        batch = self.mixtures.batch(rng)
        prompts = [p for row in batch.prompts for p in row]
        with cpu_products(bfloat16=self.config.cpu_bfloat16):
            reading = self.reader.read([p.text for p in prompts])
            loss, figures = self._remix_loss(batch, self.reader.join(reading))
        if not self.reader.config.slots:
            return loss, figures
        told = slot_loss(reading.slots, slot_tensor(self.vocabulary, prompts))
        figures["slot_loss"] = float(told.detach())
        return loss + self.config.slot_weight * told, figures


def _permuted(parts: Tensor, batch: Batch) -> Tensor:
    """PIT between a multi-mask remixer's parts (mixtures, instructions, masks, samples) and the
    sources as the targets hold them."""
    remixed = batch.gains.unsqueeze(-1) * batch.sources.unsqueeze(1)
    cost = negative_snr(estimate=parts.unsqueeze(-2), reference=remixed.unsqueeze(-3))
    return permutation_invariant(cost).mean()


def slot_loss(stated: Tensor, truth: Tensor) -> Tensor:
    """Nats a prompt: binary cross-entropy of slot probabilities, summed over a prompt's slots."""
    sure = stated.float().clamp(1e-6, 1 - 1e-6)  # an exact 0 or 1: one mistake would be infinite
    loss = functional.binary_cross_entropy(sure, truth.to(sure), reduction="none")
    return loss.sum(-1).mean()


def remix_scores(stage: Estimating, examples: Sequence[Example], batch: int = 8) -> Scores:
    """Summed SNR improvement by task, the share improved, and both without OVC."""
    values: dict[str, float] = {}
    for start in range(0, len(examples), batch):
        some = list(examples[start : start + batch])
        estimate = stage.estimate(some).float().cpu()
        gained = -negative_snr_improvement(
            estimate=estimate,
            reference=torch.from_numpy(np.stack([e.target for e in some])),
            mixture=torch.from_numpy(np.stack([e.mixture for e in some])),
            ceiling_db=100.0,
        )
        for example, value in zip(some, gained.tolist(), strict=True):
            task = example.instruction.task
            _add(values, f"task/{task.value}", value)
            _add(values, f"count/{task.value}", 1.0)
            _add(values, "improved_share", float(value > 0))
            if task is not Task.OVC:
                _add(values, "snri_without_ovc_db", value)
                _add(values, "count/without_ovc", 1.0)
    return Scores(values, len(examples))


def _add(values: dict[str, float], key: str, value: float) -> None:
    values[key] = values.get(key, 0.0) + value
