"""Prompts in ways that are known by heart: frames of the open generator (`frames.txt`), read back
where each of their slots holds something that the lexicon knows, or a voice."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from lcr.instruction import Action
from lcr.prompts.reading.keywords import kind_of, styles_of
from lcr.prompts.reading.names import look_up
from lcr.prompts.reading.plain import PART, POLITE
from lcr.prompts.reading.things import RESTS, Kind, Rest, Span, Tagging
from lcr.prompts.ways import FRAME_SECTIONS, sections

_FRAMES = Path(__file__).parents[1] / "open_generator" / "frames.txt"
_TOKEN = re.compile(r"\{([^}]*)\}|\[([^\]]*)\]|([^\[{]+)")
_NOT_NEEDED = re.compile(r"\[[^\]]*\]|\{[^}]*\}")
_WORD = re.compile(r"[a-z']+")
_THING = (
    r"(?:(?:all )?(?:the|that|this|those|these|my|your|his|her|our|a|an|any) )?"
    r"(?P<{group}>[\w'-]+(?: [\w'-]+){{0,3}}?)"
)
_SAID = {
    "it": "(?:it|he|she|they)",
    "him": "(?:it|him|her|them)",
    "%u": r"(?:by |about )?(?:a \w+(?: bit)?|\w+|[\d.,]+ ?(?:db|decibels?|%|percent))",
    "%p": r"[\w.,]+(?: ?(?:db|decibels?|%|percent))?",
}
_SAID |= {"%d": _SAID["%u"], "%n": _SAID["%p"], **dict.fromkeys("nptw", r"[\d.,]+|\w+")}
_ACTIONS = {"r": Action.REMOVE, "k": Action.KEEP, "u": Action.UP, "d": Action.DOWN}
_KINDS: dict[str, tuple[Kind, ...]] = {
    "": ("sound", "voice", "all_speech", "all_sounds"),
    "v": ("voice",),
    "p": ("voice", "all_speech"),
    "s": ("sound",),
    "K": ("sound",),
    "M": ("sound",),
    "S": ("all_speech",),
    "N": ("all_sounds",),
    "E": ("everything",),
    "L": ("everything_else",),
}
_ONE_WORD = re.compile(r"(?!(?:it|this|that)$)[\w-]+|my \w+|both \w+|everything else")
_NOT_IN_NAMES = re.compile(
    r"\b(?:over|behind|under|with|to|from|when|while|that|who|and|or|in|is|are|but|not|of|me|a|the|"
    r"just|only|too|so|more|less)\b|\b\d*(?:db|decibels?|percent)\b"
)
_BEHIND = r"(?:,? (?:please|thanks|for me|though|here|again))*[\s.!?]*"


@lru_cache(maxsize=1)
def _frames() -> tuple[tuple[Rest, str, frozenset[str]], ...]:
    """Rest, frame and the words that it cannot be without; those of `lcr.prompts.ways` and of other
    work are read elsewhere."""
    found: dict[str, tuple[Rest, str, frozenset[str]]] = {}
    for section in FRAME_SECTIONS:
        for line in sections(_FRAMES)[section]:
            told, _, frame = line.rpartition("|")
            rest: Rest = next((rest for rest in RESTS if rest == told), RESTS[0])
            if not re.search(r"<|\{(?:odd|name|thing|[rkud]=)", frame):
                needed = frozenset(_WORD.findall(_NOT_NEEDED.sub(" ", frame.lower())))
                found.setdefault(frame, (rest, frame, needed))
    return tuple(found.values())


@lru_cache(maxsize=4096)
def _pattern(frame: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    slots: list[str] = []
    said = _as_pattern(frame.rstrip(".!?"), slots)
    return re.compile(f"{POLITE}{said}{_BEHIND}", re.IGNORECASE), tuple(slots)


def _as_pattern(frame: str, slots: list[str]) -> str:
    found = ""
    for slot, choice, words in _TOKEN.findall(frame):
        if choice:
            found += f"(?:{'|'.join(_as_pattern(one, slots) for one in choice.split('/'))})"
        elif slot in _SAID:
            found += f"(?:{_SAID[slot]})"
        elif slot:
            found += _THING.format(group=f"thing{len(slots)}")
            slots.append(slot)
        else:
            found += re.escape(words)
    return found


def known_way(text: str) -> Tagging | None:
    """What a prompt asks for that is one of the frames, or each of whose parts is; else None."""
    if whole := _framed(text, 0):
        return whole
    parts = [_framed(part[0], part.start()) for part in PART.finditer(text)]
    known = [part for part in parts if part]
    if len(parts) < 2 or len(known) < len(parts):
        return None
    spans = tuple(span for part in known for span in part.spans)
    rests = [part.rest for part in known if part.rest != "stays"]
    return Tagging(spans, rests[0] if rests else "stays", by_heart=True)


def _framed(text: str, at: int) -> Tagging | None:
    words = frozenset(_WORD.findall(text.lower()))
    for rest, frame, needed in _frames():
        if not needed <= words:
            continue
        pattern, slots = _pattern(frame)
        if (found := pattern.fullmatch(text.strip())) is None:
            continue
        before = at + len(text) - len(text.lstrip())
        spans = [_span(found, i, slot, before) for i, slot in enumerate(slots)]
        if (named := [span for span in spans if isinstance(span, Span)]) and None not in spans:
            spans_in_order = tuple(sorted(named, key=lambda span: span.start))
            return Tagging(spans_in_order, rest, by_heart=True)
    return None


def _span(found: re.Match[str], i: int, slot: str, before: int) -> Span | str | None:
    """A thing; its words where nothing happens to it, and None where nobody knows it."""
    group = f"thing{i}"
    words = found[group]
    if words is None or slot[0] not in _ACTIONS:
        return ""
    words = words.lower()
    kind = kind_of(words)
    if _NOT_IN_NAMES.search(words) or kind not in _KINDS[slot[1:].removesuffix("b")]:
        return None
    known = look_up(words).whole if kind == "sound" else _ONE_WORD.fullmatch(words)
    styles = styles_of(words) if kind == "voice" else {}
    if not known and not styles:
        return None
    start, stop = (before + place for place in found.span(group))
    return Span(start, stop, kind, _ACTIONS[slot[0]], styles)
