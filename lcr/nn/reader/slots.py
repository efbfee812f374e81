"""The part of the semantic filter with a stated meaning: what a prompt says, one slot a statement.

The paper trains PromptReader and SoundRemixer together from the start. At desk scale it pays to
let each learn its own half first: the remixer from the true slots, the reader to predict them
from text alone (hundreds of prompts a second), and then both together through the slots.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lcr.instruction import STYLE_VALUES, Action, AudioDescription, Description
from lcr.prompts.generator import Prompt

_SCOPES = ("all_speech", "all_audio", "everything", "everything_else")
_ROWS = tuple(Action)
REMOVE_UNNAMED = "remove what is not named"
_DOING = {
    Action.REMOVE: "Removing",
    Action.KEEP: "Keeping",
    Action.UP: "Turning up",
    Action.DOWN: "Turning down",
}
_PLAIN = {
    "all_speech": "all voices",
    "all_audio": "all but the voices",
    "everything_else": "everything else",
    "speech": "a voice",
    "gender=F": "female",
    "gender=M": "male",
}


def in_words(names: Iterable[str]) -> str:
    """For a person, what filled slots state: "Removing: dog barking. Everything else stays." """
    found: dict[Action, list[str]] = {}
    isolates = False
    for name in names:
        if name == REMOVE_UNNAMED:
            isolates = True
            continue
        letter, _, column = name.partition(" ")
        style, _, value = column.partition("=")
        words = _PLAIN.get(column, f"{value} {style}" if value else column)
        found.setdefault(Action(letter), []).append(words)
    parts = [f"{_DOING[action]}: {', '.join(words)}." for action, words in found.items()]
    if not any("everything" in words or "everything else" in words for words in found.values()):
        parts.append(f"Everything else {'goes' if isolates else 'stays'}.")
    return " ".join(parts) if found or isolates else "I found nothing in it that I know."


@dataclass(frozen=True)
class SlotVocabulary:
    """Names of the slots: four actions x (class labels, style values, scopes), and one slot for
    prompts that remove what they do not name. Labels outside `labels` have no slot: the grounded
    remixer cannot find what a prompt names by them alone."""

    labels: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        styles = [f"{name}={value}" for name, values in STYLE_VALUES.items() for value in values]
        return (*self.labels, *styles, "speech", *_SCOPES)

    @property
    def size(self) -> int:
        return len(_ROWS) * len(self.columns) + 1

    @property
    def names(self) -> tuple[str, ...]:
        cells = [f"{action.value} {column}" for action in _ROWS for column in self.columns]
        return (*cells, REMOVE_UNNAMED)

    def describe(self, description: Description) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(columns,) of 0 and 1: which columns a source fits, and of which that is known."""
        column = {name: i for i, name in enumerate(self.columns)}
        fits = np.zeros(len(column), dtype=np.float32)
        known = np.ones(len(column), dtype=np.float32)
        fits[column["everything"]] = 1
        if isinstance(description, AudioDescription):
            fits[column["all_audio"]] = 1
            if description.label in column:
                fits[column[description.label]] = 1
        else:
            fits[column["speech"]] = fits[column["all_speech"]] = 1
            told = description.known
            for name, values in STYLE_VALUES.items():
                for value in values:
                    at = column[f"{name}={value}"]
                    known[at] = name in told
                    fits[at] = told.get(name) == value
        return fits, known

    def encode(self, prompt: Prompt) -> NDArray[np.float32]:
        """(size,) of 0 and 1: what the prompt's phrases state, nothing that it leaves unsaid."""
        column = {name: i for i, name in enumerate(self.columns)}
        table = np.zeros((len(_ROWS), len(column)), dtype=np.float32)
        for phrase in prompt.phrases:
            row = table[_ROWS.index(phrase.action)]
            if phrase.scope != "one":
                row[column[phrase.scope]] = 1
            elif phrase.label is not None:
                if phrase.label in column:
                    row[column[phrase.label]] = 1
            else:
                row[column["speech"]] = 1
                for name, value in phrase.attributes:
                    row[column[f"{name}={value}"]] = 1
        isolating = prompt.form in ("isolate", "keep_only")
        return np.append(table.ravel(), np.float32(isolating))
