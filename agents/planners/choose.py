"""Planners by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agents.planners.amounts import AmountPlanner
from agents.planners.keyword import KeywordPlanner
from baselines.composite.planning import Planner
from lcr.registry import SystemOptionError


def _offline() -> Planner:
    from agents.planners.offline.planner import load_offline_planner

    return load_offline_planner()


def _generative() -> Planner:
    from agents.planners.generative.planner import load_planner

    return load_planner()


def _reader() -> Planner:
    from agents.planners.reader import load_planner

    return load_planner()


PLANNERS: Mapping[str, Callable[[], Planner]] = {
    "offline": _offline,
    "generative": _generative,
    "reader": _reader,
    "keyword": KeywordPlanner,
}
"""Each reads a prompt against described sources and is told no truth. Their modules are imported
when they are asked for."""
DEFAULT_PLANNER = "offline"


def load_planner(name: str = DEFAULT_PLANNER) -> Planner:
    """A planner with the weights that ship, which heeds the amounts that a prompt states.

    Raises SystemOptionError for an unknown name, MissingWeightsError, WeightsError.
    """
    if name not in PLANNERS:
        raise SystemOptionError(f"no planner is called {name!r}; there are {', '.join(PLANNERS)}")
    return AmountPlanner(PLANNERS[name]())
