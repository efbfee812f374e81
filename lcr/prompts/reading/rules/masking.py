"""Who cannot hear one thing for another, and which of two is louder than it should be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from lcr.instruction import Action
from lcr.prompts.reading.rules.negation import CLAUSE_END
from lcr.prompts.reading.things import Span

DROWNS = (
    r"(?:(?:is|are|just|completely|totally|keeps?|(?:did|does|do|would)(?: not|n't)) )*"
    r"(?:drown|cover|mask|bury|buries|overpower|swallow|dominat|hid|eat)(?:s|e|es|ing)?"
    r"(?: (?:out|up))?"
)
UNHEARD = (
    r"\b(?:can(?:no|'?)t|cannot|(?:barely|hardly|scarcely)|nobody (?:can|will)|no one (?:can|will)|"
    r"(?:hard|tough|difficult|tricky|impossible) to)(?: \w+)? "
    r"(?:hear|understand|make out|follow|catch)\b|\b(?:bare|hard|scarce)ly (?:intelligible|"
    r"audible)\b"
)
_UNHEARD = re.compile(UNHEARD)
_UNDER = re.compile(
    r"\b(?:over|because of|due to|through|with|next to|behind|above|under|in|by|for all)\b"
)
_DROWNED = re.compile(
    r"\b(?:is|are|was|were|gets?|got|being)(?:n't| not)? (?:\w+ )?"
    r"(?:drowned(?: out)?|lost|buried|masked|covered|swallowed|overpowered)\b"
)
_DROWNS = re.compile(rf"^ {DROWNS}\b")
_SPOILS = re.compile(r"^ (?:just |really )?(?:spoil|ruin|destroy|wreck|disturb)s?\b")
_BETTER_WITHOUT = re.compile(
    r"^ (?:would|could|might) (?:be|sound) (?:\w+ )?(?:nicer|better|clearer|perfect) without\b"
)
_TOO_QUIET = re.compile(
    r"^ (?:is|are|sounds?) (?:\w+ )?too (?:quiet|soft|faint|weak|low) "
    r"(?:against|next to|compared (?:to|with)|under|behind|beside|for) "
)
_ON_TOP = re.compile(
    r" (?:should|must|needs? to|has to|have to|ought to) (?:sit|be|stay|stand|come) "
    r"(?:on top of|above|over|in front of|ahead of) (?:the |my |his |her )?"
)
_MAKE = re.compile(r"\b(?:let|make|have) (?:the |my )?$")
_IS_THAN = re.compile(
    r" (?:is|are|sounds?) (?:\w+ )?(?:louder|stronger|noisier|(?P<up>quieter|softer|weaker)) than "
    r"(?:the |my )?"
)
"""A complaint, where "should be louder than" is a wish."""
_WISHED = re.compile(r"\b(?:where|in which|so|that|sure|until|till)(?: the| my)? $")
_BELOW = re.compile(r" (?:\w+ )?(?:under|underneath|beneath|below|behind) (?:the |my |his |her )?")


def masked(text: str, spans: Sequence[Span]) -> list[Span]:
    """Who cannot hear one thing for another wants the other lower: "I can't hear her over the
    crying", "she is drowned out by the rain", "the music covers his voice"."""
    found = list(spans)
    for match in (*_UNHEARD.finditer(text), *_DROWNED.finditer(text)):
        under = _UNDER.search(text, match.end())
        if under is None or re.search(r"[.;!?]", text[match.end() : under.start()]):
            continue
        end = CLAUSE_END.search(text, under.end())
        stop = end.start() if end else len(text)
        wanted = match.end() if match.re is _UNHEARD else 0
        for i, span in enumerate(found):
            if under.end() <= span.start < stop and span.action is not Action.REMOVE:
                found[i] = _with(Action.DOWN, span)
            elif wanted <= span.start < under.start() and span.action is not Action.UP:
                found[i] = _with(Action.KEEP, span)
    for i, (one, other) in enumerate(pairwise(found)):
        gap = text[one.stop : other.start]
        if _DROWNS.match(gap) and _MAKE.search(text[: one.start]):
            found[i : i + 2] = _with(Action.UP, one), _with(Action.KEEP, other)
        elif than := _IS_THAN.fullmatch(gap):
            wished = _WISHED.search(text[: one.start]) is not None
            way = Action.UP if bool(than["up"]) is not wished else Action.DOWN
            found[i : i + 2] = _with(way, one), _with(Action.KEEP, other)
        elif _DROWNS.match(gap):
            found[i : i + 2] = _with(Action.DOWN, one), _with(Action.KEEP, other)
        elif _SPOILS.match(gap):
            gone = Action.REMOVE if one.action is Action.KEEP else one.action
            found[i : i + 2] = _with(gone, one), _with(Action.KEEP, other)
        elif _BETTER_WITHOUT.match(gap):
            found[i : i + 2] = _with(Action.KEEP, one), _with(Action.REMOVE, other)
        elif _ON_TOP.fullmatch(gap):
            found[i : i + 2] = _with(Action.KEEP, one), _with(Action.DOWN, other)
        elif _TOO_QUIET.match(gap):
            found[i : i + 2] = _with(Action.UP, one), _with(Action.KEEP, other)
        elif one.action is other.action is Action.DOWN and _BELOW.fullmatch(gap):
            found[i + 1] = _with(Action.KEEP, other)
    return found


def _with(action: Action, span: Span) -> Span:
    return replace(span, action=action, sure=1.0)
