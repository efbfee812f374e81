"""Planners that plan by what the open reader reads, so that negations, wishes, amounts and refusals
are the same for all: `ReadingPlanner` finds among the sources what was named, `Restated` says it
plainly to a planner that has learnt plain prompts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from baselines.composite.planning import Plan, Planner
from lcr.instruction import AudioDescription, Description, SpeechDescription
from lcr.prompts.reading import NamedThing, OpenReader, Reading
from lcr.prompts.reading.applied import Likeness, apply_reading
from lcr.prompts.reading.keywords import KeywordTagger
from lcr.prompts.reading.names import content_words
from lcr.prompts.reading.words import action_of, checked, plain, refusal, told
from lcr.remixer import Oracle, OracleUse, RefusedError, Step

_LEAST = 0.3
"""Likeness to a source's name below which a thing is none of the sources."""


class ReadingPlanner:
    """Gains on the sources that a prompt names, by the open reader."""

    uses_oracle: frozenset[OracleUse] = frozenset()

    def __init__(self, reader: OpenReader, *, weights: Mapping[str, str] | None = None) -> None:
        """`weights` are names and SHA-256 of what the reader runs with."""
        self._reader = reader
        self._likeness = None if reader.meanings is None else Likeness(reader.meanings)
        self.weights = dict(weights or {})

    def plan(
        self, prompt: str, described: Sequence[Description], *, oracle: Oracle | None = None
    ) -> Plan:
        """A gain for each source that is described, and for all else. What the prompt names and no
        source is, the plan lists as absent; where nothing that is to be kept is there, it changes
        nothing. Where no source is described, the plan is for what the prompt names. Raises
        RefusedError for a prompt that asks for no remix."""
        found = self.plan_many([prompt], [described])[0]
        if isinstance(found, Reading):
            raise RefusedError(refusal(found) or "")
        return found

    def plan_many(
        self, prompts: Sequence[str], described: Sequence[Sequence[Description]]
    ) -> list[Plan | Reading]:
        """As `plan`, for several prompts in one batch; of those that cannot be followed the
        readings."""
        began = time.perf_counter()
        readings = self._reader.read(prompts)
        if self._likeness is not None:
            things = [thing for reading in readings for thing in reading.listed]
            self._likeness.prepare(
                [" ".join(content_words(t.words)) for t in things if t.kind == "sound"]
                + [d.label for some in described for d in some if isinstance(d, AudioDescription)]
            )
        seconds = (time.perf_counter() - began) / max(1, len(prompts))
        return [
            reading if refusal(reading) else self._plan(reading, tuple(some), seconds)
            for reading, some in zip(readings, described, strict=True)
        ]

    def _plan(self, reading: Reading, described: tuple[Description, ...], seconds: float) -> Plan:
        absent: tuple[NamedThing, ...] = ()
        gains, rest = tuple(thing.gain for thing in reading.listed), reading.rest_gain
        if described:
            found = apply_reading(reading, described, likeness=self._likeness, least=_LEAST)
            gains, absent = found.gains, found.absent
            if rest == 0 and absent and not any(gains):
                gains, rest = (1.0,) * len(gains), 1.0
        return Plan(
            descriptions=described or tuple(map(_described, reading.listed)),
            gains=gains,
            rest=rest,
            steps=(Step(name="read prompt", detail=told(reading), seconds=seconds),),
            absent=tuple(thing.words for thing in absent),
            not_understood=reading.not_understood,
            unsure=reading.unsure,
        )


def _described(thing: NamedThing) -> Description:
    """What a thing is where nobody heard it: a speaker by style, all else by the prompt's words."""
    if thing.kind == "all_speech" or (thing.kind == "voice" and thing.relation is None):
        return SpeechDescription(**thing.styles)
    return AudioDescription(label=thing.words)


class Restated:
    """A planner of the paper's actions that is told in plain words what the open reader read, and
    given its amounts."""

    def __init__(self, planner: Planner, reader: OpenReader) -> None:
        self._planner, self._reader = planner, reader
        read: Mapping[str, str] = getattr(planner, "weights", {})
        self.weights = dict(read)

    @property
    def uses_oracle(self) -> frozenset[OracleUse]:
        return self._planner.uses_oracle

    def plan(
        self, prompt: str, described: Sequence[Description], *, oracle: Oracle | None = None
    ) -> Plan:
        """Raises RefusedError for a prompt that asks for no remix, and what the planner raises."""
        reading = checked(self._reader.read([prompt])[0])
        plan = self._planner.plan(plain(reading), described, oracle=oracle)
        stated = apply_reading(reading, plan.descriptions).gains
        gains = tuple(_stated(gain, by) for gain, by in zip(plan.gains, stated, strict=True))
        return replace(plan, gains=gains, rest=_stated(plan.rest, reading.rest_gain))


def _stated(planned: float, stated: float) -> float:
    """The amount that a prompt states for what a planner of the paper's actions turns up or down
    as well."""
    return stated if action_of(planned) == action_of(stated) else planned


def keyword_planner() -> ReadingPlanner:
    """Rules in place of the network: the floor under all planners."""
    return ReadingPlanner(OpenReader(KeywordTagger()))


def load_offline_planner() -> ReadingPlanner:
    """The planner of the reader that ships. Raises MissingWeightsError or WeightsError."""
    from lcr.nn.reader.shipped import weights_of

    return ReadingPlanner(OpenReader.load(), weights=weights_of())
