"""Prompts for systems that have learnt the paper's plain ones: what the open reader reads is said
plainly to them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lcr.instruction import Action
from lcr.prompts.reading.keywords import KeywordTagger
from lcr.prompts.reading.names import look_up
from lcr.prompts.reading.reader import OpenReader
from lcr.prompts.reading.words import checked, doubts, plain

_SIMPLE_WORDS = 8
_NOT_SIMPLE = re.compile(
    r"\b(?:not?|never|except|but|without|neither|nor|only|too|over|than)\b|n't\b"
)


@dataclass(frozen=True)
class Plain:
    """A prompt in the plain words of the paper, and warnings in English of what it leaves out."""

    prompt: str
    warnings: tuple[str, ...] = ()


def plainly(prompt: str) -> Plain:
    """`prompt` said plainly; one thing under a verb is plain already. Raises RefusedError for one
    that asks for no remix."""
    if _is_simple(prompt):
        return Plain(prompt)
    reading = checked(OpenReader.load().read([prompt])[0])
    lost = list(doubts(reading.not_understood, reading.unsure))
    lost += [
        f'I turn up or down by 6 dB only, "{thing.words}" too.'
        for thing in reading.things
        if thing.gain not in {action.gain for action in Action}
    ]
    said = plain(reading)
    same = said.rstrip(".").lower() == prompt.rstrip(" .!?").lower()
    return Plain(prompt if same else said, tuple(lost))


def _is_simple(prompt: str) -> bool:
    """Whether rules surely read it, and so does whoever has learnt plain prompts."""
    if len(prompt.split()) > _SIMPLE_WORDS or _NOT_SIMPLE.search(prompt.lower()):
        return False
    (reading,) = OpenReader(KeywordTagger()).read([prompt])
    return (
        reading.is_request
        and len(reading.things) == 1
        and all(t.kind != "sound" or look_up(t.words).whole for t in reading.things)
        and all(t.gain == t.action.gain for t in reading.things)
    )
