"""English for actions and requests: verbs, states, frames and joins."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from lcr.word_lists import WordLists


@lru_cache
def options(text: str, separator: str = ", ") -> tuple[str, ...]:
    """Split a list that is written as one text; empty parts are left out."""
    return tuple(part for part in text.split(separator) if part)


_WORDS = WordLists(Path(__file__).with_name("words.json"))
VERBS = _WORDS.table("verbs")
UP = _WORDS.words("up")
DOWN = _WORDS.words("down")
WHOLE_UP = _WORDS.words("whole_up")
WHOLE_DOWN = _WORDS.words("whole_down")
LEVELS = _WORDS.words("levels")
STATES = _WORDS.table("states")
STATE_FRAMES = _WORDS.words("state_frames")
ONLY_FRAMES = _WORDS.words("only_frames")
NO_FRAMES = _WORDS.words("no_frames")
LOUD_FRAMES = _WORDS.words("loud_frames")
SOFT_FRAMES = _WORDS.words("soft_frames")
FRAMES = _WORDS.words("frames")
GERUND_FRAMES = _WORDS.words("gerund_frames")
JOINS = _WORDS.words("joins")
NEXT = _WORDS.words("next")
TAILS = _WORDS.words("tails")
FROM_TAILS = _WORDS.words("from_tails")
ISOLATE_TAILS = _WORDS.words("isolate_tails")
CLOSERS = _WORDS.words("closers")
ASIDES = _WORDS.words("asides")
