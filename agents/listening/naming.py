"""Whether words name a speaker or another sound."""

from __future__ import annotations

import re

from lcr.instruction import Kind
from lcr.prompts import lexicon
from lcr.prompts.generator.labels import PARAPHRASES, names_of

_SPEAKERS = {
    *(noun for options in lexicon.GENDER_PERSONS.values() for noun in options),
    *lexicon.SPEAKER_NOUNS,
    *lexicon.PERSON_NOUNS,
    *("men", "women", "boy", "girl", "people", "someone", "everyone", "voice", "vocals"),
    *("speech", "speaking", "talking", "speaks", "talks", "his", "her"),
}
_STYLES = {word for style in lexicon.STYLE_WORDS.values() for word in style.adjectives}
_NAMES = {name for label in PARAPHRASES for name in names_of(label)}


def _any_of(words: set[str], ending: str = "") -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))}){ending}\b")


_SPEAKER, _STYLE, _NAME = _any_of(_SPEAKERS, "s?"), _any_of(_STYLES), _any_of(_NAMES, "s?")


def kind_of(words: str) -> Kind:
    """Speech where `words` name a speaker, outside of the names of sounds that people make
    ("the person snoring"), or nothing but a way to speak; else audio."""
    text = " ".join(words.lower().split())
    rest = _NAME.sub(" ", text)
    if _SPEAKER.search(rest) or (rest == text and _STYLE.search(text)):
        return "speech"
    return "audio"
