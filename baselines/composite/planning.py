"""What a cascade does to each source: from a prompt to gains. Planners that read the prompt come
with the agents; here is the one of the ideal cascades, which knows the true actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lcr.instruction import Description
from lcr.prompts.reading.words import doubts
from lcr.remixer import Audio, MissingOracleError, Oracle, OracleUse, Step, SystemCard


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A linear gain for each described source; `rest` for all else that a separator puts out;
    `absent` are words of the prompt that name none of the sources; others were not understood, or
    may not be read rightly (`unsure`).

    Raises ValueError unless there are as many gains as descriptions.
    """

    descriptions: tuple[Description, ...]
    gains: tuple[float, ...]
    rest: float
    steps: tuple[Step, ...] = ()
    absent: tuple[str, ...] = ()
    not_understood: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """For a person."""
        lost = (f'I found no "{words}"; I changed nothing for it.' for words in self.absent)
        return (*lost, *doubts(self.not_understood, self.unsure))

    def __post_init__(self) -> None:
        if len(self.gains) != len(self.descriptions):
            raise ValueError(
                f"{len(self.gains)} gains for {len(self.descriptions)} sources; one each is needed"
            )


class Planner(Protocol):
    """Reads a prompt. `uses_oracle` names the truth that it needs, as a system's card does."""

    @property
    def uses_oracle(self) -> frozenset[OracleUse]: ...

    def plan(
        self, prompt: str, described: Sequence[Description], *, oracle: Oracle | None = None
    ) -> Plan:
        """What `prompt` asks for. `described` are the sources where these are known: the plan is
        then for them, in their order; where there are none, for what the prompt names.

        Raises ValueError for a prompt that it cannot read, MissingOracleError without its truth.
        """
        ...


def true_sources(card: SystemCard, mixture: Audio, oracle: Oracle | None) -> NDArray[np.float32]:
    """(sources, channels, samples), for systems that use them and the true instruction.

    Raises MissingOracleError where they are not given, ValueError for another shape.
    """
    if oracle is None or oracle.sources is None or oracle.instruction is None:
        raise MissingOracleError(
            f"{card.name} is told the true instruction and the true sources; give both"
        )
    expected = (len(oracle.instruction.actions), *mixture.shape)
    if oracle.sources.shape != expected:
        raise ValueError(
            f"sources must be (sources, channels, samples) = {expected}; got {oracle.sources.shape}"
        )
    return oracle.sources


class OraclePlanner:
    """The true actions (the paper's "G.T. Actions"), whatever the prompt says.

    What is none of the sources gets their mean gain: it may hold some of each.
    """

    uses_oracle: frozenset[OracleUse] = frozenset({"instruction"})

    def plan(
        self, prompt: str, described: Sequence[Description], *, oracle: Oracle | None = None
    ) -> Plan:
        if oracle is None or oracle.instruction is None:
            raise MissingOracleError("the true actions are needed: no instruction was given")
        gains = oracle.instruction.gains
        return Plan(
            descriptions=oracle.instruction.descriptions, gains=gains, rest=sum(gains) / len(gains)
        )
