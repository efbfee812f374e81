"""How LLM-TSE is trained: one speaker of a mixture, asked for by a prompt, by another recording of
the same speaker, or by both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from baselines.lass.network import Extractor
from baselines.lass.training import extraction_scores, of_kind
from baselines.llm_tse.remixer import Clues, check_parts
from lcr.data.bank import Bank, Entry, Waveform
from lcr.data.mixtures import Example, place
from lcr.instruction import Action, Description, Instruction
from lcr.losses.snr import negative_snr_improvement
from lcr.nn.reader.prompt_reader import PromptReader
from lcr.prompts.generator import write_prompt
from lcr.training.data import Blend, TrainingConfig, TrainingMixtures
from lcr.training.precision import cpu_products
from lcr.training.stages import DEFAULT, Scores, StageConfig

CLUES = ("text", "audio", "both")


@dataclass(frozen=True)
class SpeakerBatch:
    """`sources` (mixtures, sources, samples) with their descriptions, which of them is wanted, and
    `enrolments` (mixtures, samples) of who speaks there."""

    sources: Tensor
    descriptions: list[tuple[Description, ...]]
    wanted: list[int]
    enrolments: Tensor


class SpeakerMixtures(TrainingMixtures):
    """Training mixtures with a speaker wanted of each, and another recording of that speaker.

    Table V has two speakers and no other sound. Where a bank has one recording of a speaker, that
    one is cropped and augmented anew.
    """

    def __init__(self, blends: Sequence[Blend], config: TrainingConfig) -> None:
        super().__init__(blends, replace(config, n_audio=0))
        self._recordings: dict[Entry, tuple[Bank, list[Entry]]] = {}
        for bank in {id(blend.speech): blend.speech for blend in blends}.values():
            by_speaker: dict[str, list[Entry]] = {}
            for entry in bank.entries("train"):
                if entry.description.kind == "speech":
                    of_speaker = by_speaker.setdefault(entry.group, [])
                    of_speaker.append(entry)
                    self._recordings[entry] = (bank, of_speaker)

    def speakers(self, rng: np.random.Generator) -> SpeakerBatch:
        """Draw a batch with a speaker wanted in each mixture; the same generator state gives the
        same batch."""
        sources, descriptions, wanted, enrolments = [], [], [], []
        for _ in range(self.config.mixtures):
            waves, entries = self._mixture(rng)
            descriptions.append(tuple(entry.description for entry in entries))
            wanted.append(int(rng.choice(of_kind(descriptions[-1], "speech"))))
            sources.append(waves)
            enrolments.append(self._enrolment(entries[wanted[-1]], rng))
        stacked = [torch.from_numpy(np.stack(waves)) for waves in (sources, enrolments)]
        return SpeakerBatch(stacked[0], descriptions, wanted, stacked[1])

    def _enrolment(self, wanted: Entry, rng: np.random.Generator) -> Waveform:
        bank, of_speaker = self._recordings[wanted]
        others = [entry for entry in of_speaker if entry != wanted] or of_speaker
        entry = others[int(rng.integers(len(others)))]
        wave = self._augment(bank.load(entry), "speech", rng)
        return place(wave, self._mix.samples, rng, self._mix)


class LlmTseStage:
    """Reader, clues and extractor together: the negative SNR improvement of the wanted speaker.

    Each batch is given the text clue, the audio clue or both, one as often as the other, so that
    any of them will do. SNR in place of the authors' SI-SDR, for level counts here.
    """

    def __init__(
        self,
        reader: PromptReader,
        clues: Clues,
        extractor: Extractor,
        mixtures: SpeakerMixtures,
        config: StageConfig = DEFAULT,
    ) -> None:
        """Raises ValueError where the parts do not fit each other."""
        check_parts(reader, clues, extractor)
        self.modules = nn.ModuleDict({"reader": reader, "clues": clues, "extractor": extractor})
        self.reader, self.clues, self.extractor = reader, clues, extractor
        self.mixtures, self.config = mixtures, config

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        batch = self.mixtures.speakers(rng)
        given = CLUES[int(rng.integers(len(CLUES)))]
        prompts = [
            extraction_prompt(row, i, rng)
            for row, i in zip(batch.descriptions, batch.wanted, strict=True)
        ]
        mixture = batch.sources.sum(1).to(self._device)
        loss = negative_snr_improvement(
            estimate=self._extract(
                mixture,
                None if given == "audio" else prompts,
                None if given == "text" else batch.enrolments,
            ),
            reference=batch.sources[torch.arange(len(mixture)), torch.tensor(batch.wanted)].to(
                mixture
            ),
            mixture=mixture,
            ceiling_db=self.config.ceiling_db,
        ).mean()
        figures = {"snri_db": -float(loss.detach()), f"snri_{given}_db": -float(loss.detach())}
        # Processes that train together, as one static graph, must not use different parameters.
        trained = [p.sum() for p in self.modules.parameters() if p.requires_grad]
        return loss + 0 * torch.stack(trained).sum(), figures

    def validate(self, examples: Sequence[Example]) -> Scores:
        """`extraction_scores` of the speakers, each asked for by a prompt alone."""

        def extract(mixture: Tensor, example: Example, wanted: Sequence[int]) -> Tensor:
            described = example.instruction.descriptions
            prompts = [
                extraction_prompt(described, i, np.random.default_rng(example.index))
                for i in wanted
            ]
            return self._extract(mixture.expand(len(wanted), -1), prompts, None)

        return extraction_scores(examples, extract, "speech", self._device)

    def _extract(
        self, mixture: Tensor, prompts: Sequence[str] | None, enrolments: Tensor | None
    ) -> Tensor:
        """(batch, samples) of mixtures (batch, samples)."""
        with cpu_products(bfloat16=self.config.cpu_bfloat16):
            text = None if prompts is None else self.reader(prompts)
            audio = None if enrolments is None else enrolments.to(self._device)
            z = self.clues(text, audio).unsqueeze(1)
            estimate: Tensor = self.extractor(mixture, z)
        return estimate.squeeze(1).float()

    @property
    def _device(self) -> torch.device:
        return next(self.extractor.parameters()).device


def extraction_prompt(
    descriptions: Sequence[Description], wanted: int, rng: np.random.Generator
) -> str:
    """Words that ask for one source alone."""
    actions = tuple(Action.KEEP if i == wanted else Action.REMOVE for i in range(len(descriptions)))
    return write_prompt(Instruction(actions, tuple(descriptions)), rng).text
