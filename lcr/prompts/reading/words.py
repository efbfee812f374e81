"""A reading in words: for a person, for a planner of plain prompts, and why it was refused."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby

from lcr.prompts.reading.things import WHOLE, NamedThing, Reading
from lcr.remixer import Asked, RefusedError, Understood

_NEAR_UNITY_DB = 0.05
_MOST_GAIN = 100.0
"""40 dB: more would only be noise."""
_DOING: dict[Asked, str] = {
    "remove": "Removing",
    "turn up": "Turning up",
    "turn down": "Turning down",
    "keep": "Keeping",
}
CAN = 'I can remove, keep, turn up or turn down what is heard, such as "turn down the dog"'


def action_of(gain: float) -> Asked:
    """What a linear gain asks for."""
    if gain <= 0:
        return "remove"
    level = 20 * math.log10(gain)
    if abs(level) < _NEAR_UNITY_DB:
        return "keep"
    return "turn up" if level > 0 else "turn down"


def name_of(thing: NamedThing) -> str:
    """What a thing is called: its words, but of everything (else) what these mean."""
    return thing.kind.replace("_", " ") if thing.kind in WHOLE else thing.words


def told(reading: Reading) -> str:
    """For a person: "Removing: dog. Turning down: rain (by 3.0 dB). Everything else stays." """
    groups: dict[Asked, list[str]] = {}
    for thing in reading.listed:
        level = _by(thing)
        groups.setdefault(action_of(thing.gain), []).append(thing.words + (level and f" ({level})"))
    parts = [f"{_DOING[asked]}: {', '.join(words)}." for asked, words in groups.items()]
    return " ".join([*parts, _rest(reading)])


def plain(reading: Reading) -> str:
    """The same as plain requests, as planners of the paper's actions have learnt them."""
    found = []
    for asked, things in groupby(reading.things, lambda thing: action_of(thing.gain)):
        names = [name_of(t) if t.kind in WHOLE else f"the {t.words}" for t in things]
        verb = f"{asked.capitalize()} {' and '.join(names)}"
        if asked == "keep":
            isolates = reading.rest_gain == 0
            verb = f"{'Keep only' if isolates else 'Leave alone'} {' and '.join(names)}"
        found.append(f"{verb}.")
    return " ".join(found)


def doubts(not_understood: Iterable[str], unsure: Iterable[str]) -> tuple[str, ...]:
    """In plain English, what of a prompt was not understood, and what may not be read rightly."""
    return (
        *(f'I did not understand "{words}".' for words in not_understood),
        *(f'I am not sure that I read "{words}" rightly.' for words in unsure),
    )


def may_be_another(one: Understood) -> str:
    """Say which other sounds a thing may be."""
    return f'"{one.words}" may be another sound here: {", ".join(one.rather)}.'


def checked(reading: Reading) -> Reading:
    """A reading that can be followed. Raises RefusedError, with why not in one line."""
    if (why := refusal(reading)) is not None:
        raise RefusedError(why)
    return reading


def refusal(reading: Reading) -> str | None:
    """Why a reading cannot be followed, in one line; None where it can."""
    if max((thing.gain for thing in reading.things), default=1.0) > _MOST_GAIN:
        return f"more than {20 * math.log10(_MOST_GAIN):.0f} dB louder cannot be"
    if reading.is_request:
        return None
    asks = ", ".join(f'"{words}"' for words in reading.not_understood)
    if asks and asks != f'"{reading.text}"':
        return f"I cannot tell what to do with {asks}: {CAN}"
    return f'"{_short(reading.text)}" asks for no remix: {CAN}'


def _rest(reading: Reading) -> str:
    whole = any(thing.kind == "everything" for thing in reading.things)
    name = "Everything" if whole and not reading.listed else "Everything else"
    if reading.rest_gain == 0:
        return f"{name} goes."
    if action_of(reading.rest_gain) == "keep":
        return f"{name} stays."
    level = 20 * math.log10(reading.rest_gain)
    return f"{name} {'up' if level > 0 else 'down'} by {abs(level):.1f} dB."


def _by(thing: NamedThing) -> str:
    if action_of(thing.gain) in ("remove", "keep") or thing.gain == thing.action.gain:
        return ""
    return f"by {abs(20 * math.log10(thing.gain)):.1f} dB"


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
