"""What reading a prompt gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lcr.instruction import Action
from lcr.lexicon import Sound

Kind = Literal["voice", "sound", "all_speech", "all_sounds", "everything", "everything_else"]
"""One voice, one sound or sort of sounds, all speech, all that is not speech, everything, and
everything that is not named."""
KINDS: tuple[Kind, ...] = (
    "voice",
    "sound",
    "all_speech",
    "all_sounds",
    "everything",
    "everything_else",
)
Rest = Literal["stays", "goes", "fades"]
"""What happens to all that a prompt does not name: nothing, removed ("keep only"), lowered ("make
her clearer")."""
RESTS: tuple[Rest, ...] = ("stays", "goes", "fades")
REST_GAINS: dict[Rest, float] = {"stays": 1.0, "goes": 0.0, "fades": 0.5}
WHOLE: frozenset[Kind] = frozenset({"everything", "everything_else"})


@dataclass(frozen=True)
class Span:
    """Characters `start` to `stop` of a prompt name something that `action` is for, of which the
    tagger is as `sure`, from 0 to 1."""

    start: int
    stop: int
    kind: Kind
    action: Action
    styles: Mapping[str, str] = field(default_factory=dict)
    sure: float = field(default=1.0, compare=False)


@dataclass(frozen=True)
class Tagging:
    """What the first half of a reader finds: spans in the order of the text, what happens to the
    rest, whether it is a request for a remix at all, and spans (start, stop) of what is asked but
    is not about levels ("add reverb")."""

    spans: tuple[Span, ...]
    rest: Rest = "stays"
    is_request: bool = True
    odd: tuple[tuple[int, int], ...] = ()
    by_heart: bool = False
    """Whether the whole prompt is in a known way, so that no rule need mend it."""


@dataclass(frozen=True, kw_only=True)
class NamedThing:
    """One thing a prompt names: `words` are its characters `start` to `stop`.

    `gain` is the factor on the waveform, `is_stated` whether it is a number of the prompt. `wins`:
    it is an exception, to be taken out of a broader thing ("the animals, but not the dog").
    `styles` are the speaking styles that are stated, as in `lcr.instruction.STYLE_VALUES`, and
    `relation` what tells a voice from the others ("second to speak", "louder").

    Of a sound, `sound` is the lexicon's row where one fits the words, `hypernym` the broader kind
    they name ("animals"), `attributes` (80,) from 0 to 3 how it is said, or thought, to sound, and
    `nearest` the lexicon's names nearest in meaning, where the words are not in it.
    """

    words: str
    start: int
    stop: int
    kind: Kind
    action: Action
    gain: float
    is_stated: bool = False
    wins: bool = False
    styles: Mapping[str, str] = field(default_factory=dict)
    relation: str | None = None
    sound: Sound | None = None
    hypernym: str | None = None
    attributes: NDArray[np.float32] | None = field(default=None, compare=False)
    nearest: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What `text` asks for. `rest_gain` is for all that no thing names; where a thing says what
    happens to everything (else), it is that thing's gain. `not_understood` are words that ask for
    something else than levels, or for nothing that could be made out, `unsure` things whose action
    was read without certainty."""

    text: str
    things: tuple[NamedThing, ...]
    rest_gain: float
    is_request: bool = True
    not_understood: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()

    @property
    def listed(self) -> tuple[NamedThing, ...]:
        """The things a semantic filter lists: all but everything and everything else."""
        return tuple(thing for thing in self.things if thing.kind not in WHOLE)
