"""A conversation as JSON, without the sound: what was said, and the mixes it can go back to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agents.conversation.follow import Last
from agents.conversation.state import State
from agents.conversation.turn import Choice, Turn
from lcr.errors import LcrError
from lcr.prompts.time_range import TimeRange, TimeRangeError
from lcr.remixer import Audio

_SCHEMA = 2


class ConversationError(LcrError):
    """A history that is damaged or of another recording, or a gain for what is not there."""


@dataclass(frozen=True, kw_only=True)
class History:
    """`turns` of a conversation about the recording of `audio_sha256`, whose `sources` have names
    by id. `states` can be undone and redone, and `last` is what words refer to in each; the one
    at `at` stands."""

    sample_rate: int
    audio_sha256: str
    sources: Mapping[str, str]
    turns: tuple[Turn, ...]
    states: tuple[State, ...]
    last: tuple[Last, ...]
    at: int

    def to_json(self) -> str:
        data = {
            "schema": _SCHEMA,
            "sample_rate": self.sample_rate,
            "audio_sha256": self.audio_sha256,
            "sources": dict(self.sources),
            "turns": [turn.as_json() for turn in self.turns],
            "states": [state.as_json() for state in self.states],
            "last": [_last_json(one) for one in self.last],
            "at": self.at,
        }
        return json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1)

    @classmethod
    def from_json(cls, text: str, render: Callable[[State], Audio]) -> History:
        """What `to_json` gave; `render` is for its turns. Raises ConversationError for anything
        else."""
        try:
            data = json.loads(text)
            if data["schema"] != _SCHEMA:
                raise ConversationError(f"a history of schema {data['schema']}; know {_SCHEMA}")
            states = tuple(State.of_json(one) for one in data["states"])
            befores = (None, *states)
            last = tuple(
                replace(_read_last(one), before=before)
                for one, before in zip(data["last"], befores, strict=False)
            )
            made = cls(
                sample_rate=data["sample_rate"],
                audio_sha256=data["audio_sha256"],
                sources=data["sources"],
                turns=tuple(_read_turn(one, render) for one in data["turns"]),
                states=states,
                last=last,
                at=data["at"],
            )
            at: object = made.at  # as the file has it
            whole = isinstance(at, int) and len(states) == len(data["last"])
            if not (whole and 0 <= made.at < len(states) and made.turns):
                raise ValueError("its states do not fit together")
            if [turn.number for turn in made.turns] != list(range(len(made.turns))):
                raise ValueError("its turns are not numbered from 0")
            for state in (*states, *(turn.state for turn in made.turns)):
                if any(one.gains.keys() != made.sources.keys() for one in state.mixes):
                    raise ValueError("a mix has not a gain for each source")
        except (
            ValueError, KeyError, TypeError, AttributeError, RecursionError, TimeRangeError
        ) as error:  # fmt: skip
            raise ConversationError(f"no history of a conversation: {error}") from error
        return made


def digest(audio: Audio) -> str:
    """SHA-256 of (channels, samples)."""
    content = np.ascontiguousarray(audio).tobytes()
    return hashlib.sha256(content + str(audio.shape).encode()).hexdigest()


def _read_turn(data: Mapping[str, Any], render: Callable[[State], Audio]) -> Turn:
    return Turn(
        number=int(data["number"]),
        prompt=str(data["prompt"]),
        reply=str(data["reply"]),
        plan=str(data["plan"]),
        state=State.of_json(data["state"]),
        asks=tuple(Choice(id=str(one["id"]), words=str(one["words"])) for one in data["asks"]),
        render=render,
    )


def _last_json(one: Last) -> dict[str, Any]:
    return {
        "prompt": one.prompt,
        "named": one.named,
        "focus": one.focus,
        "way": one.way,
        "only": None if one.only is None else one.only.to_json(),
    }


def _read_last(data: Mapping[str, Any]) -> Last:
    only = data["only"]
    return Last(
        prompt=str(data["prompt"]),
        named=tuple(map(str, data["named"])),
        focus=tuple(map(str, data["focus"])),
        way=data["way"],
        only=None if only is None else TimeRange.from_json(only),
    )
