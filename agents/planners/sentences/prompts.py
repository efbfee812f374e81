"""Prompts for readers to learn from: richer in words than `lcr.prompts.generator`,
whose prompts the suites and the other checkpoints hold to, but built of the same phrases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from agents.planners.sentences.clauses import Clause, list_of, say
from agents.planners.sentences.sounds import Sound, sounds
from agents.planners.sentences.speakers import speaker_phrase
from lcr.instruction import (
    STYLE_ATTRIBUTES,
    Action,
    AudioDescription,
    Instruction,
    SpeechDescription,
    instruction,
    patterns_by_task,
    tell_apart,
)
from lcr.prompts import lexicon
from lcr.prompts.generator import Phrase, Prompt
from lcr.prompts.generator.examples import random_speaker
from lcr.prompts.generator.phrases import (
    Attributes,
    Dice,
    all_audio,
    all_speech,
    minimal_attributes,
)
from lcr.prompts.generator.writer import ISOLATING_FORMS

_COMPOSITIONS = ((2, 2),) * 14 + ((1, 1), (1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (0, 2), (2, 0))


def unnamed_action(prompt: Prompt) -> Action:
    """What a prompt asks of a source that it does not name."""
    for phrase in prompt.phrases:
        if phrase.scope in ("everything", "everything_else"):
            return phrase.action
    return Action.REMOVE if prompt.form in ISOLATING_FORMS else Action.KEEP


@lru_cache
def _patterns(n_speech: int, n_audio: int) -> tuple[tuple[str, ...], ...]:
    return tuple(patterns_by_task(n_speech, n_audio).values())


def draw_prompt(rng: np.random.Generator) -> tuple[Instruction, Prompt]:
    """A random instruction over wide descriptions and a prompt for it."""
    dice = Dice(rng)
    n_speech, n_audio = dice.pick(_COMPOSITIONS)
    pattern = dice.pick(dice.pick(_patterns(n_speech, n_audio)))
    heard: list[Sound] = []
    while len(heard) < n_audio:
        new = dice.pick(sounds())
        if all(new.names[0] != old.names[0] or new.doings != old.doings for old in heard):
            heard.append(new)
    speakers = _speakers(rng, dice, n_speech)
    labels = tuple(AudioDescription(label=sound.label(dice)) for sound in heard)
    while len({d.label for d in labels}) < n_audio:
        labels = tuple(AudioDescription(label=sound.label(dice)) for sound in heard)
    asked = instruction(pattern, (*speakers, *labels))
    return asked, _Writer(asked, tuple(heard), dice).write()


def _speakers(rng: np.random.Generator, dice: Dice, count: int) -> tuple[SpeechDescription, ...]:
    unknown = dice.pick((0.0, 0.0, 0.0, 0.25))
    while True:
        found = [random_speaker(rng, unknown=unknown) for _ in range(count)]
        # Most speech is neutral, and a voice like another is told by little.
        found = [replace(s, emotion="neutral") if dice.chance(0.5) else s for s in found]
        if all(tell_apart(a, b) for i, a in enumerate(found) for b in found[:i]):
            return tuple(found)


@dataclass(frozen=True)
class _Writer:
    asked: Instruction
    heard: tuple[Sound, ...]
    dice: Dice

    def write(self) -> Prompt:
        form, clauses = self._plan()
        return Prompt(say(clauses, self.dice), tuple(p for c in clauses for p in c.phrases), form)

    def _plan(self) -> tuple[str, list[Clause]]:
        actions, dice = self.asked.actions, self.dice
        kinds, n = set(actions), len(actions)
        removed = actions.count(Action.REMOVE)
        if len(kinds) == 1 and (n == 1 or dice.chance(0.35)):
            words = dice.pick(lexicon.EVERYTHING)
            every = Phrase(actions[0], words, tuple(range(n)), scope="everything")
            return "change", [Clause(actions[0].value, (every,))]
        if kinds == {Action.REMOVE, Action.KEEP} and dice.chance(0.15 + 0.7 * removed / n):
            return self._extraction()
        if removed and kinds & {Action.UP, Action.DOWN} and dice.chance(0.1 + 0.15 * removed):
            return self._isolate_then_change()
        if dice.chance(0.15) and (found := self._with_everything_else()):
            return found
        named = [i for i in range(n) if actions[i] is not Action.KEEP]
        clauses = self._changes(named)
        kept = [i for i in range(n) if actions[i] is Action.KEEP]
        if kept and dice.chance(0.12):
            if removed and dice.chance(0.5):
                clauses.append(Clause("1", self._units(kept)))
            else:
                clauses.append(Clause("same", self._units([dice.pick(kept)])))
            if dice.chance(0.3):
                clauses = dice.shuffled(clauses)
        return "change", clauses

    def _extraction(self) -> tuple[str, list[Clause]]:
        kept = self._units(self._where(Action.KEEP))
        draw = self.dice.pick(range(20))
        if draw < 11:
            return "isolate", [Clause("isolate", kept)]
        if draw < 15:
            return "keep_only", [Clause("only", kept)]
        if draw < 16:
            return "keep_only", [Clause("1", kept)]
        rest = self._rest(Action.REMOVE)
        if draw < 18:
            return "except", [self._all_but(Action.REMOVE, kept)]
        return "change", [Clause("1", kept), Clause("0", (rest,))]

    def _isolate_then_change(self) -> tuple[str, list[Clause]]:
        actions = self.asked.actions
        stay = [i for i, a in enumerate(actions) if a is not Action.REMOVE]
        changed = [i for i in stay if actions[i] is not Action.KEEP]
        kind = self.dice.pick(("isolate", "only"))
        form = "isolate" if kind == "isolate" else "keep_only"
        if self.dice.chance(0.5):  # "isolate the man, and turn up the rain"
            named = [i for i in stay if actions[i] is Action.KEEP]
            if not named:
                return form, [Clause(kind, self._units(stay, Action.KEEP)), *self._changes(changed)]
            clauses = [Clause(kind, self._units(named)), *self._changes(changed)]
            return form, self.dice.shuffled(clauses)
        return form, [Clause(kind, self._units(stay, Action.KEEP)), *self._changes(changed)]

    def _with_everything_else(self) -> tuple[str, list[Clause]] | None:
        actions = self.asked.actions
        shared = [a for a in (Action.REMOVE, Action.UP, Action.DOWN) if actions.count(a) > 1]
        if not shared or len(set(actions)) == 1:
            return None
        action = self.dice.pick(shared)
        others = [i for i, a in enumerate(actions) if a is not action]
        if all(actions[i] is Action.KEEP for i in others) and self.dice.chance(0.7):
            return "except", [self._all_but(action, self._units(others))]
        clauses = self._changes([i for i in others if actions[i] is not Action.KEEP])
        kept = [i for i in others if actions[i] is Action.KEEP]
        if kept:
            clauses.append(Clause("1" if action is Action.REMOVE else "same", self._units(kept)))
        return "change", [*self.dice.shuffled(clauses), Clause(action.value, (self._rest(action),))]

    def _changes(self, indices: Sequence[int]) -> list[Clause]:
        units = self._units(indices)
        clauses: list[Clause] = []
        for action in Action:
            same = tuple(unit for unit in units if unit.action is action)
            if len(same) > 1 and self.dice.chance(0.5):
                clauses += [Clause(action.value, (unit,)) for unit in same]
            elif same:
                clauses.append(Clause(action.value, same))
        return self.dice.shuffled(clauses)

    def _units(self, indices: Sequence[int], action: Action | None = None) -> tuple[Phrase, ...]:
        """Phrases that cover exactly these sources; `action` is that of all where it is given."""
        actions, descriptions, dice = self.asked.actions, self.asked.descriptions, self.dice
        n_speech, left = self.asked.n_speech, list(indices)
        phrases: list[Phrase] = []
        groups = ((all_speech, range(n_speech)), (all_audio, range(n_speech, len(actions))))
        for write, members in groups:
            whole = len(members) > 1 and n_speech and set(members) <= set(left)
            if not whole or (action is None and len({actions[i] for i in members}) > 1):
                continue
            if dice.chance(0.3):
                phrases.append(write(action or actions[members[0]], descriptions, dice))
                left = [i for i in left if i not in members]
        phrases += [self._one(i, action or actions[i]) for i in left]
        return tuple(dice.shuffled(phrases))

    def _one(self, index: int, action: Action) -> Phrase:
        description = self.asked.descriptions[index]
        if isinstance(description, AudioDescription):
            place = index - self.asked.n_speech
            taken = frozenset(
                word
                for other in self.heard[:place] + self.heard[place + 1 :]
                for word in (*other.names, *other.doings)
            )
            words = self.heard[place].phrase(self.dice, taken)
            return Phrase(action, words, (index,), label=description.label)
        stated = self._attributes(index)
        return Phrase(action, speaker_phrase(stated, self.dice), (index,), attributes=stated)

    def _attributes(self, index: int) -> Attributes:
        speakers = tuple(d for d in self.asked.descriptions if isinstance(d, SpeechDescription))
        known = tuple(speakers[index].known.items())
        found = set(self.dice.pick(minimal_attributes(speakers, index)))
        more = self.dice.pick((0.0, 0.0, 0.15, 0.5))
        found |= {pair for pair in known if self.dice.chance(more)}
        return tuple(sorted(found, key=lambda pair: STYLE_ATTRIBUTES.index(pair[0])))

    def _all_but(self, action: Action, kept: tuple[Phrase, ...]) -> Clause:
        every = self.dice.pick(lexicon.EVERYTHING_BEFORE_EXCEPT)
        words = f"{every} {self.dice.pick(lexicon.EXCEPT)} {list_of(kept, self.dice)}"
        return Clause(action.value, (*kept, replace(self._rest(action), words=words)), words)

    def _rest(self, action: Action) -> Phrase:
        words = self.dice.pick(lexicon.EVERYTHING_ELSE)
        return Phrase(action, words, tuple(self._where(action)), scope="everything_else")

    def _where(self, action: Action) -> list[int]:
        return [i for i, a in enumerate(self.asked.actions) if a is action]
