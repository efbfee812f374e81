"""Pointing at a sound instead of naming it: "the sound at 0:03", "whatever this is at 0:02 to 0:04,
everywhere". A time that points says *which* sound; "from 0:02 to 0:04" alone says *when*."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lcr.errors import LcrError
from lcr.prompts.time_words import POINTING, parse_time

STAND_INS = ("theremin", "accordion", "bassoon", "zither")
"""What a reader is given in the place of sounds that are pointed at: one for each, none that the
prompt names itself."""
_BEFORE_S, _AFTER_S = 0.25, 0.75
_SOUND = re.compile(
    r"\b(?:sounds? like (?:this|that|it|these)|(?:this|that|these|such|the same)(?: kind of)? "
    r"(?:sounds?|noises?))\b",
    re.IGNORECASE,
)
_IT = re.compile(r"\b(?:it|this|that|them|these)\b(?!'s| is\b| possible)", re.IGNORECASE)


class PointingError(LcrError):
    """A time that points at nothing, or an example without a word of what to do with it."""


@dataclass(frozen=True)
class Pointed:
    """`words` of a prompt that mean what sounds from `start_s` to `end_s` of the recording; both
    are None for an example that was given beside the prompt."""

    words: str
    stand_in: str
    start_s: float | None = None
    end_s: float | None = None


def find_pointing(prompt: str) -> tuple[str, tuple[Pointed, ...]]:
    """`prompt` with one of `STAND_INS` for each sound that is pointed at, and these in order.

    Raises PointingError where the end of a stretch lies before its start, for a time counted from
    the end, and for more sounds than there are stand-ins.
    """
    found: list[Pointed] = []
    free = iter([name for name in STAND_INS if name not in prompt.lower()])

    def stand_in(match: re.Match[str]) -> str:
        start = parse_time(match["a"] or match["c"])
        name = next(free, None)
        if name is None:
            raise PointingError(f"at most {len(STAND_INS)} sounds can be pointed at in one prompt")
        if start < 0:
            raise PointingError(f'"{match[0]}": point by the time from the start of the recording')
        stop = match["b"] or match["d"]
        if stop is None:
            span = (max(0.0, start - _BEFORE_S), start + _AFTER_S)
            found.append(Pointed(match[0], name, *span))
        else:
            end = parse_time(stop)
            if end <= start:
                raise PointingError(f'"{match[0]}" ends before it begins')
            found.append(Pointed(match[0], name, start, end))
        return f"the {name}"

    return POINTING.sub(stand_in, prompt), tuple(found)


def points(prompt: str) -> bool:
    """Whether a prompt points at a sound by time."""
    return POINTING.search(prompt) is not None


def stand_in_for_example(prompt: str) -> tuple[str, Pointed]:
    """`prompt` with one of `STAND_INS` for the word that means an example given beside it: "it",
    "this sound", "sounds like this". Raises PointingError where there is none."""
    match = _SOUND.search(prompt) or _IT.search(prompt)
    name = next((name for name in reversed(STAND_INS) if name not in prompt.lower()), None)
    if match is None or name is None:
        raise PointingError('say what to do with the example, such as "remove it"')
    return f"{prompt[: match.start()]}the {name}{prompt[match.end() :]}", Pointed(match[0], name)
