"""What the generative planner reads and writes, as text: a request with or without an inventory,
and descriptions in few words that can be read back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.plan import HeardSource, RemixPlan
from lcr.instruction import (
    STYLE_ATTRIBUTES,
    STYLE_VALUES,
    AudioDescription,
    Description,
    SpeechDescription,
)

MOST_SOURCES = 12
"""Sources of an inventory that the planner has ids for."""
SPEECH, SOUNDS = "all speech", "all sounds"
"""Names of the two groups in plans without an inventory."""

_GENDERS = {"M": "man", "F": "woman"}
_TEMPOS = {"low": "slow", "normal": "normal pace", "high": "fast"}
_VOICE = "speaker"
_STYLES = {
    "tempo": _TEMPOS,
    "pitch": {level: f"{level} pitch" for level in _TEMPOS},
    "energy": {level: f"{level} energy" for level in _TEMPOS},
}


def words_of(description: Description) -> str:
    """A description in few words: "man low pitch fast happy", "dog barking"."""
    if isinstance(description, AudioDescription):
        return description.label.lower()
    known = description.known
    said = [_GENDERS.get(known.pop("gender", ""), _VOICE)]
    said += [_STYLES[name][value] if name in _STYLES else value for name, value in known.items()]
    return " ".join(said)


def description_of(words: str) -> Description:
    """Read what `words_of` wrote; text that is no whole description of a speaker names a sound."""
    text = " ".join(words.lower().split())
    if text == SPEECH:
        return SpeechDescription()
    found = _SPEAKER.fullmatch(text)
    if found is None:
        return AudioDescription(label=text)
    values = {name: _VALUES[name].get(found[name]) for name in STYLE_ATTRIBUTES}
    return SpeechDescription(**values)


def _said_of(name: str) -> dict[str, str]:
    """Words to value."""
    if name == "gender":
        return {word: value for value, word in _GENDERS.items()}
    return {_STYLES.get(name, {}).get(value, value): value for value in STYLE_VALUES[name]}


_VALUES = {name: _said_of(name) for name in STYLE_ATTRIBUTES}
_SPEAKER = re.compile(
    f"(?:{_VOICE}|(?P<gender>{'|'.join(_VALUES['gender'])}))"
    + "".join(f"(?: (?P<{n}>{'|'.join(_VALUES[n])}))?" for n in STYLE_ATTRIBUTES[1:])
)


def source_id(number: int) -> str:
    """ "s1" for number 0: what plans call the sources of an inventory."""
    return f"s{number + 1}"


def inventory_of(described: Sequence[Description]) -> tuple[HeardSource, ...]:
    """Sources that are known for sure, under ids in their order. Raises ValueError for too many."""
    if len(described) > MOST_SOURCES:
        raise ValueError(f"at most {MOST_SOURCES} sources have ids; got {len(described)}")
    return tuple(
        HeardSource(id=source_id(number), description=one, confidence=1.0)
        for number, one in enumerate(described)
    )


def request(prompt: str, inventory: Sequence[HeardSource]) -> str:
    """The user's message: the prompt, and a line for each source where they are known."""
    lines = [" ".join(prompt.split())]
    lines += [f"{one.id} {words_of(one.description)}" for one in inventory]
    return "\n".join(lines)


def plan_text(plan: RemixPlan) -> str:
    """A plan's JSON as the planner writes it: no spaces, nothing that goes without saying."""
    return plan.model_dump_json(exclude_none=True)
