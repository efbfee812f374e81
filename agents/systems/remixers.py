"""Agents as Remixers: listen, read, match, and carry the plan out.

- `agent-offline`: a separator's parts are described, the planner reads the prompt against those
  descriptions, and the parts are scaled and added up (the inventory form);
- `agent-oracle-plan`: the same with the true actions on the true descriptions, which are found
  among the parts by what is heard of them: a bound on what better reading could bring;
- `agent-query`: what is to change is extracted by its description and added anew (the query form).

Seconds are in the trace by stage: separate, listen, read, match, extract, mix.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from agents.listening.listener import LIMITS, Inventory, Listener, load_listener
from agents.planners.choose import DEFAULT_PLANNER, load_planner
from agents.planners.queries import queries_for
from agents.systems.extractors import load_extractor
from baselines.clap.assign import NONE
from baselines.composite.extraction import CompositeRemixer, ExtractionRemixer, Extractor, mix
from baselines.composite.planning import OraclePlanner, Planner
from lcr.joint.load import CORPORA, DEFAULT_WEIGHTS
from lcr.registry import with_card
from lcr.remixer import Audio, Oracle, Remix, Step, SystemCard

_CARD = SystemCard(
    name="agent-offline",
    family="composite",
    sample_rate=16_000,
    reference="an agent as in Jiang et al., arXiv 2402.03710, section VI; trained here",
    licence="Apache-2.0",
    trained_on=CORPORA,
)
OFFLINE_CARD = replace(_CARD, limits=LIMITS)
GENERATIVE_CARD = replace(_CARD, name="agent-generative", limits=LIMITS)
QUERY_CARD = replace(_CARD, name="agent-query")
ORACLE_PLAN_CARD = replace(_CARD, name="agent-oracle-plan", uses_oracle=OraclePlanner.uses_oracle)


class InventoryAgent(CompositeRemixer):
    """The inventory form. With a planner that knows the truth its plan is for the true
    descriptions, and the listener says which part each is of; else the plan is for the parts."""

    def __init__(self, listener: Listener, planner: Planner, card: SystemCard) -> None:
        """`card` gains what listener and planner tell."""
        card = replace(card, reference="; ".join(filter(None, (card.reference, listener.made))))
        super().__init__(planner, card, sample_rate=listener.sample_rate, weights=listener.weights)
        self._listener = listener

    def _carry_out(
        self, mixture: Audio, sample_rate: int, prompt: str, oracle: Oracle | None
    ) -> Remix:
        inventory = self._listener.listen(mixture, sample_rate)
        if not inventory.heard and not self._planner.uses_oracle:
            return _unchanged(mixture, inventory)
        plan, read = self._read(prompt, inventory.descriptions, oracle)
        began = time.perf_counter()
        if self._planner.uses_oracle:
            entries = inventory.match(plan.descriptions)
        else:
            entries = tuple(range(len(inventory.heard)))
        gains = [plan.rest if e == NONE else plan.gains[e] for e in entries]
        matched = time.perf_counter()
        audio = mix(mixture, inventory.audio, gains, plan.rest)
        mixed = time.perf_counter()
        pairs = zip(inventory.heard, gains, strict=True)
        steps = (
            Step(
                name="match",
                detail=", ".join(f"{one.id} x {gain:.3g}" for one, gain in pairs),
                seconds=matched - began,
                data={"description_of_entry": list(entries)},
            ),
            Step(name="mix", detail=f"all else x {plan.rest:.3g}", seconds=mixed - matched),
        )
        return Remix(audio=audio, trace=(*inventory.steps, *read, *steps), warnings=plan.warnings)


class QueryAgent(ExtractionRemixer):
    """The query form. Without a listener the planner is told of no sources: the plan is then for
    what the prompt names, where the planner can find that."""

    def __init__(
        self, listener: Listener | None, planner: Planner, extractor: Extractor, card: SystemCard
    ) -> None:
        """`card` gains what the three tell."""
        weights = {} if listener is None else listener.weights
        super().__init__(planner, extractor, queries_for, card, weights=weights)
        self._listener = listener

    def _carry_out(
        self, mixture: Audio, sample_rate: int, prompt: str, oracle: Oracle | None
    ) -> Remix:
        if self._listener is None or self._planner.uses_oracle:
            return super()._carry_out(mixture, sample_rate, prompt, oracle)
        inventory = self._listener.listen(mixture, sample_rate)
        if not inventory.heard:
            return _unchanged(mixture, inventory)
        done = self._remix_sources(mixture, sample_rate, prompt, oracle, inventory.descriptions)
        return replace(done, trace=(*inventory.steps, *done.trace))


def _unchanged(mixture: Audio, inventory: Inventory) -> Remix:
    """Nothing was heard that an action could be for."""
    told = Step(name="mix", detail="nothing is heard: the mixture is left as it is")
    return Remix(audio=mixture.copy(), trace=(*inventory.steps, told))


@with_card(OFFLINE_CARD)
def agent_offline(
    *,
    planner: str = DEFAULT_PLANNER,
    separator: str = "separator",
    ears: str = DEFAULT_WEIGHTS,
    device: str = "cpu",
) -> InventoryAgent:
    """The system `agent-offline`. `planner` is one of `agents.planners.choose.PLANNERS`;
    `separator`, and the open model `ears` that names what it parts, are weights that ship, or the
    paths of others. Raises SystemOptionError, MissingWeightsError, WeightsError."""
    listener = load_listener(separator=separator, weights=ears, device=device)
    return InventoryAgent(listener, load_planner(planner), OFFLINE_CARD)


def _with_planner(card: SystemCard, load: Callable[[], Planner]) -> Callable[..., InventoryAgent]:
    """A system like `agent-offline`, with its options but for the planner, which is loaded by
    `load`."""

    @with_card(card)
    def build(
        *,
        separator: str = "separator",
        ears: str = DEFAULT_WEIGHTS,
        device: str = "cpu",
    ) -> InventoryAgent:
        listener = load_listener(separator=separator, weights=ears, device=device)
        return InventoryAgent(listener, load(), card)

    return build


agent_generative = _with_planner(GENERATIVE_CARD, lambda: load_planner("generative"))
"""The system `agent-generative`: its planner writes its plan token by token."""
agent_oracle_plan = _with_planner(ORACLE_PLAN_CARD, OraclePlanner)
"""The system `agent-oracle-plan`: its planner knows the truth."""


@with_card(QUERY_CARD)
def agent_query(
    *,
    planner: str = DEFAULT_PLANNER,
    tool: str = "lcr",
    listen: bool = False,
    separator: str = "separator",
    ears: str = DEFAULT_WEIGHTS,
    device: str = "cpu",
) -> QueryAgent:
    """The system `agent-query`. `tool` is one of "lcr", "lcr-g", "lass", "audiosep",
    "audiosep-desk"; "lcr-g" goes with the planner "reader", which knows its names of sounds. The
    planner finds in the prompt alone what is to change; with `listen` it reads against an
    inventory. The rest is as in `agent_offline`."""
    listener = load_listener(separator=separator, weights=ears, device=device) if listen else None
    return QueryAgent(
        listener, load_planner(planner), load_extractor(tool, device=device), QUERY_CARD
    )
