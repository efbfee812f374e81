"""Which of the sources that were heard a prompt speaks of: one, several, or none that is there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agents.plan import HeardSource
from lcr.instruction import AudioDescription, Description, SpeechDescription
from lcr.lexicon import load_lexicon
from lcr.prompts import lexicon
from lcr.prompts.generator.labels import PARAPHRASES, names_of
from lcr.prompts.reading.keywords import FEMALE, MALE, styles_of
from lcr.prompts.reading.names import short_name
from lcr.prompts.request import asks, sentences

_BORDER = re.compile(r"[,;.!?]|\b(?:and|but|while|then|or)\b")
_PERSON = re.compile(r"\b(?:speakers?|voices?|talkers?|persons?|people|individuals?|vocals)\b")
_SEVERAL = re.compile(
    r"\b(?:both|all|every|men|women|males|females|guys|gentlemen|ladies|boys|girls|speakers|voices"
    r"|talkers|people|individuals|persons|vocals)\b"
)
GROUPS = re.compile(
    r"\b(?:every\w*|all|rest|others?|sounds|except|apart|else|background|nois(?:es?|y)|speech|talking"
    r"|speaking|non-speech|overall|master|whole|entire|ambien\w+|the (?:mix|recording))\b"
)
ELSE = re.compile(
    r"\b(?:everything else|all else|the rest|the others|all others|(?:the )?other sounds)\b"
)
_SPEECH_GROUP = re.compile(r"(?<!non-)\b(?:speech|talking|speaking)\b")
_AUDIO_GROUP = re.compile(r"\b(?:background|nois(?:es?|y)|non-speech|ambien\w+)\b")
_NOUN = re.compile(r"\b(?:the|that|this|those|these|an?|my|any)\s+(?P<noun>[\w'-]+(?: [\w'-]+)?)")
_NO_SOURCE = re.compile(
    r"(?:\w+ )?(?:volume|level|loudness|sounds?|mix|bit|little|lot|touch|tad|hair|notch|smidge"
    r"|audio|clip|file|track|song|whisper|amount|way|half|third|quarter|same|ones?|other|gain|db|decibels?|time|minute|second|hour)\b"
)
_WORTH_TELLING = 0.1
"""Of the probability of a name."""
_EMPTY = {"playing", "sound", "sounds", "noise", "person", "hands", "the", "of", "and", "man"}


@dataclass(frozen=True, kw_only=True)
class Mention:
    """Words of a prompt, beginning at its character `start`, that name sources: the ids of those
    they fit, of which all are meant where they are `several`."""

    words: str
    start: int
    fits: tuple[str, ...]
    several: bool = False


def find_mentions(prompt: str, heard: Sequence[HeardSource]) -> tuple[Mention, ...]:
    """In the order of the prompt. Words for a sound that is not there fit none."""
    text = prompt.lower()
    found: list[Mention] = []
    for start, clause in _clauses(text):
        sounds = list(_sounds(clause, start, heard))
        rest = clause
        for one in sounds:
            at = one.start - start
            rest = rest[:at] + " " * len(one.words) + rest[at + len(one.words) :]
        speakers = list(_speakers(rest, start, heard))
        found += [*sounds, *speakers]
        if not sounds and not speakers and not GROUPS.search(clause):
            for noun in _NOUN.finditer(clause):
                if not _NO_SOURCE.match(noun["noun"]):
                    words = noun["noun"].split()[0]
                    found.append(Mention(words=words, start=start + noun.start("noun"), fits=()))
                    break
    return tuple(sorted(found, key=lambda one: one.start))


def group_of(text: str, heard: Sequence[HeardSource]) -> tuple[str, ...]:
    """The ids that words such as "the speech" and "the background" mean; all for any other."""
    speech, audio = _SPEECH_GROUP.search(text), _AUDIO_GROUP.search(text)
    if bool(speech) == bool(audio):
        return tuple(one.id for one in heard)
    kind = "speech" if speech else "audio"
    return tuple(one.id for one in heard if one.description.kind == kind)


def without_preamble(prompt: str, heard: Sequence[HeardSource]) -> str:
    """Without the sentences before the first that asks for a change, as far as these name nothing
    that is heard: "This is from Sunday. Remove the dog."."""
    parts = sentences(prompt)
    first = next((i for i, part in enumerate(parts) if asks(part)), 0)
    named = any(one.fits for part in parts[:first] for one in find_mentions(part, heard))
    return prompt if named else " ".join(parts[first:])


def name_of(description: Description) -> str:
    """For a person: "dog", "low-pitched man"."""
    if isinstance(description, AudioDescription):
        return short_name(description.label)
    words = [
        lexicon.STYLE_WORDS[key, value].adjectives[0]
        for key, value in description.known.items()
        if key != "gender" and value not in ("normal", "neutral")
    ]
    person = {"M": "man", "F": "woman"}.get(description.gender or "", "speaker")
    return " ".join([*words, person])


def guess_of(one: HeardSource) -> str:
    """An entry as it is heard, for a person: "dog (62 % sure, or wolf)"."""
    sound = isinstance(one.description, AudioDescription)
    others = (
        [name for name, p in one.confidences.items() if p >= _WORTH_TELLING][1:] if sound else []
    )
    told = [f"{one.confidence:.0%} sure", *(f"or {short_name(name)}" for name in others)]
    return f"{name_of(one.description)} ({', '.join(told)})"


def style_of(words: str) -> dict[str, str]:
    """What `words` say of a speaker: values by attribute, of one where they name several."""
    text = words.lower()
    gender = "F" if FEMALE.search(text) else "M" if MALE.search(text) else None
    return styles_of(text) | ({} if gender is None else {"gender": gender})


def _clauses(text: str) -> list[tuple[int, str]]:
    ends = [*((m.start(), m.end()) for m in _BORDER.finditer(text)), (len(text), len(text))]
    found, at = [], 0
    for end, after in ends:
        found.append((at, text[at:end]))
        at = after
    return found


def _sounds(clause: str, start: int, heard: Sequence[HeardSource]) -> list[Mention]:
    there = tuple(
        one.description.label for one in heard if isinstance(one.description, AudioDescription)
    )
    names = _names(there)
    found = []
    for match in _pattern(there).finditer(clause):
        labels = names[match["name"]]
        fits = tuple(
            one.id
            for one in heard
            if isinstance(one.description, AudioDescription) and one.description.label in labels
        )
        several = match[0] != match["name"] or bool(re.search(r"\b(?:both|all)\b", clause))
        found.append(
            Mention(words=match[0], start=start + match.start(), fits=fits, several=several)
        )
    return found


@lru_cache(maxsize=64)
def _names(there: tuple[str, ...]) -> Mapping[str, frozenset[str]]:
    """Words to the classes that they name: whole names, and words of a class that are its own."""
    found: dict[str, set[str]] = {}
    for label in (*PARAPHRASES, *there):
        own = {name.lower() for name in (label, *names_of(label), *_synonyms(label))}
        own |= {word for word in re.findall(r"[a-z]+", label.lower()) if word not in _EMPTY}
        for name in own:
            found.setdefault(name, set()).add(label)
    return {name: frozenset(labels) for name, labels in found.items()}


def _synonyms(label: str) -> tuple[str, ...]:
    sound = load_lexicon().by_name.get(label)
    return () if sound is None else sound.synonyms


@lru_cache(maxsize=64)
def _pattern(there: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(_names(there), key=len, reverse=True)
    return re.compile(rf"\b(?P<name>{'|'.join(map(re.escape, longest_first))})s?\b")


def _speakers(clause: str, start: int, heard: Sequence[HeardSource]) -> list[Mention]:
    male, female = MALE.search(clause), FEMALE.search(clause)
    nouns = [match for match in (male, female) if match]
    styles = {name: value for name, value in styles_of(clause).items() if name != "gender"}
    if not nouns:
        person = _PERSON.search(clause)
        if person is None and not styles:
            return []
        nouns = [person or re.search(r"\S", clause)]  # type: ignore[list-item]
    found = []
    for noun in nouns:
        wanted = dict(styles) if len(nouns) == 1 else {}
        if noun in (male, female):
            wanted["gender"] = "M" if noun is male else "F"
        fits = tuple(one.id for one in heard if _fits(one.description, wanted))
        words = noun[0] if noun in (male, female) or _PERSON.match(noun[0]) else clause.strip()
        several = bool(_SEVERAL.search(clause))
        found.append(Mention(words=words, start=start + noun.start(), fits=fits, several=several))
    return found


def _fits(description: Description, wanted: Mapping[str, str]) -> bool:
    if not isinstance(description, SpeechDescription):
        return False
    return all(description.known.get(key, value) == value for key, value in wanted.items())
