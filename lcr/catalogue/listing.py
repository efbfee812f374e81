"""Which systems, remixers and readers there are and what they cost, from catalogue.json, which
`python -m lcr.catalogue` counts anew. Systems of other packages are built and counted as they are
listed; nothing is downloaded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lcr import registry
from lcr.catalogue.records import DEFAULT, Model, System, Tell, Timing
from lcr.errors import LcrError, words_of
from lcr.extras import mending
from lcr.instruction import Task
from lcr.remixer import SystemCard
from lcr.runtime import torch_only

SCHEMA = 2
CATALOGUE = Path(__file__).with_name("catalogue.json")
_MODEL_KEYS = ("variants",)
_SYSTEM_KEYS = ("uses_oracle", "tasks")


def list_systems(*, check: bool = False, tell: Tell = lambda doing: None) -> tuple[System, ...]:
    """All registered systems: ours as they ship, with `check` as they are here, built and counted
    anew. Raises RegistryError for registrations that contradict each other."""
    known = {} if check else {(s.name, s.target): s for s in _shipped_systems()}
    found = []
    for one in registry.available():
        system = known.get((one.name, one.target))
        if system is None:
            with torch_only() if find_spec("torch") else nullcontext():
                system = _examine(one, tell)
        elif system.parameters != 0 and system.runs and find_spec("torch") is None:
            system = replace(system, missing=f"torch is not installed: {mending('torch')}")
        found.append(system)
    return tuple(found)


def list_models(
    *,
    folders: Sequence[Path] = (),
    variants: bool = False,
    timing: Timing | None = None,
    tell: Tell = lambda doing: None,
) -> tuple[Model, ...]:
    """All remixers, those in `folders` too, and with `variants` the rows of Table VII; with
    `timing` their real-time factors here. Raises LcrError for a folder that is no checkpoint."""
    models = _shipped_models()
    if not variants:
        models = [
            model if model.folder else replace(model, variants=(DEFAULT,))
            for model in models
            if model.folder or DEFAULT in model.variants
        ]
    if folders or timing is not None:
        from lcr.catalogue import counting  # with torch, which a list can do without

        models += counting.count_models([counting.open_folder(f) for f in folders], tell)
        if timing is not None:
            models = counting.time_models(models, timing, tell)
    return tuple(models)


def _examine(registered: registry.RegisteredSystem, tell: Tell) -> System:
    """Build a system and run it on noise."""
    tell(f"counting {registered.name}")
    card: SystemCard | None = None
    missing: str | None = None
    cost: tuple[int | None, int | None, str | None] | None = None
    try:
        remixer = registry.create(registered.name)
        told: object = remixer.card
        if not isinstance(told, SystemCard):
            raise LcrError("its card is no SystemCard")
        card = told
        if find_spec("torch") is not None:
            from lcr.catalogue.counting import cost_of

            cost = cost_of(remixer)
    except (Exception, SystemExit) as error:  # a plug-in's fault must not end the list
        kind = "" if isinstance(error, LcrError) else f"{type(error).__name__}: "
        missing = kind + " ".join(words_of(error).split())
        with suppress(registry.RegistryError):  # it cannot be imported, which `missing` says
            card = registry.card_of(registered.name)
    if cost is None:
        cost = (card.parameters, card.macs_per_s, None) if card else (None, None, None)
    tasks = None if card is None else card.tasks
    return System(
        name=registered.name,
        package=registered.distribution,
        target=registered.target,
        missing=missing,
        family=card.family if card else None,
        uses_oracle=tuple(sorted(card.uses_oracle)) if card else (),
        weights=dict(card.weights) if card else {},
        tasks=None if tasks is None else tuple(task.value for task in Task if task in tasks),
        sample_rate=card.sample_rate if card else None,
        causal=card.causal if card else None,
        parameters=cost[0],
        macs_per_s=cost[1],
        uncounted=cost[2],
        licence=(card.licence or None) if card else None,
        reference=(card.reference or None) if card else None,
    )


@cache
def read_catalogue() -> Mapping[str, Any]:
    """`systems`, `models` and `readers` (name -> parameters and width) as they ship."""
    found: dict[str, Any] = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    return found


def _shipped_systems() -> list[System]:
    return [System(**_tuples(row, _SYSTEM_KEYS)) for row in read_catalogue()["systems"]]


def _shipped_models() -> list[Model]:
    return [Model(**_tuples(row, _MODEL_KEYS)) for row in read_catalogue()["models"]]


def _tuples(row: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """JSON has lists where these records have tuples."""
    return {k: tuple(v) if k in keys and v is not None else v for k, v in row.items()}
