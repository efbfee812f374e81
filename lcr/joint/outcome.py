"""What LCR-Q tells of a remix: what it heard, how far each thing was changed and, in plain
English, what it did not understand, hear or reach."""

from __future__ import annotations

import math
from dataclasses import replace

from lcr.joint.listening import likelier_names
from lcr.joint.query import QueryModel
from lcr.joint.requests import Asked, Reached, Request
from lcr.prompts.reading import NamedThing
from lcr.prompts.reading.things import WHOLE
from lcr.prompts.reading.words import action_of, doubts, may_be_another, name_of
from lcr.remixer import Presence, RequestOutcome, Understood

_MOST_HEARD = 5
"""Names in the answer that says what there is instead."""
_MOST_RATHER = 3
"""Names of what a thing may be instead."""
_CLOSE = "it is mixed too closely with the rest."
_UNSURE_STYLES = frozenset({"tempo", "energy", "emotion"})
"""Speaking styles by which two voices are told apart no better than by chance, or unmeasured."""


def outcome_of(request: Request, model: QueryModel) -> RequestOutcome:
    """What became of a request when all of the recording has been remixed."""
    understood = [
        replace(
            _understood(one.thing.words, one.presence, one.thing.gain, one.reached),
            rather=_rather(one, model),
        )
        for one in request.asked
    ]
    if not request.changes_nothing:
        understood += [
            _understood(_whole(thing, request), "heard", thing.gain, request.rest)
            for thing in request.reading.things
            if thing.kind in WHOLE
        ]
        if request.reading.rest_gain != 1 and not request.says_rest:
            gain = request.reading.rest_gain
            understood.append(_understood("everything else", "heard", gain, request.rest))
    mistaken = (may_be_another(one) for one in understood if one.rather)
    short = (_shortfall(one) for one in understood if one.falls_short)
    unread = [
        Understood(words=words, presence="not understood")
        for words in (*request.not_understood, *request.reading.unsure)
    ]
    return RequestOutcome(
        unchanged=request.changes_nothing,
        understood=(*understood, *unread),
        warnings=(*_warnings(request), *mistaken, *short),
    )


def _rather(one: Asked, model: QueryModel) -> tuple[str, ...]:
    if one.sound is None or one.presence == "absent":
        return ()
    return tuple(likelier_names(model, one.sound, one.names)[:_MOST_RATHER])


def _warnings(request: Request) -> list[str]:
    """In plain English, what was not understood, is not there, or is not sure."""
    found = list(doubts(request.not_understood, request.reading.unsure))
    for one in request.asked:
        thing = one.thing
        name = f'"{thing.words}"'
        if one.presence == "absent":
            found.append(f"I do not hear {name}; I changed nothing for it.")
        elif one.presence == "not sure":
            found.append(f"I am not sure that {name} is there; I changed what fits it best.")
        if thing.kind == "voice" and thing.relation is None:
            unsure = _UNSURE_STYLES & set(thing.styles)
            if unsure and set(thing.styles) <= {"gender", *unsure}:
                by = " and ".join(sorted(unsure))
                found.append(f"I cannot tell voices by {by} reliably: {name} may be another.")
        if thing.kind == "sound" and thing.sound is None and thing.hypernym is None:
            near = ", ".join(thing.nearest[:3])
            found.append(f"I do not know {name}; I took it for something like {near}.")
    if request.heard and any(one.presence == "absent" for one in request.asked):
        names = sorted(request.heard, key=request.heard.__getitem__, reverse=True)[:_MOST_HEARD]
        found.append(f"What I hear sounds like: {', '.join(names)}.")
    if request.changes_nothing:
        found.append("The recording is as it was.")
    return found


def _whole(thing: NamedThing, request: Request) -> str:
    """ "Everything" where other things are listed is everything else."""
    return "everything else" if request.asked else name_of(thing)


def _understood(words: str, presence: Presence, gain: float, reached: Reached) -> Understood:
    return Understood(
        words=words,
        presence=presence,
        action=action_of(gain),
        gain_db=20 * math.log10(gain) if gain > 0 else None,
        reached_db=None if presence == "absent" else reached.gain_db,
    )


def _shortfall(one: Understood) -> str:
    """In plain English, how far a thing is expected to be from what was asked."""
    assert one.reached_db is not None
    if abs(one.reached_db) < 1:
        return f'I could hardly change "{one.words}": {_CLOSE}'
    way = "up" if one.reached_db > 0 else "down"
    level = f"about {abs(one.reached_db):.0f} dB {way}"
    if one.action == "remove":
        return f'"{one.words}" is {level}, not gone: {_CLOSE}'
    if one.action == "keep":
        return f'"{one.words}" is itself {level}: {_CLOSE}'
    return f'"{one.words}" is {level}, not {abs(one.gain_db or 0):.0f}: {_CLOSE}'


def describe(thing: NamedThing) -> str:
    """What happens to a thing, for a person: "remove the dog", "turn up the piano by 6.0 dB"."""
    action = action_of(thing.gain)
    by = "" if action in ("remove", "keep") else f" by {abs(20 * math.log10(thing.gain)):.1f} dB"
    return f"{action} {thing.words}{by}"
