"""Rules that are surer than the network: negations, corrections, "the first one" said again, cues
that stand right beside a thing. They mend what a tagger found before gains are read from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lcr.instruction import Action
from lcr.prompts.cues import GONE, LESS
from lcr.prompts.reading.keywords import styles_of
from lcr.prompts.reading.rules.beside import beside, likewise
from lcr.prompts.reading.rules.masking import masked
from lcr.prompts.reading.rules.missed import joined, listed, with_missed
from lcr.prompts.reading.rules.negation import (
    CLAUSE_END,
    corrected,
    doubts,
    excepted,
    excepted_of_kind,
    negated,
)
from lcr.prompts.reading.rules.not_things import (
    is_named_behind,
    is_no_thing,
    trimmed,
    without_asides,
)
from lcr.prompts.reading.things import WHOLE, Span

_BACK = re.compile(
    r"^(?:both|all(?: (?:two|three|four|of))?|each|every|the (?:two|three|four)|they|them|these|"
    r"those)"
    r"(?: of)?(?: (?:them|the|these|those))?(?: (?:sources?|sounds?|things?|ones?))?$"
)
"""What names again what was named before."""
_SAYS = re.compile(
    r"\b(?P<all>everything|anything|all|whatever)(?: that)? (?:the |my )?(?P<who>\w+(?: \w+)?) "
    r"(?:says?|said|is saying|speaks?)\b"
)
_SO_THAT = re.compile(
    r"\bso (?:that )?(?:i|you|we|they|he|she|one|people|listeners|everyone)(?:'ll)?(?: \w+){0,3}? "
    r"(?:hear|understand|make out|follow|focus on|enjoy|catch|listen to)\b"
)


@dataclass(frozen=True)
class Mended:
    """Spans as they are to be read, and `doubts`: words whose "not" they may contradict."""

    spans: tuple[Span, ...]
    doubts: tuple[str, ...] = ()


def mended(text: str, spans: Sequence[Span]) -> Mended:
    """What a tagger found in `text`, set right where rules are surer."""
    lower = text.lower()
    if len(lower) != len(text):
        return Mended(tuple(spans))
    found = [trimmed(lower, s) for s in spans if not is_no_thing(lower, s)]
    found = [s for s in found if not is_named_behind(lower, s, found)]
    found = without_asides(lower, _what_one_says(lower, _as_me(lower, found)))
    found = joined(lower, found)
    found = listed(lower, with_missed(lower, found))
    found = [replace(s, action=beside(lower, s)) for s in found]
    found = likewise(lower, found)
    found = _so_that(lower, masked(lower, found))
    found = _said_again(lower, found)
    found = corrected(lower, found)
    found = excepted_of_kind(lower, excepted(lower, found))
    found, heeded = negated(lower, found)
    return Mended(tuple(found), tuple(doubts(text, lower, found, heeded)))


def _as_me(text: str, spans: Sequence[Span]) -> list[Span]:
    """Who says "I'm the girl" is the girl; what is asked of "me" is asked of her."""
    mine = [s for s in spans if text[s.start : s.stop] in ("me", "my voice", "myself")]
    found = list(spans)
    for span in spans:
        if span.kind == "voice" and re.search(r"\b(?:i'm|i am) (?:the |a )?$", text[: span.start]):
            found = [s for s in found if s is not span and s not in mine]
            found += [replace(span, action=beside(text, s)) for s in mine[:1]]
    return found


def _what_one_says(text: str, spans: Sequence[Span]) -> list[Span]:
    """ "Delete everything the man says": what is asked of that is asked of the man."""
    found = list(spans)
    for match in _SAYS.finditer(text):
        whole = [s for s in found if s.kind in WHOLE and s.start < match.end("all") <= s.stop]
        for span in whole:
            found = [s for s in found if s.stop <= match.start() or s.start >= match.end()]
            styles = styles_of(match["who"])
            found.append(Span(*match.span("who"), "voice", span.action, styles))
    return sorted(found, key=lambda s: s.start)


def _so_that(text: str, spans: Sequence[Span]) -> list[Span]:
    """What shall be heard for it is kept: "remove the hum so that I hear her"."""
    found = [
        replace(s, action=Action.KEEP)
        if s.action in (Action.REMOVE, Action.DOWN)
        and re.search(r"\bso (?:that )?(?:the |my |his |her )?$", text[: s.start])
        and re.match(r" (?:is|are|can|could|will|becomes?|comes?|stands?)\b", text[s.stop :])
        and not re.match(rf" (?:\w+ ){{1,4}}{LESS}|{GONE}", text[s.stop :])
        else s
        for s in spans
    ]
    for match in _SO_THAT.finditer(text):
        end = CLAUSE_END.search(text, match.end())
        inside = range(match.end(), end.start() if end else len(text))
        found = [
            replace(s, action=Action.KEEP)
            if s.start in inside and s.action in (Action.REMOVE, Action.DOWN)
            else s
            for s in found
        ]
    return found


def _who_is_meant(span: Span, before: Sequence[Span]) -> Span | None:
    """The voice that a pronoun such as "her" stands for: the last one before it whose gender fits
    or is not stated, if more than its gender is said of it; else None."""
    gender = span.styles.get("gender")
    voices = [s for s in before if s.kind == "voice"]
    alike = [s for s in voices if s.styles.get("gender") in (gender, None)]
    last = alike[-1] if gender and alike else None
    is_meant = last and (len(last.styles) > 1 or "gender" not in last.styles)
    return last if is_meant else None


def _said_again(text: str, spans: Sequence[Span]) -> list[Span]:
    """Without "both of them" and the like, where things were named before; what is asked of these
    and is more than what was asked before is theirs."""
    found: list[Span] = []
    for span in spans:
        words = text[span.start : span.stop].strip(" .,!?")
        mine = _who_is_meant(span, found) if re.fullmatch(r"her|him|she|he", words) else None
        if mine is not None and mine.action in (Action.KEEP, span.action):
            found[found.index(mine)] = replace(mine, action=span.action)
            continue
        if not found or not _BACK.match(words) or (words.startswith("both") and "voice" in words):
            found.append(span)
        elif span.action in (Action.UP, Action.DOWN):
            found = [
                replace(s, action=span.action) if s.action is Action.KEEP else s for s in found
            ]
    return found
