"""From what a tagger found in a prompt to its reading: gains, names, what happens to the rest."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lcr.instruction import Action
from lcr.lexicon import Sound, load_lexicon
from lcr.prompts.cues import GONE, LESS, MORE
from lcr.prompts.reading.among import said_again, spared, told_apart, wins
from lcr.prompts.reading.doubts import doubts
from lcr.prompts.reading.gains import Gain, gains_of
from lcr.prompts.reading.keywords import kind_of, styles_of
from lcr.prompts.reading.names import look_up
from lcr.prompts.reading.plain import is_other_work
from lcr.prompts.reading.rules.masking import UNHEARD
from lcr.prompts.reading.rules.mend import Mended, mended
from lcr.prompts.reading.rules.negation import CLAUSE_END, NOTHING_BUT
from lcr.prompts.reading.things import REST_GAINS, WHOLE, NamedThing, Reading, Span, Tagging

_RELATIONS = re.compile(
    r"\b(?:first|second|third|last|loud(?:er|est)|quiet(?:er|est)|high(?:er|est)|low(?:er|est)|"
    r"deep(?:er|est)|fast(?:er|est)|slow(?:er|est)|old(?:er|est)|young(?:er|est)|left|right|other|"
    r"near(?:er|est)|closer|closest|farther|further|farthest)\b(?: (?:to|who) (?:speaks?|talks?))?"
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
_NO_NAME_WORDS = (
    "every each to my the a an of all much any some that this someone so from in on at for by they "
    "say too with and or your both sound sounds volume level"
)
_NO_NAMES = frozenset(_NO_NAME_WORDS.split())
"""Words that alone name nothing."""


def finished(text: str, tagging: Tagging) -> Reading:
    """Gains, names and exceptions for what was tagged."""
    mend = Mended(tagging.spans)
    if not tagging.by_heart:
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
    things, unclear = _with_a_way(text.lower(), said_again(things))
    things, alike = told_apart(things)
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
    things = [spared(t, things) for t in things]
    things = [replace(t, wins=wins(t, things, rest_gain)) for t in things]
    odd = tuple(text[start:stop] for start, stop in tagging.odd)
    odd += (
        *unclear,
        *alike,
        *mend.doubts,
        *(() if tagging.by_heart else doubts(text, tagging.spans, spans, things, stated, rest)),
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
