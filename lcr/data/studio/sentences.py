"""Everyday sentences from a small grammar of our own: millions of distinct ones, 3 to 16 words."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from lcr.word_lists import WordLists

_GRAMMAR = WordLists(Path(__file__).with_name("sentences.json")).table("grammar")
_SLOT = re.compile(r"\{(\w+)\}")


def sentence(rng: np.random.Generator, *, min_words: int = 3, max_words: int = 16) -> str:
    """One sentence of `min_words` to `max_words` words, without final punctuation.

    Raises ValueError unless min_words <= 9, max_words >= 6 and min_words <= max_words: outside,
    the grammar has little to say.
    """
    if not min_words <= min(9, max_words) or max_words < 6:
        raise ValueError(
            f"a sentence needs min_words <= 9, max_words >= 6 and min <= max; "
            f"got {min_words} to {max_words}"
        )
    while True:
        text = "{sentence}"
        while (slot := _SLOT.search(text)) is not None:
            options = _GRAMMAR[slot.group(1)]
            choice = options[int(rng.integers(len(options)))]
            text = text[: slot.start()] + choice + text[slot.end() :]
        if min_words <= len(text.split()) <= max_words:
            return text[0].upper() + text[1:]
