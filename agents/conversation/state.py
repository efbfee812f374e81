"""What a conversation about a recording has come to: a gain for each source and for what is none
of them, in the whole recording and in parts of it, or what another system made of it by a prompt;
always from the original sound."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from agents.plan import LEAST_DB, MOST_DB
from baselines.composite.extraction import mix
from lcr.prompts.time_range import TimeRange, limit
from lcr.remixer import Audio

REST = "rest"
"""What is none of the sources, where gains are told by id."""


def clamp(gain_db: float | None) -> float | None:
    """To what a plan may ask for; NaN is a ValueError."""
    if gain_db is None:
        return None
    if math.isnan(gain_db):
        raise ValueError("a gain must be a number of dB; got NaN")
    return min(max(gain_db, LEAST_DB), MOST_DB)


GainDb: TypeAlias = Annotated[float | None, AfterValidator(clamp)]
"""In dB re the original; None: removed."""


@dataclass(frozen=True, kw_only=True)
class Mix:
    """Gains by the sources' ids, and of the rest."""

    gains: Mapping[str, GainDb]
    rest: GainDb = 0.0

    def with_gains(self, changed: Mapping[str, GainDb]) -> Mix:
        """With some of them others; `REST` is the rest. Gains beyond a plan's are cut to those."""
        cut = {key: clamp(value) for key, value in changed.items()}
        rest = cut.pop(REST, self.rest)
        return Mix(gains={**self.gains, **cut}, rest=rest)

    def gain_of(self, id_: str) -> GainDb:
        """Raises KeyError for what is neither a source nor `REST`."""
        return self.rest if id_ == REST else self.gains[id_]


Edit = Callable[[Mix], Mix]


@dataclass(frozen=True, kw_only=True)
class ByPrompt:
    """What `system` makes of the original by `prompt` alone; a range in it limits the change."""

    system: str
    prompt: str


@dataclass(frozen=True, kw_only=True)
class State:
    """`whole` is the mix of the recording, but for the `parts`, of which later ones cover earlier
    ones. Where the sound is `by` another system, they are what the next edit goes on from."""

    whole: Mix
    parts: tuple[tuple[TimeRange, Mix], ...] = field(default=())
    by: ByPrompt | None = None

    @property
    def mixes(self) -> tuple[Mix, ...]:
        """The mix of the whole recording, then those of its parts."""
        return (self.whole, *(one for _, one in self.parts))

    def edited(self, edit: Edit, only: TimeRange | None) -> State:
        """With `edit` made in the part `only` of the mix, or everywhere."""
        if only is None:
            parts = tuple((part, edit(one)) for part, one in self.parts)
            return State(whole=edit(self.whole), parts=parts)
        before = next((one for part, one in reversed(self.parts) if part == only), self.whole)
        kept = tuple(pair for pair in self.parts if pair[0] != only)
        return State(whole=self.whole, parts=(*kept, (only, edit(before))))

    def shown(self, only: TimeRange | None = None) -> Mix:
        """The mix of a part, or of the whole."""
        return next((one for part, one in self.parts if part == only), self.whole)

    def render(
        self, mixture: Audio, sources: NDArray[np.float32], ids: Sequence[str], sample_rate: int
    ) -> Audio:
        """The mix: `mixture` (channels, samples), of which `sources` (sources, channels, samples)
        are the `ids`, with these gains; see `baselines.composite.extraction`. Raises
        TimeRangeError for a part that is not in it."""

        def made(one: Mix) -> Audio:
            gains = [factor(one.gains[id_]) for id_ in ids]
            return mix(mixture, sources, gains, factor(one.rest))

        audio = made(self.whole)
        for only, one in self.parts:
            audio = limit(audio, made(one), sample_rate, only)
        return audio


def factor(gain_db: GainDb) -> float:
    """On the waveform."""
    return 0.0 if gain_db is None else math.pow(10, gain_db / 20)


def words_of_gain(gain_db: GainDb) -> str:
    """For a person: "removed", "as it is", "+6 dB"."""
    if gain_db is None:
        return "removed"
    return "as it is" if abs(gain_db) < 0.05 else f"{gain_db:+.1f} dB".replace(".0 dB", " dB")
