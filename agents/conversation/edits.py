"""A prompt as an edit of the mix that a conversation has come to, once it is known which sources it
is about."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.conversation.mentions import GROUPS
from agents.conversation.state import REST, Edit, GainDb, Mix
from agents.plan import HeardSource
from baselines.composite.planning import Planner
from lcr.prompts.reading.amounts import PAPER_DB, Direction, amount_db
from lcr.prompts.reading.words import doubts

_ALONE = re.compile(
    r"\b(?:solo|isolat\w*|extract\w*|separat\w*|singl\w+ out|nothing but)\b|\b(?:only|just)\b"
    r"(?! (?:a|by|in|half|slightly|turn|make|mute|remove|lower|raise|bring|put)\b)"
)
_BACK = re.compile(
    r"(?<!dial )(?<!laid[ -])(?<!cut )(?<!scale )\b(?:back|restor\w*|un-?mut\w*|return)\b"
)
_UP = re.compile(r"\b(?:louder|up|raise|boost|stronger)\b")
_DOWN = re.compile(r"\b(?:quieter|softer|down|lower|fainter|less loud|weaker)\b")
_ON = re.compile(r"\b(?:more|again|further|even more)\b")
_LESS = re.compile(r"\b(?:less|not so much|too much)\b")
_SOME = re.compile(r"\b(?:a (?:bit|little|touch|tad|hair)|some|slightly|half|partly)\b")
_SOME_BACK_DB, _HALF_BACK_DB = -12.0, -PAPER_DB


@dataclass(frozen=True, kw_only=True)
class EditRead:
    """What a prompt changes in a mix: `edit` makes the change. `focus` holds the ids of the sources
    that a later "it" means, `way` the direction that "a bit more" goes on in, `doubts` what of the
    prompt is not done or may be misread."""

    edit: Edit
    focus: tuple[str, ...]
    way: Direction | None = None
    doubts: tuple[str, ...] = ()


def is_alone(text: str) -> bool:
    """Whether only what is named is to stay."""
    return bool(_ALONE.search(text))


def names_action(text: str) -> bool:
    """Whether a prompt that names no source does something to "it"."""
    return any(p.search(text) for p in (_BACK, _UP, _DOWN, _ON, _LESS))


def restoring(text: str, ids: Sequence[str]) -> EditRead | None:
    """ "A bit of it back": muted sources come back, quieter for "a bit" (12 dB) and "half" (6 dB);
    what was turned down or up comes half of the way, in dB; otherwise all of it."""
    if not _BACK.search(text):
        return None

    def restored(gain: GainDb) -> GainDb:
        if not _SOME.search(text):
            return 0.0
        if gain is None:
            return _HALF_BACK_DB if re.search(r"\bhalf\b", text) else _SOME_BACK_DB
        return gain / 2

    def edit(one: Mix) -> Mix:
        return one.with_gains({id_: restored(one.gain_of(id_)) for id_ in ids})

    return EditRead(edit=edit, focus=tuple(id_ for id_ in ids if id_ != REST))


def louder_or_quieter(text: str, ids: Sequence[str], before: Direction | None) -> EditRead | None:
    """ "Louder", "even quieter", "a bit more" (of what was done before), without a planner."""
    way: Direction | None = None
    if _LESS.search(text) and not _DOWN.search(text):
        way = "down" if before != "down" else "up"
    elif bool(_UP.search(text)) != bool(_DOWN.search(text)):
        way = "up" if _UP.search(text) else "down"
    elif _ON.search(text):
        way = before
    if way is None:
        return None
    amount = amount_db(text, way)
    step_db = amount if amount is not None else PAPER_DB * (1 if way == "up" else -1)

    def edit(one: Mix) -> Mix:
        return one.with_gains({id_: _moved(one.gain_of(id_), step_db) for id_ in ids})

    return EditRead(edit=edit, focus=tuple(id_ for id_ in ids if id_ != REST), way=way)


def planned(
    text: str,
    heard: Sequence[HeardSource],
    targets: Sequence[str],
    planner: Planner,
    *,
    spared: Sequence[str] = (),
) -> EditRead:
    """By `planner`, told of the sources `heard`, of which the prompt names `targets`.

    A source that is not named changes only with a group ("everything else"), or goes where only
    what is named is to stay; so does the rest. `spared` are none of "everything else".
    """
    plan = planner.plan(text, tuple(one.description for one in heard))
    gains = {one.id: gain for one, gain in zip(heard, plan.gains, strict=True)}
    alone, groups = is_alone(text), bool(GROUPS.search(text))
    others = [id_ for id_ in gains if id_ not in targets]
    factors = {id_: gains[id_] for id_ in targets}
    if alone and targets:
        factors = {id_: gain or 1.0 for id_, gain in factors.items()}
    elsewhere = 0.0 if alone and targets else 1.0
    factors |= {id_: gains[id_] if groups else elsewhere for id_ in others}
    factors |= dict.fromkeys(spared, 1.0)
    shared = {factors[id_] for id_ in others if id_ not in spared}
    rest = shared.pop() if groups and len(shared) == 1 else elsewhere
    changed = [id_ for id_ in gains if factors[id_] != 1]
    focus = targets if targets and not groups else spared or changed
    ways = {factors[id_] for id_ in focus}
    single = len(ways) == 1
    way = _way(ways.pop()) if single else None
    steps = {id_: _step_db(gain, text, single) for id_, gain in factors.items()}

    def edit(one: Mix) -> Mix:
        new: dict[str, GainDb] = {}
        for id_ in one.gains:
            gain = one.gains[id_]
            if id_ not in factors:
                new[id_] = None if elsewhere == 0 else gain
            elif factors[id_] == 1:
                new[id_] = 0.0 if gain is None and id_ in targets else gain
            elif factors[id_] == 0 or (gain is None and id_ not in targets):
                new[id_] = None  # what is gone does not come back with "everything"
            else:
                new[id_] = _moved(gain, steps[id_])
        new[REST] = None if rest == 0 else one.rest
        if rest not in (0, 1) and one.rest is not None:
            new[REST] = _moved(one.rest, _step_db(rest, text, True))
        return one.with_gains(new)

    unclear = doubts(plan.not_understood, plan.unsure)
    return EditRead(edit=edit, focus=tuple(focus), way=way, doubts=unclear)


def swapped(edit: Edit, one: str, other: str, *, kept: Sequence[str] = ()) -> Edit:
    """`edit` with two sources in each other's place; the `kept` stay as they are."""

    def exchange(mix: Mix) -> Mix:
        return mix.with_gains({one: mix.gains[other], other: mix.gains[one]})

    def made(mix: Mix) -> Mix:
        done = exchange(edit(exchange(mix)))
        return done.with_gains({id_: mix.gains[id_] for id_ in kept})

    return made


def adjusting(gains: Mapping[str, GainDb]) -> Edit:
    """An edit that sets gains as faders do, whatever they were before."""
    return lambda one: one.with_gains(gains)


def _way(gain: float) -> Direction | None:
    return None if gain == 1 else ("up" if gain > 1 else "down")


def _step_db(gain: float, text: str, single: bool) -> float:
    """The change in dB: the amount in `text` where the prompt asks for a `single` thing and states
    one, else that of the factor `gain`."""
    way = _way(gain)
    if gain == 0 or way is None:
        return 0.0
    stated = amount_db(text, way) if single else None
    return 20 * math.log10(gain) if stated is None else stated


def _moved(gain: GainDb, step_db: float) -> GainDb:
    """`gain` changed by `step_db`. A removed source is counted as one at 0 dB; a step of minus
    infinity removes."""
    if step_db == -math.inf:
        return None
    return (0.0 if gain is None else gain) + step_db
