"""What is trained: the remixer on true slots, the reader on text, then both together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lcr.data.mixtures import Example
from lcr.data.prompts import Prompt
from lcr.instruction import Task
from lcr.nn.band_split import BandSplitRemixer
from lcr.nn.prompt_reader import PromptReader
from lcr.nn.slots import SlotVocabulary
from lcr.training.data import TrainingMixtures
from lcr.training.losses import negative_snr_improvement

StageName = Literal["remixer", "reader", "joint"]


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


class RemixerStage:
    """The remixer alone, from the true slots: what a perfect reader would tell it."""

    def __init__(
        self, remixer: BandSplitRemixer, vocabulary: SlotVocabulary, mixtures: TrainingMixtures
    ) -> None:
        self.modules = nn.ModuleDict({"remixer": remixer})
        self.remixer, self.vocabulary, self.mixtures = remixer, vocabulary, mixtures

    def filters(self, prompts: Sequence[Prompt]) -> Tensor:
        """z of the true slots; the reader's embedding part is zero."""
        slots = slot_tensor(self.vocabulary, prompts)
        return functional.pad(slots, (0, self.remixer.config.z_dim - slots.shape[-1]))

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        batch = self.mixtures.batch(rng)
        count = len(batch.prompts[0])
        z = self.filters([p for row in batch.prompts for p in row])
        z = z.view(-1, count, z.shape[-1])
        losses = remix_losses(self.remixer, batch.sources, batch.gains, z)
        return losses.mean(), {"snri_db": -float(losses.detach().mean())}

    def validate(self, examples: Sequence[Example]) -> Scores:
        return remix_scores(
            self.remixer, examples, lambda some: self.filters([e.written for e in some])
        )


class ReaderStage:
    """The reader alone: what does a prompt state? Binary cross-entropy over all slots."""

    def __init__(
        self,
        reader: PromptReader,
        vocabulary: SlotVocabulary,
        mixtures: TrainingMixtures,
        batch: int,
    ) -> None:
        self.modules = nn.ModuleDict({"reader": reader})
        self.reader, self.vocabulary, self.mixtures = reader, vocabulary, mixtures
        self.batch = batch

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        prompts = self.mixtures.prompts(self.batch, rng)
        stated = self.reader.read([p.text for p in prompts]).slots
        loss = slot_loss(stated, slot_tensor(self.vocabulary, prompts))
        return loss, {"slot_loss": float(loss.detach())}

    def validate(self, examples: Sequence[Example]) -> Scores:
        stated = self.reader.read([e.prompt for e in examples]).slots
        truth = slot_tensor(self.vocabulary, [e.written for e in examples])
        exact = ((stated > 0.5) == (truth > 0.5)).all(-1).sum().item()
        loss = slot_loss(stated, truth).item() * len(examples)
        return Scores({"exact_share": float(exact), "slot_loss": loss}, len(examples))


class JointStage:
    """Reader and remixer together: negative SNR through z into LoRA, as in section IV-C, plus a
    little of the reader's own loss so that its slots keep their meaning."""

    def __init__(
        self,
        reader: PromptReader,
        remixer: BandSplitRemixer,
        vocabulary: SlotVocabulary,
        mixtures: TrainingMixtures,
        slot_weight: float,
    ) -> None:
        self.modules = nn.ModuleDict({"reader": reader, "remixer": remixer})
        self.reader, self.remixer, self.vocabulary = reader, remixer, vocabulary
        self.mixtures, self.slot_weight = mixtures, slot_weight

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        batch = self.mixtures.batch(rng)
        prompts = [p for row in batch.prompts for p in row]
        reading = self.reader.read([p.text for p in prompts])
        z = self.reader.join(reading)
        z = z.view(len(batch.prompts), -1, z.shape[-1])
        losses = remix_losses(self.remixer, batch.sources, batch.gains, z)
        told = slot_loss(reading.slots, slot_tensor(self.vocabulary, prompts))
        figures = {"snri_db": -float(losses.detach().mean()), "slot_loss": float(told.detach())}
        return losses.mean() + self.slot_weight * told, figures

    def validate(self, examples: Sequence[Example]) -> Scores:
        return remix_scores(
            self.remixer, examples, lambda some: self.reader([e.prompt for e in some])
        )


def slot_loss(stated: Tensor, truth: Tensor) -> Tensor:
    """Nats a prompt: binary cross-entropy of slot probabilities, summed over a prompt's slots."""
    sure = stated.clamp(1e-6, 1 - 1e-6)  # an exact 0 or 1 would make one mistake infinite
    loss = functional.binary_cross_entropy(sure, truth, reduction="none")
    return loss.sum(-1).mean()


def remix_losses(remixer: BandSplitRemixer, sources: Tensor, gains: Tensor, z: Tensor) -> Tensor:
    """(mixtures, instructions): all targets of a mixture are one matrix product."""
    mixture = sources.sum(1)
    targets = gains @ sources
    return negative_snr_improvement(
        estimate=remixer(mixture, z), reference=targets, mixture=mixture.unsqueeze(1)
    )


def remix_scores(
    remixer: BandSplitRemixer,
    examples: Sequence[Example],
    filters: Filters,
    batch: int = 8,
) -> Scores:
    """Summed SNR improvement by task, the share improved, and both without OVC."""
    values: dict[str, float] = {}
    for start in range(0, len(examples), batch):
        some = examples[start : start + batch]
        mixture = torch.from_numpy(np.stack([e.mixture for e in some]))
        target = torch.from_numpy(np.stack([e.target for e in some]))
        estimate = remixer(mixture, filters(some).unsqueeze(1)).squeeze(1)
        gained = -negative_snr_improvement(
            estimate=estimate, reference=target, mixture=mixture, ceiling_db=100.0
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


class Filters(Protocol):
    """Examples to semantic filters (examples, z_dim)."""

    def __call__(self, some: Sequence[Example], /) -> Tensor: ...
