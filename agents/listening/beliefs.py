"""What one sound may be, and how likely each of that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agents.plan import HeardSource
from lcr.instruction import AudioDescription, Description, SpeechDescription


@dataclass(frozen=True, kw_only=True)
class Beliefs:
    """Probabilities of what one sound is: `speech`, that it is a speaker; if so, of each value of
    each style; if not, of each class. Those of a style, and of all classes, sum to 1."""

    speech: float
    styles: Mapping[str, Mapping[str, float]]
    labels: Mapping[str, float]

    def of(self, description: Description) -> float:
        """The probability that all that `description` states is true, styles being independent.

        Raises KeyError for a class that is no candidate.
        """
        if isinstance(description, AudioDescription):
            return (1 - self.speech) * self.labels[description.label]
        stated = [self.styles[name][value] for name, value in description.known.items()]
        return self.speech * float(np.prod(stated))

    def heard(self, number: int, level_db: float) -> HeardSource:
        """The likeliest kind, and the likeliest class or styles, as entry `number` from 1."""
        if self.speech >= 0.5:
            best = {name: max(p, key=p.__getitem__) for name, p in self.styles.items()}
            description: Description = SpeechDescription(**best)
            each = {name: self.styles[name][value] for name, value in best.items()}
            each, sure = {"kind": self.speech, **each}, self.speech
        else:
            label = max(self.labels, key=self.labels.__getitem__)
            description = AudioDescription(label=label)
            each = {"kind": 1 - self.speech, "label": self.labels[label]}
            sure = each["kind"] * each["label"]
        return HeardSource(
            id=f"s{number}",
            description=description,
            confidence=sure,
            confidences=each,
            level_db=level_db,
        )


def in_words(one: HeardSource) -> str:
    """One entry for a person: "s1 M, low pitch, ... (speech 0.98)"."""
    if isinstance(one.description, AudioDescription):
        return f"{one.id} {one.description.label} ({one.confidence:.2f})"
    styles = one.description.known
    told = [v if n in ("gender", "emotion") else f"{v} {n}" for n, v in styles.items()]
    return f"{one.id} speaker: {', '.join(told)} ({one.confidence:.2f})"
