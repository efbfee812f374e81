"""The open reader: prompts in, named things with gains out."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lcr.instruction import Action
from lcr.lexicon import Sound, load_lexicon
from lcr.prompts.cues import GONE, LESS, MORE
from lcr.prompts.reading.doubts import doubts
from lcr.prompts.reading.gains import Gain, gains_of
from lcr.prompts.reading.keywords import KeywordTagger, kind_of, styles_of
from lcr.prompts.reading.masking import UNHEARD
from lcr.prompts.reading.mend import mended
from lcr.prompts.reading.names import content_words, look_up
from lcr.prompts.reading.negation import CLAUSE_END, NOTHING_BUT
from lcr.prompts.reading.plain import is_other_work, plainly_meant
from lcr.prompts.reading.things import (
    REST_GAINS,
    WHOLE,
    Kind,
    NamedThing,
    Reading,
    Span,
    Tagging,
)

_RELATIONS = re.compile(
    r"\b(?:first|second|third|last|loud(?:er|est)|quiet(?:er|est)|high(?:er|est)|low(?:er|est)|"
    r"deep(?:er|est)|fast(?:er|est)|slow(?:er|est)|old(?:er|est)|young(?:er|est)|left|right|other|"
    r"near(?:er|est)|closer|closest|farther|further|farthest)\b(?: (?:to|who) (?:speaks?|talks?))?"
)
_PLAIN_VERB = re.compile(
    r"(?:please |can you |could you |would you |try (?:to )?)*"
    r"(?:remove|delete|mute|silence|get rid of|turn(?:ing)? (?:up|down)|ton(?:e|ing) down|"
    r"lower|raise|boost|isolate|reduce|cut|drop|kill|take out|no|no more|less|more|"
    r"louder|quieter|put|push|move)\b"
    r"|\w+(?: \w+)? (?:out|off|gone|up|down|louder|quieter|softer)(?: please)?[.!]*$"
)
_SURE = 0.8
"""Below it what happens to a thing is told to be unsure."""
_CLEANED = re.compile(r"\bclean(?:ing)?\b(?: \w+)* up\b|\bclean up\b|\bdenois")
_BALANCED = re.compile(
    r"\b(?:level|even|balanc)\w* out\b|\bbalanc(?:e|ing) the\b|"
    r"\bas (?:loud|quiet|soft|low) as (?!possible|you|i\b|we\b|it\b|they|before|can\b|now\b)|"
    r"\bsame (?:level|volume|loudness) as\b|\bmatch\w* the (?:level|volume|loudness)"
)
_SET_APART = re.compile(
    r"\b(?:separat|isolat|extract|singl|pull|lift)\w*\b.* from "
    r"(?:the rest|everything else|all else|the others?)\b"
    r"|\b(?:strip|pare|boil|narrow)\w* .*\bto\b"
)
_ADJUSTED = re.compile(
    r"\b(?:adjust|change|modify|alter|tweak|regulate)\w* (?:the |its |his |her )?"
    r"(?:(?:sound|audio|volume|noise|decibel|loudness|level|output|intensity)s? )*"
    r"(?:of |for |from )?(?:the |a |an |that |this |my )*$"
)
_A_WAY = re.compile(
    rf"\b(?:{LESS}|{MORE}|{GONE}|up|down|out|off|higher|lower|half|double|twice|to|by|so|until|"
    rf"max\w*"
    r"|min\w*)\b"
)
_GONE_VERB = re.compile(r"(?:please |can you )*(?:remove|delete|mute|silence|get rid of)\b")
_NO_SPEAKER = re.compile(
    r"(?:the |that |my |those )?(?:baby|infant|newborn|vocals|singers?|singing)"
)
"""Persons, but what is heard of them is no speech."""
_WHOEVER = re.compile(
    r"(?:who(?:ever)?|the (?:one|person) (?:who|that)) (?:\w+ )*?(?:speak|talk)|which"
)
_US = re.compile(r"(?:(?:the )?(?:two|three|both|all) of )?us|(?:both|all) of (?:you|them)")
_BACKGROUND = re.compile(
    r"(?:(?:the|all|any|that|this|other) )*(?:background|ambient|surrounding|environmental|"
    r"unwanted)"
    r"(?: (?:noises?|sounds?|ambience))+"
)
_ONLY_WANTED = re.compile(
    r"\b(?:only|just) (?:need|want|care about|interested)|\bonly\b.*\b(?:stays?|remains?)\b"
)
_HARD_TO_HEAR = re.compile(
    rf"{UNHEARD}|\b(?:unintelligible|incomprehensible)\b|{_CLEANED.pattern}|"
    r"\bonly (?:catch|hear|get|understand|follow) (?:half|parts?|bits|some)\b"
)
_SHORT = 5
"""Words."""
_NO_NAMES = frozenset(
    {
        "every",
        "each",
        "to",
        "my",
        "the",
        "a",
        "an",
        "of",
        "all",
        "much",
        "any",
        "some",
        "that",
        "this",
        "someone",
        "so",
    }
    | {"from", "in", "on", "at", "for", "by", "they", "say"}
    | {"too", "with", "and", "or", "your", "both", "sound", "sounds", "volume", "level"}
)
"""Words that alone name nothing."""


class Tagger(Protocol):
    """Finds the spans of some prompts."""

    def tag(self, texts: list[str]) -> list[Tagging]: ...


class Meanings(Protocol):
    """What is known of the sound of words that the lexicon lacks."""

    def known(self, words: Sequence[str]) -> list[str]:
        """Those that mean anything at all."""
        ...

    def predict(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Attributes (words, attributes), 0 to 3."""
        ...

    def nearest(self, words: Sequence[str], count: int = 5) -> list[tuple[str, ...]]:
        """The names of the lexicon that are nearest in meaning, nearest first."""
        ...

    def place(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Where they lie among meanings, (words, dimensions), of length 1."""
        ...


@dataclass(frozen=True)
class OpenReader:
    """Reads prompts with a `tagger` and, for words outside the lexicon, `meanings`; without
    these, such words have neither attributes nor nearest names."""

    tagger: Tagger
    meanings: Meanings | None = None

    @classmethod
    def load(cls) -> OpenReader:
        """The reader that ships, loaded once: the trained tagger, or rules where nothing is
        installed that could run it. Raises MissingWeightsError without MiniLM, and other LcrErrors
        for damaged files."""
        return _shipped()

    def read(self, prompts: Sequence[str]) -> list[Reading]:
        """One reading for each prompt, in order; any text is read, none raises."""
        texts = list(prompts)
        taggings = self.tagger.tag(texts)
        found = [
            _finished(text, plainly_meant(text) or _plainly_asked(text, tagging) or tagging)
            for text, tagging in zip(texts, taggings, strict=True)
        ]
        return self._with_meanings(found)

    def _with_meanings(self, readings: list[Reading]) -> list[Reading]:
        if self.meanings is None:
            return readings
        strange = sorted(
            {
                " ".join(content_words(thing.words)) or thing.words
                for reading in readings
                for thing in reading.things
                if _is_strange(thing)
            }
        )
        if not strange:
            return readings
        strange = self.meanings.known(strange)
        rows = self.meanings.predict(strange)
        names = self.meanings.nearest(strange)
        known = dict(zip(strange, zip(rows, names, strict=True), strict=True))

        def told(thing: NamedThing) -> NamedThing:
            if not _is_strange(thing):
                return thing
            words = " ".join(content_words(thing.words)) or thing.words
            if words not in known:
                return thing
            row, near = known[words]
            row = row if thing.attributes is None else thing.attributes
            return replace(thing, attributes=row, nearest=near)

        return [replace(r, things=tuple(map(told, r.things))) for r in readings]


def read(prompts: Sequence[str]) -> list[Reading]:
    """Read prompts with the reader that ships."""
    return OpenReader.load().read(prompts)


def _shipped() -> OpenReader:
    """By name, since this package needs no deep-learning library; without one, rules read."""
    if not any(importlib.util.find_spec(name) for name in ("torch", "onnxruntime")):
        return OpenReader(KeywordTagger())
    halves = importlib.import_module("lcr.nn.reader.shipped").shipped_halves()
    return OpenReader(halves.tagger, halves.meanings)


def _is_strange(thing: NamedThing) -> bool:
    return (
        thing.kind == "sound"
        and not thing.nearest
        and (thing.attributes is None or thing.sound is None)
        and thing.hypernym is None
    )


def _finished(text: str, tagging: Tagging) -> Reading:
    """Gains, names and exceptions for what was tagged."""
    mend = mended(text, [span for span in tagging.spans if _names_something(text, span)])
    spans = list(mend.spans)
    if _CLEANED.search(text.lower()):  # what is cleaned loses what is not speech
        spans = [replace(s, kind="all_sounds") if s.kind == "everything" else s for s in spans]
    # How loud voices are, no words can say.
    if is_other_work(text) or _BALANCED.search(text.lower()):
        return Reading(
            text=text, things=(), rest_gain=1.0, is_request=False, not_understood=(text,)
        )
    things = [
        _thing(text, span, gain) for span, gain in zip(spans, gains_of(text, spans), strict=True)
    ]
    stated = [span for span, thing in zip(spans, things, strict=True) if thing.is_stated]
    things, unclear = _with_a_way(text.lower(), _said_again(things))
    things, alike = _told_apart(things)
    if _SET_APART.search(text.lower()):
        things = [thing for thing in things if thing.kind not in WHOLE]
        tagging = replace(tagging, rest="goes")
    rest = tagging.rest
    if rest == "goes" and spans and all(s.action in (Action.DOWN, Action.REMOVE) for s in spans):
        rest = "stays"  # "it should only be a whisper"
    if things and rest == "stays" and all(t.gain == 1 for t in things):
        if _ONLY_WANTED.search(text.lower()):
            rest = "goes"
        elif _HARD_TO_HEAR.search(text.lower()):
            rest = "fades"
    rest_gain = 1.0 if NOTHING_BUT.search(text.lower()) else REST_GAINS[rest]
    for kind in ("everything", "everything_else"):
        for thing in things:
            if thing.kind == kind:
                rest_gain = thing.gain
    things = [_spared(t, things) for t in things]
    things = [replace(t, wins=_wins(t, things, rest_gain)) for t in things]
    odd = tuple(text[start:stop] for start, stop in tagging.odd)
    odd += (
        *unclear,
        *alike,
        *mend.doubts,
        *doubts(text, tagging.spans, spans, things, stated, rest),
    )
    if tagging.is_request and not things:
        odd = odd or (text,)
    return Reading(
        text=text,
        things=tuple(things) if tagging.is_request else (),
        rest_gain=rest_gain if tagging.is_request else 1.0,
        is_request=tagging.is_request and bool(things),
        not_understood=odd,
        unsure=tuple(
            text[s.start : s.stop] for s in spans if s in tagging.spans and s.sure < _SURE
        ),
    )


def _with_a_way(text: str, things: list[NamedThing]) -> tuple[list[NamedThing], list[str]]:
    """Without things whose level shall be "adjusted", which says neither up nor down. Also what is
    said of them."""
    kept, unclear = [], []
    for thing in things:
        asked = _ADJUSTED.search(text[: thing.start])
        end = CLAUSE_END.search(text, thing.stop)
        stop = end.start() if end else len(text)
        if asked is None or thing.is_stated or _A_WAY.search(text[asked.start() : stop]):
            kept.append(thing)
        else:
            unclear.append(text[asked.start() : thing.stop])
    return kept, unclear


def _told_apart(things: list[NamedThing]) -> tuple[list[NamedThing], list[str]]:
    """Without persons of whom nothing is said but who they are, where there are several of them
    ("the interviewer", "the guest"): no voice tells that. Also their words."""
    alike = [t for t in things if t.kind == "voice" and not t.styles and t.relation is None]
    if len({thing.gain for thing in alike}) < 2:
        return things, []
    return [t for t in things if t not in alike], [thing.words for thing in alike]


def _spared(thing: NamedThing, things: Sequence[NamedThing]) -> NamedThing:
    """Of "everything but the dog" the dog stays: an exception cannot be asked for what everything
    is asked for."""
    whole = [one for one in things if one.kind == "everything" and one.stop <= thing.start]
    if thing.kind in WHOLE or not any(one.gain == thing.gain != 1 for one in whole):
        return thing
    return replace(thing, action=Action.KEEP, gain=1.0)


def _plainly_asked(text: str, tagging: Tagging) -> Tagging | None:
    """What rules read where the tagger reads nothing: where every thing is a sound of the lexicon,
    or a few words say what shall go, "remove the tuba" is a request all the same."""
    if (tagging.is_request and tagging.spans) or not _PLAIN_VERB.match(text.lower()):
        return None
    (found,) = KeywordTagger().tag([text])
    short = len(text.split()) <= _SHORT and _GONE_VERB.match(text.lower()) is not None
    plain = all(
        span.kind in ("voice", "all_speech")
        or (span.kind == "sound" and (short or look_up(text[span.start : span.stop]).whole))
        for span in mended(text, found.spans).spans
    )
    return found if found.is_request and plain else None


def _names_something(text: str, span: Span) -> bool:
    words = re.findall(r"[^\W_]+", text[span.start : span.stop].lower())
    if span.kind in WHOLE:
        return not set(words) <= {"every", "each", "single", "of", "the"}
    return any(word not in _NO_NAMES for word in words)


def _thing(text: str, span: Span, gain: Gain) -> NamedThing:
    words = text[span.start : span.stop]
    kind = span.kind
    if kind == "everything" and look_up(words).whole:  # "the music" is not all there is
        kind = "sound"
    elif kind == "everything" and words.lower() in ("everyone", "everybody"):
        kind = "all_speech"
    elif words.lower() in ("me", "my voice", "myself", "you"):
        kind = "voice"
    elif _US.fullmatch(words.lower()) or (
        kind == "all_sounds" and kind_of(words.lower()) == "all_speech"
    ):
        kind = "all_speech"
    elif kind in ("all_speech", "sound") and _WHOEVER.match(words.lower()):
        kind = "voice"
    elif kind == "sound" and _BACKGROUND.fullmatch(words.lower()):
        kind = "all_sounds"
    elif kind == "voice" and not span.styles and _NO_SPEAKER.fullmatch(words.lower()):
        kind = "sound"
    thing = NamedThing(
        words=words,
        start=span.start,
        stop=span.stop,
        kind=kind,
        action=gain.action,
        gain=gain.factor,
        is_stated=gain.is_stated,
        styles=dict(span.styles),
    )
    if kind == "voice":
        relation = _RELATIONS.search(words.lower())
        styles = dict(span.styles) | styles_of(words.lower())
        return replace(thing, styles=styles, relation=relation[0] if relation else None)
    if kind != "sound":
        return thing
    found = look_up(words)
    return replace(
        thing,
        sound=found.sound,
        hypernym=found.hypernym,
        attributes=_attributes(found.sound, found.hypernym),
    )


def _attributes(sound: Sound | None, hypernym: str | None) -> NDArray[np.float32] | None:
    lexicon = load_lexicon()
    if hypernym is not None:
        names = [member.name for member in lexicon.by_hypernym.get(hypernym, ())]
        if names:
            mean: NDArray[np.float32] = lexicon.attributes(names).mean(0)
            return mean
    return None if sound is None else lexicon.attributes([sound.name])[0]


def _said_again(things: list[NamedThing]) -> list[NamedThing]:
    """Of a thing named twice ("isolate the dog, then turn the dog up") the last gain, at its first
    place; "keep" does not undo what was asked before."""
    found: dict[object, NamedThing] = {}
    for thing in things:
        key = _identity(thing)
        before = found.get(key)
        if before is None:
            found[key] = thing
        elif thing.action is not Action.KEEP or before.action is Action.KEEP:
            found[key] = replace(
                before, action=thing.action, gain=thing.gain, is_stated=thing.is_stated
            )
    return list(found.values())


def _identity(thing: NamedThing) -> object:
    if thing.kind == "voice":
        styles = tuple(sorted(thing.styles.items()))
        return (thing.kind, styles, thing.relation, "" if styles else thing.words.lower())
    if thing.kind == "sound":
        words = content_words(thing.words)
        return (thing.kind, thing.hypernym, thing.sound.name if thing.sound else words)
    return thing.kind


def _wins(thing: NamedThing, things: Sequence[NamedThing], rest_gain: float) -> bool:
    """Whether it is an exception to something broader that has another gain."""
    if thing.kind in WHOLE:
        return False
    if rest_gain == 0 and thing.action is Action.REMOVE:
        return True
    return any(_is_broader(o, thing) and o.gain != thing.gain for o in things if o is not thing)


def _is_broader(one: NamedThing, other: NamedThing) -> bool:
    kinds: tuple[Kind, Kind] = (one.kind, other.kind)
    if kinds == ("all_speech", "voice") or kinds == ("all_sounds", "sound"):
        return True
    if kinds == ("voice", "voice"):
        return one.styles.items() < other.styles.items() and one.relation in (None, other.relation)
    if kinds == ("sound", "sound") and one.hypernym is not None:
        if other.hypernym is not None or other.sound is None:
            return False
        return one.hypernym in other.sound.hypernyms
    return False
