"""The agent's tools. All that they can bring about is a plan: gains on sources of one mixture.

What a model writes is checked against a schema and looked up among the sources; nothing of it is
run, opened, fetched or put into a message that has authority. What is known of a sound goes to
the model as JSON data, whatever words it holds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from agents.plan import (
    MOST_CHANGES,
    ActionName,
    HeardSource,
    PlanError,
    RemixPlan,
    SourceChange,
    SourceName,
    resolve_plan,
)
from lcr.instruction import Description

OTHERS = "others"
"""Stands for every source that has no action of its own."""
_WORDS = 200


@dataclass(frozen=True, kw_only=True)
class Listened:
    """What one source sounds like: its level (RMS in dB re full scale; None for silence) and the
    stretches, in seconds, in which it is heard."""

    level_db: float | None
    heard_s: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """Level of one source now and under a plan, RMS in dB re full scale; None for silence."""

    source: str
    before_db: float | None
    after_db: float | None


class Stage(Protocol):
    """One mixture, taken apart: what the tools hear of it."""

    @property
    def sources(self) -> Sequence[HeardSource]:
        """All sources found so far; `extract` adds to them, and none goes away."""
        ...

    def listen_to(self, source: HeardSource) -> Listened: ...

    def extract(self, words: str) -> HeardSource:
        """Take out what `words` describe, as a further source. Raises LcrError or ValueError
        where there is no such thing, or nothing that extracts."""
        ...

    def preview(self, plan: RemixPlan) -> Sequence[Preview]:
        """Levels of all sources. Raises PlanError."""
        ...


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NoArguments(_Strict):
    """Takes nothing."""


class OneSource(_Strict):
    source: Annotated[SourceName, Field(description="id of a source, such as s1")]


class Words(_Strict):
    words: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=_WORDS),
        Field(description="the sound in a few words, such as 'a dog barking'"),
    ]


@dataclass
class AgentSession:
    """What the tools of one conversation work on: the stage, and the plan as far as it is."""

    stage: Stage
    changes: dict[str, SourceChange] = field(default_factory=dict)
    others: SourceChange | None = None
    finished: bool = False

    @property
    def plan(self) -> RemixPlan:
        """The plan so far. Raises PlanError where it is about what is not there."""
        rest = self.others
        plan = RemixPlan(
            changes=tuple(self.changes.values()),
            others="keep" if rest is None else rest.action,
            others_gain_db=None if rest is None else rest.gain_db,
        )
        resolve_plan(plan, self.stage.sources)
        return plan

    @property
    def decided(self) -> bool:
        return bool(self.changes) or self.others is not None

    def adopt(self, plan: RemixPlan) -> None:
        """Take over a whole plan, and finish. Raises PlanError."""
        resolve_plan(plan, self.stage.sources)
        self.changes = {self._find(change.source).id: change for change in plan.changes}
        self.others = SourceChange(source=OTHERS, action=plan.others, gain_db=plan.others_gain_db)
        self.finished = True

    def list_sources(self) -> str:
        return _json({"sources": [describe_source(source) for source in self.stage.sources]})

    def listen_to(self, source: str) -> str:
        found = self._find(source)
        heard = self.stage.listen_to(found)
        return _json({"id": found.id, "level_db": _db(heard.level_db), "heard_s": heard.heard_s})

    def set_action(self, source: str, action: ActionName, gain_db: float | None = None) -> str:
        change = SourceChange(source=source, action=action, gain_db=gain_db)
        if source.casefold() == OTHERS:
            self.others = change
            return _json({"set": OTHERS, "factor": round(change.gain, 4)})
        found = self._find(source)
        if found.id not in self.changes and len(self.changes) >= MOST_CHANGES:
            raise PlanError(f"no more than {MOST_CHANGES} sources can be changed")
        self.changes[found.id] = change.model_copy(update={"source": found.id})
        return _json({"set": found.id, "factor": round(change.gain, 4)})

    def extract(self, words: str) -> str:
        return _json({"added": describe_source(self.stage.extract(words))})

    def preview(self) -> str:
        plan = self.plan
        levels = [
            {"source": one.source, "before_db": _db(one.before_db), "after_db": _db(one.after_db)}
            for one in self.stage.preview(plan)
        ]
        return _json({"plan": plan.words(), "levels": levels})

    def finish(self) -> str:
        self.finished = True
        return _json({"plan": self.plan.words()})

    def _find(self, name: str) -> HeardSource:
        for source in self.stage.sources:
            if source.id.casefold() == name.strip().casefold():
                return source
        there = ", ".join(source.id for source in self.stage.sources) or "none"
        raise PlanError(f"no source {name!r}; there are: {there}")


def tools_for(desk: AgentSession) -> list[BaseTool]:
    """The tools, always in the same order: they are part of the prefix that providers cache."""
    nothing, one = NoArguments, OneSource
    table: list[tuple[Any, type[BaseModel], str]] = [
        (desk.list_sources, nothing, "The sources of the mixture: id, description, confidence."),
        (desk.listen_to, one, "Level and times of one source, by id."),
        (
            desk.set_action,
            SourceChange,
            "Decide about one source, by id; source 'others' means all that have no action of "
            "their own. remove silences it, keep leaves it, up doubles and down halves it; with "
            "gain_db, up (above 0) and down (below 0) change it by that many dB instead.",
        ),
        (
            desk.extract,
            Words,
            "Take out a sound that is not among the sources, by a few words, as a new source.",
        ),
        (desk.preview, nothing, "Level of each source before and after the actions so far."),
        (desk.finish, nothing, "End: the actions so far are what is to be done."),
    ]
    return [
        StructuredTool.from_function(f, name=f.__name__, description=words, args_schema=schema)
        for f, schema, words in table
    ]


def describe_source(source: HeardSource) -> dict[str, object]:
    """A source as data for a model."""
    data = {"id": source.id, **describe(source.description)}
    level = {} if source.level_db is None else {"level_db": _db(source.level_db)}
    doubts = {"doubts": source.doubts} if source.doubts else {}
    return {**data, "confidence": round(source.confidence, 3), **level, **doubts}


def describe(description: Description) -> dict[str, str]:
    """A description as data: its kind, and its label or what is known of a speaker."""
    told = {key: value[:_WORDS] for key, value in description.known.items()}
    return {"kind": description.kind, **told}


def _db(level: float | None) -> float | None:
    return None if level is None else round(level, 1)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
