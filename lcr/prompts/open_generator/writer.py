"""Draw a prompt: frames filled with things, amounts and small talk, then typed in haste."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lcr.instruction import Action
from lcr.prompts.generator import verbs
from lcr.prompts.generator.phrases import Dice
from lcr.prompts.open_generator import frames, nouns
from lcr.prompts.open_generator.noise import Piece, roughened
from lcr.prompts.open_generator.nouns import Noun
from lcr.prompts.reading.things import Kind, Rest, Span, Tagging

_EXCEPTS = re.compile(r"\b(?:except|but|apart|other than|besides|save|minus)\b")
_SLOT = re.compile(r"\{([^}]*)\}")
_ACTIONS = {"r": Action.REMOVE, "k": Action.KEEP, "u": Action.UP, "d": Action.DOWN}
_WRAPPED = re.compile(
    r"(?:(?:the|a|an|any|all|some|that|this|various) )*"
    r"(?:(?:sounds?|noises?|audio|volume|level|loudness) (?:of|from|made by|coming from) "
    r"(?:(?:the|a|an|any|someone|somebody) )*)?",
    re.IGNORECASE,
)
_SECTIONS = (
    ("nothing",) * 13
    + ("clauses",) * 17
    + ("wishes",) * 25
    + ("exceptions",) * 11
    + ("negations",) * 13
    + ("overall",) * 4
    + ("pairs",) * 13
    + ("short",) * 9
    + ("corrections",) * 5
    + ("said",) * 110
)
"""How often each is drawn; from `_ASKING` on those that are frames of requests."""
_ASKING = _SECTIONS.index("wishes")
_COUNTS = (1,) * 24 + (2,) * 9 + (3,) * 4 + (4,) * 2 + (5, 6)
_PRONOUNS = {
    "it": {"F": "she", "M": "he", "": "it", "many": "they"},
    "him": {"F": "her", "M": "him", "": "it", "many": "them"},
}
_NO_AMOUNT = re.compile(r"half|halve|dB|twice|doubl|a bit|boost|notch|more |less ")
_CLAUSE_KINDS = {
    "r": (Action.REMOVE.value,),
    "u": (Action.UP.value, verbs.VOLUME_UP),
    "d": (Action.DOWN.value, verbs.VOLUME_DOWN),
    "k": (verbs.LEAVE, verbs.LEAVE, Action.KEEP.value),
}
_LINKS = (". ", ". ", ", and ", "; ", " - ", ". Also, ", ", but ", ", while ", ". Then ", ". And ")
"""Between two frames."""
_JOINS = (" and ", " and ", ", and ", ", then ", " and then ", "; ", " but ", ", ", " while ", ". ")


@dataclass(frozen=True)
class TaggedPrompt:
    """A prompt and what a tagger should find in it."""

    text: str
    tagging: Tagging


def draw_prompt(rng: np.random.Generator, *, held_out: bool | None = False) -> TaggedPrompt:
    """One random prompt. `held_out` says which rows of the lexicon it may name: those for
    training, those kept from it (True), or both (None)."""
    return _Writer(Dice(rng), held_out).write()


@dataclass
class _Writer:
    dice: Dice
    held_out: bool | None
    member: Noun | None = None
    last: Noun | None = None
    several: bool = False
    excepts: bool = False
    pieces: list[Piece] = field(default_factory=list)

    def write(self) -> TaggedPrompt:
        dice = self.dice
        rest: Rest = "stays"
        section = dice.pick(_SECTIONS)
        if section == "nothing":
            self._fill(dice.pick(frames.lines(section)), dice.chance(0.5))
        elif section == "clauses":
            rest = self._clauses()
        else:
            rest = self._frame(section)
            while rest == "stays" and dice.chance(0.2):
                ended = self.pieces[-1].text.endswith((".", "!", "?"))
                self._say(" " if ended else dice.pick(_LINKS))
                self._frame(dice.pick(_SECTIONS[_ASKING:]), only="stays")
        is_request = section != "nothing"
        if is_request:
            self._around()
        pieces = roughened(self.pieces, dice)
        return _joined(pieces, rest, is_request)

    def _frame(self, section: str, only: str = "") -> Rest:
        found = [pair for pair in frames.framed(section) if only in ("", pair[0])]
        rest, frame = self.dice.pick(found)
        self._fill(frame)
        return rest

    def _clauses(self) -> Rest:
        """One to three clauses of verbs, in one frame or several sentences."""
        dice = self.dice
        isolating = dice.chance(0.25)
        kinds = [dice.pick("rrrruuudddk") for _ in range(dice.pick((1, 1, 1, 2, 2, 3)))]
        if kinds == ["k"]:
            kinds = ["r"]
        if isolating:
            kinds[0] = "i"
        said: list[str] = []
        for kind in kinds:
            if kind == "i":
                options = verbs.TEMPLATES[dice.pick((verbs.ISOLATE, verbs.KEEP_ONLY))]
                said.append(dice.pick(options).replace("{x}", "{k}"))
                continue
            options = verbs.TEMPLATES[dice.pick(_CLAUSE_KINDS[kind])]
            template = dice.pick(options)
            said.append(self._with_amount(template, kind).replace("{x}", f"{{{kind}}}"))
        if len(said) == 1 and dice.chance(0.1) and " " in said[0]:
            body, frame = verbs.gerund(said[0]), dice.pick(verbs.GERUND_FRAMES)
        else:
            body = said[0]
            for more in said[1:]:
                body += dice.pick(_JOINS) + more
            frame = dice.pick(verbs.QUESTION_FRAMES + verbs.STATEMENT_FRAMES)
            frame = "{vp}" if dice.chance(0.5) else frame
        self._fill(frame.replace("{vp}", body))
        return "goes" if isolating else "stays"

    def _with_amount(self, template: str, kind: str) -> str:
        if kind not in "ud" or _NO_AMOUNT.search(template) or not self.dice.chance(0.35):
            return template
        if self.dice.chance(0.2):
            return f"{template} to {{%p}}" if kind == "d" else template
        return f"{template} {{%{kind}}}"

    def _fill(self, frame: str, styled: bool = False) -> None:
        frame, at = frames.chosen(frame, self.dice), 0
        self.excepts = _EXCEPTS.search(frame) is not None
        for slot in _SLOT.finditer(frame):
            self._say(frame[at : slot.start()])
            self._slot(slot[1])
            at = slot.end()
        self._say(frame[at:])

    def _slot(self, slot: str) -> None:
        dice = self.dice
        if slot == "odd":
            inner = _Writer(dice, self.held_out)
            inner._fill(dice.pick(frames.lines("odd")))
            self.pieces.append(Piece("".join(p.text for p in inner.pieces), odd=True))
        elif slot in _PRONOUNS:
            self._say(_PRONOUNS[slot][self._whose()])
        elif slot in frames.NUMBERS:
            self._say(str(dice.pick(frames.NUMBERS[slot])))
        elif slot == "name":
            noun = nouns.person_noun(dice)
            self._say(noun.article + noun.words)
        elif slot == "thing":
            noun = nouns.any_noun(dice, held_out=self.held_out)
            self._say(noun.article + noun.words)
        elif slot.startswith("%"):
            self._say(self._amount(slot[1]))
        else:
            self._things(slot[0], slot[1:])

    def _whose(self) -> str:
        """The gender, or number, of a pronoun for what was named last."""
        if self.several or self.last is None:
            return "many"
        return self.last.styles.get("gender", "")

    def _amount(self, letter: str) -> str:
        dice = self.dice
        table = {"u": "amounts up", "d": "amounts down", "p": "levels", "n": "plain"}[letter]
        numbers = {name: dice.pick(some) for name, some in frames.NUMBERS.items()}
        return dice.pick(frames.words(table)).format(**numbers)

    def _things(self, letter: str, which: str) -> None:
        dice = self.dice
        bare = which.endswith("b")
        which = which.removesuffix("b")
        one: Callable[[], Noun] = lambda: nouns.any_noun(dice, held_out=self.held_out)  # noqa: E731
        if which == "s":
            one = lambda: nouns.sound_noun(dice, held_out=self.held_out)[0]  # noqa: E731
        elif which in ("v", "p"):
            one = lambda: (nouns.voice_noun if which == "v" else nouns.person_noun)(dice)  # noqa: E731
        elif which:
            self._one(self._special(which), letter, bare)
            return
        count = 1 if which or bare else dice.pick(_COUNTS)
        self.several = count > 1
        for i in range(count):
            if i:
                last = i == count - 1
                joins = (" and ", " and ", " and ", ", and ", " as well as ", " plus ", " & ")
                self._say(dice.pick(joins) if last else ", ")
            self._one(one(), letter, bare)

    def _special(self, which: str) -> Noun:
        if which == "K":
            kind, self.member = nouns.kind_and_member(self.dice)
            return kind
        if which == "M" and self.member is not None:
            return self.member
        if which == "=" and self.last is not None:
            return self.last
        return nouns.group_noun("X" if which == "E" and self.excepts else which, self.dice)

    def _one(self, noun: Noun, letter: str, bare: bool) -> None:
        if not bare or self.dice.chance(0.1):
            self._say(noun.article)
        action = _ACTIONS.get(letter)
        self.last = noun
        if action is None:
            self._say(noun.words)
            return
        self.pieces.append(Piece(noun.words, kind=noun.kind, action=action, styles=noun.styles))

    def _say(self, words: str) -> None:
        if words:
            self.pieces.append(Piece(words))

    def _around(self) -> None:
        """Openers, closers, asides and requests for something else."""
        dice = self.dice
        if dice.chance(0.06):
            before = self.pieces if dice.chance(0.4) else []
            self.pieces = [] if before else self.pieces
            joins = frames.ODD_BEFORE if before else frames.ODD_JOINS
            self._fill(dice.pick(joins))
            self.pieces += before
        if dice.chance(0.12):
            self.pieces.insert(0, Piece(dice.pick(frames.lines("openers")) + " "))
        if dice.chance(0.14):
            self._say(dice.pick(frames.lines("closers")))
        if dice.chance(0.4):
            ended = self.pieces[-1].text.endswith((".", "!", "?"))
            self._say("" if ended else dice.pick((".", ".", "!", "?")))
        aside = frames.chosen(dice.pick(frames.lines("asides")), dice)
        if dice.chance(0.08):
            self._say(" " + aside)
        elif dice.chance(0.04):
            self.pieces.insert(0, Piece(aside + " "))


def wrapping(words: str, kind: Kind) -> int:
    """How many characters of a thing's words are no name: "the sound of the ", "noise from a "."""
    if kind not in ("voice", "sound"):
        return 0
    found = _WRAPPED.match(words)
    return 0 if found is None or found.end() == len(words) else found.end()


def _joined(pieces: list[Piece], rest: Rest, is_request: bool) -> TaggedPrompt:
    text = ""
    spans: list[Span] = []
    odd: list[tuple[int, int]] = []
    for piece in pieces:
        start = len(text)
        text += piece.text
        lead = len(piece.text) - len(piece.text.lstrip())
        stop = start + len(piece.text.rstrip())
        if stop <= start + lead:
            continue
        if piece.kind is not None and piece.action is not None:
            first = start + lead + wrapping(text[start + lead : stop], piece.kind)
            spans.append(Span(first, stop, piece.kind, piece.action, piece.styles))
        elif piece.odd:
            odd.append((start + lead, stop))
    return TaggedPrompt(text, Tagging(tuple(spans), rest, is_request, tuple(odd)))
