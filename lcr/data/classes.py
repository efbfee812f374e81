"""A bank without some of its sounds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence

from lcr.data.bank import SPLITS, Bank, Entry, Split, Waveform
from lcr.errors import LcrError
from lcr.instruction import AudioDescription


class FilteredBank:
    """`bank` with all its speech and the sounds that `keep` lets through, as `told` says in the
    digest."""

    def __init__(self, bank: Bank, keep: Callable[[Entry], bool], told: Sequence[str]) -> None:
        self._bank, self._keep, self._told = bank, keep, sorted(told)

    @property
    def name(self) -> str:
        return self._bank.name

    @property
    def digest(self) -> str:
        text = json.dumps([self._bank.digest, self._told])
        return hashlib.sha256(text.encode()).hexdigest()

    def entries(self, split: Split) -> Sequence[Entry]:
        return [
            e for e in self._bank.entries(split) if e.description.kind == "speech" or self._keep(e)
        ]

    def load(self, entry: Entry) -> Waveform:
        return self._bank.load(entry)


class WithoutClasses(FilteredBank):
    """`bank` without the sounds of the classes `labels`, such as synonyms of classes seen in
    training. Raises LcrError for a class that the bank has in no split."""

    def __init__(self, bank: Bank, labels: Sequence[str]) -> None:
        super().__init__(bank, lambda entry: label_of(entry) not in labels, tuple(set(labels)))
        known = {label_of(entry) for split in SPLITS for entry in bank.entries(split)}
        unknown = sorted(set(labels) - known)
        if unknown:
            raise LcrError(
                f"bank {bank.name!r} has no class {', '.join(unknown)} that could be left out"
            )


def label_of(entry: Entry) -> str:
    """The class of an entry that is a sound; "" for speech."""
    description = entry.description
    return description.label if isinstance(description, AudioDescription) else ""
