"""Clauses to English: verbs, states, joins, sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.planners.sentences import words
from lcr.prompts.generator.phrases import Dice, Phrase
from lcr.prompts.generator.verbs import gerund

_SHORT = 3
_NO_GERUND = ("set ", "get ", "do not", "don't", "split", "lose", "do away")


@dataclass(frozen=True)
class Clause:
    """An action's letter, "same" (at its level), "isolate" or "only" (and the rest goes), and the
    phrases it is for; `object` stands for these where it is given."""

    kind: str
    phrases: tuple[Phrase, ...]
    object: str = ""


def list_of(phrases: Sequence[Phrase], dice: Dice) -> str:
    said = [phrase.words for phrase in phrases]
    if len(said) == 1:
        return said[0]
    last = dice.pick(
        (" and ", " and ", " and ", ", and ", " as well as ", " along with ", " plus ")
    )
    return ", ".join(said[:-1]) + last + said[-1]


def say(clauses: list[Clause], dice: Dice) -> str:
    """The text of a prompt."""
    kinds = {clause.kind for clause in clauses}
    if len(clauses) == 1 and (frames := _special_frames(clauses[0], dice)):
        text = dice.pick(frames).format(x=_object(clauses[0], dice))
    elif kinds <= set(words.STATES) and dice.chance(0.12):
        text = _states(clauses, dice)
    elif len(clauses) > 1 and dice.chance(0.35):
        cut = dice.pick(range(1, len(clauses)))
        first = _sentence(clauses[:cut], dice)
        parts = [first if first.endswith("?") else f"{first}."]
        for clause in _chunks(clauses[cut:], dice):
            opener = _one_of(words.NEXT, dice, none=0.1)
            body = _joined(clause, dice)
            end = "?" if opener.endswith(("could you ", "can you also ")) else "."
            parts.append(_capital(f"{opener}{body}{end}"))
        text = " ".join(parts)
    else:
        text = _sentence(clauses, dice)
    text = _capital(text)
    if not text.endswith((".", "?")):
        text += dice.pick((".", ".", ""))
    if dice.chance(0.08):
        aside = _one_of(words.ASIDES, dice)
        ended = text if text.endswith((".", "?")) else f"{text}."
        text = f"{ended} {aside}" if dice.chance(0.7) else f"{aside} {text}"
    return text


def _special_frames(clause: Clause, dice: Dice) -> tuple[str, ...]:
    """Whole sentences for one clause, sometimes."""
    if clause.object or any(p.scope in ("everything", "everything_else") for p in clause.phrases):
        return ()
    told = {"only": (words.ONLY_FRAMES, 0.3), "isolate": (words.ONLY_FRAMES, 0.06)}
    told |= {"0": (words.NO_FRAMES, 0.15)}
    told |= {"U": (words.SOFT_FRAMES, 0.06), "D": (words.LOUD_FRAMES, 0.06)}
    frames, share = told.get(clause.kind, ((), 0.0))
    return frames if dice.chance(share) else ()


def _chunks(clauses: list[Clause], dice: Dice) -> list[list[Clause]]:
    if len(clauses) > 1 and dice.chance(0.5):
        return [clauses[:1], clauses[1:]]
    return [clauses]


def _sentence(clauses: list[Clause], dice: Dice) -> str:
    as_gerund = dice.chance(0.08)
    frame = dice.pick(words.GERUND_FRAMES if as_gerund else words.FRAMES)
    closer = _one_of(words.CLOSERS, dice, none=0.35)
    if "please" in frame and "please" in closer:
        closer = ""
    text = frame.format(v=_joined(clauses, dice, as_gerund=as_gerund))
    return f"{text[:-1]}{closer}?" if text.endswith("?") else f"{text}{closer}"


def _joined(clauses: list[Clause], dice: Dice, *, as_gerund: bool = False) -> str:
    said = [_verb_phrase(clause, dice, as_gerund=as_gerund) for clause in clauses]
    if len(said) == 1:
        return said[0]
    if dice.chance(0.15) and not as_gerund:
        last = _verb_phrase(clauses[-1], dice, as_gerund=True)
        joiner = dice.pick((" while ", ", while ", " and while you're at it, try "))
        return ", ".join(said[:-1]) + joiner + last
    return ", ".join(said[:-1]) + _one_of(words.JOINS, dice) + said[-1]


def _one_of(listed: tuple[str, ...], dice: Dice, *, none: float = 0.0) -> str:
    """One of some words, or with probability `none` nothing."""
    return "" if none and dice.chance(none) else dice.pick(listed)


def _object(clause: Clause, dice: Dice) -> str:
    return clause.object or list_of(clause.phrases, dice)


def _verb_phrase(clause: Clause, dice: Dice, *, as_gerund: bool = False) -> str:
    x = _object(clause, dice)
    template = _template(clause.kind, x, dice)
    while as_gerund and template.startswith(_NO_GERUND):
        template = _template(clause.kind, x, dice)
    return (gerund(template) if as_gerund else template).replace("{x}", x)


def _template(kind: str, x: str, dice: Dice) -> str:
    if kind in ("U", "D"):
        whole = words.WHOLE_UP if kind == "U" else words.WHOLE_DOWN
        if dice.chance(0.3):
            return dice.pick(whole)
        level = dice.pick(words.LEVELS)
        if "'s" in level and len(x.split()) > _SHORT:
            level = "{x}"
        verb = dice.pick(words.UP if kind == "U" else words.DOWN)
        return f"{verb} {level}{_one_of(words.TAILS, dice, none=0.5)}"
    if kind == "same":
        return dice.pick(words.VERBS["same"])
    verb = dice.pick(words.VERBS[kind])
    tails = {"0": words.FROM_TAILS, "isolate": words.ISOLATE_TAILS}.get(kind, words.TAILS)
    return f"{verb} {{x}}{_one_of(tails, dice, none=0.4)}"


def _states(clauses: list[Clause], dice: Dice) -> str:
    """ "The rain should be louder, and the dog gone" """
    frame = dice.pick(words.STATE_FRAMES)
    said = []
    for number, clause in enumerate(clauses):
        state = dice.pick(words.STATES[clause.kind])
        shape = frame if number == 0 or dice.chance(0.3) else "{x} {s}"
        said.append(shape.format(x=_object(clause, dice), s=state))
    text = said[0] if len(said) == 1 else ", ".join(said[:-1]) + " and " + said[-1]
    return f"{text}?" if text.startswith(("can", "could")) else text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
