"""What a joint model loses, drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.analysis.limits.summary import OVERALL
from experiments.comparison.drawing import draw_figure
from lcr.instruction import Task

_PARTS = {
    "snri_db": ("reached", "#0072b2"),
    "reading_db": ("lost in reading", "#f0e442"),
    "source_db": ("lost to wrong sources", "#d55e00"),
    "action_db": ("lost to wrong actions", "#e69f00"),
    "separation_db": ("lost in separation", "#999999"),
}


def draw(summary: Mapping[str, Any]) -> bytes:
    """Draw a bar a task, as one SVG file: what is reached, then each loss, up to the ideal ratio
    mask."""
    rows = {OVERALL: summary["overall"]}
    rows |= {task: row for task, row in summary["tasks"].items() if task != Task.OVC.value}

    def bars(figure: Figure) -> None:
        axes = figure.subplots()
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

    return draw_figure(bars, size=(8, 1.4 + 0.24 * len(rows)), text_as_text=True)["svg"]
