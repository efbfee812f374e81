"""What people's typing does to a prompt, piece by piece, so that things stay where they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lcr.instruction import Action
from lcr.prompts.generator.phrases import Dice
from lcr.prompts.reading.things import Kind
from lcr.prompts.spelling import NEIGHBOURS

_DROPPED = frozenset({"the", "a", "an", "of", "please", "that", "is", "to", "you", "it"})


@dataclass(frozen=True)
class Piece:
    """A stretch of a prompt: a thing under an action, something odd that is asked, or neither."""

    text: str
    kind: Kind | None = None
    action: Action | None = None
    styles: Mapping[str, str] = field(default_factory=dict)
    odd: bool = False


def roughened(pieces: list[Piece], dice: Dice) -> list[Piece]:
    """The pieces, in half of all cases with something wrong with them, capital first."""
    draw = dice.pick(range(40))
    if draw >= 9 and not (9 <= draw < 22):
        pieces = _capital(pieces)
    if draw < 3:
        pieces = [p if p.kind else replace(p, text=_without_small_words(p.text)) for p in pieces]
    if draw in (3, 4, 5, 6):
        pieces = _mistyped(pieces, dice)
    if draw in (6, 7, 8, 9, 10, 11, 12):
        pieces = [replace(p, text=p.text.lower()) for p in pieces]
    if draw in (12, 13, 14):
        pieces = [replace(p, text=_unmarked(p.text)) for p in pieces]
    if draw == 15:
        pieces = [replace(p, text=p.text.upper()) for p in pieces]
    if draw in (16, 17):
        pieces = [replace(p, text=p.text.replace("-", " ")) for p in pieces]
    if draw in (18, 12):
        pieces = [replace(p, text=p.text.replace("'", "")) for p in pieces]
    return pieces


def _capital(pieces: list[Piece]) -> list[Piece]:
    if not pieces:
        return pieces
    first = pieces[0]
    return [replace(first, text=first.text[:1].upper() + first.text[1:]), *pieces[1:]]


def _without_small_words(text: str) -> str:
    kept = [w for w in text.split(" ") if w.lower() not in _DROPPED]
    found = " ".join(kept)
    if text.startswith(" ") and not found.startswith(" "):
        found = " " + found
    if text.endswith(" ") and not found.endswith(" "):
        found += " "
    return found


def _unmarked(text: str) -> str:
    return text.replace(",", "").replace(".", "").replace("!", "").replace("?", "")


def _mistyped(pieces: list[Piece], dice: Dice) -> list[Piece]:
    """One or two words with a letter lost, doubled, swapped or replaced by its neighbour's."""
    found = list(pieces)
    for _ in range(dice.pick((1, 1, 2))):
        at = dice.pick(range(len(found)))
        words = found[at].text.split(" ")
        long = [i for i, word in enumerate(words) if len(word) > 3 and word.isalpha()]
        if not long:
            continue
        which = dice.pick(long)
        word = words[which]
        i = dice.pick(range(1, len(word) - 1))
        beside = NEIGHBOURS.get(word[i].lower(), word[i])
        words[which] = dice.pick(
            (
                word[:i] + word[i + 1 :],
                word[:i] + word[i] + word[i:],
                word[:i] + word[i + 1] + word[i] + word[i + 2 :],
                word[:i] + dice.pick(beside) + word[i + 1 :],
            )
        )
        found[at] = replace(found[at], text=" ".join(words))
    return found
