"""Labels of random English words: a planner that meets such ones learns to find a source's words in
the prompt rather than a list of classes."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from lcr.prompts.generator import write_prompt
from lcr.prompts.generator.examples import random_instruction
from lcr.prompts.generator.phrases import Dice

_FORMS: tuple[str, ...] = (
    "{a} {b}ing",
    "{a} {b}ing",
    "{a} {b}",
    "{a} {b}",
    "playing {a}",
    "playing {a} {b}",
)
_FORMS += ("{a}", "{a}", "{b}ing {a}", "{a} {b} {c}ing", "{a} {b} {c}", "{a}, {b} {c}ing")
_ORDINARY = 3000
"""Prompts whose words are no label's: those of actions, styles, groups and known classes."""


def invented_label(words: Sequence[str], dice: Dice) -> str:
    """A class that may not exist."""
    a, b, c = (dice.pick(words) for _ in range(3))
    return dice.pick(_FORMS).format(a=a, b=b, c=c)


def called(label: str, dice: Dice) -> str:
    """What somebody may call an invented class: a part of its words, or in another order."""
    words = label.replace(",", "").split()
    if words[0] == "playing":
        rest = " ".join(words[1:])
        return dice.pick((rest, f"{rest} music", f"{rest} playing", f"{rest} being played", label))
    if len(words) == 1:
        return dice.pick((label, f"{label}s", f"{label} sound", f"{label} noise"))
    head, last = " ".join(words[:-1]), words[-1]
    said = [label, f"{last} {head}", f"{last} of the {head}", f"{head}'s {last}", head]
    if last.endswith("ing"):
        said += [f"{head} {last[:-3]}s", last]
    return dice.pick(said)


def plain_words(vocabulary: Sequence[str]) -> tuple[str, ...]:
    """The words of `vocabulary`, in order, that no prompt uses for an action, style or class."""
    rng = np.random.default_rng(0)
    ordinary = {
        word
        for _ in range(_ORDINARY)
        for word in re.findall("[a-z]+", write_prompt(random_instruction(rng), rng).text.lower())
    }
    return tuple(w for w in vocabulary if re.fullmatch("[a-z]{3,9}", w) and w not in ordinary)
