"""Training mixtures made on the fly: banks in memory, augmentation, several instructions each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcr.data.authors.mixtures import PaperMixtures
from lcr.data.bank import Bank, Entry, Waveform
from lcr.data.mixtures import (
    GIVEN,
    WORDINGS,
    MixtureConfig,
    draw_entries,
    entry_pool,
    place,
    set_level,
)
from lcr.instruction import Description, Instruction, Kind, Task, parse_pattern, patterns_by_task
from lcr.prompts.generator import Prompt, write_prompt


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How sources are augmented: only in ways that leave their descriptions true."""

    audio_speed: float = 0.15
    """Largest relative change of speed and pitch together."""
    speech_speed: float = 0.03
    tilt: float = 0.5
    """Largest coefficient of a one-zero filter, either sign."""
    layer: float = 0.15
    """Chance that a sound is two clips of its class at once."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """What a training batch holds: so many `mixtures`, each under so many `instructions`."""

    mixtures: int = 3
    instructions: int = 4
    duration_s: float = 3.0
    n_speech: int = 2
    n_audio: int = 2
    task_weights: tuple[float, ...] = (1.0,) * 15 + (0.3,)
    """How often each of the 16 tasks is drawn, in table order; OVC is learnt at once."""
    augment: AugmentConfig = AugmentConfig()
    fixed_prompts: bool = False
    """One wording an instruction, as if nobody had rephrased it (Table VII, "fixed prompts")."""
    distinct: int = 0
    """How many mixtures there are in all, each with one set of instructions and a few wordings, to
    be heard again and again (the paper has 100,000 with five wordings); 0: no end of new ones."""
    manifest: str | None = None
    """A set of mixtures with prompts, as `lcr data build` makes it: a file or a folder, in the
    place of mixtures that are drawn here, `distinct` or not. Each has one instruction."""

    def __post_init__(self) -> None:
        if self.distinct < 0:
            raise ValueError(f"distinct must not be negative; got {self.distinct}")
        if self.manifest is not None and self.instructions != 1:
            raise ValueError(f"a manifest's mixtures have 1 instruction; got {self.instructions}")


@dataclass(frozen=True)
class Batch:
    """`sources` (mixtures, sources, samples); `gains` (mixtures, instructions, sources); `prompts`
    as nested lists of (mixtures, instructions)."""

    sources: Tensor
    gains: Tensor
    prompts: list[list[Prompt]]
    descriptions: list[tuple[Description, ...]]


@dataclass(frozen=True)
class Blend:
    """With probability `share`, speech comes from one bank and audio from another."""

    speech: Bank
    audio: Bank
    share: float


class TrainingMixtures:
    """Batches drawn from a generator alone: the same generator state, the same batch."""

    def __init__(
        self,
        blends: Sequence[Blend],
        config: TrainingConfig,
        given: PaperMixtures | None = None,
    ) -> None:
        """`given` are the mixtures of the config's manifest; there are no `blends` then."""
        self.config, self._given = config, given
        self._mix = MixtureConfig(
            duration_s=config.duration_s, n_speech=config.n_speech, n_audio=config.n_audio
        )
        self._blends = tuple(blends)
        self._pools: list[dict[Kind, list[list[Entry]]]] = [
            {
                "speech": entry_pool(b.speech, "train", self._mix)["speech"],
                "audio": entry_pool(b.audio, "train", self._mix)["audio"],
            }
            for b in self._blends
        ]
        self._shares = np.array([b.share for b in self._blends], dtype=np.float64)
        self._shares /= self._shares.sum()
        by_task = patterns_by_task(config.n_speech, config.n_audio)
        self._tasks = tuple(by_task)
        self._patterns = tuple(by_task.values())
        order = list(Task)
        weights = np.array([config.task_weights[order.index(t)] for t in self._tasks])
        self._weights = weights / weights.sum()

    def batch(self, rng: np.random.Generator) -> Batch:
        sources, gains, prompts, descriptions = [], [], [], []
        for _ in range(self.config.mixtures):
            distinct = self.config.distinct if self._given is None else len(self._given)
            number = int(rng.integers(distinct)) if distinct else None
            waves, asked = self._draw(number, rng)
            sources.append(waves)
            descriptions.append(asked[0].descriptions)
            gains.append([instruction.gains for instruction in asked])
            prompts.append([self._word(one, number, i, rng) for i, one in enumerate(asked)])
        return Batch(
            torch.from_numpy(np.stack(sources)),
            torch.tensor(gains, dtype=torch.float32),
            prompts,
            descriptions,
        )

    def _draw(
        self, number: int | None, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], list[Instruction]]:
        """Mixture `number` of those that come again, or a new one where that is None."""
        if self._given is not None and number is not None:
            example = self._given.example(number)
            return example.sources, [example.instruction]
        if number is not None:
            rng = np.random.default_rng([number])
        which, entries = self._choose(rng)
        asked = self._ask(entries, rng)
        return self._render(which, entries, rng), asked

    def _ask(self, entries: Sequence[Entry], rng: np.random.Generator) -> list[Instruction]:
        drawn = rng.choice(
            len(self._tasks), self.config.instructions, replace=False, p=self._weights
        )
        return [self._instruction(int(t), entries, rng) for t in drawn]

    def _word(
        self, instruction: Instruction, number: int | None, place: int, rng: np.random.Generator
    ) -> Prompt:
        if number is None:
            return self._prompt(instruction, rng)
        if self._given is None:
            wording = int(rng.integers(WORDINGS))
            return self._prompt(instruction, np.random.default_rng([number, place, wording]))
        texts = self._given.mixture(number).prompts
        return Prompt(texts[int(rng.integers(len(texts)))], (), GIVEN)

    def prompts(self, count: int, rng: np.random.Generator) -> list[Prompt]:
        """Draw prompts for mixtures without rendering their sound."""
        found = []
        for _ in range(count):
            _, entries = self._choose(rng)
            task = int(rng.choice(len(self._tasks)))
            found.append(self._prompt(self._instruction(task, entries, rng), rng))
        return found

    def _prompt(self, instruction: Instruction, rng: np.random.Generator) -> Prompt:
        # Always the same throws of the same dice: what is said then depends on the instruction.
        dice = np.random.default_rng(0) if self.config.fixed_prompts else rng
        return write_prompt(instruction, dice)

    def _instruction(
        self, task: int, entries: Sequence[Entry], rng: np.random.Generator
    ) -> Instruction:
        patterns = self._patterns[task]
        pattern = patterns[int(rng.integers(len(patterns)))]
        return Instruction(parse_pattern(pattern), tuple(e.description for e in entries))

    def _mixture(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[Entry]]:
        which, entries = self._choose(rng)
        return self._render(which, entries, rng), entries

    def _choose(self, rng: np.random.Generator) -> tuple[int, list[Entry]]:
        """Of which blend a mixture is, and of what it is made."""
        which = int(rng.choice(len(self._blends), p=self._shares))
        return which, list(draw_entries(self._pools[which], self._mix, rng))

    def _render(
        self, which: int, entries: Sequence[Entry], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        blend, pool, mix = self._blends[which], self._pools[which], self._mix
        waves = []
        for entry in entries:
            kind = entry.description.kind
            bank = blend.speech if kind == "speech" else blend.audio
            wave = self._augment(bank.load(entry), kind, rng)
            placed = place(wave, mix.samples, rng, mix)
            if kind == "audio" and rng.random() < self.config.augment.layer:
                other = self._sibling(pool["audio"], entry, rng)
                second = place(self._augment(bank.load(other), kind, rng), mix.samples, rng, mix)
                placed = set_level(placed, 0, mix) + set_level(second, rng.uniform(-9, 0), mix)
            waves.append(set_level(placed, rng.uniform(-mix.level_db, mix.level_db), mix))
        return np.stack(waves)

    def _sibling(
        self, groups: Sequence[Sequence[Entry]], entry: Entry, rng: np.random.Generator
    ) -> Entry:
        group = next(g for g in groups if g[0].description == entry.description)
        return group[int(rng.integers(len(group)))]

    def _augment(self, wave: Waveform, kind: Kind, rng: np.random.Generator) -> Waveform:
        config = self.config.augment
        span = config.audio_speed if kind == "audio" else config.speech_speed
        if span and rng.random() < 0.7:
            factor = float(np.exp(rng.uniform(-span, span)))
            at = np.arange(0, len(wave) - 1, factor, dtype=np.float64)
            wave = np.interp(at, np.arange(len(wave)), wave).astype(np.float32)
        if config.tilt and rng.random() < 0.5 and len(wave) > 1:
            coefficient = np.float32(rng.uniform(-config.tilt, config.tilt))
            wave = np.concatenate([wave[:1], wave[1:] + coefficient * wave[:-1]])
        return wave
