"""From clauses to text: lists, frames, joins, openers and endings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lcr.prompts.generator import verbs
from lcr.prompts.generator.phrases import Dice, Phrase

_PARTICLES = ("{x} up", "{x} down", "{x} out", "{x} in", "{x} alone", "{x} down a notch")
_LONGEST_SPLIT = 4
"""Words between a verb and its particle: "turn the barking dog down", no longer."""


@dataclass(frozen=True)
class Clause:
    """What to do (`kind`, a key of `verbs.TEMPLATES`) with what (`phrases`).

    `words` replace the list of the phrases as the verb's object. A `first` clause sets the
    stage for the others and a `last` one refers back to them ("everything else").
    """

    kind: str
    phrases: tuple[Phrase, ...]
    words: str = ""
    first: bool = False
    last: bool = False


def list_words(phrases: Sequence[Phrase], dice: Dice, *, plain: bool = True) -> str:
    """ "A", "A and B", "A, B, and C" in the given order."""
    words = [phrase.words for phrase in phrases]
    if len(words) == 1:
        return words[0]
    if len(words) == 2:
        joiner = " and "
        if not plain:
            nested = any(" and " in w for w in words)
            joiner = dice.pick(
                (" as well as ", " and also ") if nested else (" and ",) * 6 + (" as well as ",)
            )
        return joiner.join(words)
    comma = dice.pick((", and ", ", and ", " and "))
    return ", ".join(words[:-1]) + comma + words[-1]


def say(clauses: list[Clause], dice: Dice) -> tuple[str, list[Clause]]:
    """The text, and the clauses with their phrases in the order said."""
    clauses = [_short_phrases_first(clause, dice) for clause in clauses]
    if len(clauses) > 1 and dice.chance(0.22):
        text = _sentences(clauses, dice)
    elif len(clauses) == 1 and clauses[0].kind == verbs.KEEP_ONLY and dice.chance(0.3):
        text = dice.pick(verbs.KEEP_ONLY_FRAMES).format(x=_object(clauses[0], dice))
        text = _end(text, dice)
    elif all(clause.kind in verbs.RESULTS for clause in clauses) and dice.chance(0.08):
        text = _results(clauses, dice)
    else:
        text = _one_sentence(clauses, dice)
    text = text[0].upper() + text[1:]
    if dice.chance(0.03) and len(text) < 80:
        return _telegraphic(text, clauses)
    if dice.chance(0.08):
        text = text[0].lower() + text[1:] if text[:2] not in ("I ", "I'") else text
    if dice.chance(0.1):
        text = text.rstrip(".?")
    return text, clauses


def _short_phrases_first(clause: Clause, dice: Dice) -> Clause:
    """ "the rain and the man with a deep voice" reads better than the other way round."""
    if clause.words or len(clause.phrases) < 2 or not dice.chance(0.6):
        return clause
    ordered = sorted(clause.phrases, key=lambda phrase: len(phrase.words.split()) > _LONGEST_SPLIT)
    return replace(clause, phrases=tuple(ordered))


def _object(clause: Clause, dice: Dice) -> str:
    return clause.words or list_words(clause.phrases, dice, plain=False)


def _verb_phrase(clause: Clause, dice: Dice, *, gerund: bool = False, tail: bool = False) -> str:
    words = _object(clause, dice)
    options = verbs.TEMPLATES[clause.kind]
    template = dice.pick(options)
    if len(words.split()) > _LONGEST_SPLIT and template.endswith(_PARTICLES):
        template = dice.pick([t for t in options if not t.endswith(_PARTICLES)])
    if tail and template.endswith("{x}") and not re.search("mix|record|clip|audio|sounds", words):
        template += _tail(clause.kind, template, dice)
    text = (verbs.gerund(template) if gerund else template).format(x=words)
    return text.replace("the sound of the sound of", "the sound of")


def _tail(kind: str, template: str, dice: Dice) -> str:
    removing = kind == "0" and template.split(" ", 1)[0] not in verbs.TAIL_WITH_IN
    preposition = "from" if kind == verbs.ISOLATE or removing else "in"
    return f" {preposition} {dice.pick(('the', 'the', 'this'))} {dice.pick(verbs.RECORDINGS)}"


def _joined(clauses: list[Clause], dice: Dice, *, gerund: bool) -> str:
    """Verb phrases in one sentence."""
    tail = dice.chance(0.2) and not any(
        c.last or c.first or c.kind in ("1", "leave", "keep_only") for c in clauses
    )
    tail = tail and not any(c.kind.startswith("volume") or len(c.words) for c in clauses)
    said = [
        _verb_phrase(clause, dice, gerund=gerund, tail=tail and clause is clauses[-1])
        for clause in clauses
    ]
    if len(said) == 1:
        return said[0]
    if len(said) == 2:
        joiners = (" and ", " and ", " and ", ", and ", ", then ", " and then ", ", and also ")
        if (
            not gerund
            and not clauses[0].first
            and not clauses[1].kind.startswith("volume")
            and dice.chance(0.08)
        ):
            return f"{said[0]} while {_verb_phrase(clauses[1], dice, gerund=True)}"
        return dice.pick(joiners).join(said)
    return ", ".join(said[:-1]) + dice.pick((", and ", ", and ", " and ", ", then ")) + said[-1]


def _one_sentence(clauses: list[Clause], dice: Dice) -> str:
    draw = dice.pick(range(20))
    gerund = draw < 2
    body = _joined(clauses, dice, gerund=gerund)
    if gerund:
        frame = dice.pick(verbs.GERUND_FRAMES)
    else:
        frame = dice.pick(verbs.QUESTION_FRAMES if draw < 11 else verbs.STATEMENT_FRAMES)
    text = frame.format(vp=body)
    if dice.chance(0.06):
        text = dice.pick(verbs.OPENERS) + text
    return _end(text, dice)


def _sentences(clauses: list[Clause], dice: Dice) -> str:
    """One sentence a clause, or clauses parted by semicolons."""
    if dice.chance(0.25):
        return _end("; ".join(_verb_phrase(clause, dice) for clause in clauses), dice)
    parts = [_one_sentence(clauses[:1], dice)]
    for clause in clauses[1:]:
        phrase = _verb_phrase(clause, dice)
        phrase = (
            dice.pick(("also, ", "then ", "then, ", "and ", "next, ", "", "", "please ")) + phrase
        )
        parts.append(f"{phrase[0].upper()}{phrase[1:]}.")
    return " ".join(parts)


def _results(clauses: list[Clause], dice: Dice) -> str:
    """ "I want the rain louder and the dog removed" """
    said = [
        f"{_object(clause, dice)} {dice.pick(verbs.RESULTS[clause.kind])}" for clause in clauses
    ]
    body = said[0] if len(said) == 1 else ", ".join(said[:-1]) + " and " + said[-1]
    return _end(dice.pick(verbs.RESULT_FRAMES).format(body), dice)


def _end(text: str, dice: Dice) -> str:
    """Closing courtesy and punctuation."""
    question = text.endswith("?")
    text = text.rstrip("?")
    polite = "please" in text or "kindly" in text
    if dice.chance(0.15):
        closers = verbs.CLOSERS[: verbs.N_QUESTION_CLOSERS] if question else verbs.CLOSERS
        closer = dice.pick(closers)
        if not (polite and "please" in closer):
            text += closer
    return text + ("?" if question else ".")


def _telegraphic(text: str, clauses: list[Clause]) -> tuple[str, list[Clause]]:
    """Without articles, as typed in haste: "remove barking dog"."""

    def bare(words: str) -> str:
        return re.sub(r"\bthe ", "", words, flags=re.IGNORECASE)

    short = [
        replace(c, phrases=tuple(replace(p, words=bare(p.words)) for p in c.phrases))
        for c in clauses
    ]
    return bare(text).lower().rstrip("."), short
