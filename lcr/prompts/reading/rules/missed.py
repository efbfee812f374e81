"""Things that a tagger missed or found in pieces: members of lists, known names beside a verb."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from lcr.instruction import Action
from lcr.prompts.reading.keywords import kind_of, only_styles, styles_of
from lcr.prompts.reading.names import look_up
from lcr.prompts.reading.rules.beside import BESIDE, BETWEEN, PLAIN_VERB, WAYS
from lcr.prompts.reading.rules.not_things import NO_NAME
from lcr.prompts.reading.things import Span

_ONE = r"(?:(?!and\b|or\b|the\b|a\b|an\b)[a-z]+)"
_ASKED = re.compile(rf"{PLAIN_VERB}(?P<words>{_ONE}(?: {_ONE}){{0,2}})")
_ENDING = re.compile(
    rf"(?:^|[,;.]|\b(?:and|but))\s*(?:(?:the|my|that|this) )?(?P<words>{_ONE}(?: {_ONE})?)"
    rf"(?=(?: (?:go|goes|is|should be|must be))? (?:{BESIDE[Action.DOWN][1]}|"
    rf"{BESIDE[Action.UP][1]}|{BESIDE[Action.REMOVE][1]})\s*(?:$|[,;.!?\d]|and\b|but\b))"
)
_GLUE = re.compile(
    r"\s*|\s*(?:'s\s*)?(?:(?:with|that|who|which|whose) (?:(?:has|have|is|sounds) )?)(?:an? |the )?"
)
_AND = re.compile(r"[\s,]*(?:and )?(?:an? |the )?")
_OF_THE = re.compile(r" (?:one )?of (?:the )?")
_MEMBER = re.compile(rf"{_ONE}(?:[ -]{_ONE}){{0,2}}")


def joined(text: str, spans: Sequence[Span]) -> list[Span]:
    """A voice that was found in two pieces is one: "speaker with the" "low voice"."""
    found: list[Span] = []
    for span in spans:
        last = found[-1] if found else None
        gap = "" if last is None else text[last.stop : span.start]
        if (
            last is not None
            and last.kind == "voice"
            and (
                (span.kind == "voice" and span.action is last.action and _GLUE.fullmatch(gap))
                or (only_styles(text[span.start : span.stop]) and _AND.fullmatch(gap))
                or (span.kind in ("voice", "all_speech") and _OF_THE.fullmatch(gap))
            )
        ):
            found[-1] = replace(last, stop=span.stop, styles={**span.styles, **last.styles})
        else:
            found.append(span)
    return found


def with_missed(text: str, spans: Sequence[Span]) -> list[Span]:
    """With known things that stand right behind a verb, or before a trailing one, and were missed:
    "get rid of the siren", "and moo go quiet"."""
    found = list(spans)
    for match in _ASKED.finditer(text):
        words = match["words"].split(" ")
        for size in range(len(words), 0, -1):
            name = " ".join(words[:size])
            start, stop = match.start("words"), match.start("words") + len(name)
            if any(s.start < stop and s.stop > start for s in found):
                break
            kind = kind_of(name)
            if look_up(name).whole or kind == "voice":
                action = next(action for way, action in WAYS.items() if match[way])
                styles = styles_of(name) if kind == "voice" else {}
                found.append(Span(start, stop, kind, action, styles))
                break
    for match in _ENDING.finditer(text):
        name, (start, stop) = match["words"], match.span("words")
        taken = any(s.start < stop and s.stop > start for s in found)
        if not taken and look_up(name).whole:
            found.append(Span(start, stop, "sound", Action.KEEP))  # what trails it says the rest
    return sorted(found, key=lambda s: s.start)


def listed(text: str, spans: Sequence[Span]) -> list[Span]:
    """With the members of a list that were missed: those between commas and "and", before and
    behind one that was found, which name a sound of the lexicon."""
    found = list(spans)
    for span in spans:
        if span.kind not in ("sound", "voice"):
            continue
        at = span.stop
        while (gap := BETWEEN.match(text, at)) and gap.end() > at:
            member = _member(text, gap.end(), found)
            if member is None:
                break
            found.append(replace(span, start=gap.end(), stop=member, kind="sound", styles={}))
            at = member
        at = span.start
        while (start := _member_before(text, at, found)) is not None:
            stop = start + len(_MEMBER.match(text, start)[0])  # type: ignore[index]
            found.append(replace(span, start=start, stop=stop, kind="sound", styles={}))
            at = start
    return sorted((part for s in found for part in _parted(text, s)), key=lambda s: s.start)


def _parted(text: str, span: Span) -> list[Span]:
    """ "frogs and crickets", where neither the lexicon nor its kinds have the whole, is two."""
    words = text[span.start : span.stop]
    one, joint, other = words.partition(" and ")
    if span.kind != "sound" or not joint or look_up(words).whole:
        return [span]
    if not (look_up(one).whole and look_up(other).whole):
        return [span]
    at = span.start + len(one)
    return [replace(span, stop=at), replace(span, start=at + len(joint))]


def _member(text: str, at: int, spans: Sequence[Span]) -> int | None:
    """Where a missed member that begins at `at` ends."""
    match = _MEMBER.match(text, at)
    for size in (3, 2, 1) if match else ():
        words = re.match(rf"{_ONE}(?:[ -]{_ONE}){{{size - 1}}}", text[at:])
        if words is None:
            continue
        stop = at + words.end()
        taken = any(s.start < stop and s.stop > at for s in spans)
        ends = re.match(r"\s*(?:$|[,;.!?&]|and\b|or\b|plus\b)", text[stop:])
        if ends and not taken and look_up(words[0]).whole:
            return stop
    return None


def _member_before(text: str, at: int, spans: Sequence[Span]) -> int | None:
    """Where a missed member before a comma or "and" begins, which itself stands behind a verb or
    another comma."""
    before = re.search(
        r"(?:^|,|;|\band\b|\bor\b|\b(?:remove|mute|delete|lower|raise|boost|cut|drop|of|out|"
        r"down|up|"
        rf"silence|reduce))\s*(?:the |a |an |any )?(?P<words>{_ONE}(?:[ -]{_ONE}){{0,2}})"
        r"\s*(?:,|;|&|\band|\bor)[\s,]*(?:and )?(?:the |a |an |any )?$",
        text[:at],
    )
    if before is None:
        return None
    start, stop = before.span("words")
    taken = any(s.start < stop and s.stop > start for s in spans)
    named = not NO_NAME.fullmatch(before["words"]) and look_up(before["words"]).whole
    return start if named and not taken else None
