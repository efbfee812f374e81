"""LLM-TSE with its audio clue, in a suite: another recording of whom the prompt asks for (Table V).

A Remixer is given a mixture and a prompt, so the recordings are laid ready by mixture: of the
same voice as the one source that is kept, from the same split of the bank.
"""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import torch

from baselines.llm_tse.remixer import LlmTse
from experiments.comparison.errors import ConfigError
from experiments.comparison.examples import Examples
from experiments.comparison.systems import ReadySystem
from lcr.data.bank import Entry, Waveform
from lcr.data.mixtures import Example, MixtureSet
from lcr.instruction import Action, Task
from lcr.remixer import Audio, Oracle, Remix


class Enrolled:
    """An `LlmTse` that has a recording of the speaker for every mixture of a suite."""

    def __init__(self, system: LlmTse, enrolments: dict[str, Waveform]) -> None:
        self._system, self._enrolments, self.card = system, enrolments, system.card

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        """Extract the speaker who was enrolled for this mixture. Raises ValueError for a mixture
        that is not of the suite."""
        enrolment = self._enrolments.get(_key(mixture))
        if enrolment is None:
            raise ValueError("no recording of the speaker was laid ready for this mixture")
        clue = torch.from_numpy(enrolment)
        return self._system.extract(mixture, sample_rate, prompt=prompt, enrolment=clue)


def enrol(system: ReadySystem, examples: Examples) -> ReadySystem:
    """Give a system a recording of the speaker for each TSE mixture of the suite. Raises
    ConfigError where the system takes none, or the bank has one recording only of a speaker."""
    mixtures = examples.mixtures
    if not isinstance(system.remixer, LlmTse) or not isinstance(mixtures, MixtureSet):
        raise ConfigError("only LLM-TSE takes a recording of the speaker, from a bank of sources")
    by_speaker: dict[str, list[Entry]] = {}
    for entry in mixtures.bank.entries(mixtures.split):
        if entry.description.kind == "speech":
            by_speaker.setdefault(entry.group, []).append(entry)
    enrolments: dict[str, Waveform] = {}
    for index in examples.indices:
        example = examples[index]
        if example.instruction.task is Task.TSE:
            chosen = choose(example, by_speaker)
            enrolments[_key(example.mixture)] = mixtures.bank.load(chosen)
    return dataclasses.replace(system, remixer=Enrolled(system.remixer, enrolments))


def choose(example: Example, by_speaker: dict[str, list[Entry]]) -> Entry:
    """Choose another recording of the one speaker that the example keeps, the same in any
    process."""
    kept = example.instruction.actions.index(Action.KEEP)
    others = [e for e in by_speaker[example.groups[kept]] if e.id != example.clips[kept]]
    if not others:
        raise ConfigError(f"the bank has one recording only of {example.groups[kept]}")
    word = hashlib.sha256(example.id.encode()).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(word, "little"))
    return others[int(rng.integers(len(others)))]


def _key(mixture: Audio) -> str:
    return hashlib.sha256(np.ascontiguousarray(mixture).tobytes()).hexdigest()
