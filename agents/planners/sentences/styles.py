"""English for speakers and their styles: a thesaurus, in a data file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lcr.word_lists import WordLists


@dataclass(frozen=True, kw_only=True)
class Style:
    """Ways to say a style value: `levels` before `nouns`, `adjectives` and -ed words before a
    person or voice, and `doing` behind them. `mass` nouns take no article."""

    levels: tuple[str, ...]
    nouns: tuple[str, ...]
    adjectives: tuple[str, ...] = ()
    doing: tuple[str, ...] = ()
    mass: bool = False


_WORDS = WordLists(Path(__file__).with_name("styles.json"))
_NOUNS, _MASS = _WORDS.table("nouns"), _WORDS.words("mass")

STYLES = {
    (style, value): Style(**words, nouns=_NOUNS[style], mass=style in _MASS)
    for key, words in _WORDS.tables("styles").items()
    for style, value in [key.split()]
}
LINKS = _WORDS.words("links")
PERSONS, VOICES = _WORDS.table("persons"), _WORDS.table("voices")
"""By gender, "" for none."""
