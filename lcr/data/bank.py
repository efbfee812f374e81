"""What a bank of sources is: entries known without sound, and their waveforms on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from lcr.instruction import Description

SAMPLE_RATE = 16_000
"""Hz; every bank gives mono waveforms at this rate."""

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

Waveform: TypeAlias = NDArray[np.float32]
"""(samples,) mono at `SAMPLE_RATE`."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One source of a bank.

    `id` is unique in the bank; `group` names what must not cross splits (the speaker, the
    original recording); `unseen` marks classes kept out of training.
    """

    id: str
    description: Description
    split: Split
    group: str
    unseen: bool = False


class Bank(Protocol):
    """A set of described sources. Same config, same entries and samples, in any process."""

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str:
        """sha256 hex over everything that determines entries and waveforms."""
        ...

    def entries(self, split: Split) -> Sequence[Entry]:
        """All entries of a split in a fixed order (cheap: no sound is made or read)."""
        ...

    def load(self, entry: Entry) -> Waveform:
        """The waveform, any length >= 1 sample, finite, peak <= 1. Raises AudioFileError."""
        ...
