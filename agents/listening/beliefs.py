"""What one sound may be, and how likely each of that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agents.plan import HeardSource
from lcr.instruction import AudioDescription, Description, Kind, SpeechDescription
from lcr.prompts.reading.names import look_up

_SURE = 0.6
"""A style that is less likely is not stated."""
_NAMES = 5
"""Told of a sound."""


@dataclass(frozen=True, kw_only=True)
class Beliefs:
    """Probabilities of what one sound is: `speech`, that it is a speaker; if so, of each value of
    some styles; if not, of each name of the lexicon. Those of a style, and of all names, sum to 1.
    """

    speech: float
    styles: Mapping[str, Mapping[str, float]]
    labels: Mapping[str, float]

    @property
    def kind(self) -> Kind:
        return "speech" if self.speech >= 0.5 else "audio"

    @property
    def gender(self) -> str:
        """The likeliest."""
        shares = self.styles["gender"]
        return max(shares, key=shares.__getitem__)

    @property
    def name(self) -> str:
        """The likeliest."""
        return max(self.labels, key=self.labels.__getitem__)

    def of(self, description: Description) -> float:
        """The probability that all that `description` states is true, styles being independent;
        those of which nothing is known do not count. A class that no name means has none."""
        if isinstance(description, AudioDescription):
            sound = look_up(description.label).sound
            name = description.label if sound is None else sound.name
            return (1 - self.speech) * self.labels.get(name, 0.0)
        stated = description.known.items()
        known = [self.styles[style][value] for style, value in stated if style in self.styles]
        return self.speech * float(np.prod(known))

    def heard(self, number: int, level_db: float) -> HeardSource:
        """The likeliest kind, and the likeliest name or styles, as entry `number` from 1."""
        description: Description
        if self.kind == "speech":
            best = {style: max(p, key=p.__getitem__) for style, p in self.styles.items()}
            each = {style: self.styles[style][value] for style, value in best.items()}
            stated = {style: value for style, value in best.items() if each[style] >= _SURE}
            description, sure = SpeechDescription(**stated), self.speech
        else:
            names = sorted(self.labels, key=self.labels.__getitem__, reverse=True)[:_NAMES]
            each = {name: (1 - self.speech) * self.labels[name] for name in names}
            description, sure = AudioDescription(label=names[0]), each[names[0]]
        return HeardSource(
            id=f"s{number}",
            description=description,
            confidence=sure,
            confidences=each,
            level_db=level_db,
        )


def in_words(one: HeardSource) -> str:
    """One entry for a person: "s1 speaker: M, low pitch (0.98)"."""
    if isinstance(one.description, AudioDescription):
        return f"{one.id} {one.description.label} ({one.confidence:.2f})"
    styles = one.description.known
    told = [v if n in ("gender", "emotion") else f"{v} {n}" for n, v in styles.items()]
    return f"{one.id} speaker: {', '.join(told)} ({one.confidence:.2f})"
