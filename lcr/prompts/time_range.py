"""A part of a recording: the change that a prompt asks for is limited to it, or spares it.

What does not change is the recording's own, sample by sample. The rest is the remix, but for the
edges of its parts, where it fades into the recording by a raised cosine whose two weights sum to 1.
An edge at the recording's own start or end does not fade.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcr.audio.streams import Queue, Source
from lcr.errors import LcrError
from lcr.remixer import Audio, Step

FADE_S = 0.02
"""Of each edge, inside of what changes; less where that is shorter than two of them."""


class TimeRangeError(LcrError):
    """A time range that is no range, is not understood or is not in the recording."""


@dataclass(frozen=True, kw_only=True)
class TimeRange:
    """From `start_s` to `end_s`, in seconds from the recording's start, or, below 0, from its end;
    `end_s` None is the end. `spared`: this part stays as it is, and all others change.

    Raises TimeRangeError where it ends before it begins, as far as that can be told without the
    recording's length, or a time is not finite.
    """

    start_s: float = 0.0
    end_s: float | None = None
    spared: bool = False

    def __post_init__(self) -> None:
        end_s = self.end_s
        if not np.isfinite([self.start_s, 0.0 if end_s is None else end_s]).all():
            raise TimeRangeError(f"{self.words()}: the times must be finite")
        if end_s is not None and end_s <= self.start_s and (end_s < 0) == (self.start_s < 0):
            raise TimeRangeError(f"{self.words()}: it must end after it begins")

    def words(self) -> str:
        """For a person: "from 10 s to 15 s", "from 3 s before the end to the end", "except from
        10 s to 15 s"."""
        end = "the end" if self.end_s is None else _moment(self.end_s)
        return f"{'except ' * self.spared}from {_moment(self.start_s)} to {end}"

    def to_json(self) -> dict[str, Any]:
        return {"start_s": self.start_s, "end_s": self.end_s, "spared": self.spared}

    def step(self) -> Step:
        """For a trace."""
        return Step(
            name="time range",
            detail=self.words(),
            data=self.to_json(),
        )

    def within(self, samples: int, sample_rate: int) -> Window:
        """Where the range lies in a recording of `samples` samples; it may end beyond.

        Raises TimeRangeError where it has no sample in common with the recording, and where it
        spares all of them.
        """
        first = _sample(self.start_s, samples, sample_rate)
        last = samples if self.end_s is None else _sample(self.end_s, samples, sample_rate)
        first, last = max(first, 0), min(last, samples)
        if first >= last:
            where = self.words().removeprefix("except ")
            raise TimeRangeError(
                f"no part of the recording is {where}: it lasts {samples / sample_rate:g} s"
            )
        fade = round(FADE_S * sample_rate)
        if not self.spared:
            fade = min(fade, (last - first) // 2)
        elif first == 0 and last == samples:
            raise TimeRangeError(f"nothing of the recording is left to change {self.words()}")
        return Window(samples=samples, first=first, last=last, fade=fade, spared=self.spared)


@dataclass(frozen=True, kw_only=True)
class Window:
    """A range in samples, `first` to before `last` of a recording of `samples`, with edges of
    `fade` samples, inside of it or, where it is `spared`, outside."""

    samples: int
    first: int
    last: int
    fade: int
    spared: bool = False

    def blend(self, before: Audio, after: Audio, at: int = 0) -> Audio:
        """`before` with what changes from `after`: both (channels, samples), and what a recording
        holds from sample `at` on."""
        out: Audio = before.copy()
        begin, end = 0, before.shape[1]
        if not self.spared:
            begin, end = max(self.first - at, 0), min(self.last - at, end)
        if begin < end:
            weight = self._weights(at + begin, at + end)
            part = (1 - weight) * before[:, begin:end] + weight * after[:, begin:end]
            out[:, begin:end] = part
        return out

    def _weights(self, begin: int, end: int) -> NDArray[np.float64]:
        """Of the remix, from sample `begin` to before `end`, both within the range unless it is
        spared."""
        at = np.arange(begin, end) + 0.5
        if self.spared:
            left = (self.first - at) / max(min(self.fade, self.first), 1)
            right = (at - self.last) / max(min(self.fade, self.samples - self.last), 1)
            return _raised_cosine(np.maximum(left, right))
        inward = np.full(at.shape, np.inf)
        if self.first > 0:
            inward = at - self.first
        if self.last < self.samples:
            inward = np.minimum(inward, self.last - at)
        return _raised_cosine(inward / self.fade) if self.fade else np.ones(at.shape)


def limit(before: Audio, after: Audio, sample_rate: int, only: TimeRange) -> Audio:
    """`before` with what `only` lets change from `after`, both (channels, samples).

    Raises TimeRangeError as `TimeRange.within` does.
    """
    return only.within(before.shape[1], sample_rate).blend(before, after)


def limit_blocks(remixed: Iterable[Audio], source: Source, window: Window) -> Iterator[Audio]:
    """Do what `limit` does block by block: yield `source` with what `window` lets change from
    `remixed`, which has as many samples. `source` is read once, alongside."""
    original, at = source.blocks(), 0
    held = Queue(source.channels)
    for block in remixed:
        while len(held) < block.shape[1]:
            held.put(next(original))
        yield window.blend(held.take(block.shape[1]), block, at)
        at += block.shape[1]


def _raised_cosine(share: NDArray[np.float64]) -> NDArray[np.float64]:
    weights: NDArray[np.float64] = np.sin(0.5 * np.pi * np.clip(share, 0, 1)) ** 2
    return weights


def _sample(time_s: float, samples: int, sample_rate: int) -> int:
    at = round(time_s * sample_rate)
    return samples + at if time_s < 0 else at


def _moment(time_s: float) -> str:
    return f"{-time_s:g} s before the end" if time_s < 0 else f"{time_s:g} s"
