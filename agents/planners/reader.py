"""Plans by the slots of a trained reader, the one that LCR ships with: what each names, and what is
to happen to it and to all the rest."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from baselines.clap.wording import relation
from baselines.composite.planning import Plan, Planner
from lcr.checkpoints import (
    Checkpoint,
    base_weights,
    find_checkpoint,
    load_tensors,
    must_fit,
    no_larger_than,
)
from lcr.instruction import (
    STYLE_VALUES,
    Action,
    AudioDescription,
    Description,
    Kind,
    SpeechDescription,
)
from lcr.nn.reader.prompt_reader import PromptReader, ReaderConfig, ReaderOutput
from lcr.nn.reader.slots import SlotVocabulary
from lcr.remixer import MissingOracleError, Oracle, OracleUse, Step

DEFAULT_READER = "lcr-g"
SPEAKERS = 2
"""In the mixtures that the shipped separator was trained on."""
_STATED = 0.5
"""Slots above this probability count."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a prompt states: actions on what it names, on all sources of a kind that it does not
    name, and on `others`, all the rest."""

    named: tuple[tuple[Description, Action], ...]
    groups: dict[Kind, Action]
    others: Action

    def action_on(self, kind: Kind) -> Action:
        """On what is not named itself."""
        return self.groups.get(kind, self.others)


def said_by(slots: Tensor, vocabulary: SlotVocabulary) -> Said:
    """What the probabilities of `slots` (vocabulary.size,) state, each by itself.

    Slots do not say which of two speakers under one action has which value. Values that exclude
    each other are of two speakers, and what else is said of them is left out.
    """
    columns = vocabulary.columns
    table = slots[:-1].view(len(Action), len(columns))
    stated = [
        {column: p for column, p in zip(columns, row, strict=True) if p > _STATED}
        for row in table.tolist()
    ]
    named: dict[Description, Action] = {}
    scopes: dict[str, Action] = {}
    # What is only kept gives way to a change: "extract the two and turn the second up".
    order = sorted(zip(Action, stated, strict=True), key=lambda pair: pair[0] is not Action.KEEP)
    for action, columns_of_it in order:
        for label in vocabulary.labels:
            if label in columns_of_it:
                named[AudioDescription(label=label)] = action
        for speaker in _speakers(columns_of_it):
            named[speaker] = action
    for scope in ("everything", "everything_else", "all_speech", "all_audio"):
        found = [(row[scope], action) for action, row in order if scope in row]
        if found:
            scopes[scope] = max(found, key=lambda pair: pair[0])[1]
    isolates = bool(slots[-1] > _STATED)
    others = scopes.get("everything_else") or scopes.get("everything")
    kinds: tuple[tuple[Kind, str], ...] = (("speech", "all_speech"), ("audio", "all_audio"))
    return Said(
        named=tuple(named.items()),
        groups={kind: scopes[scope] for kind, scope in kinds if scope in scopes},
        others=others or (Action.REMOVE if isolates else Action.KEEP),
    )


def _speakers(columns: dict[str, float]) -> list[SpeechDescription]:
    values = {
        name: [value for value in some if f"{name}={value}" in columns]
        for name, some in STYLE_VALUES.items()
    }
    apart = next((name for name, found in values.items() if len(found) > 1), None)
    if apart is not None:
        return [SpeechDescription(**{apart: value}) for value in values[apart]]
    single = {name: found[0] for name, found in values.items() if found}
    return [SpeechDescription(**single)] if single or "speech" in columns else []


class SlotReader(Protocol):
    """What a trained PromptReader is used for."""

    def read(self, prompts: Sequence[str]) -> ReaderOutput:
        """Prompts to the probabilities of the slots, (prompts, slots)."""
        ...


class ReaderPlanner:
    """Plans by the slots of a reader, from the prompt alone."""

    uses_oracle: frozenset[OracleUse] = frozenset()

    def __init__(
        self,
        reader: SlotReader,
        vocabulary: SlotVocabulary,
        *,
        speakers: int = SPEAKERS,
        weights: Mapping[str, str] | None = None,
    ) -> None:
        """`speakers`: how many a mixture holds, named or not, where nothing is described.
        `weights` are names and sha256 of what the reader runs with."""
        self._reader, self._vocabulary, self._speakers = reader, vocabulary, speakers
        self.weights = dict(weights or {})

    def plan(
        self, prompt: str, described: Sequence[Description], *, oracle: Oracle | None = None
    ) -> Plan:
        """Plan gains for the sources described. Where none are, plan for what the prompt names and
        for as many speakers as the mixture is assumed to hold, with `rest` for other sounds."""
        began = time.perf_counter()
        with torch.inference_mode():
            slots = self._reader.read([prompt]).slots[0].cpu()
        said = said_by(slots, self._vocabulary)
        chosen = [(one, _meant(said, one)) for one in described]
        if not described:
            heard = sum(one.kind == "speech" for one, _ in said.named)
            unnamed = max(0, self._speakers - heard)
            speaker = (SpeechDescription(), said.action_on("speech"))
            chosen = [*said.named, *[speaker] * unnamed]
        step = Step(
            name="read prompt",
            detail="; ".join(_words(one, action) for one, action in said.named)
            or "names nothing by itself",
            seconds=time.perf_counter() - began,
            data={
                "groups": {kind: action.name for kind, action in said.groups.items()},
                "others": said.others.name,
            },
        )
        return Plan(
            descriptions=tuple(one for one, _ in chosen),
            gains=tuple(action.gain for _, action in chosen),
            rest=said.action_on("audio").gain,
            steps=(step,),
        )


def _meant(said: Said, source: Description) -> Action:
    fitting = [action for one, action in said.named if relation(one, source) == "fits"]
    return fitting[-1] if fitting else said.action_on(source.kind)


def _words(one: Description, action: Action) -> str:
    return f"{action.name.lower()} {' '.join(one.known.values()) or 'a speaker'}"


class ToldDescriptions:
    """Gives a planner that needs the sources their true descriptions, but not what is asked."""

    uses_oracle: frozenset[OracleUse] = frozenset({"instruction"})

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    def plan(
        self, prompt: str, described: Sequence[Description], *, oracle: Oracle | None = None
    ) -> Plan:
        """Raises MissingOracleError without descriptions."""
        if not described:
            raise MissingOracleError("the planner is told the true descriptions of the sources")
        return self._planner.plan(prompt, described)


def load_planner(name: str = DEFAULT_READER) -> ReaderPlanner:
    """Plan with the reader of a joint model: one that ships under `name`, or the folder `name`.

    Raises MissingWeightsError, WeightsError.
    """
    checkpoint = Checkpoint.read(find_checkpoint(name))
    with must_fit(checkpoint.folder, "holds no reader of slots"):
        vocabulary = SlotVocabulary(tuple(checkpoint.config["labels"]))
        reading = ReaderConfig.from_dict(checkpoint.config["reader"])
        with no_larger_than(checkpoint.tensors, reading.base):
            reader = PromptReader(reading)
        load_tensors(reader, checkpoint.tensors, "reader.")
        if reader.config.slots != vocabulary.size:
            raise ValueError(
                f"it fills {reader.config.slots} slots; its labels make {vocabulary.size}"
            )
    weights = {
        f"{checkpoint.folder.name} (reader)": checkpoint.sha256,
        **base_weights(reader.config.base),
    }
    return ReaderPlanner(reader.eval(), vocabulary, weights=weights)
