"""A conversation as JSON, without the sound: what was said, and the mixes it can go back to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

from agents.conversation.follow import Last
from agents.conversation.state import State
from agents.conversation.turn import Turn
from lcr.errors import LcrError
from lcr.prompts.time_range import TimeRangeError
from lcr.remixer import Audio


class ConversationError(LcrError):
    """A history that is damaged or of another recording, or a gain for what is not there."""


@dataclass(frozen=True, kw_only=True)
class History:
    """`turns` of a conversation about the recording of `audio_sha256`, whose `sources` have names
    by id. `states` can be undone and redone, and `last` is what words refer to in each; the one
    at `at` stands. Raises ValueError where they do not fit together."""

    __pydantic_config__: ClassVar = ConfigDict(strict=True, extra="forbid")

    schema: Literal[3] = 3
    sample_rate: int
    audio_sha256: str
    sources: Mapping[str, str]
    turns: tuple[Turn, ...]
    states: tuple[State, ...]
    last: tuple[Last, ...]
    at: int

    def __post_init__(self) -> None:
        whole = len(self.states) == len(self.last)
        if not (whole and 0 <= self.at < len(self.states) and self.turns):
            raise ValueError("its states do not fit together")
        if [turn.number for turn in self.turns] != list(range(len(self.turns))):
            raise ValueError("its turns are not numbered from 0")
        for state in (*self.states, *(turn.state for turn in self.turns)):
            if any(one.gains.keys() != self.sources.keys() for one in state.mixes):
                raise ValueError("a mix has not a gain for each source")

    def to_json(self) -> str:
        return TypeAdapter(History).dump_json(self, indent=1).decode()

    @classmethod
    def from_json(cls, text: str, render: Callable[[State], Audio]) -> History:
        """What `to_json` gave; `render` is for its turns. Raises ConversationError for anything
        else."""
        try:
            made = TypeAdapter(History).validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise ConversationError(f"no history of a conversation: {problem}") from error
        except TimeRangeError as error:
            raise ConversationError(f"no history of a conversation: {error}") from error
        befores = (None, *made.states)
        last = (replace(one, before=b) for one, b in zip(made.last, befores, strict=False))
        turns = (replace(turn, render=render) for turn in made.turns)
        return replace(made, turns=tuple(turns), last=tuple(last))


def digest(audio: Audio) -> str:
    """SHA-256 of (channels, samples)."""
    content = np.ascontiguousarray(audio).tobytes()
    return hashlib.sha256(content + str(audio.shape).encode()).hexdigest()
