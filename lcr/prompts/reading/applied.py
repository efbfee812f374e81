"""What a reading does to described sources: reading judged apart from hearing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lcr.instruction import STYLE_VALUES, AudioDescription, Description, SpeechDescription
from lcr.prompts.reading.names import broader, content_words, is_called, look_up, stem
from lcr.prompts.reading.things import NamedThing, Reading

Related = Callable[[str, Sequence[int]], Sequence[int]]
"""A relation ("second to speak") and some voices to those of them that it is true of."""
_LEAST = 0.5
_ALIKE = 0.55
"""Likeness of two names from which on they may stand for one sound though the lexicon has both."""


class Places(Protocol):
    """Where names lie in a space of meanings."""

    def place(self, words: Sequence[str]) -> NDArray[np.float32]:
        """The meaning vectors (words, dimensions), of length 1."""
        ...


class Likeness:
    """The cosine similarity of the meanings of two names; each name is embedded once."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._known: dict[str, NDArray[np.float32]] = {}

    def prepare(self, names: Iterable[str]) -> None:
        """Embed those of `names` that are new, in one batch."""
        new = sorted({n for n in names if n not in self._known})
        if new:
            self._known.update(zip(new, self._places.place(new), strict=True))

    def __call__(self, one: str, other: str) -> float:
        self.prepare((one, other))
        return float(self._known[one] @ self._known[other])


@dataclass(frozen=True)
class Applied:
    """`gains` (linear) of the sources in their order, and the things that name none of them."""

    gains: tuple[float, ...]
    absent: tuple[NamedThing, ...]


def apply_reading(
    reading: Reading,
    described: Sequence[Description],
    *,
    likeness: Likeness | None = None,
    least: float = _LEAST,
    related: Related | None = None,
) -> Applied:
    """The gain of each described source: a named sound is the source whose label, synonym or
    hypernym it is, or the most alike above `least`; a voice is the one that fits best, and that its
    relation to others is true of: by `related`, or as far as styles can tell, which is not who
    speaks first or is louder. Narrower things win over broader ones."""
    related = related or partial(_by_styles, described)
    gains = [reading.rest_gain] * len(described)
    absent = []
    named: set[int] = set()
    for thing in sorted(reading.listed, key=breadth):
        found: Sequence[int] = denoted(thing, described, likeness=likeness, least=least)
        if thing.relation is not None:
            voices = [i for i, d in enumerate(described) if _may_fit(thing, d)]
            if "other" in thing.relation:
                found = [i for i in voices if i not in named]
            else:
                found = related(thing.relation, voices)
        if thing.kind == "voice":
            named.update(found)
        if not found:
            absent.append(thing)
        for index in found:
            gains[index] = thing.gain
    return Applied(tuple(gains), tuple(absent))


def denoted(
    thing: NamedThing,
    described: Sequence[Description],
    *,
    likeness: Likeness | None = None,
    least: float = _LEAST,
) -> tuple[int, ...]:
    """The sources that a thing names, none where it fits none."""
    speech = [i for i, d in enumerate(described) if isinstance(d, SpeechDescription)]
    sounds = [i for i, d in enumerate(described) if isinstance(d, AudioDescription)]
    if thing.kind in ("everything", "everything_else"):
        return ()
    if thing.kind == "all_speech":
        return tuple(speech)
    if thing.kind == "all_sounds":
        return tuple(sounds)
    if thing.kind == "voice":
        scores = [_voice_score(thing, described[i]) for i in speech]
        best = max(scores, default=-1.0)
        return tuple(i for i, s in zip(speech, scores, strict=True) if s == best and best >= 0)
    labels = [d.label for d in described if isinstance(d, AudioDescription)]
    called = [i for i, label in zip(sounds, labels, strict=True) if _is_called(label, thing.words)]
    if called and thing.hypernym is None:
        return tuple(called)
    if (kind := thing.hypernym or broader(thing.words)) is not None:
        members = [
            i for i, label in zip(sounds, labels, strict=True) if i in called or _is_a(label, kind)
        ]
        if members or kind == "vocals":  # where nobody sings, voices are vocals
            return tuple(members or speech)
    scores = [sound_score(thing, label, likeness) for label in labels]
    best = max(scores, default=0.0)
    return tuple(i for i, s in zip(sounds, scores, strict=True) if s == best and best >= least)


def sound_score(thing: NamedThing, label: str, likeness: Likeness | None = None) -> float:
    """How well a named sound fits a label, 0 to 2."""
    row = look_up(label)
    if thing.sound is not None and row.whole and row.sound is thing.sound:
        return 2.0
    said = {stem(w) for w in content_words(thing.words)}
    there = {stem(w) for w in content_words(label)}
    shared = len(said & there) / max(1, min(len(said), len(there)))
    score = 0.5 + 0.5 * shared if shared > 0 else 0.0
    if thing.sound is not None and row.sound is thing.sound:
        score = max(score, 0.9)
    if likeness is not None:
        alike = likeness(" ".join(content_words(thing.words)), label)
        if alike < _ALIKE and row.whole and look_up(thing.words).whole:
            alike = 0.0  # the lexicon knows both, and that they are two
        score = max(score, alike) + 0.1 * alike
    return score


def _is_called(label: str, words: str) -> bool:
    row = look_up(label)
    return row.whole and row.sound is not None and is_called(row.sound, words)


def _is_a(label: str, hypernym: str) -> bool:
    row = look_up(label)
    return row.hypernym == hypernym or (row.sound is not None and hypernym in row.sound.hypernyms)


def _voice_score(thing: NamedThing, speaker: Description) -> float:
    """1 for each style that fits, much less for one that does not; below 0 is no fit."""
    score = 0.0
    for name, value in thing.styles.items():
        known = getattr(speaker, name)
        if known is not None:
            score += 1.0 if known == value else (-10.0 if name == "gender" else -1.5)
    return score if score > -5 else -1.0 if not _may_fit(thing, speaker) else 0.0


_ORDERED = (
    (re.compile("high"), "pitch", -1),
    (re.compile("deep|low"), "pitch", 0),
    (re.compile("fast"), "tempo", -1),
    (re.compile("slow"), "tempo", 0),
)


def _by_styles(
    described: Sequence[Description], relation: str, fits: Sequence[int]
) -> Sequence[int]:
    """See `Related`."""
    if len(fits) == 1:
        return fits
    for words, style, end in _ORDERED:
        known = {i: getattr(described[i], style) for i in fits}
        if words.match(relation) and None not in known.values() and len(set(known.values())) > 1:
            values = STYLE_VALUES[style]
            order = sorted(fits, key=lambda i: values.index(known[i]))
            return [i for i in fits if known[i] == known[order[end]]]
    return []


def _may_fit(thing: NamedThing, speaker: Description) -> bool:
    if not isinstance(speaker, SpeechDescription):
        return False
    gender = thing.styles.get("gender")
    return gender is None or speaker.gender in (None, gender)


def breadth(thing: NamedThing) -> int:
    """How narrow a thing is: of two that name one source, the greater wins."""
    broad = {"all_speech": 0, "all_sounds": 0, "voice": 2, "sound": 2}
    if thing.kind == "sound" and thing.hypernym is not None:
        return 1
    if thing.relation is not None and "other" in thing.relation:
        return 3
    return broad.get(thing.kind, 0)
