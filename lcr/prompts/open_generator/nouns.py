"""What prompts name: sounds of the whole lexicon and others, voices, groups."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache

from lcr.instruction import STYLE_VALUES
from lcr.lexicon import Sound, load_lexicon
from lcr.prompts.generator.phrases import Dice, speaker_words
from lcr.prompts.open_generator import tables
from lcr.prompts.open_generator.frames import words
from lcr.prompts.reading.things import Kind


@dataclass(frozen=True)
class Noun:
    """Words for a thing, without an article, and what `article` stands before them."""

    kind: Kind
    words: str
    article: str = ""
    styles: dict[str, str] = field(default_factory=dict)


HELD_OUT_EVERY = 12
"""Of the lexicon's rows every so many is never named in training: they test openness."""


def sound_noun(dice: Dice, *, held_out: bool | None = False) -> tuple[Noun, Sound | None]:
    """A sound of the lexicon, or now and then of no lexicon. `held_out` says which rows."""
    draw = dice.pick(range(100))
    if draw < 9 and not held_out:
        return Noun("sound", _strange(dice), dice.pick(tables.ARTICLES)), None
    if draw < 14:
        return kind_noun(dice), None
    row = dice.pick(_rows(held_out))
    name = dice.pick((row.name, *row.synonyms)) if row.synonyms else row.name
    return Noun("sound", _dressed(name, dice), _article(name, dice)), row


def kind_noun(dice: Dice) -> Noun:
    """A broader kind: "animals", "kitchen noises"."""
    kind = dice.pick(_kinds())
    said = kind if kind.endswith(("sounds", "s")) else dice.pick(words("kind wraps")).format(x=kind)
    return Noun("sound", said, dice.pick(("the ", "the ", "all the ", "all ", "any ", "")))


def kind_and_member(dice: Dice) -> tuple[Noun, Noun]:
    """A broader kind and one of it."""
    kinds = load_lexicon().by_hypernym
    kind = dice.pick(sorted(kinds))
    row = dice.pick(kinds[kind])
    name = dice.pick((row.name, *row.synonyms))
    return (
        Noun("sound", kind, dice.pick(("the ", "all the ", "all "))),
        Noun("sound", name, _article(name, dice)),
    )


def voice_noun(dice: Dice) -> Noun:
    """One voice, by person, style or relation."""
    draw = dice.pick(range(11))
    if draw == 10:
        base, gender = dice.pick(tables.BASES)
        text = dice.pick(words("relations")).format(x=base)
        told = gender if base in text else ""
        for one, many in (("womans", "women"), ("mans", "men"), ("ladys", "ladies")):
            text = text.replace(one, many)
        return Noun("voice", text, "the ", {"gender": told} if told else {})
    if draw < 3:
        said, gender = dice.pick(tables.PEOPLE)
        article = (
            "" if said in words("without article") else dice.pick(("the ", "the ", "the ", "that "))
        )
        return Noun("voice", said, article, {"gender": gender} if gender else {})
    if draw < 6:
        base, gender = dice.pick(tables.BASES)
        adjective, styles = dice.pick(tables.STYLED)
        styles = dict(styles)
        if gender:
            styles["gender"] = gender
        if dice.chance(0.25):
            text = f"{base} who {dice.pick(('sounds', 'seems', 'is'))} {adjective}"
        else:
            text = f"{adjective} {base}"
        if dice.chance(0.15):
            text += dice.pick(("'s voice", " talking", " speaking", "'s speech"))
        return Noun("voice", text, dice.pick(("the ", "the ", "the ", "that ")), styles)
    chosen = {}
    for name, values in STYLE_VALUES.items():
        if dice.chance(0.45 if name == "gender" else 0.25):
            chosen[name] = dice.pick(values)
    if not chosen:
        chosen["gender"] = dice.pick(STYLE_VALUES["gender"])
    text = speaker_words(tuple(chosen.items()), dice, voice_like_beside=False)
    return Noun("voice", text.removeprefix("the "), "the ", chosen)


def person_noun(dice: Dice) -> Noun:
    """A pronoun, a person or any voice."""
    if dice.chance(0.4):
        said, gender = dice.pick((("her", "F"), ("him", "M"), ("his voice", "M"),
                                  ("her voice", "F"), ("what she says", "F"), ("what he says", "M"),
                                  ("the words", ""), ("she", "F"), ("he", "M")))  # fmt: skip
        return Noun("voice", said, "", {"gender": gender} if gender else {})
    return voice_noun(dice)


def group_noun(letter: str, dice: Dice) -> Noun:
    """All speech (S), all sounds (N), everything (E, or X before an exception) or else (L)."""
    kind, table = {
        "S": ("all_speech", words("all speech")),
        "N": ("all_sounds", words("all sounds")),
        "E": ("everything", tables.EVERYTHING),
        "X": ("everything", words("everything but")),
        "L": ("everything_else", tables.ELSE),
    }[letter]
    said = dice.pick(table)
    article = ""
    for found in ("the ",):
        if said.startswith(found):
            article, said = found, said.removeprefix(found)
    return Noun(kind, said, article)  # type: ignore[arg-type]


def any_noun(dice: Dice, *, held_out: bool | None = False) -> Noun:
    draw = dice.pick(range(20))
    if draw < 12:
        return sound_noun(dice, held_out=held_out)[0]
    if draw < 17:
        return voice_noun(dice)
    return group_noun("S" if draw < 19 else "N", dice)


def _article(name: str, dice: Dice) -> str:
    return (
        "" if name.split()[0] in ("a", "the", "someone", "people") else dice.pick(tables.ARTICLES)
    )


def _dressed(name: str, dice: Dice) -> str:
    """A name with what people put around it."""
    text = name
    draw = dice.pick(range(24))
    if draw < 3:
        text = dice.pick(words("wraps")).format(x=text)
    elif draw < 6:
        text = f"{dice.pick(words('adjectives'))} {text}"
    elif draw == 6:
        text = f"{dice.pick(words('owners'))} {text}"
    elif draw == 7:
        text = f"{text} {dice.pick(words('places'))}"
    elif draw == 8:
        text = _turned(text)
    elif draw == 9 and not text.endswith(("s", "ing")):
        text += "s"
    return text


def _turned(name: str) -> str:
    """ "dog barking" -> "barking dog" """
    head, _, last = name.rpartition(" ")
    return f"{last} {head}" if head and last.endswith("ing") else name


@lru_cache
def _rows(held_out: bool | None) -> tuple[Sound, ...]:
    sounds = tuple(s for s in load_lexicon().sounds if s.name not in tables.NO_SOUNDS)
    if held_out is None:
        return sounds
    return tuple(s for i, s in enumerate(sounds) if (i % HELD_OUT_EVERY == 7) == held_out)


@lru_cache
def _kinds() -> tuple[str, ...]:
    return (*load_lexicon().by_hypernym, *load_lexicon().kind_words)


def _strange(dice: Dice) -> str:
    """One or two words of no lexicon of sounds."""
    vocabulary = _vocabulary()
    if not vocabulary:
        return "thing"
    first = dice.pick(vocabulary)
    return f"{dice.pick(vocabulary)} {first}" if dice.chance(0.4) else first


@lru_cache(maxsize=1)
def _vocabulary() -> tuple[str, ...]:
    from lcr.base_weights import minilm_place

    folder = minilm_place()
    path = None if folder is None else folder / "tokenizer.json"
    if path is None or not path.is_file():
        return ()
    pieces = json.loads(path.read_text(encoding="utf-8"))["model"]["vocab"]
    said = " ".join(
        (
            *tables.EVERYTHING,
            *tables.ELSE,
            *words("all speech"),
            *words("all sounds"),
            *words("everything but"),
        )
    ).split()
    taken = {*said, *(w for w, _ in tables.PEOPLE), "please", "thanks", "louder", "quieter"}
    # The commonest are names and function words.
    return tuple(
        w for w, i in pieces.items()
        if i > 4000 and len(w) > 3 and w.isalpha() and w.isascii() and w not in taken
    )  # fmt: skip
