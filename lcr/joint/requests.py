"""A prompt as LCR-Q works on it: what it asks of each thing, and what was found of that so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from lcr.joint.query import Floats, Thresholds
from lcr.prompts.reading import NamedThing, Reading
from lcr.prompts.reading.things import WHOLE
from lcr.remixer import Presence

ALWAYS_THERE = Thresholds(absent=-math.inf, heard=-math.inf)
"""What is pointed at is there."""


@dataclass
class Reached:
    """The energy of a thing before and after, over all chunks, as in `lcr.joint.query.Remixed`."""

    before: float = 0.0
    after: float = 0.0

    def add(self, before: float, after: float) -> None:
        self.before += before
        self.after += after

    @property
    def gain_db(self) -> float | None:
        """The gain it has had, in dB, -40 at the least; None before anything was heard."""
        if self.before <= 0:
            return None
        return 20 * math.log10(max(self.after / self.before, 0.01))


@dataclass
class Asked:
    """One thing a prompt lists, and how surely it was heard in what has been remixed so far."""

    thing: NamedThing
    vector: Floats
    evidence: Floats
    """The vector by which its presence is told."""
    thresholds: Thresholds
    names: tuple[str, ...] = ()
    """The recorded names that it goes by, or those of its kind."""
    sound: Floats | None = None
    """The sum of the vectors of what was found, by energy."""
    logit: float = -math.inf
    reached: Reached = field(default_factory=Reached)

    @property
    def is_named_sound(self) -> bool:
        """Whether it is a sound by its name: neither a voice nor what is pointed at."""
        return self.thing.kind == "sound" and self.thresholds is not ALWAYS_THERE

    def add_sound(self, sound: Floats | None) -> None:
        """Add the vector of what was found for it in one more channel or chunk."""
        if self.names and sound is not None:
            self.sound = sound if self.sound is None else self.sound + sound

    @property
    def presence(self) -> Presence:
        if self.logit < self.thresholds.absent or math.isinf(self.logit):
            return "absent"
        return "heard" if self.logit >= self.thresholds.heard else "not sure"


@dataclass(frozen=True)
class Found:
    """What was found of a thing in one channel of one chunk."""

    logit: float
    vectors: list[Floats]
    """Queries that find it."""
    sound: Floats | None
    """The vector of what is found, times its energy; None where it is no named sound."""


@dataclass
class Request:
    """A prompt as it was read, and all that was found for it so far."""

    reading: Reading
    asked: list[Asked]
    not_understood: tuple[str, ...]
    heard: dict[str, float] = field(default_factory=dict)
    """Names of what sounds there, with presence logits; filled where something is absent."""
    rest: Reached = field(default_factory=Reached)
    energy_in: float = 0.0
    energy_out: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Whether it lists no thing, so that it applies whatever is there."""
        return not self.reading.listed

    @property
    def says_whole(self) -> bool:
        """Whether it asks for a level of everything (else), and not for its removal."""
        return self.says_rest and self.reading.rest_gain not in (0.0, 1.0)

    @property
    def says_rest(self) -> bool:
        """Whether it says itself what happens to everything (else)."""
        return any(thing.kind in WHOLE for thing in self.reading.things)

    @property
    def changes_nothing(self) -> bool:
        """Whether the recording is to come back as it was: nothing that it lists was heard, or
        nothing was heard surely and next to nothing would be left."""
        if self.is_whole or self.says_whole:
            return False
        if all(one.presence == "absent" for one in self.asked):
            return True
        unsure = all(one.presence != "heard" for one in self.asked)
        return unsure and self.reading.rest_gain == 0 and self.energy_out < 0.01 * self.energy_in
