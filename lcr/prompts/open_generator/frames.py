"""Frames of prompts, in frames.txt under "# section": English with slots, one a line.

A slot {ab} is some things under an action: a is r(emove), k(eep), u(p), d(own) or o (said, but
taken back: nothing happens to it). b, where there is one, says which: v a voice, s sounds,
p a pronoun or person, S all speech, N all sounds, E everything, L everything else, K a broad kind,
M a member of the kind named before, = what was named last, b without an article. {%u} and {%d} are
amounts, {n}, {p}, {w} and {t} numbers, {odd} asks for what is no matter of levels, {name} and
{thing}
are just words, {it} and {him} the pronoun for what was named last. Of [a/b] one is written, and for
<take out> one of that section of ways.txt.
"goes|" or "fades|" before a frame is what happens to the rest; without one it stays.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from lcr.prompts.generator.phrases import Dice
from lcr.prompts.reading.things import Rest
from lcr.prompts.ways import sections, ways

_FOLDER = Path(__file__).parent
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_MANY = 4
_SECTION = re.compile(r"<([^<>]*)>")


def lines(section: str) -> tuple[str, ...]:
    """The frames of a section, as they stand there."""
    return sections(_FOLDER / "frames.txt")[section]


@lru_cache
def words(section: str) -> tuple[str, ...]:
    """The words of a section of words.txt, which stand there between bars."""
    return tuple("|".join(sections(_FOLDER / "words.txt")[section]).split("|"))


@lru_cache
def framed(section: str) -> tuple[tuple[Rest, str], ...]:
    """(rest, frame) pairs of a section; frames of many ways are there several times."""
    found: list[tuple[Rest, str]] = []
    for line in lines(section):
        rest, _, frame = line.rpartition("|")
        known: Rest = "goes" if rest == "goes" else "fades" if rest == "fades" else "stays"
        found += [(known, frame)] * (_MANY if "<" in frame or frame.count("/") > _MANY * 3 else 1)
    return tuple(found)


def chosen(frame: str, dice: Dice) -> str:
    """The frame with one of each choice."""
    frame = _CHOICE.sub(lambda found: dice.pick(found[1].split("/")), frame)
    return _SECTION.sub(lambda found: dice.pick(ways(found[1])), frame)


ODD_JOINS = (" and {odd}", ", then {odd}", " and then {odd}", ", and {odd}", ". Also {odd}")
ODD_BEFORE = ("{odd} and ", "{odd}, and ", "{odd}. ", "{odd}, then ", "{odd} but ")
NUMBERS = {
    "n": (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 20, 24, 30, 40, 60, "1.5", "2.5", "1,000"),
    "p": (5, 10, 15, 20, 25, 30, 33, 40, 50, 60, 70, 75, 80, 90, 120, 150, 200),
    "t": (2, 3, 4, "two", "three", "five", "ten"),
    "w": ("two", "three", "four", "five", "six", "ten", "twelve", "fifteen", "twenty", "thirty"),
}
