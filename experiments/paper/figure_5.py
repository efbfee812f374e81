"""Figure 5: SNR before and after remixing, quartiles a task, and the share improved.

python -m experiments.paper.figure_5 --run results/studio --out figures
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from experiments.comparison.drawing import BLUE, GREY, ORANGE
from experiments.comparison.records import Record
from experiments.comparison.report.run import RunFolder
from experiments.paper.figure_style import (
    by_task,
    figure_command,
    scored,
    write_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class TaskSpread:
    """Quartiles (25, 50, 75 %) of SNR in dB before and after, and the share with SNRi > 0."""

    task: str
    before_db: tuple[float, float, float]
    after_db: tuple[float, float, float]
    improved: float
    n: int


def spreads(records: Sequence[Record]) -> list[TaskSpread]:
    """Compute the spread of each task, in the records' order."""
    found = []
    for task, rows in by_task(records).items():
        before = np.array([r["input_metrics"]["snr_db"] for r in rows], dtype=np.float64)
        after = np.array([r["metrics"]["snr_db"] for r in rows], dtype=np.float64)
        found.append(
            TaskSpread(
                task=task,
                before_db=_quartiles(before),
                after_db=_quartiles(after),
                improved=float(np.mean(after > before)),
                n=len(rows),
            )
        )
    return found


def _quartiles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    low, middle, high = (float(v) for v in np.percentile(values, (25, 50, 75)))
    return low, middle, high


def write(run: RunFolder, system: str, out: Path) -> list[Path]:
    """Write figure_5.png and .svg. Raises ConfigError, OutputError."""
    records = scored(run, system)
    rows, total = spreads(records), len(run.records[system])

    def draw(figure: Figure) -> None:
        places = np.arange(len(rows))
        axes = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        for name, colour, mark, shift in (
            ("before", ORANGE, "o", -0.16),
            ("after", BLUE, "s", 0.16),
        ):
            q = np.array([r.before_db if name == "before" else r.after_db for r in rows])
            reach = np.abs(q[:, [0, 2]] - q[:, [1]]).T
            axes[0].errorbar(
                places + shift, q[:, 1], yerr=reach, fmt=mark, ms=5, lw=2, color=colour, label=name
            )
        axes[0].axhline(0, color=GREY, lw=0.8)
        # OVC alone reaches many tens of dB; the axis serves the other tasks, and words tell it.
        ends = [v for r in rows if r.task != "OVC" for v in (*r.before_db, *r.after_db)]
        if ends:
            low, high = min(*ends, 0.0), max(*ends, 0.0)
            margin = 0.12 * (high - low)
            axes[0].set_ylim(low - margin, high + 2 * margin)
            for place, row in zip(places, rows, strict=True):
                if row.after_db[1] > high + 2 * margin:
                    words = f"after:\n{row.after_db[1]:.0f} ↑"
                    axes[0].text(place, high, words, color=BLUE, ha="center", va="center")
        axes[0].set_ylabel("SNR in dB\n(median, quartiles)")
        axes[0].legend(frameon=False, ncols=2, loc="upper left")
        axes[0].set_title(f"{system}: {len(records)} of {total} examples with a score", loc="left")
        axes[1].bar(places, [100 * r.improved for r in rows], color=BLUE, width=0.6)
        axes[1].set(ylim=(0, 100), ylabel="improved\nin %", xlim=(-0.6, len(rows) - 0.4))
        axes[1].set_xticks(places, [f"{r.task}\nn={r.n}" for r in rows])

    return write_figure(draw, out, "figure_5", size=(max(4.0, 0.62 * len(rows) + 1), 4.6))


main = figure_command(__doc__, lambda run, given: write(run, given.system, given.out))


if __name__ == "__main__":
    raise SystemExit(main())
