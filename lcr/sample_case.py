"""A made-up mixture with its truth, to try any system on: a voice-like and a noise-like source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lcr.instruction import (
    Action,
    AudioDescription,
    Description,
    Instruction,
    SpeechDescription,
    Task,
    instruction,
    patterns_by_task,
)
from lcr.remixer import Audio, Oracle, SystemCard

PROMPT = "Please turn the rain up and remove the man's voice."


@dataclass(frozen=True, kw_only=True)
class Case:
    """A synthetic mixture of one voice-like and one noise-like source, with its truth."""

    mixture: Audio
    sample_rate: int
    oracle: Oracle


def make_case(samples: int, *, channels: int = 1, sample_rate: int = 16_000) -> Case:
    """A case of any shape; sources and mixture are read-only."""
    rng = np.random.default_rng([samples, channels, sample_rate])
    times = np.arange(samples) / sample_rate
    voice = sum(np.sin(2 * np.pi * 140 * k * times + k) / k for k in range(1, 12))
    voice = 0.05 * voice * (1.2 + np.sin(2 * np.pi * 3 * times))
    noise = 0.05 * rng.standard_normal((channels, samples))
    balance = np.linspace(1.0, 0.7, channels)[:, None]
    sources = np.stack([voice * balance, noise]).astype(np.float32)
    instruction = Instruction(
        (Action.REMOVE, Action.UP), (SpeechDescription(gender="M"), AudioDescription(label="rain"))
    )
    gains = np.asarray(instruction.gains, dtype=np.float32)
    target = np.tensordot(gains, sources, axes=1).astype(np.float32)
    mixture = sources.sum(axis=0)
    for array in (sources, target, mixture):
        array.flags.writeable = False
    oracle = Oracle(instruction=instruction, sources=sources, target=target)
    return Case(mixture=mixture, sample_rate=sample_rate, oracle=oracle)


def oracle_for(case: Case, card: SystemCard) -> Oracle | None:
    """What a system is told of a case: what its card names. One that does some tasks only gets
    the case as a mixture of 2 speech + 2 audio sources, each half of one, and one of its tasks."""
    oracle = case.oracle
    if card.tasks is not None and oracle.sources is not None:
        task = next(task for task in Task if task in card.tasks)
        described: tuple[Description, ...] = (
            SpeechDescription(gender="M"),
            SpeechDescription(gender="F"),
            AudioDescription(label="rain"),
            AudioDescription(label="dog barking"),
        )
        asked = instruction(patterns_by_task()[task][0], described)
        sources = np.repeat(oracle.sources * np.float32(0.5), 2, axis=0)
        target = np.tensordot(np.asarray(asked.gains, np.float32), sources, axes=1)
        oracle = Oracle(instruction=asked, sources=sources, target=target.astype(np.float32))
    return oracle.limited_to(card.uses_oracle)
