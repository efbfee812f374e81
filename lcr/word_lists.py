"""Lists of words in data files: JSON objects of lists, or of tables of lists, by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class WordLists:
    """The lists of the file `path`. Raises KeyError for a name that it does not hold."""

    def __init__(self, path: Path) -> None:
        self._content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))

    def words(self, name: str) -> tuple[str, ...]:
        """A list."""
        return tuple(self._content[name])

    def tables(self, name: str) -> dict[str, dict[str, tuple[str, ...]]]:
        """A table of tables of lists."""
        found = self._content[name].items()
        return {key: {k: tuple(words) for k, words in one.items()} for key, one in found}

    def table(self, name: str) -> dict[str, tuple[str, ...]]:
        """A table of lists."""
        return {key: tuple(words) for key, words in self._content[name].items()}
