"""Which amount belongs to which named thing."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from lcr.instruction import Action
from lcr.prompts.numbers import NUMBER_WORDS
from lcr.prompts.reading.amounts import PAPER_DB, Direction, amount_db, explicit_db
from lcr.prompts.reading.things import WHOLE, Span

_JOINED = re.compile(
    r"(?:[\s,;]|\b(?:and|or|as well as|plus|along with|also|the|a|an|any|some|of|both|sounds?|"
    r"noises?|volume|level|'s)\b)*"
)
_BORDER = re.compile(
    r",(?!\d)|;|\.\s|\?|!|\b(?:and|but|then|while|with|except|apart from|besides|other than)\b"
)
_EXCEPT = re.compile(r"(?:but|except|apart from|besides|other than)\b")
_AMOUNT_SAID = re.compile(
    rf"\s*(?:up|down|louder|quieter|softer)?\s*(?:by |to |at )?[-+−]?\s?(?:\d+(?:[.,]\d+)?|"
    rf"{NUMBER_WORDS}) ?(?:db|decibels?|%|percent)\s*(?:the |my )?"
)
_PARTLY = re.compile(
    r"\b(?:some|part|most|much|a (?:tiny |little )?bit|a little|a touch) of\b|"
    r"\b(?:a (?:little|bit|touch)|slightly|somewhat|partly)(?=(?: please)?[\s.!]*$)"
)
_TOO_MUCH = re.compile(
    r"\b(?:too|so|that|how|very) much\b|\bno (?:longer|more)\b|"
    r"(?<!so )(?<!that )(?<!until )\b(?:i|we|you|one) can (?:bare|hard|scarce)ly hear\b",
    re.IGNORECASE,
)
_SIGNED = re.compile(
    r"[-+−] ?\d|\bminus |\bplus \d|\bfull (?:volume|blast)|"
    r"\b(?:to|at) (?:about |around |roughly |the )?(?:\d|max|eleven)|"
    r"\b(?:to|at) (?:a |one )?(?:half|third|quarter|fifth|tenth)\b|"
    r"(?:times|twice|half|third|quarter|double) (?:as )?(?:loud|quiet|soft)"
)
"""Amounts that say themselves which way they go."""


class Gain(NamedTuple):
    """What happens to a thing, by which factor, and whether that is a number of the prompt (and not
    what "down" or "a bit" is taken for)."""

    action: Action
    factor: float
    is_stated: bool


def gains_of(text: str, spans: Sequence[Span]) -> list[Gain]:
    """The gain of each span: amounts are read from the words around it, up to the next thing, and
    hold for all things of one list ("the dog and the rain by 3 dB")."""
    found: list[Gain] = []
    for group, words in _clauses(text, spans):
        for span in group:
            found.append(_gain(span.action, words))
    return found


def _clauses(text: str, spans: Sequence[Span]) -> list[tuple[Sequence[Span], str]]:
    groups: list[list[Span]] = []
    for span in spans:
        last = groups[-1][-1] if groups else None
        between = "" if last is None else text[last.stop : span.start].lower()
        if last and last.action is span.action and _JOINED.fullmatch(between):
            groups[-1].append(span)
        else:
            groups.append([span])
    borders = [0]
    for one, other in pairwise(groups):
        start, stop = one[-1].stop, other[0].start
        cuts = list(_BORDER.finditer(text.lower(), start, stop))
        # "rain down 5 dB wind up 3 dB", "the music 10 dB under her"
        ended = _AMOUNT_SAID.fullmatch(text.lower(), start, stop) is not None
        ended = ended or (other[0].action is Action.KEEP and _has_amount(text[start:stop]))
        borders.append(cuts[-1].start() if cuts else stop if ended else start)
    borders.append(len(text))
    clauses: list[tuple[Sequence[Span], str]] = []
    for group, start, stop in zip(groups, borders, borders[1:], strict=False):
        pieces, at = [], start
        for span in group:
            # What is meant by all may be tagged with its verb: "make it 3 dB louder".
            pieces.append(text[at : span.stop if span.kind in WHOLE else span.start])
            at = span.stop
        pieces.append(text[at:stop])
        words = " ".join(pieces)
        if clauses and _EXCEPT.match(words.lower()) and group[0].action is Action.KEEP:
            all_but, said = clauses[-1]
            if not _has_amount(said):  # "all but the man much louder": all are
                clauses[-1], words = (all_but, f"{said} {words}"), ""
        clauses.append((group, words))
    return clauses


def _has_amount(words: str) -> bool:
    return amount_db(words, "up") is not None or amount_db(words, "down") is not None


def _gain(action: Action, words: str) -> Gain:
    plain = Gain(action, action.gain, is_stated=False)
    if action in (Action.UP, Action.DOWN):
        way: Direction = "up" if action is Action.UP else "down"
        found = amount_db(_TOO_MUCH.sub(" ", words), way)
        if found is None and _SIGNED.search(words.lower()):
            found = explicit_db(words, "down" if way == "up" else "up")
            return plain if found is None else _stated(found)
        if found is None:
            return plain
        is_stated = explicit_db(_TOO_MUCH.sub(" ", words), way) is not None
        return _stated(found)._replace(is_stated=is_stated)
    found = explicit_db(words, "down")
    if found is None and action is Action.REMOVE and (some := _PARTLY.search(words.lower())):
        size_db = amount_db(some[0], "down") or (-12.0 if "most" in some[0] else -PAPER_DB)
        return _stated(size_db)._replace(is_stated=False)
    if found is None or not math.isfinite(found) or found == 0:
        return plain
    if action is Action.KEEP and not re.search(
        r"\b(?:at|to|by)\b|volume|level|loud", words.lower()
    ):
        return plain
    return _stated(found)


def _stated(gain_db: float) -> Gain:
    return Gain(_named(gain_db), math.pow(10, gain_db / 20), is_stated=True)


def _named(gain_db: float) -> Action:
    if gain_db == -math.inf:
        return Action.REMOVE
    return Action.UP if gain_db > 0 else Action.DOWN if gain_db < 0 else Action.KEEP
