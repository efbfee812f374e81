"""Which panels the page draws, from a run's summary (means) and records (quartiles)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.comparison.report.plots import MARKERS, Panel, Row, Spread, Style, panel, scale_for
from experiments.comparison.report.run import RunFolder
from lcr.instruction import Task

COLOURS = 8
OWN_SCALE = frozenset({Task.OVC.value})
"""Tasks whose improvements are of another order (one gain on everything, up to 52 dB)."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The page's plots: averages first, then one panel a task, twice."""

    averages: tuple[Panel, ...]
    means: tuple[Panel, ...]
    quartiles: tuple[Panel, ...]


def styles(run: RunFolder) -> dict[str, Style]:
    """One look a system: colour and shape together tell it apart; bounds are grey and hollow."""
    found: dict[str, Style] = {}
    ranked = [s["name"] for s in run.systems if not s["bound"]]
    bounds = [s["name"] for s in run.systems if s["bound"]]
    for i, name in enumerate(ranked):
        # The shape moves on when colours come round again: 64 systems stay distinct.
        marker = MARKERS[(i + i // COLOURS) % len(MARKERS)]
        found[name] = Style(colour=str(i % COLOURS), marker=marker, bound=False)
    for i, name in enumerate(bounds):
        found[name] = Style(colour="b", marker=MARKERS[i % len(MARKERS)], bound=True)
    return found


def make_figures(run: RunFolder, looks: Mapping[str, Style]) -> Figures:
    tasks: Sequence[str] = run.summary["tasks"]
    means = {
        task: _rows(run, looks, {s["name"]: _interval(s["tasks"][task]) for s in run.systems})
        for task in tasks
    }
    quartiles = {
        task: _rows(run, looks, {name: _five(run, name, task) for name in run.records})
        for task in tasks
    }
    averages = (
        ("Average without OVC", "average_without_ovc"),
        ("Average of all tasks", "average"),
    )
    return Figures(
        averages=tuple(
            _alone(title, _rows(run, looks, {s["name"]: _interval(s[key]) for s in run.systems}))
            for title, key in averages
        ),
        means=_panels(means),
        quartiles=_panels(quartiles),
    )


def _panels(rows: Mapping[str, list[Row]]) -> tuple[Panel, ...]:
    shared = scale_for(
        _spreads([r for t, found in rows.items() if t not in OWN_SCALE for r in found])
    )
    return tuple(
        panel(task, found, scale_for(_spreads(found)), note="own scale")
        if task in OWN_SCALE
        else panel(task, found, shared)
        for task, found in rows.items()
    )


def _alone(title: str, rows: list[Row]) -> Panel:
    return panel(title, rows, scale_for(_spreads(rows)))


def _spreads(rows: Sequence[Row]) -> list[Spread]:
    return [row.spread for row in rows if row.spread is not None]


def _rows(
    run: RunFolder, looks: Mapping[str, Style], spreads: Mapping[str, Spread | None]
) -> list[Row]:
    return [
        Row(name=s["name"], style=looks[s["name"]], spread=spreads[s["name"]]) for s in run.systems
    ]


def _interval(value: Mapping[str, Any]) -> Spread | None:
    mean = value["mean"]
    if mean is None:
        return None
    if value["low"] is None or value["high"] is None:
        return Spread(low=mean, high=mean, centre=mean)
    return Spread(low=value["low"], high=value["high"], centre=mean)


def _five(run: RunFolder, name: str, task: str) -> Spread | None:
    """Median, quartiles and the 5th and 95th percentile of a system's scores on one task."""
    measure = run.summary["measure"]
    values = [
        record["metrics"][measure]
        for record in run.records[name].values()
        if record["task"] == task and record["metrics"][measure] is not None
    ]
    if not values:
        return None
    low, box_low, centre, box_high, high = map(float, np.percentile(values, (5, 25, 50, 75, 95)))
    return Spread(low=low, high=high, centre=centre, box_low=box_low, box_high=box_high)
