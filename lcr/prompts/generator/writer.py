"""From an instruction to a plan (form, clauses, phrases), and from a prompt back to actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lcr.instruction import Action, Description, Instruction
from lcr.prompts import lexicon
from lcr.prompts.generator.phrases import Dice, Phrase, all_audio, all_speech, denoted, one_source
from lcr.prompts.generator.sentences import Clause, list_words, say
from lcr.prompts.generator.verbs import ISOLATE, KEEP_ONLY, LEAVE, VOLUME_DOWN, VOLUME_UP

ISOLATING_FORMS = frozenset({"isolate", "keep_only"})
"""Forms under which what no phrase names is removed; under the others it is kept."""


@dataclass(frozen=True)
class Prompt:
    """English text and the structure it was written from.

    `form` is "isolate" or "keep_only" (what is not named goes), "except" (everything except the
    named) or "change" (what is not named stays). Phrases are in the order they are said.
    """

    text: str
    phrases: tuple[Phrase, ...]
    form: str


def implied_actions(prompt: Prompt, descriptions: Sequence[Description]) -> tuple[Action, ...]:
    """The action of every source that phrases and form ask for; a later phrase wins."""
    unnamed = Action.REMOVE if prompt.form in ISOLATING_FORMS else Action.KEEP
    actions = [unnamed] * len(descriptions)
    for phrase in prompt.phrases:
        for i in denoted(phrase, descriptions, prompt.phrases):
            actions[i] = phrase.action
    return tuple(actions)


def write_prompt(instruction: Instruction, rng: np.random.Generator) -> Prompt:
    """One random English prompt that asks for exactly this instruction.

    Raises ValueError when it keeps or removes everything, or when two speakers cannot be told
    apart by attributes known of both and a phrase for one of them is needed.
    """
    actions = instruction.actions
    if set(actions) in ({Action.KEEP}, {Action.REMOVE}):
        raise ValueError(f"pattern {instruction.pattern!r} is trivial; there is nothing to ask for")
    planner = _Planner(instruction, Dice(rng))
    form, clauses = planner.plan()
    text, clauses = say(clauses, planner.dice)
    return Prompt(text, tuple(p for clause in clauses for p in clause.phrases), form)


@dataclass(frozen=True)
class _Planner:
    instruction: Instruction
    dice: Dice

    def plan(self) -> tuple[str, list[Clause]]:
        actions, dice = self.instruction.actions, self.dice
        kinds = set(actions)
        n = len(actions)
        if len(kinds) == 1:
            return "change", self._overall(actions[0])
        removed = actions.count(Action.REMOVE)
        if kinds == {Action.REMOVE, Action.KEEP} and dice.chance(0.1 + 0.75 * removed / n):
            return self._extraction()
        if removed and Action.KEEP not in kinds and dice.chance(0.15 + 0.15 * removed):
            return self._isolate_then_change()
        if dice.chance(0.2) and (clauses := self._with_everything_else()):
            return clauses
        return "change", self._changes(
            [i for i in range(n) if actions[i] is not Action.KEEP], allow_rest=True
        )

    def _overall(self, action: Action) -> list[Clause]:
        """One gain on everything (OVC)."""
        n = len(self.instruction.actions)
        every = tuple(range(n))
        draw = self.dice.pick(range(10))
        if n > 1 and draw >= 7:
            return self._changes(list(every))
        if draw < 3 and action in (Action.UP, Action.DOWN):
            kind = VOLUME_UP if action is Action.UP else VOLUME_DOWN
            words = self.dice.pick(lexicon.OVERALL_VOLUME)
        else:
            kind, words = action.value, self.dice.pick(lexicon.EVERYTHING)
        return [Clause(kind, (Phrase(action, words, every, scope="everything"),))]

    def _extraction(self) -> tuple[str, list[Clause]]:
        """Keep some and remove the rest, said from what stays."""
        kept = self._indices(Action.KEEP)
        phrases = self._units(kept)
        draw = self.dice.pick(range(20))
        if draw < 10:
            return "isolate", [Clause(ISOLATE, phrases)]
        if draw < 15:
            return "keep_only", [Clause(KEEP_ONLY, phrases)]
        if draw < 18:
            return "except", [self._all_but(Action.REMOVE, phrases)]
        rest = Clause(Action.REMOVE.value, (self._rest(Action.REMOVE),))
        return "change", [Clause(Action.KEEP.value, phrases), rest]

    def _isolate_then_change(self) -> tuple[str, list[Clause]]:
        """Isolate what stays, then set its volume."""
        actions = self.instruction.actions
        kept = [i for i, action in enumerate(actions) if action is not Action.REMOVE]
        form, kind = self.dice.pick((("isolate", ISOLATE), ("keep_only", KEEP_ONLY)))
        gains = {actions[i] for i in kept}
        phrases = self._units(kept, merge_across_actions=True)
        if len(gains) == 1:
            (action,) = gains
            words = self.dice.pick(("the volume", "the level", "the loudness"))
            level = Clause(VOLUME_UP if action is Action.UP else VOLUME_DOWN, (), words)
            named = tuple(replace(phrase, action=action) for phrase in phrases)
            return form, [replace(Clause(kind, named), first=True), level]
        named = tuple(replace(phrase, action=Action.KEEP) for phrase in phrases)
        return form, [Clause(kind, named, first=True), *self._changes(kept)]

    def _with_everything_else(self) -> tuple[str, list[Clause]] | None:
        """Name some sources, and say one action for all the others; None if nothing fits."""
        actions = self.instruction.actions
        shared = [a for a in (Action.REMOVE, Action.UP, Action.DOWN) if actions.count(a) > 1]
        if not shared:
            return None
        action = self.dice.pick(shared)
        named = [i for i, a in enumerate(actions) if a is not action]
        if all(actions[i] is Action.KEEP for i in named):
            return "except", [self._all_but(action, self._units(named))]
        rest = replace(Clause(action.value, (self._rest(action),)), last=True)
        clauses = self._changes([i for i in named if actions[i] is not Action.KEEP])
        kept = [i for i in named if actions[i] is Action.KEEP]
        if kept:
            clauses.append(Clause(LEAVE, self._units(kept)))
        return "change", [*self.dice.shuffled(clauses), rest]

    def _changes(self, indices: list[int], *, allow_rest: bool = False) -> list[Clause]:
        """Each listed source with its action, merged by action or said one by one."""
        units = self._units(indices)
        clauses: list[Clause] = []
        for action in Action:
            same = tuple(unit for unit in units if unit.action is action)
            if len(same) > 1 and not self.dice.chance(0.6):
                clauses += [Clause(action.value, (unit,)) for unit in same]
            elif same:
                clauses.append(Clause(action.value, same))
        clauses = self.dice.shuffled(clauses)
        rest = [i for i in range(len(self.instruction.actions)) if i not in indices]
        if allow_rest and rest and len(clauses) < 3 and self.dice.chance(0.05):
            clauses.append(replace(Clause(LEAVE, (self._rest(Action.KEEP),)), last=True))
        return clauses

    def _units(
        self, indices: list[int], *, merge_across_actions: bool = False
    ) -> tuple[Phrase, ...]:
        """Phrases that cover exactly these sources: groups where exact, else one by one."""
        instruction, dice = self.instruction, self.dice
        descriptions, actions = instruction.descriptions, instruction.actions
        left = list(indices)
        phrases: list[Phrase] = []
        n_speech, n = instruction.n_speech, len(actions)
        groups = ((all_speech, range(n_speech), 0.5), (all_audio, range(n_speech, n), 0.4))
        for write, members, probability in groups:
            if (
                not members
                or not set(members) <= set(left)
                or (write is all_audio and not n_speech)
            ):
                continue
            shared = {actions[i] for i in members}
            if len(members) == 1:
                probability = 0.15
            if (len(shared) == 1 or merge_across_actions) and dice.chance(probability):
                phrases.append(write(actions[members[0]], descriptions, dice))
                left = [i for i in left if i not in members]
        phrases += [one_source(actions[i], i, descriptions, dice) for i in left]
        return tuple(dice.shuffled(phrases))

    def _all_but(self, action: Action, kept: tuple[Phrase, ...]) -> Clause:
        """ "remove everything except the man and the rain" """
        every = self.dice.pick(lexicon.EVERYTHING_BEFORE_EXCEPT)
        words = f"{every} {self.dice.pick(lexicon.EXCEPT)} {list_words(kept, self.dice)}"
        rest = replace(self._rest(action), words=words)
        return Clause(action.value, (*kept, rest), words)

    def _rest(self, action: Action) -> Phrase:
        indices = tuple(self._indices(action))
        return Phrase(
            action, self.dice.pick(lexicon.EVERYTHING_ELSE), indices, scope="everything_else"
        )

    def _indices(self, action: Action) -> list[int]:
        return [i for i, a in enumerate(self.instruction.actions) if a is action]
