"""Words for voices, groups, amounts and what stands around names of sounds, from words.txt."""

from __future__ import annotations

from lcr.instruction import STYLE_VALUES
from lcr.prompts import lexicon
from lcr.prompts.open_generator.frames import words

NO_SOUNDS = frozenset(words("no sounds"))
"""Rows whose words are those of voices and groups."""
ARTICLES = ("the ",) * 14 + ("that ", "this ", "all the ", "any ", "some ", "those ", "", "")
PEOPLE = tuple(
    (word, gender)
    for gender, section in (("F", "women"), ("M", "men"), ("", "persons"))
    for word in words(section)
)
"""Words for one person or more of one gender, and which."""
STYLED = tuple(
    (adjective, {name: value})
    for name in ("energy", "tempo", "pitch", "emotion")
    for value in STYLE_VALUES[name]
    if (name, value) not in {(n, "normal") for n in ("energy", "tempo", "pitch")}
    for adjective in words(f"style {name} {value}")
)
BASES = (("man", "M"), ("woman", "F"), ("guy", "M"), ("lady", "F"), ("speaker", ""), ("voice", ""),
          ("person", ""), ("girl", "F"), ("boy", "M"), ("male voice", "M"), ("female voice", "F"),
          ("gentleman", "M"), ("narrator", ""), ("presenter", ""))  # fmt: skip
EVERYTHING = (*lexicon.EVERYTHING, *lexicon.OVERALL_VOLUME, *words("everything"))
ELSE = (*lexicon.EVERYTHING_ELSE, *words("everything else"))
