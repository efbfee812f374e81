"""Learning curves from the CSV files that training writes, and the analysis as one SVG."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from experiments.analysis.limits.summary import OVERALL
from experiments.comparison.errors import ConfigError
from experiments.comparison.report.plots import Scale, Spread, scale_for
from lcr.instruction import Task

_COLUMN = "/snri_without_ovc_db"
_PARTS = {
    "snri_db": ("reached", "#0072b2"),
    "reading_db": ("lost in reading", "#f0e442"),
    "source_db": ("lost to wrong sources", "#d55e00"),
    "action_db": ("lost to wrong actions", "#e69f00"),
    "separation_db": ("lost in separation", "#999999"),
}
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_WIDTH, _LEFT, _RIGHT, _ROW, _HEIGHT = 760, 150, 740, 20, 260


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Validations of one run on one bank: SNRi without OVC over the minutes of its stage."""

    name: str
    minutes: tuple[float, ...]
    snri_db: tuple[float, ...]

    @property
    def late_gain_db(self) -> float:
        """What the second half of the time brought: above 0, and the curve still rises."""
        half = float(np.interp(self.minutes[-1] / 2, self.minutes, self.snri_db))
        return self.snri_db[-1] - half

    @property
    def summary(self) -> dict[str, Any]:
        """The curve as JSON values."""
        return {
            "name": self.name,
            "minutes": list(self.minutes),
            "snri_db": list(self.snri_db),
            "best_db": max(self.snri_db),
            "late_gain_db": self.late_gain_db,
        }


def read_curves(name: str, path: Path) -> list[Curve]:
    """The curves in a run's log.csv or a checkpoint's curve.csv, one a stage and bank.

    Raises ConfigError for a file that cannot be read or holds no validation of a remixer.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"cannot read the curve {path}: {error}") from error
    points: dict[str, list[tuple[float, float]]] = {}
    for number, row in enumerate(rows, start=2):
        for column, text in row.items():
            if column and column.endswith(_COLUMN) and text:
                words = (name, row.get("stage", ""), column.removesuffix(_COLUMN))
                try:
                    point = float(row["seconds"]) / 60, float(text)
                except (KeyError, TypeError, ValueError) as error:
                    raise ConfigError(f"{path} line {number}: no seconds and score") from error
                points.setdefault(" ".join(filter(None, words)), []).append(point)
    if not points:
        raise ConfigError(f"{path} has no column that ends in {_COLUMN} with a figure in it")
    curves = []
    for title, found in points.items():
        minutes, scores = zip(*sorted(found), strict=True)
        curves.append(Curve(name=title, minutes=minutes, snri_db=scores))
    return curves


def draw(summary: Mapping[str, Any], curves: Sequence[Curve]) -> bytes:
    """The split of every task, and the learning curves if there are any, as one SVG file."""
    rows = {OVERALL: summary["overall"]}
    rows |= {task: row for task, row in summary["tasks"].items() if task != Task.OVC.value}
    split_height = 50 + _ROW * len(rows) + 30
    height = split_height + (_HEIGHT + 60 + 16 * len(curves) if curves else 0)
    svg = ElementTree.Element(
        "svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {_WIDTH} {height}"
    )
    svg.set("font-family", "sans-serif")
    svg.set("font-size", "11")
    _put(svg, "rect", width=_WIDTH, height=height, fill="#ffffff")
    _draw_split(svg, rows)
    if curves:
        _draw_curves(svg, curves, top=split_height + 20)
    ElementTree.indent(svg)
    return ElementTree.tostring(svg, encoding="unicode").encode() + b"\n"


def _draw_split(svg: ElementTree.Element, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """A bar a row: what is reached, then what is lost to each error, up to the ideal ratio mask."""
    _text(svg, 8, 16, "SNR improvement in dB, up to the ideal ratio mask")
    x = 8.0
    for words, colour in _PARTS.values():
        _put(svg, "rect", x=x, y=25, width=10, height=10, fill=colour)
        _text(svg, x + 14, 34, words)
        x += 30 + 6.2 * len(words)
    ends = {name: _ends(row) for name, row in rows.items()}
    scale = _scale([value for places in ends.values() for pair in places for value in pair])
    bottom = 50 + _ROW * len(rows)
    for tick in scale.ticks:
        at = _place(tick, scale, _LEFT, _RIGHT)
        _put(svg, "line", x1=at, x2=at, y1=46, y2=bottom, stroke="#dddddd")
        _text(svg, at, bottom + 14, f"{tick:g}", "middle")
    for number, (name, places) in enumerate(ends.items()):
        y = 50 + _ROW * number
        _text(svg, 8, y + 12, name)
        for (start, end), (_, colour) in zip(places, _PARTS.values(), strict=True):
            first, last = sorted(_place(v, scale, _LEFT, _RIGHT) for v in (start, end))
            _put(svg, "rect", x=first, y=y + 2, width=last - first, height=14, fill=colour)


def _ends(row: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Where each part of a bar starts and ends, in dB; a part that is unknown has no width."""
    places, at = [], 0.0
    for name in _PARTS:
        end = at + (row[name]["mean"] or 0.0)
        places.append((at, end))
        at = end
    return places


def _draw_curves(svg: ElementTree.Element, curves: Sequence[Curve], *, top: float) -> None:
    _text(svg, 8, top, "Validation SNR improvement without OVC in dB over minutes of training")
    across = _scale([minute for c in curves for minute in c.minutes])
    up = _scale([score for c in curves for score in c.snri_db])
    first, last = top + 12 + _HEIGHT, top + 12
    for tick in up.ticks:
        y = _place(tick, up, first, last)
        _put(svg, "line", x1=_LEFT, x2=_RIGHT, y1=y, y2=y, stroke="#dddddd")
        _text(svg, _LEFT - 6, y + 4, f"{tick:g}", "end")
    for tick in across.ticks:
        _text(svg, _place(tick, across, _LEFT, _RIGHT), first + 14, f"{tick:g}", "middle")
    for number, curve in enumerate(curves):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(
            f"{_place(m, across, _LEFT, _RIGHT)},{_place(s, up, first, last)}"
            for m, s in zip(curve.minutes, curve.snri_db, strict=True)
        )
        line = _put(svg, "polyline", points=points, fill="none", stroke=colour)
        line.set("stroke-width", "2")
        if number // len(_COLOURS):  # colours come round again: another dash
            line.set("stroke-dasharray", f"{2 + 3 * (number // len(_COLOURS))} 3")
        y = first + 36 + 16 * number
        _put(svg, "rect", x=_LEFT, y=y - 9, width=10, height=10, fill=colour)
        _text(svg, _LEFT + 14, y, f"{curve.name}: {curve.snri_db[-1]:.2f} dB")


def _scale(values: Sequence[float]) -> Scale:
    return scale_for([Spread(low=min(values), high=max(values), centre=values[0])])


def _place(value: float, scale: Scale, first: float, last: float) -> float:
    return round(first + (value - scale.low) / (scale.high - scale.low) * (last - first), 2)


def _text(svg: ElementTree.Element, x: float, y: float, words: str, anchor: str = "start") -> None:
    _put(svg, "text", x=x, y=y).text = words
    svg[-1].set("text-anchor", anchor)


def _put(svg: ElementTree.Element, tag: str, **attributes: float | str) -> ElementTree.Element:
    rounded = {k: f"{v:.6g}" if isinstance(v, float) else str(v) for k, v in attributes.items()}
    return ElementTree.SubElement(svg, tag, rounded)
