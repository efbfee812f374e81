"""Phrases: which words pick which sources, and why they pick no other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeVar

import numpy as np

from lcr.instruction import (
    STYLE_ATTRIBUTES,
    Action,
    AudioDescription,
    Description,
    SpeechDescription,
)
from lcr.prompts import lexicon
from lcr.prompts.generator.labels import names_of, takes_sound_of

Scope = Literal["one", "all_speech", "all_audio", "everything", "everything_else"]
Attributes = tuple[tuple[str, str], ...]
T = TypeVar("T")


@dataclass(frozen=True)
class Phrase:
    """Some words of a prompt, the sources they denote and what is to happen to those.

    `attributes` are the style values the words state, `label` the class they name; with `scope`
    they are all that `denoted` looks at. `denotes` holds source indices in the mixture's order.
    """

    action: Action
    words: str
    denotes: tuple[int, ...]
    attributes: Attributes = ()
    label: str | None = None
    scope: Scope = "one"


class Dice:
    """Quick draws from one generator (its scalar `random` costs a tenth of its `choice`)."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._random = rng.random

    def chance(self, probability: float) -> bool:
        return bool(self._random() < probability)

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self._random() * len(options))]

    def shuffled(self, items: Iterable[T]) -> list[T]:
        return [item for _, item in sorted(((self._random(), i) for i in items), key=_first)]


def _first(pair: tuple[float, object]) -> float:
    return pair[0]


def denoted(
    phrase: Phrase, descriptions: Sequence[Description], others: Sequence[Phrase] = ()
) -> tuple[int, ...]:
    """Sources that a phrase can mean, read from its structure and never from `denotes`.

    A speaker whose attribute is unknown could have any value, so it is not ruled out by one.
    `others` are the prompt's other phrases: "everything else" is what none of them denotes.
    """
    indices = range(len(descriptions))
    if phrase.scope == "everything":
        return tuple(indices)
    if phrase.scope == "all_speech":
        return tuple(i for i in indices if descriptions[i].kind == "speech")
    if phrase.scope == "all_audio":
        return tuple(i for i in indices if descriptions[i].kind == "audio")
    if phrase.scope == "everything_else":
        named = {
            i
            for other in others
            if other.scope != "everything_else"
            for i in denoted(other, descriptions)
        }
        return tuple(i for i in indices if i not in named)
    found = []
    for i, description in enumerate(descriptions):
        if isinstance(description, AudioDescription):
            fits = description.label == phrase.label
        else:
            fits = phrase.label is None and _may_have(description, phrase.attributes)
        if fits:
            found.append(i)
    return tuple(found)


def _may_have(speaker: SpeechDescription, attributes: Attributes) -> bool:
    return all(getattr(speaker, name) in (None, value) for name, value in attributes)


@lru_cache(maxsize=65536)
def minimal_attributes(
    speakers: tuple[SpeechDescription, ...], index: int
) -> tuple[Attributes, ...]:
    """Every minimal set of known attributes that fits only speaker `index`.

    One speaker alone needs none: the empty set. Raises ValueError when no set is enough.
    """
    known = tuple(speakers[index].known.items())
    others = speakers[:index] + speakers[index + 1 :]
    found: list[Attributes] = []
    for size in range(len(known) + 1):
        for chosen in itertools.combinations(known, size):
            if any(set(smaller) <= set(chosen) for smaller in found):
                continue
            if not any(_may_have(other, chosen) for other in others):
                found.append(chosen)
    if not found:
        raise ValueError(
            f"no known attribute tells {speakers[index]} from the other speakers {others}; "
            "the sources of a mixture need distinct descriptions"
        )
    return tuple(found)


def one_source(
    action: Action, index: int, descriptions: Sequence[Description], dice: Dice
) -> Phrase:
    """A phrase for exactly one source. Raises ValueError when words cannot single it out."""
    description = descriptions[index]
    labels = {d.label for d in descriptions if isinstance(d, AudioDescription)}
    if isinstance(description, AudioDescription):
        name = dice.pick(names_of(description.label))
        wrapped = takes_sound_of(name) and dice.chance(0.2)
        words = (
            f"the {dice.pick(('sound', 'sound', 'noise')) + ' of the ' if wrapped else ''}{name}"
        )
        return Phrase(action, words, (index,), label=description.label)
    speakers = tuple(d for d in descriptions if isinstance(d, SpeechDescription))
    attributes = dice.pick(minimal_attributes(speakers, index))
    attributes = _with_extras(attributes, description, dice)
    words = speaker_words(attributes, dice, voice_like_beside=bool(labels & lexicon.VOICE_LIKE))
    return Phrase(action, words, (index,), attributes=attributes)


def _with_extras(attributes: Attributes, speaker: SpeechDescription, dice: Dice) -> Attributes:
    """Sometimes one or two known attributes more than needed; gender more often than others."""
    used = {name for name, _ in attributes}
    spare = [(name, value) for name, value in speaker.known.items() if name not in used]
    extras: list[tuple[str, str]] = []
    gender = [pair for pair in spare if pair[0] == "gender"]
    if gender and dice.chance(0.35):
        extras += gender
    style = [pair for pair in spare if pair[0] != "gender"]
    if style and dice.chance(0.12):
        extras += dice.shuffled(style)[: 2 if dice.chance(0.2) else 1]
    return tuple(sorted((*attributes, *extras), key=lambda pair: STYLE_ATTRIBUTES.index(pair[0])))


def speaker_words(attributes: Attributes, dice: Dice, *, voice_like_beside: bool) -> str:
    """A noun phrase for a speaker that states exactly these style values."""
    gender = dict(attributes).get("gender")
    styles = dice.shuffled(pair for pair in attributes if pair[0] != "gender")
    if not attributes and dice.chance(0.6):
        return dice.pick(lexicon.ONE_SPEAKER)
    voice = dice.chance(0.25)
    noun = _noun(gender, voice, voice_like_beside, dice)
    before: list[str] = []
    having: list[str] = []
    doing: list[str] = []
    for pair in styles:
        words = lexicon.STYLE_WORDS[pair]
        draw = dice.pick((0, 0, 0, 1, 1, 2))
        if draw == 0 and len(before) < 2:
            before.append(
                dice.pick(words.adjectives + (words.of_voice if voice else words.of_person))
            )
        elif draw == 2 and not doing and not (voice and "voice" in "".join(words.doing)):
            doing.append(dice.pick(words.doing))
        else:
            options = [h for h in words.having if not voice or "voice" not in h]
            having.append(dice.pick(options))
    if "talk" in " ".join(before + doing):
        noun = noun.replace("talker", "speaker")
    text = " ".join(["the", *before, noun])
    if doing:
        text += f" {dice.pick(('', '', 'who is '))}{doing[0]}" if not voice else f" {doing[0]}"
    if having:
        text += f" {dice.pick(('with', 'with', 'with', 'who has' if not voice else 'that has'))} "
        text += " and ".join([", ".join(having[:-1]), having[-1]] if having[1:] else having)
    elif not doing and not voice and "voice" not in text and dice.chance(0.15):
        text += dice.pick(("'s voice", "'s speech", "'s voice"))
    elif not doing and not styles and not voice and dice.chance(0.25):
        text += dice.pick((" speaking", " talking", " who is talking"))
    return text


def _noun(gender: str | None, voice: bool, voice_like_beside: bool, dice: Dice) -> str:
    if gender:
        return dice.pick((lexicon.GENDER_VOICES if voice else lexicon.GENDER_PERSONS)[gender])
    if voice:
        return "voice"
    nouns = lexicon.SPEAKER_NOUNS
    return dice.pick(nouns if voice_like_beside else nouns + lexicon.PERSON_NOUNS)


def all_speech(action: Action, descriptions: Sequence[Description], dice: Dice) -> Phrase:
    """A phrase for all speakers at once; there must be at least one."""
    speakers = [d for d in descriptions if isinstance(d, SpeechDescription)]
    labels = {d.label for d in descriptions if isinstance(d, AudioDescription)}
    options: tuple[str, ...]
    if len(speakers) == 1:
        options = lexicon.ONE_SPEAKER
    elif labels & lexicon.VOICE_LIKE:
        options = ("all speakers", "all the speakers", "the speakers", "all the speech")
    else:
        options = lexicon.SPEECH_GROUP
    if len(speakers) == 2:
        genders = {d.gender for d in speakers}
        pair = lexicon.SPEECH_PAIR
        if len(genders) == 1 and (gender := speakers[0].gender) is not None:
            pair += lexicon.GENDER_PAIR[gender]
        options += pair
    denotes = tuple(i for i, d in enumerate(descriptions) if d.kind == "speech")
    return Phrase(action, dice.pick(options), denotes, scope="all_speech")


def all_audio(action: Action, descriptions: Sequence[Description], dice: Dice) -> Phrase:
    """A phrase for all non-speech sources at once; there must be some, and some speech."""
    labels = [d.label for d in descriptions if isinstance(d, AudioDescription)]
    options = lexicon.AUDIO_GROUP if len(labels) > 1 else lexicon.ONE_AUDIO
    if not set(labels) & lexicon.VOICE_LIKE:
        options += lexicon.NON_SPEECH_GROUP if len(labels) > 1 else ()
    if len(labels) == 2:
        options += ("both background sounds", "the two background sounds")
    denotes = tuple(i for i, d in enumerate(descriptions) if d.kind == "audio")
    return Phrase(action, dice.pick(options), denotes, scope="all_audio")
