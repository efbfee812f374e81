"""Which panels the page draws, from a run's summary (means) and records (quartiles)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.comparison.drawing import BLUE, COLOURS, GREY, ORANGE
from experiments.comparison.report.plots import Panel, Row, Spread, draw_panel, limits_of
from experiments.comparison.report.run import RunFolder
from experiments.comparison.summary.summarize import values_of
from experiments.comparison.summary.verdict import task_words
from lcr.instruction import Task

_FAMILIES = {"joint": BLUE, "composite": ORANGE}
OWN_SCALE = frozenset({Task.OVC.value})
"""Tasks whose improvements are of another order (one gain on everything, up to 52 dB)."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The page's plots: the rivals by family, the averages, then one panel a task, twice."""

    rivals: Panel
    averages: tuple[Panel, ...]
    means: tuple[Panel, ...]
    quartiles: tuple[Panel, ...]


def make_figures(run: RunFolder, printable: Callable[[str], str]) -> Figures:
    """Draw all panels. `printable` removes from a name what a picture cannot hold."""
    ranked = [s["name"] for s in run.systems if not s["bound"]]

    def rows(spread: Callable[[Mapping[str, Any]], Spread | None]) -> list[Row]:
        return [
            Row(
                name=printable(s["name"]),
                colour=GREY if s["bound"] else COLOURS[ranked.index(s["name"]) % len(COLOURS)],
                bound=s["bound"],
                spread=spread(s),
            )
            for s in run.systems
        ]

    rivals = [
        Row(
            name=printable(s["name"]),
            colour=_FAMILIES.get(s["family"], GREY),
            bound=s["bound"],
            spread=_interval(s["average_without_ovc"]),
            note="" if s["latency_s"] is None else f"{s['latency_s']:.2g} s",
        )
        for s in run.systems
        if not s["bound"]
    ]
    averages = {
        "Average without OVC": rows(lambda s: _interval(s["average_without_ovc"])),
        "Average of all tasks": rows(lambda s: _interval(s["average"])),
    }
    tasks: Sequence[str] = run.summary["tasks"]
    means = {t: rows(lambda s, t=t: _interval(s["tasks"][t])) for t in tasks}  # type: ignore[misc]
    quartiles = {t: rows(lambda s, t=t: _five(run, s["name"], t)) for t in tasks}  # type: ignore[misc]
    return Figures(
        rivals=draw_panel(
            "SNR improvement in dB, mean and 95\u00a0% interval; median seconds an example",
            rivals,
            limits_of(rivals),
        ),
        averages=tuple(
            draw_panel(title, found, limits_of(found)) for title, found in averages.items()
        ),
        means=_panels(means),
        quartiles=_panels(quartiles),
    )


def _panels(rows: Mapping[str, list[Row]]) -> tuple[Panel, ...]:
    """Draw a panel a task, all on one scale but those of `OWN_SCALE`."""
    shared = limits_of(
        [row for task, found in rows.items() if task not in OWN_SCALE for row in found]
    )
    return tuple(
        draw_panel(task_words(task), found, limits_of(found), note="own scale")
        if task in OWN_SCALE
        else draw_panel(task_words(task), found, shared)
        for task, found in rows.items()
    )


def _interval(value: Mapping[str, Any]) -> Spread | None:
    mean = value["mean"]
    if mean is None:
        return None
    if value["low"] is None or value["high"] is None:
        return Spread(low=mean, high=mean, centre=mean)
    return Spread(low=value["low"], high=value["high"], centre=mean)


def _five(run: RunFolder, name: str, task: str) -> Spread | None:
    """Compute median, quartiles, and 5th and 95th percentile of a system's scores on one task."""
    records = [r for r in run.records[name].values() if r["task"] == task]
    values = [v.value for v in values_of(records, run.summary["measure"])]
    if not values:
        return None
    low, box_low, centre, box_high, high = map(float, np.percentile(values, (5, 25, 50, 75, 95)))
    return Spread(low=low, high=high, centre=centre, box_low=box_low, box_high=box_high)
