"""Learning curves from the CSV files that training writes, and the analysis as one SVG."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.analysis.limits.summary import OVERALL
from experiments.comparison.drawing import COLOURS, draw_figure
from experiments.comparison.errors import ConfigError
from lcr.instruction import Task

_COLUMN = "/snri_without_ovc_db"
_PARTS = {
    "snri_db": ("reached", "#0072b2"),
    "reading_db": ("lost in reading", "#f0e442"),
    "source_db": ("lost to wrong sources", "#d55e00"),
    "action_db": ("lost to wrong actions", "#e69f00"),
    "separation_db": ("lost in separation", "#999999"),
}


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Validations of one run on one bank: SNRi without OVC over the minutes of its stage."""

    name: str
    minutes: tuple[float, ...]
    snri_db: tuple[float, ...]

    @property
    def late_gain_db(self) -> float:
        """The gain in the second half of the time; above 0 the curve still rises."""
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
    """Read the learning curves of a log.csv or curve.csv, one for each stage and bank.

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
    """Draw what each task loses to which error, and the learning curves, as one SVG file."""
    rows = {OVERALL: summary["overall"]}
    rows |= {task: row for task, row in summary["tasks"].items() if task != Task.OVC.value}
    split_height = 1.4 + 0.24 * len(rows)
    height = split_height + (3.2 + 0.2 * len(curves) if curves else 0)

    def both(figure: Figure) -> None:
        ratios = (split_height, height - split_height) if curves else (1,)
        axes = figure.subplots(len(ratios), 1, squeeze=False, height_ratios=ratios)[:, 0]
        _draw_split(axes[0], rows)
        if curves:
            _draw_curves(axes[1], curves)

    return draw_figure(both, size=(8, height), text_as_text=True)["svg"]


def _draw_split(axes: Axes, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw a bar a task: what is reached, then each loss, up to the ideal ratio mask."""
    start = np.zeros(len(rows))
    for name, (words, colour) in _PARTS.items():
        # A part that is unknown has no width.
        part = np.array([row[name]["mean"] or 0.0 for row in rows.values()])
        axes.barh(range(len(rows)), part, left=start, height=0.7, color=colour, label=words)
        start += part
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.grid(axis="x", color="#dddddd")
    axes.set_axisbelow(True)
    axes.set_title("SNR improvement in dB, up to the ideal ratio mask", loc="left")
    axes.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.08))


def _draw_curves(axes: Axes, curves: Sequence[Curve]) -> None:
    for number, curve in enumerate(curves):
        again, colour = divmod(number, len(COLOURS))
        dash = "-" if not again else (0, (2 + 3 * again, 3))  # colours come round: another dash
        label = f"{curve.name}: {curve.snri_db[-1]:.2f} dB"
        axes.plot(curve.minutes, curve.snri_db, color=COLOURS[colour], ls=dash, label=label)
    axes.set_title("Validation SNR improvement without OVC in dB", loc="left")
    axes.set_xlabel("minutes of training")
    axes.grid(axis="y", color="#dddddd")
    axes.legend(frameon=False)
