"""What people's typing does to a prompt: case, punctuation, lost words and letters."""

from __future__ import annotations

from lcr.prompts.generator.phrases import Dice

_DROPPED = frozenset({"the", "a", "an", "of", "please", "sound", "that", "is", "to", "you"})


def roughen(text: str, dice: Dice) -> str:
    """`text`, in a third of all cases with something wrong."""
    draw = dice.pick(range(30))
    if draw < 2:
        text = " ".join(w for w in text.split() if w.lower() not in _DROPPED or dice.chance(0.5))
    if draw in (2, 3, 4):
        text = _mistyped(text, dice)
    if draw in (4, 5, 6, 7):
        text = text.lower()
    if draw in (7, 8):
        text = text.replace(",", "").rstrip(".?!")
    if draw == 9:
        text = text.upper()
    if draw in (10, 11):
        text = text.replace("-", " ")
    return text


def _mistyped(text: str, dice: Dice) -> str:
    """One word of more than four letters with a letter lost, doubled or swapped with the next."""
    tokens = text.split(" ")
    long = [i for i, word in enumerate(tokens) if len(word) > 4]
    if not long:
        return text
    at = dice.pick(long)
    word = tokens[at]
    i = dice.pick(range(1, len(word) - 1))
    lost, doubled = word[:i] + word[i + 1 :], word[:i] + word[i] + word[i:]
    swapped = word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    tokens[at] = dice.pick((lost, doubled, swapped))
    return " ".join(tokens)
