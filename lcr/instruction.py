"""The domain: descriptions, actions, instructions and the paper's 16 tasks (III, Table I)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

Kind = Literal["speech", "audio"]

STYLE_VALUES: dict[str, tuple[str, ...]] = {
    "gender": ("M", "F"),
    "pitch": ("low", "normal", "high"),
    "tempo": ("low", "normal", "high"),
    "energy": ("low", "normal", "high"),
    "emotion": ("neutral", "happy", "sad", "angry", "surprised", "disgusted", "fear", "contempt"),
}
"""Every value a speaking style attribute may take; the paper's, section III-A and TextrolSpeech."""

STYLE_ATTRIBUTES: tuple[str, ...] = tuple(STYLE_VALUES)

RELATIONS = ("first", "second", "last", "higher", "lower", "louder", "quieter")
"""What tells one voice from the others of a mixture: when it begins, its pitch, its level."""


class Action(Enum):
    """What happens to one source: the paper's set A, with its scaling factors A_alpha (III-A)."""

    REMOVE = "0"
    KEEP = "1"
    UP = "U"
    DOWN = "D"

    @property
    def gain(self) -> float:
        """Linear factor on the waveform."""
        return _GAINS[self]

    @classmethod
    def of_gain(cls, gain: float) -> Action:
        """The action that a linear factor is, however far it goes."""
        if gain == 0:
            return cls.REMOVE
        return cls.UP if gain > 1 else cls.DOWN if gain < 1 else cls.KEEP


_GAINS = {Action.REMOVE: 0.0, Action.KEEP: 1.0, Action.UP: 2.0, Action.DOWN: 0.5}


@dataclass(frozen=True, kw_only=True)
class SpeechDescription:
    """Speaking style of one speaker; `None` where unknown.

    Raises ValueError on a value outside `STYLE_VALUES`.
    """

    gender: str | None = None
    pitch: str | None = None
    tempo: str | None = None
    energy: str | None = None
    emotion: str | None = None

    def __post_init__(self) -> None:
        for attribute, values in STYLE_VALUES.items():
            value = getattr(self, attribute)
            if value is not None and value not in values:
                raise ValueError(f"{attribute} must be one of {', '.join(values)}; got {value!r}")

    @property
    def kind(self) -> Kind:
        return "speech"

    @property
    def known(self) -> dict[str, str]:
        """The attributes that have a value."""
        found = {name: getattr(self, name) for name in STYLE_ATTRIBUTES}
        return {name: value for name, value in found.items() if value is not None}

    def distinguishing(self, other: SpeechDescription) -> frozenset[str]:
        """Attributes known in both that differ: any one of them tells the two speakers apart."""
        mine, theirs = self.known, other.known
        return frozenset(a for a in mine if a in theirs and mine[a] != theirs[a])


@dataclass(frozen=True, kw_only=True)
class AudioDescription:
    """Class label of one non-speech source, such as "dog barking"."""

    label: str

    def __post_init__(self) -> None:
        if not self.label.strip():
            raise ValueError("an audio source needs a class label; got an empty one")

    @property
    def kind(self) -> Kind:
        return "audio"

    @property
    def known(self) -> dict[str, str]:
        return {"label": self.label}


Description = SpeechDescription | AudioDescription


def read_description(data: Mapping[str, Any]) -> Description:
    """From {"kind": its kind, **its known}; what else is in `data` does not count. Raises KeyError
    or ValueError where it holds none."""
    if data["kind"] == "audio":
        return AudioDescription(label=data["label"])
    return SpeechDescription(**{name: data[name] for name in STYLE_ATTRIBUTES if name in data})


def tell_apart(a: Description, b: Description) -> bool:
    """Whether words can pick one of the two: the rule "no two sources share a description"."""
    if isinstance(a, SpeechDescription) and isinstance(b, SpeechDescription):
        return bool(a.distinguishing(b))
    if isinstance(a, AudioDescription) and isinstance(b, AudioDescription):
        return a.label != b.label
    return True


@dataclass(frozen=True)
class Instruction:
    """pi = {(a_i, s~_i)}: one action for each described source, in the mixture's order.

    Raises ValueError when the lengths differ, or speech does not come before audio.
    """

    actions: tuple[Action, ...]
    descriptions: tuple[Description, ...]

    def __post_init__(self) -> None:
        if len(self.actions) != len(self.descriptions) or not self.actions:
            raise ValueError(
                f"{len(self.actions)} actions for {len(self.descriptions)} sources; "
                "an instruction needs one action a source and at least one source"
            )
        kinds = [d.kind for d in self.descriptions]
        if kinds != sorted(kinds, reverse=True):
            raise ValueError("speech sources come before audio sources in an instruction")

    @property
    def pattern(self) -> str:
        """One of 0, 1, U, D a source, speech first, as in Table I: "01U1"."""
        return "".join(action.value for action in self.actions)

    @property
    def gains(self) -> tuple[float, ...]:
        return tuple(action.gain for action in self.actions)

    @property
    def n_speech(self) -> int:
        return sum(d.kind == "speech" for d in self.descriptions)

    @property
    def task(self) -> Task:
        return task_of(self.pattern, n_speech=self.n_speech)


def parse_pattern(pattern: str) -> tuple[Action, ...]:
    """Read "01UD". Raises ValueError on any other letter or an empty pattern."""
    try:
        actions = tuple(Action(letter) for letter in pattern)
    except ValueError:
        raise ValueError(f"a pattern holds only 0, 1, U and D; got {pattern!r}") from None
    if not actions:
        raise ValueError("a pattern needs at least one source; got an empty one")
    return actions


class Task(Enum):
    """The paper's 16 remixing tasks, in the order of its tables."""

    TSE = "TSE"
    TSR = "TSR"
    TS_UP = "TS↑"
    TS_DOWN = "TS↓"
    TAE = "TAE"
    TAR = "TAR"
    TA_UP = "TA↑"
    TA_DOWN = "TA↓"
    SE = "SE"
    SR = "SR"
    S_UP = "S↑"
    S_DOWN = "S↓"
    ME = "ME"
    MVC = "MVC"
    MEVC = "MEVC"
    OVC = "OVC"

    @property
    def words(self) -> str:
        """What the letters stand for, in plain English."""
        return _WORDS[self.value]


_WORDS = {
    "TSE": "extract one speaker",
    "TSR": "remove one speaker",
    "TS↑": "turn one speaker up",
    "TS↓": "turn one speaker down",
    "TAE": "extract one sound",
    "TAR": "remove one sound",
    "TA↑": "turn one sound up",
    "TA↓": "turn one sound down",
    "SE": "extract all speech",
    "SR": "remove all speech",
    "S↑": "turn all speech up",
    "S↓": "turn all speech down",
    "ME": "extract or remove several",
    "MVC": "change several volumes",
    "MEVC": "remove some, change others",
    "OVC": "change overall volume",
}
_ONE_SPEECH = {"0": Task.TSR, "U": Task.TS_UP, "D": Task.TS_DOWN}
_ONE_AUDIO = {"0": Task.TAR, "U": Task.TA_UP, "D": Task.TA_DOWN}
_ALL_SPEECH = {
    ("1", "0"): Task.SE,
    ("0", "1"): Task.SR,
    ("U", "1"): Task.S_UP,
    ("1", "D"): Task.S_UP,
    ("U", "D"): Task.S_UP,
    ("D", "1"): Task.S_DOWN,
    ("1", "U"): Task.S_DOWN,
    ("D", "U"): Task.S_DOWN,
}


def task_of(pattern: str, *, n_speech: int) -> Task:
    """The task of a non-trivial pattern (Table I), for any number of sources.

    With fewer than 2 + 2 sources two names can fit one pattern; the one Table III fills wins:
    the tasks over all speech or audio first, then extraction before removal.
    Raises ValueError for patterns that change nothing or leave nothing.
    """
    parse_pattern(pattern)
    if not 0 <= n_speech <= len(pattern):
        raise ValueError(f"n_speech must be 0 to {len(pattern)}; got {n_speech}")
    letters = set(pattern)
    if letters in ({"1"}, {"0"}):
        raise ValueError(f"pattern {pattern!r} is trivial: it keeps or removes everything")
    if letters in ({"U"}, {"D"}):
        return Task.OVC
    speech, audio = pattern[:n_speech], pattern[n_speech:]
    if speech and audio and len(set(speech)) == len(set(audio)) == 1:
        group = _ALL_SPEECH.get((speech[0], audio[0]))
        if group is not None:
            return group
    if letters <= {"0", "1"} and pattern.count("1") == 1:
        return Task.TSE if pattern.index("1") < n_speech else Task.TAE
    if pattern.count("1") == len(pattern) - 1:
        odd = next(i for i, letter in enumerate(pattern) if letter != "1")
        return (_ONE_SPEECH if odd < n_speech else _ONE_AUDIO)[pattern[odd]]
    if "0" not in letters:
        return Task.MVC
    return Task.MEVC if letters & {"U", "D"} else Task.ME


def patterns(n_speech: int, n_audio: int) -> Iterator[str]:
    """Every non-trivial pattern of a mixture of `n_speech` + `n_audio` sources, in fixed order."""
    for letters in itertools.product("01UD", repeat=n_speech + n_audio):
        if set(letters) not in ({"1"}, {"0"}):
            yield "".join(letters)


def patterns_by_task(n_speech: int = 2, n_audio: int = 2) -> dict[Task, tuple[str, ...]]:
    """The patterns of each task that exists for this mixture, tasks in table order."""
    found: dict[Task, list[str]] = {}
    for pattern in patterns(n_speech, n_audio):
        found.setdefault(task_of(pattern, n_speech=n_speech), []).append(pattern)
    return {task: tuple(found[task]) for task in Task if task in found}


def instruction(pattern: str, descriptions: Sequence[Description]) -> Instruction:
    """Build an instruction from a pattern string and the sources' descriptions."""
    return Instruction(parse_pattern(pattern), tuple(descriptions))
