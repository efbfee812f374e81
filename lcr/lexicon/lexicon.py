"""Names of sounds with synonyms, hypernyms and acoustic attributes, read from `sounds.csv`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lcr.errors import LcrError

SOUNDS = Path(__file__).parent / "sounds.csv"
ATTRIBUTES = Path(__file__).parent / "attributes.txt"
CASUAL = Path(__file__).parent / "casual.csv"
KINDS = Path(__file__).parent / "kinds.csv"


class LexiconError(LcrError):
    """The lexicon's file is not one; the message names the line."""


@dataclass(frozen=True)
class Sound:
    """One row: `name` in plain English, other names for the same, the broader kinds it belongs to
    (the most telling first), and `attributes` above 0, each 1 to 3."""

    name: str
    synonyms: tuple[str, ...]
    hypernyms: tuple[str, ...]
    attributes: dict[str, int]


@dataclass(frozen=True)
class Lexicon:
    """`attribute_names` in a fixed order, and the sounds in the order of the file."""

    attribute_names: tuple[str, ...]
    sounds: tuple[Sound, ...]

    @cached_property
    def casual(self) -> dict[str, tuple[tuple[int, str], ...]]:
        """What people call a sound besides, in order, though it fits others as well: "horn" is the
        car's and the ship's."""
        with CASUAL.open(newline="", encoding="utf-8") as file:
            rows = ((row["name"], _list(row["words"])) for row in csv.DictReader(file))
            return {name: tuple(enumerate(some)) for name, some in rows if name in self.by_name}

    @cached_property
    def kind_words(self) -> dict[str, str]:
        """Other words for the broader kinds, as they ship: "critters" are "animals"."""
        with KINDS.open(newline="", encoding="utf-8") as file:
            return {row["words"]: row["kind"] for row in csv.DictReader(file)}

    @cached_property
    def by_name(self) -> dict[str, Sound]:
        return {sound.name: sound for sound in self.sounds}

    @cached_property
    def by_word(self) -> dict[str, Sound]:
        """Names, synonyms, and casual words; a name goes before a synonym, an earlier row before a
        later one, and of the rows that share a casual word that one which lists it first."""
        found = dict(self.by_name)
        for sound in self.sounds:
            for word in sound.synonyms:
                found.setdefault(word, sound)
        shared = ((at, word, name) for name, some in self.casual.items() for at, word in some)
        for _, word, name in sorted(shared):
            found.setdefault(word, self.by_name[name])
        return found

    @cached_property
    def by_hypernym(self) -> dict[str, tuple[Sound, ...]]:
        kinds: dict[str, list[Sound]] = {}
        for sound in self.sounds:
            for kind in sound.hypernyms:
                kinds.setdefault(kind, []).append(sound)
        return {kind: tuple(sounds) for kind, sounds in kinds.items()}

    def unknown(self, name: str) -> LexiconError:
        """The error for a name that is not there."""
        return LexiconError(f"the lexicon has no {name!r}")

    def attributes(self, names: Sequence[str]) -> NDArray[np.float32]:
        """(names, attributes) in 0 to 3. Raises LexiconError for a name that is not a row's."""
        table = np.zeros((len(names), len(self.attribute_names)), dtype=np.float32)
        column = {name: i for i, name in enumerate(self.attribute_names)}
        for row, name in zip(table, names, strict=True):
            if name not in self.by_name:
                raise self.unknown(name)
            for attribute, value in self.by_name[name].attributes.items():
                row[column[attribute]] = value
        return table


@lru_cache(maxsize=1)
def load_lexicon() -> Lexicon:
    """The lexicon that ships. Raises LexiconError for a damaged file."""
    return read_lexicon(SOUNDS, tuple(ATTRIBUTES.read_text(encoding="utf-8").split()))


def read_lexicon(path: Path, attribute_names: tuple[str, ...]) -> Lexicon:
    """Read a CSV file of name, synonyms, hypernyms ("; " between them) and attributes ("low=3
    tonal=1"). Raises LexiconError."""
    known = set(attribute_names)
    sounds: dict[str, Sound] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            where = f"{path}, line {line}"
            try:
                values = dict(_attribute(item) for item in row["attributes"].split())
                sound = Sound(row["name"], _list(row["synonyms"]), _list(row["hypernyms"]), values)
            except (KeyError, ValueError, AttributeError, TypeError) as error:
                raise LexiconError(f"{where}: {error}") from error
            if unknown := sorted(set(values) - known):
                raise LexiconError(f"{where}: unknown attribute {unknown[0]!r}")
            if sound.name in sounds:
                raise LexiconError(f"{where}: {sound.name!r} is there twice")
            sounds[sound.name] = sound
    return Lexicon(attribute_names, tuple(sounds.values()))


def _list(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())


def _attribute(item: str) -> tuple[str, int]:
    name, _, value = item.partition("=")
    if value not in ("1", "2", "3"):
        raise ValueError(f"an attribute is NAME=1, 2 or 3; got {item!r}")
    return name, int(value)
