"""Every registered system: what it is, what it needs, whether it runs here and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lcr import registry
from lcr.errors import LcrError, one_line
from lcr.instruction import Task
from lcr.remixer import Remixer, SystemCard

if TYPE_CHECKING:
    from lcr.catalogue.costs import Cost

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class System:
    """One system. What only its card tells is None or empty where it does not run here and its
    factory carries no card; `missing` says why it does not run.

    `uses_oracle` is the truth that it is told, `tasks` what it does (None: everything),
    `sample_rate` its own in Hz (None where any is). `parameters` and `macs_per_s` are None where
    they are not known; `uncounted` says why.
    """

    name: str
    package: str
    target: str
    runs: bool
    missing: str | None
    family: str | None
    uses_oracle: tuple[str, ...]
    weights: dict[str, str]
    tasks: tuple[str, ...] | None
    sample_rate: int | None
    causal: bool | None
    parameters: int | None
    macs_per_s: int | None
    uncounted: str | None
    licence: str | None
    reference: str | None


@dataclass(frozen=True, kw_only=True)
class SystemListing:
    """What `lcr systems` and `compare.py --list` show."""

    schema: int
    systems: tuple[System, ...]


def list_systems(
    *, count: bool = True, tell: Callable[[str], object] = lambda doing: None
) -> SystemListing:
    """All systems, each built to see whether it runs; nothing is downloaded. With `count` their
    networks are run and counted. `tell` hears what is being worked on.

    Raises RegistryError for registrations that contradict each other.
    """
    found: list[System] = []
    for registered in registry.available():
        tell(f"building {registered.name}")
        card: SystemCard | None = None
        missing: str | None = None
        cost: Cost | None = None
        try:
            remixer = registry.create(registered.name)
            card = remixer.card
            if count:
                tell(f"counting {registered.name}")
                cost = _cost(remixer)
        except LcrError as error:
            missing = one_line(error)
            card = _card(registered.name)
        found.append(_system(registered, card, missing, cost))
    return SystemListing(schema=SCHEMA, systems=tuple(found))


def _cost(remixer: Remixer) -> Cost | None:
    if find_spec("torch") is None:
        return None
    from lcr.catalogue.costs import cost_of  # with torch: light systems are listed without it

    return cost_of(remixer)


def _card(name: str) -> SystemCard | None:
    try:
        return registry.card_of(name)
    except registry.RegistryError:  # it cannot be imported, which `missing` says already
        return None


def _system(
    registered: registry.RegisteredSystem,
    card: SystemCard | None,
    missing: str | None,
    cost: Cost | None,
) -> System:
    tasks = None if card is None else card.tasks
    return System(
        name=registered.name,
        package=registered.distribution,
        target=registered.target,
        runs=missing is None,
        missing=missing,
        family=card.family if card else None,
        uses_oracle=tuple(sorted(card.uses_oracle)) if card else (),
        weights=dict(card.weights) if card else {},
        tasks=None if tasks is None else tuple(task.value for task in Task if task in tasks),
        sample_rate=card.sample_rate if card else None,
        causal=card.causal if card else None,
        parameters=cost.parameters if cost else (card.parameters if card else None),
        macs_per_s=cost.macs_per_s if cost else (card.macs_per_s if card else None),
        uncounted=cost.reason if cost else None,
        licence=(card.licence or None) if card else None,
        reference=(card.reference or None) if card else None,
    )
