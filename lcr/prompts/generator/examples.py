"""Random instructions over the classes that the generator has names for, to look at prompts without
a bank."""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np

from lcr.instruction import (
    STYLE_VALUES,
    AudioDescription,
    Description,
    Instruction,
    SpeechDescription,
    instruction,
    patterns_by_task,
    tell_apart,
)
from lcr.prompts.generator.labels import PARAPHRASES

LABELS = tuple(PARAPHRASES)


@lru_cache
def _patterns(n_speech: int, n_audio: int) -> tuple[tuple[str, ...], ...]:
    return tuple(patterns_by_task(n_speech, n_audio).values())


def random_speaker(rng: np.random.Generator, *, unknown: float = 0.0) -> SpeechDescription:
    """A speaking style; each attribute is unknown with probability `unknown`."""
    values = {
        name: None if rng.random() < unknown else options[int(rng.integers(len(options)))]
        for name, options in STYLE_VALUES.items()
    }
    return SpeechDescription(**values)


def random_descriptions(
    rng: np.random.Generator, n_speech: int = 2, n_audio: int = 2, *, unknown: float = 0.0
) -> tuple[Description, ...]:
    """Descriptions of a mixture, no two alike: every pair can be told apart."""
    speakers = [random_speaker(rng, unknown=unknown) for _ in range(n_speech)]
    # All are drawn anew: one of whom nothing is known would refuse every companion.
    while not all(tell_apart(a, b) for a, b in itertools.combinations(speakers, 2)):
        speakers = [random_speaker(rng, unknown=unknown) for _ in range(n_speech)]
    labels = rng.choice(len(LABELS), size=n_audio, replace=False)
    return (*speakers, *(AudioDescription(label=LABELS[int(i)]) for i in labels))


def random_instruction(
    rng: np.random.Generator, n_speech: int = 2, n_audio: int = 2, *, unknown: float = 0.0
) -> Instruction:
    """An instruction with its task drawn evenly, then its pattern, then the sources."""
    by_task = _patterns(n_speech, n_audio)
    options = by_task[int(rng.integers(len(by_task)))]
    pattern = options[int(rng.integers(len(options)))]
    return instruction(pattern, random_descriptions(rng, n_speech, n_audio, unknown=unknown))
