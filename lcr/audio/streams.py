"""Audio of any length in bounded memory: where blocks come from and where they wait."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from lcr.remixer import Audio

_BLOCK = 2**20
_KEPT_IN_MEMORY = 2**24
"""Bytes of a `Spool` beyond which it lies on the disk."""


class Source(Protocol):
    """A recording that can be read from its start as often as needed (`lcr.audio.reader.AudioFile`
    is one).

    `blocks` gives all of its samples in order, (channels, any number) each, finite float32.
    """

    @property
    def sample_rate(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def samples(self) -> int: ...

    def blocks(self) -> Iterator[Audio]: ...


@dataclass(frozen=True)
class ArraySource:
    """An array (channels, samples) as a Source."""

    audio: Audio
    sample_rate: int

    @property
    def channels(self) -> int:
        return int(self.audio.shape[0])

    @property
    def samples(self) -> int:
        return int(self.audio.shape[1])

    def blocks(self) -> Iterator[Audio]:
        for start in range(0, self.samples, _BLOCK):
            yield self.audio[:, start : start + _BLOCK]


class Queue:
    """Samples in order: put at the end, taken from the front."""

    def __init__(self, channels: int) -> None:
        self._audio: Audio = np.zeros((channels, 0), np.float32)

    def __len__(self) -> int:
        return int(self._audio.shape[1])

    def put(self, block: Audio) -> None:
        self._audio = np.concatenate([self._audio, block], axis=1)

    def peek(self, samples: int) -> Audio:
        """The first `samples`, or all there are; they stay."""
        return self._audio[:, :samples]

    def take(self, samples: int) -> Audio:
        """The first `samples`, or all there are; they go."""
        taken, self._audio = self._audio[:, :samples], self._audio[:, samples:]
        return taken


class Spool:
    """What is written once and then read once, in order: short ones in memory, long ones in a file
    without a name in `folder` (default: the system's), which goes with the process.

    Raises OSError on a full disk.
    """

    def __init__(self, channels: int, folder: Path | None = None) -> None:
        self._channels = channels
        where = None if folder is None else str(folder)
        self._file = tempfile.SpooledTemporaryFile(_KEPT_IN_MEMORY, dir=where)  # noqa: SIM115

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, block: Audio) -> None:
        self._file.write(np.ascontiguousarray(block.T).tobytes())

    def rewind(self) -> None:
        """Everything is written: read from the start."""
        self._file.seek(0)

    def read(self, samples: int) -> Audio:
        """The next (channels, samples)."""
        content = self._file.read(samples * self._channels * np.dtype(np.float32).itemsize)
        return np.frombuffer(content, np.float32).reshape(-1, self._channels).T
