"""Several turns on one recording: each edits a mix of the original's sources, and refers back to
what was said. Where the words fit no source, or several, the conversation asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agents.conversation.edits import adjusting
from agents.conversation.follow import Decision, Follower, Last, Question, in_words
from agents.conversation.history import ConversationError, History, digest
from agents.conversation.mentions import guess_of, without_preamble
from agents.conversation.state import REST, ByPrompt, GainDb, Mix, State
from agents.conversation.turn import Choice, Turn, change_in_words, labels, plan_in_words
from agents.plan import LEAST_DB, MOST_DB, HeardSource
from baselines.composite.planning import Planner
from lcr import registry
from lcr.api import LoadedRemixer
from lcr.audio.core import Clip, check_audio
from lcr.prompts.request import PromptError, prepared, readable, reading
from lcr.prompts.time_range import TimeRange, TimeRangeError
from lcr.remixer import Audio, RefusedError

_UNDO = re.compile(
    r"(?:please )?(?:undo(?: (?:that|it|this|the last one))?|go back|take that back)"
)
_REDO = re.compile(r"(?:please )?redo(?: (?:that|it|this))?")
_RESET = re.compile(r"(?:please )?(?:reset|start over|(?:back to )?the original)")


Load = Callable[[str], LoadedRemixer]
"""A system by its name."""


class Heard(Protocol):
    """An inventory: what is in a recording, and its sources' audio (sources, channels, samples)."""

    @property
    def heard(self) -> tuple[HeardSource, ...]: ...

    @property
    def audio(self) -> NDArray[np.float32]: ...


class Ears(Protocol):
    """Who makes inventories (`agents.listening.listener.Listener`, or who knows the true
    sources)."""

    def listen(self, mixture: Audio, sample_rate: int) -> Heard: ...


class Conversation:
    """A conversation about (channels, samples) `audio`. Every turn is rendered from it."""

    def __init__(
        self,
        audio: Audio,
        sample_rate: int,
        heard: Heard,
        planner: Planner,
        *,
        load: Load | None = None,
    ) -> None:
        """`load` is by default the registry's, of which two systems stay loaded. Raises ValueError
        for audio that `check_audio` refuses."""
        check_audio(audio, sample_rate)
        self._load = load or lru_cache(maxsize=2)(_create)
        self._made = lru_cache(maxsize=2)(self._make)  # a switch between two costs no other run
        self._audio, self._sample_rate = audio, sample_rate
        self._inventory = heard
        self._ids = tuple(one.id for one in heard.heard)
        self._names = labels(heard.heard)
        start = State(whole=Mix(gains=dict.fromkeys(self._ids, 0.0)))
        self._states, self._at = [start], 0
        self._last: list[Last] = [Last()]
        self._question: Question | None = None
        self._follower = Follower(
            sources=heard.heard,
            planner=planner,
            samples=audio.shape[1],
            sample_rate=sample_rate,
        )
        self._turns: list[Turn] = []
        there = "; ".join(f"{one.id}: {guess_of(one)}" for one in heard.heard)
        self._add("", f"I hear: {there or 'nothing that I can tell apart'}.")

    @classmethod
    def open(
        cls,
        audio: Audio,
        sample_rate: int,
        *,
        listener: Ears | None = None,
        planner: Planner | None = None,
        load: Load | None = None,
    ) -> Conversation:
        """Listen to `audio` (channels, samples). `listener` and `planner` are by default those that
        ship. Raises ValueError for unusable audio, MissingWeightsError, WeightsError."""
        if listener is None:
            from agents.listening.listener import load_listener  # with torch

            listener = load_listener()
        if planner is None:
            from agents.planners.choose import load_planner

            planner = load_planner()
        return cls(audio, sample_rate, listener.listen(audio, sample_rate), planner, load=load)

    @property
    def sources(self) -> tuple[HeardSource, ...]:
        return self._inventory.heard

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns so far. The first is the recording itself; undoing is a turn of its own."""
        return tuple(self._turns)

    @property
    def current(self) -> Turn:
        return self._turns[-1]

    @property
    def can_undo(self) -> bool:
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        return self._at < len(self._states) - 1

    def audio(self, number: int) -> Audio:
        """The sound (channels, samples) of the turn `number`. Raises IndexError for none."""
        if not 0 <= number < len(self._turns):
            raise IndexError(f"there are turns 0 to {len(self._turns) - 1}; got {number}")
        return self._turns[number].audio

    def say(self, prompt: str, *, system: str | None = None) -> Turn:
        """One more turn. A prompt that cannot be followed changes nothing, and the reply says why.

        With `system`, a name of the registry's, that one remixes the original by this prompt alone
        instead of the planner's gains; "undo" and answers to a question stay what they are.

        Raises what the planner or the system raises, and what keeps the system from running here.
        """
        question, self._question = self._question, None
        try:
            read = readable(prompt) if system is None else prepared(prompt, system)
        except PromptError as error:
            return self._add(prompt, in_words(error))
        turn = self._follow(prompt, read, system, question)
        if reading(prompt, read):
            turn = replace(turn, reply=f"({reading(prompt, read)}) {turn.reply}")
            self._turns[-1] = turn
        return turn

    def _follow(
        self, prompt: str, read: str, system: str | None, question: Question | None
    ) -> Turn:
        words = without_preamble(read, self.sources)
        plain = words.lower().strip(" .!?\"'")
        if _UNDO.fullmatch(plain):
            return self.undo()
        if _REDO.fullmatch(plain):
            return self.redo()
        if _RESET.fullmatch(plain):
            return self._change(prompt, self._states[0], Last(), None)
        chosen: Mapping[int, tuple[str, ...]] = {}
        if question is not None:
            picked = self._follower.answer(plain, question)
            if picked:
                chosen = {**question.chosen, question.start: picked}
                words = question.prompt
        if system is not None and not chosen:
            return self._hand(prompt, ByPrompt(system=system, prompt=read))
        if not self._ids:
            return self._add(prompt, "I hear no sources here; nothing can be changed.")
        try:
            found = self._follower.follow(words, self._state, self._last[self._at], chosen)
        except (TimeRangeError, RefusedError) as error:
            return self._add(prompt, in_words(error))
        if isinstance(found, Question):
            self._question = found
            return self._add(prompt, found.words, found.choices)
        return self._decide(prompt, found)

    def set_gains(self, gains_db: Mapping[str, GainDb]) -> Turn:
        """Faders: sources by id, and "rest", to dB; None removes. They hold for the whole
        recording, its parts included. Raises ConversationError for other ids and gains beyond
        those of a plan, -60 to 24 dB."""
        for id_, gain in gains_db.items():
            if id_ not in (*self._ids, REST):
                there = ", ".join((*self._ids, REST))
                raise ConversationError(f"no source {id_!r}; there are: {there}")
            if gain is not None and not LEAST_DB <= gain <= MOST_DB:
                raise ConversationError(
                    f"a gain is from {LEAST_DB:g} to {MOST_DB:g} dB; got {gain:g} for {id_}"
                )
        self._question = None
        last = Last(focus=tuple(id_ for id_ in gains_db if id_ != REST))
        return self._change("", self._state.edited(adjusting(gains_db), None), last, None)

    def undo(self) -> Turn:
        """Back to before the last change."""
        self._question = None
        if not self.can_undo:
            return self._add("undo", "There is nothing to undo.")
        self._at -= 1
        return self._add("undo", f"Undone. {self._plan}.")

    def redo(self) -> Turn:
        """Do again what was undone last."""
        self._question = None
        if not self.can_redo:
            return self._add("redo", "There is nothing to redo.")
        self._at += 1
        return self._add("redo", f"Done again. {self._plan}.")

    @property
    def _state(self) -> State:
        return self._states[self._at]

    @property
    def _plan(self) -> str:
        return plan_in_words(self._state, self.sources)

    def _add(self, prompt: str, reply: str, asks: tuple[Choice, ...] = ()) -> Turn:
        turn = Turn(
            number=len(self._turns),
            prompt=prompt,
            reply=reply,
            plan=self._plan,
            state=self._state,
            asks=asks,
            render=self._render,
        )
        self._turns.append(turn)
        return turn

    def _render(self, state: State) -> Audio:
        if state.by is not None:
            return self._made(state.by).copy()
        return state.render(self._audio, self._inventory.audio, self._ids, self._sample_rate)

    def _make(self, by: ByPrompt) -> Audio:
        given = self._audio.view()
        given.flags.writeable = False
        clip = Clip(audio=given, sample_rate=self._sample_rate)
        return self._load(by.system).remix(clip, by.prompt).audio

    def _hand(self, prompt: str, by: ByPrompt) -> Turn:
        try:
            self._made(by)
        except (PromptError, TimeRangeError, RefusedError) as error:
            return self._add(prompt, in_words(error))
        return self._change(prompt, replace(self._state, by=by), Last(), None)

    def _decide(self, prompt: str, found: Decision) -> Turn:
        before = self._last[self._at].before if found.instead else None
        state = (before or self._state).edited(found.edit, found.only)
        last = replace(found.last, before=before)
        turn = self._change(prompt, state, last, found.only)
        if found.doubts:
            turn = replace(turn, reply=" ".join((turn.reply, *found.doubts)))
            self._turns[-1] = turn
        return turn

    def _change(self, prompt: str, state: State, last: Last, only: TimeRange | None) -> Turn:
        before = self._state
        if state == before:
            return self._add(prompt, f"That changes nothing. {self._plan}.")
        del self._states[self._at + 1 :], self._last[self._at + 1 :]
        self._states.append(state)
        self._last.append(replace(last, before=last.before or before))
        self._at += 1
        return self._add(prompt, change_in_words(before, state, only, self.sources))

    def to_json(self) -> str:
        """The history, without the sound."""
        return History(
            sample_rate=self._sample_rate,
            audio_sha256=digest(self._audio),
            sources=self._names,
            turns=self.turns,
            states=tuple(self._states),
            last=tuple(self._last),
            at=self._at,
        ).to_json()

    @classmethod
    def from_json(
        cls,
        text: str,
        audio: Audio,
        sample_rate: int,
        *,
        listener: Ears | None = None,
        planner: Planner | None = None,
        load: Load | None = None,
    ) -> Conversation:
        """Go on where `to_json` was called, on the same recording, which is listened to again. An
        open question is to be asked anew.

        Raises ConversationError for a history that is damaged, of other audio, or where other
        sources are heard now; and as `open` does.
        """
        made = cls.open(audio, sample_rate, listener=listener, planner=planner, load=load)
        saved = History.from_json(text, made._render)
        if saved.audio_sha256 != digest(audio) or saved.sample_rate != sample_rate:
            raise ConversationError("the history is of another recording")
        if saved.sources != made._names:
            raise ConversationError("other sources are heard now than when it was saved")
        made._states, made._last, made._at = list(saved.states), list(saved.last), saved.at
        made._turns = list(saved.turns)
        return made


def _create(system: str) -> LoadedRemixer:
    return LoadedRemixer(registry.create(system))
