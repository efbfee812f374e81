"""Misspelt words of a prompt, put right where it is clear which word is meant.

A word is misspelt when neither the prompts' vocabulary (our generator's words and the names of the
sound classes) nor common English (the whole words of MiniLM's vocabulary, where it is installed)
has it. It becomes the word of the prompts' vocabulary that is one slip away, two for long words:
a letter too many, too few or wrong, or two exchanged. Else it becomes the common word from which
only an exchange or a doubled letter parts it. Where several are about as likely, it stays.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from lcr.lexicon import load_lexicon
from lcr.prompts import lexicon
from lcr.prompts.generator import labels, sentences, verbs
from lcr.word_lists import WordLists

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_LISTS = WordLists(Path(__file__).with_name("words.json"))
_SOUNDS = frozenset(_LISTS.words("sounds"))
"""Of sounds and instruments, which common English in pieces may lack."""
_SHORT = {slip: word for slip, (word,) in _LISTS.table("slips").items()}
"""Slips in words of two and three letters, which are too near to others to be found by distance."""
_SLANG = frozenset(_LISTS.words("slang"))
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
NEIGHBOURS = {
    row[i]: row[max(i - 1, 0) : i] + row[i + 1 : i + 2] for row in _ROWS for i in range(len(row))
}
"""The keys beside a letter's."""
_SWAP, _DOUBLE, _KEY, _OTHER, _TWO = 0.5, 0.6, 0.8, 1.0, 1.6
_LEAST, _LONG = 4, 8
_ENDING_WORDS = "s es ed ing ings er ers y ly ness ish ism ist al"
_ENDINGS = tuple(_ENDING_WORDS.split())
_SHORTEST_STEM = 3
_SLIP, _CLEAR = 2.0, 0.2
"""A slip of cost 1 against how often a word is used, and by how much the likeliest must lead, both
as powers of ten."""


def corrected(text: str) -> str:
    """`text` with its misspelt words put right; all else as it was."""
    text = _WORD.sub(lambda match: _as_written(match[0], text), text)
    return re.sub(r"\b(turn|switch)(ing)? of (?=the|that|my|all)", r"\1\2 off ", text)


def _as_written(word: str, text: str) -> str:
    if word.isupper() and not text.isupper():
        return word  # an abbreviation
    better = _better(word.lower())
    if better is None:
        return word
    if word.isupper():
        return better.upper()
    return better.capitalize() if word[0].isupper() else better


@lru_cache(maxsize=4096)
def _better(word: str) -> str | None:
    known = prompt_words()
    if word in known or word in _names_of_sounds() or word in _SLANG:
        return None
    if word.endswith(("n't", "'ll", "'re", "'ve")):
        return None
    if word in _SHORT:
        return _SHORT[word]
    if len(word) < _LEAST or _is_english(word):
        return None
    stem = word.removesuffix("'s").removesuffix("s'")
    if stem != word:
        better = None if stem in known else _better(stem)
        return None if better is None else better + word[len(stem) :]
    most = 1 if len(word) < _LONG else 2
    dearest = _OTHER if len(word) > _LEAST else _KEY
    found: list[tuple[float, str]] = []
    for other, count in known.items():
        if len(other) >= _LEAST - 1 and abs(len(other) - len(word)) <= most:
            cost = distance(word, other, most)
            if cost is not None and (cost <= dearest or (cost <= _TWO and other[0] == word[0])):
                found.append((_SLIP * cost - math.log10(count), other))
    if not found:
        return _common_word(word) or _name_of_sound(word)
    found.sort()
    clear = len(found) == 1 or found[1][0] - found[0][0] >= _CLEAR
    return found[0][1] if clear else None


def _is_english(word: str) -> bool:
    """Whether it is a common word, or one with an ending."""
    common, known = _common(), prompt_words()
    if word in common:
        return True
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _SHORTEST_STEM:
            forms = {stem, stem + "e", stem + "y"}
            forms |= {stem[:-1]} if stem[-1] == stem[-2] else set()
            forms |= {stem[:-1] + "y"} if stem[-1] == "i" else set()
            if any(form in common or form in known for form in forms):
                return True
    return False


def _name_of_sound(word: str) -> str | None:
    """The only word of the lexicon of sounds that a swap, a double or a key beside makes of it."""
    cost = {o: distance(word, o, 1) for o in _names_of_sounds() if abs(len(o) - len(word)) < 2}
    found = [o for o, one in cost.items() if one is not None and one <= _KEY]
    return found[0] if len(found) == 1 and len(word) > _LEAST else None


def _common_word(word: str) -> str | None:
    """The only common word that an exchange or a doubled letter makes of it."""
    made = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    made |= {word[:i] + word[i] + word[i:] for i in range(len(word))}
    made |= {word[:i] + word[i + 1 :] for i in range(1, len(word)) if word[i] == word[i - 1]}
    found = made & _common()
    return found.pop() if len(found) == 1 else None


def distance(word: str, other: str, most: int) -> float | None:
    """What the slips between two words cost, a swap of neighbours the least; None where there are
    more than `most` slips."""
    slips = [[(0, 0.0)] * (len(other) + 1) for _ in range(len(word) + 1)]
    for i in range(len(word) + 1):
        for j in range(len(other) + 1):
            if i == j == 0:
                continue
            ways = []
            if i:
                ways.append(_add(slips[i - 1][j], _extra(word, i)))
            if j:
                ways.append(_add(slips[i][j - 1], _extra(other, j)))
            if i and j:
                same = word[i - 1] == other[j - 1]
                ways.append(
                    slips[i - 1][j - 1]
                    if same
                    else _add(slips[i - 1][j - 1], _wrong(word[i - 1], other[j - 1]))
                )
            if i > 1 and j > 1 and word[i - 2 : i] == other[j - 1] + other[j - 2]:
                ways.append(_add(slips[i - 2][j - 2], _SWAP))
            slips[i][j] = min(ways)
        if min(count for count, _ in slips[i]) > most:
            return None
    count, cost = slips[-1][-1]
    return cost if count <= most else None


def _add(so_far: tuple[int, float], cost: float) -> tuple[int, float]:
    return so_far[0] + 1, so_far[1] + cost


def _extra(word: str, place: int) -> float:
    """Of the letter at `place`, counted from 1, that the other word lacks."""
    doubled = place > 1 and word[place - 1] == word[place - 2]
    return _DOUBLE if doubled else _OTHER


def _wrong(a: str, b: str) -> float:
    return _KEY if b in NEIGHBOURS.get(a, "") else _OTHER


@lru_cache(maxsize=1)
def _names_of_sounds() -> frozenset[str]:
    """Every word of the names in the lexicon of sounds, casual ones and kinds too."""
    names = (*load_lexicon().by_word, *load_lexicon().kind_words)
    return frozenset(word for name in names for word in _WORD.findall(name.lower()))


@lru_cache(maxsize=1)
def prompt_words() -> Mapping[str, int]:
    """The vocabulary of prompts, and how many of its phrases have a word."""
    found: Counter[str] = Counter(_LISTS.words("function"))
    for module in (lexicon, verbs, sentences, labels):
        for phrase in _phrases(module):
            found.update(w for w in _WORD.findall(phrase.lower()) if len(w) > 1)
    for label in labels.PARAPHRASES:
        found.update(label.split())
    for word in [w for w in found if "'" in w]:
        found.update(word.split("'")[:1])
    return found


def _phrases(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        if name.strip("_").isupper():
            yield from _texts(value)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield re.sub(r"\{\w*\}", " ", value)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _texts(key)
            yield from _texts(one)
    elif isinstance(value, tuple | list | frozenset | set):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, lexicon.StyleWords):
        yield from _texts(vars(value))


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    """Words of common English and of sounds."""
    from lcr.base_weights import minilm_place

    folder = minilm_place()
    path = None if folder is None else folder / "tokenizer.json"
    if path is None or not path.is_file():
        return _SOUNDS
    pieces = json.loads(path.read_text(encoding="utf-8"))["model"]["vocab"]
    return _SOUNDS.union(piece for piece in pieces if piece.isalpha())
