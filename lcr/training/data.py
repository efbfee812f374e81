"""Training mixtures made on the fly: banks in memory, augmentation, several instructions each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcr.data.bank import Bank, Entry, Waveform
from lcr.data.mixtures import MixtureConfig, draw_entries, entry_pool, place, set_level
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
    """What a training batch is."""

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
    ) -> None:
        self.config = config
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
        shares = np.array([b.share for b in self._blends], dtype=np.float64)
        self._shares = shares / shares.sum()
        by_task = patterns_by_task(config.n_speech, config.n_audio)
        self._tasks = tuple(by_task)
        self._patterns = tuple(by_task.values())
        order = list(Task)
        weights = np.array([config.task_weights[order.index(t)] for t in self._tasks])
        self._weights = weights / weights.sum()

    def batch(self, rng: np.random.Generator) -> Batch:
        sources, gains, prompts, descriptions = [], [], [], []
        for _ in range(self.config.mixtures):
            waves, entries = self._mixture(rng)
            sources.append(waves)
            descriptions.append(tuple(e.description for e in entries))
            drawn = rng.choice(
                len(self._tasks), self.config.instructions, replace=False, p=self._weights
            )
            asked = [self._instruction(int(t), entries, rng) for t in drawn]
            gains.append([instruction.gains for instruction in asked])
            prompts.append([self._prompt(instruction, rng) for instruction in asked])
        return Batch(
            torch.from_numpy(np.stack(sources)),
            torch.tensor(gains, dtype=torch.float32),
            prompts,
            descriptions,
        )

    def prompts(self, count: int, rng: np.random.Generator) -> list[Prompt]:
        """Draw prompts for mixtures without rendering their sound."""
        found = []
        for _ in range(count):
            which = int(rng.choice(len(self._blends), p=self._shares))
            entries = draw_entries(self._pools[which], self._mix, rng)
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
        which = int(rng.choice(len(self._blends), p=self._shares))
        blend, pool, mix = self._blends[which], self._pools[which], self._mix
        entries = list(draw_entries(pool, mix, rng))
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
        return np.stack(waves), entries

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
