"""From what a network says of every word piece of a prompt to the things the prompt names.

The network (MiniLM with LoRA) runs in torch (`lcr.nn.reader.tagger`) or in onnxruntime
(`lcr.nn.reader.onnx_tagger`); it says of every word piece whether it begins, continues or is
outside a named thing, of what kind that is and under which action; of every voice the styles
stated; of the whole prompt what happens to the rest and whether it asks for a remix at all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lcr.instruction import STYLE_VALUES, Action
from lcr.prompts.reading.things import KINDS, RESTS, Kind, Span, Tagging
from lcr.prompts.reading.word_pieces import WordPieces

ACTIONS = tuple(Action)
TAGS: tuple[str, ...] = (*KINDS, "odd")
"""Kinds of things, and what is asked that is no matter of levels."""
OUTSIDE, BEGIN, INSIDE = 0, 1, 2
STYLE_NAMES = tuple(STYLE_VALUES)
STYLE_SIZES = [1 + len(values) for values in STYLE_VALUES.values()]
"""Classes of each style: not stated, then its values."""
_BATCH = 64
_DOUBT = -2.0
"""Logit above which a prompt that names things for an action is a request, whatever else speaks
against it: of what is none, the tagger should name nothing."""
Floats = NDArray[np.float32]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Pieces:
    """Word pieces of some texts: `ids` and `mask` (texts, pieces), and of each text the character
    `offsets` and the word of each piece (None for marks such as [CLS])."""

    ids: Ids
    mask: Ids
    offsets: list[list[tuple[int, int]]]
    words: list[list[int | None]]


class PieceTokenizer:
    """Cuts texts into word pieces, `max_tokens` of each at most, by the tokenizer.json `path`.
    Raises ValueError for one of another kind."""

    def __init__(self, path: Path, max_tokens: int) -> None:
        self._pieces, self._most = WordPieces.read(path), max_tokens

    @property
    def vocabulary(self) -> Collection[str]:
        """All word pieces; those that begin a word are whole words."""
        return self._pieces.vocabulary.keys()

    def cut(self, texts: Sequence[str]) -> Pieces:
        rows = [self._pieces.cut(text, self._most) for text in texts]
        longest = max((len(row.ids) for row in rows), default=0)
        ids = np.zeros((len(rows), longest), np.int64)
        mask = np.zeros_like(ids)
        for i, row in enumerate(rows):
            ids[i, : len(row.ids)] = row.ids
            mask[i, : len(row.ids)] = 1
        return Pieces(ids, mask, [row.offsets for row in rows], [row.words for row in rows])


@dataclass(frozen=True)
class Said:
    """Logits of each piece, `border` (texts, pieces, 3), `tag` (…, len(TAGS)), `action` (…, 4) and
    `style` (…, sum(STYLE_SIZES)), whose mean over a voice's pieces counts; of each text `rest`
    (texts, 3) and `request` (texts,); and the text's vector, `mean` (texts, width)."""

    border: Floats
    tag: Floats
    action: Floats
    style: Floats
    rest: Floats
    request: Floats
    mean: Floats


class PieceNetwork(Protocol):
    """The trained network of a tagger. Without `adapted` its adaptation is off: `mean` is then the
    published language model's vector of a text."""

    def __call__(self, ids: Ids, mask: Ids, *, adapted: bool = True) -> Said: ...


@dataclass(frozen=True)
class PieceTagger:
    """A `lcr.prompts.reading.reader.Tagger`, and vectors of texts."""

    tokenizer: PieceTokenizer
    network: PieceNetwork

    @property
    def vocabulary(self) -> Collection[str]:
        return self.tokenizer.vocabulary

    def tag(self, texts: list[str]) -> list[Tagging]:
        """What some prompts name and ask."""
        found: list[Tagging] = [Tagging((), is_request=False)] * len(texts)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        order = [i for i in order if texts[i].strip()]
        for start in range(0, len(order), _BATCH):
            some = order[start : start + _BATCH]
            pieces = self.tokenizer.cut([texts[i] for i in some])
            said = self.network(pieces.ids, pieces.mask)
            for row, i in enumerate(some):
                found[i] = _tagging(texts[i], pieces, said, row)
        return found

    def embed(self, texts: Sequence[str]) -> Floats:
        """(texts, width) of length 1: what the published model, without LoRA, makes of texts."""
        rows = []
        for start in range(0, len(texts), _BATCH):
            pieces = self.tokenizer.cut(texts[start : start + _BATCH])
            rows.append(self.network(pieces.ids, pieces.mask, adapted=False).mean)
        vectors = np.concatenate(rows)
        found: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
        return found


def _tagging(text: str, pieces: Pieces, said: Said, row: int) -> Tagging:
    spans: list[Span] = []
    odd: list[tuple[int, int]] = []
    offsets = pieces.offsets[row]
    for first, last in runs(said.border[row].argmax(-1).tolist(), pieces.words[row]):
        inside = slice(first, last + 1)
        start, stop = offsets[first][0], offsets[last][1]
        tag = TAGS[int(said.tag[row, inside].sum(0).argmax())]
        if tag == "odd":
            odd.append((start, stop))
            continue
        kind: Kind = next(k for k in KINDS if k == tag)
        logits = said.action[row, inside].mean(0)
        sure = float(1 / np.exp(logits - logits.max()).sum())
        action = ACTIONS[int(logits.argmax())]
        styles = _styles(said.style[row, inside].mean(0)) if kind == "voice" else {}
        spans.append(Span(start, stop, kind, action, styles, sure))
    read_to = max((stop for _, stop in offsets), default=0)
    if text[read_to:].strip():  # longer than is read
        odd.append((read_to, len(text)))
    return Tagging(
        tuple(spans),
        RESTS[int(said.rest[row].argmax())],
        bool(said.request[row] > (_DOUBT if spans else 0.0)),
        tuple(odd),
    )


def runs(borders: Sequence[int], words: Sequence[int | None]) -> list[tuple[int, int]]:
    """First and last piece of each thing. What begins a word says what it is: pieces that continue
    a word belong to whatever that belongs to."""
    found: list[tuple[int, int]] = []
    last_word, open_run = -1, False
    for i, word in enumerate(words):
        if word is None:
            open_run = False
            continue
        border = borders[i]
        if word == last_word:
            if open_run:
                found[-1] = (found[-1][0], i)
            continue
        last_word = word
        if border == OUTSIDE:
            open_run = False
        elif border == INSIDE and open_run:
            found[-1] = (found[-1][0], i)
        else:
            found.append((i, i))
            open_run = True
    return found


def _styles(logits: Floats) -> dict[str, str]:
    found = {}
    parts = np.split(logits, np.cumsum(STYLE_SIZES)[:-1])
    for name, part in zip(STYLE_NAMES, parts, strict=True):
        if (value := int(part.argmax())) > 0:
            found[name] = STYLE_VALUES[name][value - 1]
    return found
