"""A bank without some of its classes of sounds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from lcr.data.bank import SPLITS, Bank, Entry, Split, Waveform
from lcr.errors import LcrError
from lcr.instruction import AudioDescription


class WithoutClasses:
    """`bank` without the sounds of the classes `labels`, such as synonyms of classes seen in
    training. Raises LcrError for a class that the bank has in no split."""

    def __init__(self, bank: Bank, labels: Sequence[str]) -> None:
        self._bank, self._labels = bank, frozenset(labels)
        known = {_label(entry) for split in SPLITS for entry in bank.entries(split)}
        unknown = sorted(self._labels - known)
        if unknown:
            raise LcrError(
                f"bank {bank.name!r} has no class {', '.join(unknown)} that could be left out"
            )

    @property
    def name(self) -> str:
        return self._bank.name

    @property
    def digest(self) -> str:
        text = json.dumps([self._bank.digest, sorted(self._labels)])
        return hashlib.sha256(text.encode()).hexdigest()

    def entries(self, split: Split) -> Sequence[Entry]:
        return [e for e in self._bank.entries(split) if _label(e) not in self._labels]

    def load(self, entry: Entry) -> Waveform:
        return self._bank.load(entry)


def _label(entry: Entry) -> str | None:
    description = entry.description
    return description.label if isinstance(description, AudioDescription) else None
