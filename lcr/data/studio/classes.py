"""The procedural audio classes of `studio`: label -> family, and which are kept for "unseen"."""

from __future__ import annotations

from pathlib import Path

from lcr.word_lists import WordLists

_LISTS = WordLists(Path(__file__).with_name("classes.json"))
FAMILIES = _LISTS.table("families")
UNSEEN = frozenset(_LISTS.words("unseen"))
"""At least one a family; never in training, only in suites that ask for unseen classes."""

FAMILY_OF = {label: f for f, labels in FAMILIES.items() for label in labels}
LABELS: tuple[str, ...] = tuple(FAMILY_OF)
SEEN_LABELS: tuple[str, ...] = tuple(label for label in LABELS if label not in UNSEEN)
