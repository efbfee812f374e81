"""Prompts of a few words that mean one thing: "louder", "turn it down", "karaoke version"."""

from __future__ import annotations

import re

from lcr.instruction import Action
from lcr.prompts.reading.negation import CHANGE
from lcr.prompts.reading.things import Kind, Rest, Span, Tagging

_POLITE = r"(?:(?:please|ok|okay|hey|now|can you|could you|just)[, ]+)*"
_HOW = (
    r"(?:,? (?:a bit|a little|a lot|much|slightly|please|thanks|for me|"
    r"(?:by |to )?(?:about )?[\w.,+-]+ ?(?:db|decibels|%|percent)|to [\d.]+))*[\s.!?]*"
)
_IT = r"(?:it|this|that|everything|it all|the (?:volume|sound|whole thing|recording))"
_VERSION = r"(?:(?:make|give|create|i want|i need)(?: (?:me|us|it|this))? )?(?:an? |the )?"
_MEANT: tuple[tuple[str, Kind, Action, Rest], ...] = (
    (rf"(?:a bit |a little |much |way |a lot )?louder|(?:turn|volume)(?: {_IT})? up|turn up {_IT}"
     rf"|make {_IT} (?:\w+ ){{0,2}}louder", "everything", Action.UP, "stays"),
    (rf"(?:a bit |a little |much |way |a lot )?(?:quieter|softer)|(?:turn|volume)(?: {_IT})? down"
     rf"|turn down {_IT}|make {_IT} (?:\w+ ){{0,2}}(?:quieter|softer)",
     "everything", Action.DOWN, "stays"),
    (rf"{_VERSION}(?:karaoke(?: (?:version|track|mix))?|instrumental (?:version|track|mix|only))"
     r"(?: of (?:it|this.*))?", "sound", Action.REMOVE, "stays"),
    (rf"{_VERSION}a ?c{{1,2}}app?ell?a(?: (?:version|only))?(?: of (?:it|this))?", "sound",
     Action.KEEP, "goes"),
    (rf"(?:denoise|de-noise|clean up)(?: {_IT})?|clean {_IT} up", "all_sounds", Action.DOWN,
     "stays"),
)  # fmt: skip
_PLAIN = tuple(
    (re.compile(rf"{_POLITE}(?P<said>{words}){_HOW}"), kind, action, rest)
    for words, kind, action, rest in _MEANT
)


_OTHER_WORK = re.compile(
    rf"{_POLITE}(?:(?:export|upload|download|save|convert|transcribe|translate|rename|send|share|"
    r"trim|crop|reverse|loop|pan|speed up|slow down|transpose|autotune|equali[sz]e|compress|"
    r"normali[sz]e|dub|subtitle|caption|summari[sz]e|tell me|who|where|when|what(?! about| if)|"
    r"how(?! about)|add (?:a|an|some|more) (?!volume|level|loudness))\b)"
)
_CHANGES = re.compile(
    rf"\b(?:{CHANGE}|isolat|extract|separat|keep|only|without|less|more|want|"
    r"too|up\b|down\b)"
)


def is_other_work(text: str) -> bool:
    """Whether a prompt asks for what is no matter of levels, and for nothing else: "export it"."""
    lower = text.lower()
    return _OTHER_WORK.match(lower) is not None and _CHANGES.search(lower) is None


def plainly_meant(text: str) -> Tagging | None:
    """What a whole prompt of a few words asks for; None for any other."""
    lower = text.lower()
    if len(lower) != len(text):
        return None
    for pattern, kind, action, rest in _PLAIN:
        if (found := pattern.fullmatch(lower.strip())) is not None:
            before = len(lower) - len(lower.lstrip())
            start, stop = (before + at for at in found.span("said"))
            return Tagging((Span(start, stop, kind, action),), rest)
    return None
