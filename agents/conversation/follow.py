"""What a prompt means in a conversation: an edit, a question, or nothing that can be done."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import Field

from agents.conversation import edits
from agents.conversation.mentions import ELSE, GROUPS, Mention, find_mentions, group_of, name_of
from agents.conversation.state import REST, Edit, State
from agents.conversation.turn import Choice, labels
from agents.plan import HeardSource
from baselines.composite.planning import Planner
from lcr.errors import LcrError
from lcr.prompts.reading import OpenReader
from lcr.prompts.reading.amounts import Direction
from lcr.prompts.reading.words import checked
from lcr.prompts.time_range import TimeRange
from lcr.prompts.time_words import parse_range
from lcr.remixer import RefusedError

_AS_BEFORE = re.compile(r"^(?:(?:just )?(?:the same )?as before|the same(?: again)?),?(?: but)? ?")
_POLITE = re.compile(
    r"^(?:it would be \w+ if|i'd appreciate it if|(?:would it be|is it) possible"
    r"|is there (?:a|any) way) (?:you could |for you to |to )?"
)
_OTHER = re.compile(r"\b(?:the )?other (?:ones?|speaker|sound|voice|man|woman|person)\b")
_BARE_OTHER = re.compile(r"(?:no,? )?(?:i mean(?:t)? )?the other one(?: instead)?")
_TOO_OTHER = re.compile(r"(?:and )?the other one(?: too| as well| also)?")
_IT = re.compile(  # but for "it would be great if" and "the man that talks"
    r"\bit\b(?! (?:would|is|be|so)\b)|\b(?:them|this one|that one)\b"
    r"|\b(?:this|that|these|those)(?= (?:up|down|out|back)\b|[ .!?]*$)"
)
_VERB = re.compile(
    r"\b(?:remove|delete|mute|silence|erase|cut|drop|get rid|take|keep|leave|isolate|extract|only"
    r"|just|solo|turn|make|bring|put|set|lower|raise|boost|reduce|increase|double|halve|restore)\b"
)
_BARE = re.compile(r"\W*(?:but )?(?:(?:a bit|a little|even|much|a lot|slightly) )?\w+er\W*")
_ORDINALS = {"first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "last": -1}
_ANSWER_WORDS = 6
"""More words than these are a wish of their own, and no answer."""
_OTHER_ONE, _IT_ITSELF = -1, -2
"""Places in a prompt where no words stand that name a source."""


@dataclass(frozen=True, kw_only=True)
class Last:
    """What "it" (`focus`) and "the other one" go by: the words of the last edit, without a range,
    the sources they name, its range, and the state before."""

    prompt: str = ""
    named: tuple[str, ...] = ()
    focus: tuple[str, ...] = ()
    way: Direction | None = None
    only: TimeRange | None = None
    before: Annotated[State | None, Field(exclude=True)] = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """Nothing is done: `why`, and which of the `choices` is meant at `start` in `prompt`. What was
    `chosen` before holds."""

    why: str
    prompt: str
    start: int
    choices: tuple[Choice, ...]
    chosen: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    @property
    def words(self) -> str:
        told = ", ".join(f"{one.id}: {one.words}" for one in self.choices)
        return f"{self.why} Which do you mean: {told}?"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`edit` in the part `only`, of the present state or of that before the last (`instead`)."""

    edit: Edit
    only: TimeRange | None
    last: Last
    instead: bool = False
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Follower:
    """Reads prompts about `sources` of a recording of `samples`."""

    sources: tuple[HeardSource, ...]
    planner: Planner
    samples: int
    sample_rate: int

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(one.id for one in self.sources)

    def follow(
        self,
        prompt: str,
        state: State,
        last: Last,
        chosen: Mapping[int, tuple[str, ...]] | None = None,
    ) -> Decision | Question:
        """What `prompt` means after `last`. `chosen` are answers, by the place of the words.

        Raises TimeRangeError for a range that is none or not there, RefusedError for what asks for
        no remix, and what the planner raises.
        """
        chosen = chosen or {}
        timed = parse_range(prompt)
        if timed.only is not None:
            timed.only.within(self.samples, self.sample_rate)
        text = _POLITE.sub("", " ".join(timed.prompt.lower().split()))
        text = _AS_BEFORE.sub("", text)
        if not _OTHER.search(text):
            return self._read(prompt, text, timed.only, state, last, chosen)
        others = chosen.get(_OTHER_ONE, self._others(last))
        if len(others) != 1 and not (others and "ones" in text):
            return self._question(
                "Which other one?", prompt, _OTHER_ONE, others or self.ids, chosen
            )
        plain = text.strip(" .!?")
        instead = bool(_BARE_OTHER.fullmatch(plain))
        if len(last.named) == len(last.focus) == 1 and (instead or _TOO_OTHER.fullmatch(plain)):
            return self._once_more(state, last, others[0], instead=instead)
        names = self._names(others)
        reading = self._reading(_OTHER.sub(names, text), others, (), state, last, direct=True)
        return self._decision(text, reading, others, timed.only)

    def answer(self, prompt: str, question: Question) -> tuple[str, ...]:
        """The ids that `prompt` picks; none where it answers nothing, and is a prompt itself."""
        plain = " ".join(prompt.lower().split()).strip(" .!?\"'")
        ids = tuple(one.id for one in question.choices)
        if re.fullmatch(r"both(?: of them)?|all(?: of them)?", plain):
            return ids
        if _VERB.search(plain) or edits.names_action(plain) or len(plain.split()) > _ANSWER_WORDS:
            return ()
        named = tuple(id_ for id_ in ids if re.search(rf"\b{re.escape(id_)}\b", plain))
        if named:
            return named
        short = re.sub(r"^(?:i mean(?:t)? )?(?:the )?", "", plain)
        place = _ORDINALS.get(short.removesuffix(" one"), len(ids))
        if place < len(ids):
            return (ids[place],)
        same = [one for one in self.sources if one.id in ids]
        fitting = (one.fits for one in find_mentions(plain, same) if len(one.fits) == 1)
        return next(fitting, ())

    def _read(
        self,
        prompt: str,
        text: str,
        only: TimeRange | None,
        state: State,
        last: Last,
        chosen: Mapping[int, tuple[str, ...]],
    ) -> Decision | Question:
        mentions = find_mentions(text, self.sources)
        targets: list[str] = []
        apart: set[str] = set()
        for one in mentions:
            ids = chosen.get(one.start) or _meant(one, last)
            if not ids:
                fits = one.fits or self.ids
                return self._question(_doubt(one), prompt, one.start, fits, chosen)
            targets += ids
            apart |= set(one.fits) - set(ids)
        asked = self._it(prompt, text, mentions, last, chosen)
        if isinstance(asked, Question):
            return asked
        wanted = tuple(dict.fromkeys((*asked, *targets)))
        text = self._named(text, mentions, chosen)
        spared = last.focus if ELSE.search(text) and not wanted else ()
        direct = not mentions
        if asked:
            text = _IT.sub(self._names(asked), text, count=1)
        try:
            reading = self._reading(
                text, wanted, apart - set(wanted), state, last, direct=direct, spared=spared
            )
        except RefusedError as error:  # of what was said, not of what "it" was taken for
            raise RefusedError(str(error).replace(f'"{text}"', f'"{prompt}"')) from error
        return self._decision(text, reading, wanted, only)

    def _it(
        self,
        prompt: str,
        text: str,
        mentions: Sequence[Mention],
        last: Last,
        chosen: Mapping[int, tuple[str, ...]],
    ) -> tuple[str, ...] | Question:
        """What "it" is, or what a prompt that names nothing is about; nothing where it does."""
        it = _IT.search(text)
        refers = it is not None and not any(one.start < it.start() for one in mentions)
        if (not refers or ELSE.search(text)) and (mentions or GROUPS.search(text)):
            return ()
        asks = edits.names_action(text) or _VERB.search(text)
        if not asks and not chosen:
            checked(OpenReader.load().read([prompt])[0])
        if not refers and not asks:
            why = "I do not see what is meant."
            return chosen.get(_IT_ITSELF) or self._question(
                why, prompt, _IT_ITSELF, self.ids, chosen
            )
        back = chosen.get(_IT_ITSELF) or last.focus
        if not back and len(self.ids) == 1:
            back = self.ids
        return back or self._question("Which one?", prompt, _IT_ITSELF, self.ids, chosen)

    def _reading(
        self,
        text: str,
        wanted: tuple[str, ...],
        apart: Sequence[str] | set[str],
        state: State,
        last: Last,
        *,
        direct: bool,
        spared: tuple[str, ...] = (),
    ) -> edits.EditRead:
        """`direct`: `text` names nothing else than `wanted`, by "it" or not at all."""
        alone, group = edits.is_alone(text), group_of(text, self.sources)
        every = wanted or (*group, *((REST,) if len(group) == len(self.ids) else ()))
        every = tuple(id_ for id_ in every if id_ not in spared)
        found = None if alone else edits.restoring(text, every)
        if found is None and direct and wanted and not alone:
            shown = state.whole
            if _BARE.fullmatch(text) and all(shown.gains[id_] is None for id_ in wanted):
                # What is gone cannot be louder; what is left can.
                left = (*self.ids, REST)
                every = tuple(id_ for id_ in left if shown.gain_of(id_) is not None)
            found = edits.louder_or_quieter(text, every, last.way)
        if found is not None:
            return found
        # Words that fit others as well must not reach those.
        told = [
            one
            for one in self.sources
            if (one.id in wanted if direct and wanted else one.id not in apart)
        ]
        return edits.planned(text, told, wanted, self.planner, spared=spared)

    def _once_more(self, state: State, last: Last, other: str, *, instead: bool) -> Decision:
        """The last edit on `other` instead of its own source, or as well."""
        one = last.named[0]
        mentions = find_mentions(last.prompt, self.sources)
        apart = {id_ for mention in mentions for id_ in mention.fits} - {one}
        before = last.before or state
        reading = self._reading(last.prompt, (one,), apart, before, last, direct=not mentions)
        edit = edits.swapped(reading.edit, one, other, kept=() if instead else last.focus)
        now = replace(last, focus=(other,) if instead else (*last.focus, other))
        return Decision(edit=edit, only=last.only, last=now, instead=instead)

    def _decision(
        self, text: str, reading: edits.EditRead, wanted: tuple[str, ...], only: TimeRange | None
    ) -> Decision:
        focus = reading.focus or wanted
        last = Last(prompt=text, named=wanted, focus=tuple(focus), way=reading.way, only=only)
        return Decision(edit=reading.edit, only=only, last=last, doubts=reading.doubts)

    def _others(self, last: Last) -> tuple[str, ...]:
        """Of the kind of what was spoken of last, all that was not."""
        kinds = {one.description.kind for one in self.sources if one.id in last.focus}
        left = [one for one in self.sources if one.id not in last.focus] if last.focus else []
        same = [one for one in left if one.description.kind in kinds]
        return tuple(one.id for one in same or left)

    def _named(
        self, text: str, mentions: Sequence[Mention], chosen: Mapping[int, tuple[str, ...]]
    ) -> str:
        """`text` with what was chosen in place of the words that were in doubt."""
        for one in reversed(mentions):
            if one.start in chosen:
                names = self._names(chosen[one.start]).removeprefix("the ")
                text = text[: one.start] + names + text[one.start + len(one.words) :]
        return text

    def _names(self, ids: Sequence[str]) -> str:
        found = [name_of(one.description) for one in self.sources if one.id in ids]
        return " and ".join(f"the {name}" for name in found)

    def _question(
        self,
        why: str,
        prompt: str,
        start: int,
        ids: Sequence[str],
        chosen: Mapping[int, tuple[str, ...]],
    ) -> Question:
        names = labels(self.sources)
        choices = tuple(Choice(id=id_, words=names[id_]) for id_ in ids)
        return Question(why=why, prompt=prompt, start=start, choices=choices, chosen=chosen)


def in_words(error: LcrError) -> str:
    told = str(error)
    return f"{told[0].upper()}{told[1:]}."


def _meant(one: Mention, last: Last) -> tuple[str, ...]:
    if len(one.fits) == 1 or one.several:
        return one.fits
    if re.fullmatch(r"his|him|he|her|she", one.words):
        back = tuple(id_ for id_ in one.fits if id_ in last.focus)
        return back if len(back) == 1 else ()
    return ()


def _doubt(one: Mention) -> str:
    if one.fits:
        return f'"{one.words}" fits {len(one.fits)} sources.'
    return f'I hear no "{one.words}" here.'
