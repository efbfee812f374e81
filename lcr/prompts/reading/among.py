"""Named things among each other: said again, told apart, exceptions to something broader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lcr.instruction import Action
from lcr.prompts.reading.names import content_words
from lcr.prompts.reading.things import WHOLE, Kind, NamedThing


def told_apart(things: list[NamedThing]) -> tuple[list[NamedThing], list[str]]:
    """Leave out persons who are described by nothing but their role, such as "the interviewer" and
    "the guest", where they are to have different gains: no voice tells a role. Returns what stays,
    and the words of those left out."""
    alike = [t for t in things if t.kind == "voice" and not t.styles and t.relation is None]
    if len({thing.gain for thing in alike}) < 2:
        return things, []
    return [t for t in things if t not in alike], [thing.words for thing in alike]


def spared(thing: NamedThing, things: Sequence[NamedThing]) -> NamedThing:
    """Of "everything but the dog" the dog stays: an exception cannot be asked for what everything
    is asked for."""
    whole = [one for one in things if one.kind == "everything" and one.stop <= thing.start]
    if thing.kind in WHOLE or not any(one.gain == thing.gain != 1 for one in whole):
        return thing
    return replace(thing, action=Action.KEEP, gain=1.0)


def said_again(things: list[NamedThing]) -> list[NamedThing]:
    """Of a thing named twice ("isolate the dog, then turn the dog up") the last gain, at its first
    place; "keep" does not undo what was asked before."""
    found: dict[object, NamedThing] = {}
    for thing in things:
        key = _identity(thing)
        before = found.get(key)
        if before is None:
            found[key] = thing
        elif thing.action is not Action.KEEP or before.action is Action.KEEP:
            found[key] = replace(
                before, action=thing.action, gain=thing.gain, is_stated=thing.is_stated
            )
    return list(found.values())


def _identity(thing: NamedThing) -> object:
    if thing.kind == "voice":
        styles = tuple(sorted(thing.styles.items()))
        return (thing.kind, styles, thing.relation, "" if styles else thing.words.lower())
    if thing.kind == "sound":
        words = content_words(thing.words)
        return (thing.kind, thing.hypernym, thing.sound.name if thing.sound else words)
    return thing.kind


def wins(thing: NamedThing, things: Sequence[NamedThing], rest_gain: float) -> bool:
    """Whether a thing is an exception to a broader one that has another gain."""
    if thing.kind in WHOLE:
        return False
    if rest_gain == 0 and thing.action is Action.REMOVE:
        return True
    return any(_is_broader(o, thing) and o.gain != thing.gain for o in things if o is not thing)


def _is_broader(one: NamedThing, other: NamedThing) -> bool:
    kinds: tuple[Kind, Kind] = (one.kind, other.kind)
    if kinds == ("all_speech", "voice") or kinds == ("all_sounds", "sound"):
        return True
    if kinds == ("voice", "voice"):
        return one.styles.items() < other.styles.items() and one.relation in (None, other.relation)
    if kinds == ("sound", "sound") and one.hypernym is not None:
        if other.hypernym is not None or other.sound is None:
            return False
        return one.hypernym in other.sound.hypernyms
    return False
