"""Two speakers who differ in one style and in no other (Table IV)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lcr.data.bank import Entry
from lcr.errors import LcrError
from lcr.instruction import SpeechDescription

MULTIPLE = "multiple"
"""Instead of a style: in two or more."""

_DRAWS = 300


def style_pair(
    groups: Sequence[Sequence[Entry]], differ_in: str, rng: np.random.Generator
) -> list[Entry]:
    """Two speakers of different groups, described in all the same attributes, who differ in
    `differ_in` alone, or in several for `MULTIPLE`. Raises LcrError when none are found."""
    entries = [entry for group in groups for entry in group]
    for _ in range(_DRAWS):
        first = entries[int(rng.integers(len(entries)))]
        fitting = [e for e in entries if e.group != first.group and _differ(first, e, differ_in)]
        if fitting:
            return [first, fitting[int(rng.integers(len(fitting)))]]
    raise LcrError(f"no two speakers of the bank differ in {differ_in}")


def _differ(a: Entry, b: Entry, differ_in: str) -> bool:
    mine, theirs = a.description, b.description
    if not isinstance(mine, SpeechDescription) or not isinstance(theirs, SpeechDescription):
        return False
    if mine.known.keys() != theirs.known.keys():
        return False
    found = mine.distinguishing(theirs)
    return len(found) > 1 if differ_in == MULTIPLE else found == {differ_in}
