"""Amounts for planners of the paper's actions; `lcr.prompts.reading.amounts` reads them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from baselines.composite.planning import Plan, Planner
from lcr.instruction import Action, Description
from lcr.prompts.reading.amounts import Direction, explicit_db
from lcr.remixer import Oracle, OracleUse, Step

_BORDER = re.compile(r",|;|\.\s|\band\b|\bbut\b|\bthen\b|\bwhile\b")
_WAYS: dict[float, Direction] = {Action.UP.gain: "up", Action.DOWN.gain: "down"}


@dataclass(frozen=True)
class AmountPlanner:
    """A planner of the paper's actions, with the amounts that a prompt states as numbers, parts
    or multiples in place of the paper's factors.

    A prompt of several amounts is cut at commas and conjunctions, and each piece with its amount
    is read by itself; what is up or down both there and in the whole gets that amount. Words such
    as "a little" change nothing: to the paper, and in its prompts, they are ways to say up or down.
    """

    planner: Planner

    @property
    def uses_oracle(self) -> frozenset[OracleUse]:
        return self.planner.uses_oracle

    @property
    def weights(self) -> Mapping[str, str]:
        """Names and sha256 of what the planner runs with."""
        found: Mapping[str, str] = getattr(self.planner, "weights", {})
        return found

    def plan(
        self, prompt: str, described: Sequence[Description], *, oracle: Oracle | None = None
    ) -> Plan:
        """Raises what the planner raises."""
        plan = self.planner.plan(prompt, described, oracle=oracle)
        pieces = _pieces(prompt)
        if not pieces or not _WAYS.keys() & {*plan.gains, plan.rest}:
            return plan
        gains, rest = list(plan.gains), plan.rest
        for piece in pieces:
            part = plan
            if len(pieces) > 1:
                part = self.planner.plan(piece, plan.descriptions, oracle=oracle)
            amounts = {f: explicit_db(piece, way) for f, way in _WAYS.items()}
            for i, (whole, here) in enumerate(zip(plan.gains, part.gains, strict=True)):
                gains[i] = _stated(amounts, whole, here, gains[i])
            rest = _stated(amounts, plan.rest, part.rest, rest)
        told = Step(name="amounts", detail=", ".join(f"{g:.3g}" for g in gains))
        return replace(plan, gains=tuple(gains), rest=rest, steps=(*plan.steps, told))


def _stated(
    amounts: dict[float, float | None], whole: float, here: float, otherwise: float
) -> float:
    amount = amounts.get(whole)
    return otherwise if amount is None or whole != here else math.pow(10, amount / 20)


def _pieces(prompt: str) -> list[str]:
    """`prompt` in pieces of one amount each, the last with all that follows; none for none."""

    def states(text: str) -> bool:
        return any(explicit_db(text, way) is not None for way in _WAYS.values())

    if not states(prompt):
        return []
    found, at, start = [], 0, 0
    ends = [*(m.end() for m in _BORDER.finditer(prompt)), len(prompt)]
    for end in ends:
        if states(prompt[at:end]):
            found.append(prompt[start:end])
            start = end
        at = end
    if not found:  # a border lies within the only amount
        return [prompt]
    found[-1] += prompt[start:]
    return found
