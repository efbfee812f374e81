"""What is to be done to a recording, as a typed document: the only thing a planner or a language
model hands over, and all that it can bring about is a gain on a source."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic import model_validator as validator

from baselines.composite.planning import Plan
from lcr.errors import LcrError
from lcr.instruction import Action, Description

ActionName = Annotated[
    Literal["remove", "keep", "up", "down"],
    BeforeValidator(lambda name: name.strip().lower() if isinstance(name, str) else name),
]
LEAST_DB, MOST_DB = -60.0, 24.0
"""Gains a plan may ask for; what is to be quieter than the least is to be removed."""
MOST_CHANGES = 32

SourceName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class PlanError(LcrError):
    """A plan that cannot be carried out: malformed, or about sources that are not there."""


class SourceChange(BaseModel):
    """What happens to one source: `source` is its id in an inventory, or words that describe it.

    `gain_db` says by how much "up" (positive) or "down" (negative); without it they are the
    paper's, a factor of 2 and of 1/2 (section III-A).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: SourceName
    action: ActionName
    gain_db: Annotated[float, Field(ge=LEAST_DB, le=MOST_DB, allow_inf_nan=False)] | None = None

    @validator(mode="after")
    def _agrees(self) -> SourceChange:
        _check_gain(self.action, self.gain_db)
        return self

    @property
    def gain(self) -> float:
        """Linear factor on the waveform."""
        return linear_gain(self.action, self.gain_db)


class RemixPlan(BaseModel):
    """Changes to named sources, and the action on everything not named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    changes: Annotated[tuple[SourceChange, ...], Field(max_length=MOST_CHANGES)]
    others: ActionName = "keep"
    others_gain_db: Annotated[float, Field(ge=LEAST_DB, le=MOST_DB, allow_inf_nan=False)] | None = (
        None
    )

    @validator(mode="after")
    def _agrees(self) -> RemixPlan:
        _check_gain(self.others, self.others_gain_db)
        names = [change.source.casefold() for change in self.changes]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two changes to one source: {name!r}")
        return self

    @property
    def others_gain(self) -> float:
        """Linear factor on the waveform of what is not named."""
        return linear_gain(self.others, self.others_gain_db)

    def words(self) -> str:
        """One line for a person: "remove traffic; the rest stays"."""
        parts = [f"{_verb(c.action, c.gain_db)} {c.source}" for c in self.changes]
        rest = {"keep": "the rest stays", "remove": "the rest goes"}
        return "; ".join(
            [*parts, rest.get(self.others, f"{_verb(self.others, self.others_gain_db)} the rest")]
        )


def _verb(action: ActionName, gain_db: float | None) -> str:
    return action if gain_db is None else f"{action} by {abs(gain_db):g} dB"


def _check_gain(action: ActionName, gain_db: float | None) -> None:
    if gain_db is None:
        return
    if action not in ("up", "down"):
        raise ValueError(f"gain_db goes with up and down only, not with {action}")
    if gain_db == 0 or (gain_db > 0) != (action == "up"):
        raise ValueError(f"gain_db {gain_db:g} does not fit {action}: up is above 0, down below")


def linear_gain(action: ActionName, gain_db: float | None = None) -> float:
    """The factor of an action; of "up" and "down" at `gain_db` dB where it is given."""
    if gain_db is not None:
        return math.pow(10, gain_db / 20)
    return Action[action.upper()].gain


def parse_plan(text: str | bytes) -> RemixPlan:
    """Read a plan's JSON. Nothing in it is run or looked up. Raises PlanError."""
    try:
        return RemixPlan.model_validate_json(text)
    except ValidationError as error:
        raise PlanError(f"no valid plan: {_reasons(error)}") from error


def _reasons(error: ValidationError) -> str:
    told = [
        f"{'.'.join(map(str, one['loc'])) or 'document'}: {one['msg']}"
        for one in error.errors(include_url=False, include_input=False)[:3]
    ]
    return "; ".join(told)


@dataclass(frozen=True, kw_only=True)
class HeardSource:
    """One entry of an inventory: `id` ("s1") is what plans name it by.

    `confidence`, from 0 to 1, is that of its kind and, for a class of sounds, of its label;
    `confidences` are those of its kind, label or styles one by one. `level_db` is its RMS level
    re full scale. `doubts` are what a person must be told where it is changed.
    """

    id: str
    description: Description
    confidence: float
    confidences: Mapping[str, float] = field(default_factory=dict)
    level_db: float | None = None
    doubts: tuple[str, ...] = ()


def resolve_plan(plan: RemixPlan, inventory: Sequence[HeardSource]) -> Plan:
    """The gains of `inventory`'s sources, in its order.

    Raises PlanError for a source that is not there, or two changes that mean one source.
    """
    ids = {one.id.casefold(): number for number, one in enumerate(inventory)}
    gains: dict[int, float] = {}
    for change in plan.changes:
        number = ids.get(change.source.casefold())
        if number is None:
            there = ", ".join(one.id for one in inventory) or "none"
            raise PlanError(f"no source {change.source!r}; there are: {there}")
        if number in gains:
            raise PlanError(f"two changes to one source: {inventory[number].id}")
        gains[number] = change.gain
    rest = plan.others_gain
    return Plan(
        descriptions=tuple(one.description for one in inventory),
        gains=tuple(gains.get(number, rest) for number in range(len(inventory))),
        rest=rest,
    )
