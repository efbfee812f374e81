"""What the generative planner learns from: prompts of our own two generators, with their plans.

No prompt of the paper's authors is among them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents.plan import ActionName, HeardSource, RemixPlan, SourceChange
from agents.planners.generative.labels import called, invented_label
from agents.planners.generative.text import SOUNDS, SPEECH, inventory_of, source_id, words_of
from agents.planners.sentences.noise import roughen
from agents.planners.sentences.prompts import draw_prompt, unnamed_action
from lcr.data.studio.classes import UNSEEN
from lcr.instruction import Action, AudioDescription, Instruction, SpeechDescription
from lcr.prompts.generator import Phrase, Prompt, write_prompt
from lcr.prompts.generator.examples import random_instruction
from lcr.prompts.generator.phrases import Dice

ACTION_NAMES: dict[Action, ActionName] = {
    Action.REMOVE: "remove",
    Action.KEEP: "keep",
    Action.UP: "up",
    Action.DOWN: "down",
}
_COUNTS = ((2, 2), (2, 2), (2, 2), (2, 2), (1, 2), (2, 1), (1, 1), (2, 3), (3, 1), (0, 2), (2, 0))
"""Speech and audio sources; the suites' and the paper's four more often than others."""


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A prompt, the sources it is about (none where they are not told) and its plan."""

    prompt: str
    inventory: tuple[HeardSource, ...]
    plan: RemixPlan


@dataclass(frozen=True, kw_only=True)
class LessonConfig:
    """Chances."""

    free: float = 0.2
    """No inventory is given, and the plan names what the prompt names."""
    rich: float = 0.65
    """The prompt is of the offline planner's generator, with its wide table of sounds; else of
    `lcr.prompts.generator`."""
    invented: float = 0.7
    """In a prompt of `lcr.prompts.generator`, a label is of random words."""
    renamed: float = 0.6
    """An invented label is called by a part of its words or in another order."""
    shuffled: float = 0.3
    """The inventory is in another order than speech first."""


def draw_lesson(
    rng: np.random.Generator, words: Sequence[str], config: LessonConfig | None = None
) -> Lesson:
    """One lesson; `words` are what labels are invented from."""
    config = config or LessonConfig()
    dice = Dice(rng)
    rich = dice.chance(config.rich)
    wanted, prompt = draw_prompt(rng) if rich else _with_invented_labels(rng, dice, words, config)
    text = roughen(prompt.text, dice)
    if dice.chance(config.free):
        return Lesson(prompt=text, inventory=(), plan=_free_plan(prompt))
    order: Sequence[int] = range(len(wanted.descriptions))
    if dice.chance(config.shuffled):
        order = dice.shuffled(order)
    inventory = inventory_of([wanted.descriptions[i] for i in order])
    changes = tuple(
        SourceChange(source=source_id(number), action=ACTION_NAMES[wanted.actions[i]])
        for number, i in enumerate(order)
    )
    others = ACTION_NAMES[unnamed_action(prompt)]
    return Lesson(prompt=text, inventory=inventory, plan=RemixPlan(changes=changes, others=others))


def _with_invented_labels(
    rng: np.random.Generator, dice: Dice, words: Sequence[str], config: LessonConfig
) -> tuple[Instruction, Prompt]:
    drawn = random_instruction(rng, *dice.pick(_COUNTS), unknown=dice.pick((0.0, 0.0, 0.25)))
    labels = {d.label: d.label for d in drawn.descriptions if isinstance(d, AudioDescription)}
    for label in labels:
        if label in UNSEEN or dice.chance(config.invented):
            labels[label] = invented_label(words, dice)
    wanted = Instruction(
        drawn.actions,
        tuple(
            AudioDescription(label=labels[d.label]) if isinstance(d, AudioDescription) else d
            for d in drawn.descriptions
        ),
    )
    prompt = write_prompt(wanted, rng)
    for old, label in labels.items():
        if label == old or not dice.chance(config.renamed):
            continue
        name = called(label, dice)
        taken = {word for one in labels.values() if one != label for word in one.split()}
        if not taken & set(name.split()):
            prompt = _renamed(prompt, label, name)
    return wanted, prompt


def _renamed(prompt: Prompt, label: str, name: str) -> Prompt:
    """As nothing but its words tell what an invented class is, they are also its label then."""
    return replace(
        prompt,
        text=re.sub(re.escape(label), lambda _: name, prompt.text, flags=re.IGNORECASE),
        phrases=tuple(replace(p, label=name) if p.label == label else p for p in prompt.phrases),
    )


def _free_plan(prompt: Prompt) -> RemixPlan:
    """The plan of a prompt without an inventory: what it names, in its order. Where it names a
    source twice, the later action counts."""
    actions: dict[str, ActionName] = {}
    for phrase in prompt.phrases:
        name = _name(phrase)
        if name is not None:
            actions[name] = ACTION_NAMES[phrase.action]
    return RemixPlan(
        changes=tuple(SourceChange(source=name, action=a) for name, a in actions.items()),
        others=ACTION_NAMES[unnamed_action(prompt)],
    )


def _name(phrase: Phrase) -> str | None:
    if phrase.scope in ("everything", "everything_else"):
        return None
    if phrase.scope != "one":
        return SPEECH if phrase.scope == "all_speech" else SOUNDS
    if phrase.label is not None:
        return phrase.label
    return words_of(SpeechDescription(**dict(phrase.attributes)))
