"""Descriptions in words, by the generator that writes the prompts, and what such words fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from baselines.clap.model import TextAudioModel
from lcr.instruction import Action, AudioDescription, Description, SpeechDescription, tell_apart
from lcr.prompts.generator.phrases import Dice, one_source, speaker_words

WORDINGS = 8
"""Ways to say a description whose embeddings are averaged, so that no one wording decides."""
_AT_ONCE = 16
"""Descriptions embedded together."""


@dataclass(frozen=True)
class Caption:
    """A wording of a description, and which of its attributes it states."""

    text: str
    states: Description


def caption(description: Description, rng: np.random.Generator, *, whole: float = 1.0) -> Caption:
    """One way to say `description`: a synonym of a class, or a speaker's style.

    With probability `whole` a speaker is described by everything that is known of them, else by a
    part of it, as prompts do.
    """
    dice = Dice(rng)
    if isinstance(description, AudioDescription):
        # Who is to be told apart, and what is done to it, play no part in the words for a class.
        return Caption(one_source(Action.KEEP, 0, (description,), dice).words, description)
    known = tuple(description.known.items())
    if known and not dice.chance(whole):
        kept = dice.shuffled(known)[: dice.pick(range(1, len(known) + 1))]
        known = tuple(pair for pair in known if pair in kept)
    words = speaker_words(known, dice, voice_like_beside=False)
    return Caption(words, SpeechDescription(**dict(known)))


def wordings(description: Description, count: int = WORDINGS) -> tuple[str, ...]:
    """`count` ways to say all of a description, always the same."""
    rng = np.random.default_rng(0)
    return tuple(caption(description, rng).text for _ in range(count))


def relation(stated: Description, heard: Description) -> Literal["fits", "differs", "unknown"]:
    """Whether what a caption states is true of a sound that is described as `heard`; unknown where
    it states what is not known of the sound."""
    if stated.kind != heard.kind or tell_apart(stated, heard):
        return "differs"
    if isinstance(stated, SpeechDescription) and isinstance(heard, SpeechDescription):
        return "fits" if stated.known.keys() <= heard.known.keys() else "unknown"
    return "fits"


def embed_descriptions(model: TextAudioModel, descriptions: Sequence[Description]) -> Tensor:
    """Unit vectors (descriptions, width): the mean direction of each one's `wordings`."""
    found = [torch.empty(0, model.width)]
    for start in range(0, len(descriptions), _AT_ONCE):
        some = descriptions[start : start + _AT_ONCE]
        texts = [text for description in some for text in wordings(description)]
        embedded = model.embed_text(texts).view(len(some), WORDINGS, -1).mean(1)
        found.append(functional.normalize(embedded, dim=-1))
    return torch.cat([f.to(found[-1]) for f in found])
