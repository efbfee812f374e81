"""Ways to say each action, and the frames that turn verb phrases into requests."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from lcr.word_lists import WordLists

ISOLATE, KEEP_ONLY, LEAVE = "isolate", "keep_only", "leave"
VOLUME_UP, VOLUME_DOWN = "volume_up", "volume_down"
"""Clause kinds beside the four actions' letters. `LEAVE` keeps a source at its level beside ones
that change; the volume kinds take a level as object."""

_WORDS = WordLists(Path(__file__).with_name("verbs.json"))

TEMPLATES = _WORDS.table("templates")

RESULTS = _WORDS.table("results")
"""What follows "I want the rain ..."."""

RESULT_FRAMES = _WORDS.words("result_frames")
KEEP_ONLY_FRAMES = _WORDS.words("keep_only_frames")

IMPERATIVE = "{vp}"
STATEMENT_FRAMES = _WORDS.words("statement_frames")
QUESTION_FRAMES = _WORDS.words("question_frames")
GERUND_FRAMES = _WORDS.words("gerund_frames")

OPENERS = _WORDS.words("openers")
CLOSERS = _WORDS.words("closers")
"""The thanks come last: they end statements only."""
N_QUESTION_CLOSERS = len(CLOSERS) - 2

RECORDINGS = _WORDS.words("recordings")
TAIL_WITH_IN = frozenset(_WORDS.words("tail_with_in"))
"""Removal verbs that take "in the recording" rather than "from the recording"."""

_DOUBLED = frozenset(_WORDS.words("doubled"))


@lru_cache(maxsize=1024)
def gerund(verb_phrase_template: str) -> str:
    """The template with its first word as a gerund: "cut {x}" -> "cutting {x}"."""
    verb, _, rest = verb_phrase_template.partition(" ")
    if verb in _DOUBLED:
        verb += verb[-1]
    elif verb.endswith("e") and not verb.endswith("ee"):
        verb = verb[:-1]
    return f"{verb}ing {rest}"
