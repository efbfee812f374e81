"""BERT's word pieces of a text, as the Hugging Face `tokenizers` cut it (Devlin et al., 2019): that
package brings a client of a model hub and 40 MiB with it, for which a remix has no use.

Marks such as "[SEP]" are plain text where a user writes them.
"""

from __future__ import annotations

import json
import string
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LONGEST_WORD = 100
_CONTROL = ("Cc", "Cf", "Co", "Cs")
_CHINESE = (
    *((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F)),
    *((0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)),
)


@dataclass(frozen=True)
class Cut:
    """A text cut into word pieces: their `ids`, the first and last being marks of the text's ends.
    `offsets` are the characters that each piece covers, (0, 0) for marks; `words` the number of
    the word that it is part of, None for marks."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    words: list[int | None]


@dataclass(frozen=True)
class WordPieces:
    """Cuts texts into pieces of a `vocabulary`."""

    vocabulary: dict[str, int]

    @classmethod
    def read(cls, path: Path) -> WordPieces:
        """From a tokenizer.json. Raises ValueError for one of another kind."""
        told = json.loads(path.read_text(encoding="utf-8"))
        model, normalizer = told["model"], told["normalizer"]
        if model.get("type", "WordPiece") != "WordPiece" or normalizer.get("lowercase") is not True:
            raise ValueError(f"{path} is no tokenizer of word pieces in lower case")
        return cls(model["vocab"])

    def cut(self, text: str, most: int) -> Cut:
        """Cut a text into at most `most` pieces, the two marks included."""
        begin, end = (self.vocabulary[mark] for mark in ("[CLS]", "[SEP]"))
        ids, offsets = [begin], [(0, 0)]
        words: list[int | None] = [None]
        for number, word in enumerate(_words(text)):
            for piece, start, stop in self._pieces(word):
                ids.append(piece)
                offsets.append((start, stop))
                words.append(number)
            if len(ids) >= most:
                break
        kept = most - 1
        return Cut([*ids[:kept], end], [*offsets[:kept], (0, 0)], [*words[:kept], None])

    def _pieces(self, word: list[tuple[str, int]]) -> list[tuple[int, int, int]]:
        """Id, start and stop of each; the longest first, from the left."""
        text = "".join(character for character, _ in word)
        found, start = [], 0
        while start < len(text) and len(text) <= _LONGEST_WORD:
            for stop in range(len(text), start, -1):
                piece = ("##" if start else "") + text[start:stop]
                if piece in self.vocabulary:
                    place = (word[start][1], word[stop - 1][1] + 1)
                    found.append((self.vocabulary[piece], *place))
                    start = stop
                    break
            else:
                break
        if start < len(text):
            return [(self.vocabulary["[UNK]"], word[0][1], word[-1][1] + 1)]
        return found


def _words(text: str) -> Iterator[list[tuple[str, int]]]:
    """Each word as its characters, plain and in lower case, with their places in the text."""
    word: list[tuple[str, int]] = []
    for character, place in _plain(text):
        alone = _is_punctuation(character) or _is_chinese(character)
        if word and (alone or character.isspace()):
            yield word
            word = []
        if alone:
            yield [(character, place)]
        elif not character.isspace():
            word.append((character, place))
    if word:
        yield word


def _plain(text: str) -> Iterator[tuple[str, int]]:
    """Without accents, control characters and capitals."""
    for place, given in enumerate(text):
        if given in "\t\n\r":
            yield " ", place
        elif given != "\ufffd" and unicodedata.category(given) not in _CONTROL:
            for part in unicodedata.normalize("NFD", given):
                if unicodedata.category(part) != "Mn":
                    yield from ((lower, place) for lower in part.lower())


def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character)[0] == "P"


def _is_chinese(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _CHINESE)
