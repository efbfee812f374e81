"""Sounds that prompts may be about, and many ways to name each; written from general English.

The tables are wider than the studio's 80 classes, because what a planner must learn is not a list
of classes but how a prompt's words and a label's words belong together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast

from agents.planners.sentences.words import options
from lcr.prompts.generator.phrases import Dice

Form = Literal["agent", "activity", "instrument", "sport"]


@dataclass(frozen=True)
class Sound:
    """A class of sounds: `names` of who or what makes it, and `doings`, words for its sound.

    An agent's doings are gerunds ("barking") and nouns ("bark"); an activity's are pairs of gerund
    and participle ("ripping|ripped"), its names what it is done to; an instrument's are gerunds.
    """

    form: Form
    names: tuple[str, ...]
    doings: tuple[str, ...]

    def label(self, dice: Dice) -> str:
        """A class label such as a tagger or a data set may give."""
        name, doing = self.names[0], self.doings[0] if self.doings else ""
        if self.form in ("instrument", "sport"):
            return name if dice.chance(0.2) else f"playing {name}"
        if self.form == "activity":
            gerund = doing.partition("|")[0]
            return f"{name} {gerund}" if dice.chance(0.35) else f"{gerund} {name}"
        if not doing or dice.chance(0.15):
            more = self.names[1:2] if dice.chance(0.2) else ()
            return ", ".join((name, *more))
        gerunds = [d for d in self.doings if d.endswith("ing")]
        if len(gerunds) > 1 and dice.chance(0.12):
            return f"{name} {dice.pick((', ', ' or ')).join(gerunds[:2])}"
        return f"{name} ({doing})" if dice.chance(0.05) else f"{name} {doing}"

    def phrase(self, dice: Dice, taken: frozenset[str]) -> str:
        """A noun phrase that names it and none of the `taken` words."""
        names = [n for n in self.names if n not in taken] or [self.names[0]]
        # What comes first in a table is the commonest.
        name = names[0] if dice.chance(0.4) else dice.pick(names)
        doings = [d for d in self.doings if d not in taken] or list(self.doings)
        if not doings:
            words = dice.pick(_BARE).format(n=name)
        else:
            words = _PHRASES[self.form](name, dice.pick(doings), dice)
        if dice.chance(0.25) and not any(w in words for w in _HEARD):
            words = f"{dice.pick(_WRAPS)} {_article(words, dice)}{words}"
        return f"{'' if words.startswith('someone') else 'the '}{words}"


_HEARD = ("sound", "noise", "music", "audio")
_WRAPS = options(
    "sound of, sound of, noise of, sounds of, audio of, noise from, sound made by, "
    "sound coming from, noise made by, recording of, sound produced by, part with"
)
_BARE = ("{n}", "{n}", "{n} sound", "{n} noise", "{n} sounds", "{n} audio", "{n} in the background")


def _article(words: str, dice: Dice) -> str:
    if words.startswith("someone"):
        return ""
    an = "an " if words[0] in "aeiou" else "a "
    return dice.pick(("the ", "the ", "" if words.endswith("s") else an))


def _agent(name: str, doing: str, dice: Dice) -> str:
    if dice.chance(0.3):
        return dice.pick(_BARE).format(n=name)
    if doing.endswith("ing"):
        forms = (
            "{d} {n}, {d} {n}, {n} {d}, {n} {d}, {n}'s {d}, {d} of the {n}, {n} that is {d}, "
            "{d} sound of the {n}, {n} {d} sound, {n} that keeps {d}, {d} noise from the {n}, {d}, "
            "{d} sound, {d} noise"
        )
    else:
        forms = "{n}'s {d}, {n} {d}, {d} of the {n}, {d} from the {n}, {d} of a {n}"
    return dice.pick(options(forms)).format(n=name, d=doing)


def _activity(name: str, doing: str, dice: Dice) -> str:
    gerund, _, done = doing.partition("|")
    forms = (
        *("{n} being {p}", "{n} being {p}", "{d} of {n}", "{d} of the {n}", "{n} {d}", "{d} {n}"),
        *("someone {d} {n}", "someone {d} the {n}", "{n} {d} sound", "{n} getting {p}", "{d}"),
        *("sound of {d} {n}", "noise of {n} being {p}", "{d} sound", "{n} sound", "{n}"),
    )
    return dice.pick(forms).format(n=name, d=gerund, p=done or gerund)


def _instrument(name: str, doing: str, dice: Dice) -> str:
    forms = (
        *("{n}", "{n}", "{n} music", "{n} playing", "{n} being played", "{n} performance"),
        *("{n} melody", "{n} tune", "notes of the {n}", "playing of the {n}", "{n} part"),
        *("playing {n}", "{n} track", "{d} {n}", "{d} of the {n}", "{n} solo"),
        *("{n} being performed",),
        *("someone playing the {n}", "sound of the {n}", "{n} player", "{n} sound", "{n} notes"),
    )
    return dice.pick(forms).format(n=name, d=doing)


def _sport(name: str, doing: str, dice: Dice) -> str:
    forms = (
        *("{n} game", "{n} match", "{n} being played", "game of {n}", "people playing {n}", "{n}"),
        *("{n} players", "{n} sounds", "{n} playing", "someone playing {n}", "playing of {n}"),
        *("{d} of the {n} game", "{n} {d}", "{d} from the {n} match", "round of {n}"),
    )
    return dice.pick(forms).format(n=name, d=doing)


_PHRASES: dict[Form, Callable[[str, str, Dice], str]] = {
    "agent": _agent,
    "activity": _activity,
    "instrument": _instrument,
    "sport": _sport,
}


@lru_cache(maxsize=1)
def sounds() -> tuple[Sound, ...]:
    """All of sounds.txt in its order: under "[form]" a line of `names: doings` each."""
    text = Path(__file__).with_name("sounds.txt").read_text(encoding="utf-8")
    found: list[Sound] = []
    form: Form = "agent"
    for line in text.replace("\n;", ";").splitlines():
        if line.startswith("["):
            form = cast("Form", line.strip("[]"))
            continue
        names, _, groups = line.partition(":")
        # A line may hold several sounds of one thing: dogs bark, and they growl.
        found += [Sound(form, _words(names), _words(group)) for group in groups.split(";")]
    return tuple(found)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
