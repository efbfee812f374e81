"""Planners by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agents.planners.reading import Restated, keyword_planner, load_offline_planner
from baselines.composite.planning import Planner
from lcr.prompts.reading import OpenReader
from lcr.registry import SystemOptionError


def _generative() -> Planner:
    from agents.planners.generative.planner import load_planner

    return _restated(load_planner())


def _reader() -> Planner:
    from agents.planners.reader import load_planner

    return _restated(load_planner())


def _restated(planner: Planner) -> Planner:
    return Restated(planner, OpenReader.load())


PLANNERS: Mapping[str, Callable[[], Planner]] = {
    "offline": load_offline_planner,
    "generative": _generative,
    "reader": _reader,
    "keyword": keyword_planner,
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
    return PLANNERS[name]()
