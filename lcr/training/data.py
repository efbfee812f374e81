"""Training mixtures made on the fly: banks in memory, augmentation, several instructions each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcr.data.bank import Bank, Entry, Waveform
from lcr.data.mixtures import GIVEN, MixtureConfig, draw_entries, entry_pool, place, set_level
from lcr.errors import LcrError
from lcr.instruction import Description, Instruction, Kind, Task, parse_pattern, patterns_by_task
from lcr.prompts.generator import Prompt, write_prompt

WORDINGS = 5
"""Of each instruction of a mixture that is heard again, as in section V."""


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
    distinct: int = 0
    """How many mixtures there are in all, each with one set of instructions and a few wordings, to
    be heard again and again (the paper has 100,000 with five wordings); 0: no end of new ones."""
    wordings: str | None = None
    """A file of prompts for the `distinct` mixtures, as `experiments.training.wordings` writes it
    and anyone may reword it: JSON Lines of {"mixture": N, "prompts": [[...], ...]}, a list of
    wordings for each of the mixture's instructions. None: the grammar writes them."""

    def __post_init__(self) -> None:
        if self.distinct < 0 or (self.wordings is not None and not self.distinct):
            raise ValueError("distinct must not be negative, and positive where wordings are given")


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


class WordingsError(LcrError):
    """A file of wordings cannot be read; the message names it and the line."""


def read_wordings(path: Path, config: TrainingConfig) -> list[list[list[str]]]:
    """The wordings of each instruction of each of the `config.distinct` mixtures. Raises
    WordingsError."""
    found: dict[int, list[list[str]]] = {}
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            where = f"{path} line {number}"
            row = json.loads(line)
            prompts = row["prompts"]
            if len(prompts) != config.instructions or not all(
                some and all(isinstance(text, str) for text in some) for some in prompts
            ):
                raise ValueError(f"{config.instructions} lists of texts are needed")
            found[row["mixture"]] = prompts
        where = str(path)
        return [found[mixture] for mixture in range(config.distinct)]
    except OSError as error:
        raise WordingsError(f"{path} cannot be read: {error.strerror}") from error
    except KeyError as error:
        raise WordingsError(f"{where}: no {error}") from error
    except (TypeError, ValueError) as error:  # json's error is a ValueError
        raise WordingsError(f"{where}: {error}") from error


class TrainingMixtures:
    """Batches drawn from a generator alone: the same generator state, the same batch."""

    def __init__(
        self,
        blends: Sequence[Blend],
        config: TrainingConfig,
    ) -> None:
        self.config = config
        self._wordings = read_wordings(Path(config.wordings), config) if config.wordings else None
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
            distinct = self.config.distinct
            number = int(rng.integers(distinct)) if distinct else None
            waves, entries, asked = self._draw(number, rng)
            sources.append(waves)
            descriptions.append(tuple(e.description for e in entries))
            gains.append([instruction.gains for instruction in asked])
            prompts.append([self._word(one, number, i, rng) for i, one in enumerate(asked)])
        return Batch(
            torch.from_numpy(np.stack(sources)),
            torch.tensor(gains, dtype=torch.float32),
            prompts,
            descriptions,
        )

    def instructions(self, number: int) -> list[Instruction]:
        """What is asked of mixture `number` of the `distinct` ones."""
        rng = np.random.default_rng([number])
        return self._ask(self._choose(rng)[1], rng)

    def word(self, instruction: Instruction, number: int, place: int, wording: int) -> Prompt:
        """The grammar's wording number `wording` of the instruction at `place` of a mixture."""
        return self._prompt(instruction, np.random.default_rng([number, place, wording]))

    def _draw(
        self, number: int | None, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], list[Entry], list[Instruction]]:
        """Mixture `number` of the distinct ones, or a new one where that is None."""
        if number is not None:
            rng = np.random.default_rng([number])
        which, entries = self._choose(rng)
        asked = self._ask(entries, rng)  # before the sound, which `instructions` does without
        return self._render(which, entries, rng), entries, asked

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
        if self._wordings is None:
            return self.word(instruction, number, place, int(rng.integers(WORDINGS)))
        given = self._wordings[number][place]
        return Prompt(given[int(rng.integers(len(given)))], (), GIVEN)

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
