"""Figure 6: SNR improvement against input SNR, a panel a task, with the correlation.

python -m experiments.figure_6 --run results/studio --out figures
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from experiments.figure_style import BLUE, GREY, by_task, records_command, scored, write_figure
from experiments.report.run import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """Pearson's r and its 95 % interval by Fisher's z, which takes examples as independent;
    `reason` says why parts are None."""

    r: float | None
    low: float | None
    high: float | None
    reason: str | None = None

    @property
    def words(self) -> str:
        if self.r is None:
            return f"r: {self.reason}"
        if self.low is None or self.high is None:
            return f"r = {self.r:.2f} ({self.reason})"
        return f"r = {self.r:.2f} [{self.low:.2f}, {self.high:.2f}]"


def correlate(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Raises ValueError on lengths that differ."""
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"give pairs of numbers; got shapes {a.shape} and {b.shape}")
    if len(a) < 3:
        return Correlation(r=None, low=None, high=None, reason=f"{len(a)} examples")
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return Correlation(r=None, low=None, high=None, reason="all values alike")
    r = float(np.clip(np.corrcoef(a, b)[0, 1], -1, 1))
    if len(a) < 4:
        return Correlation(r=r, low=None, high=None, reason="3 examples")
    if abs(r) > 1 - 1e-12:
        return Correlation(r=r, low=r, high=r)
    half = float(stats.norm.ppf(0.975)) / np.sqrt(len(a) - 3)
    z = np.arctanh(r)
    return Correlation(r=r, low=float(np.tanh(z - half)), high=float(np.tanh(z + half)))


def write(run: RunFolder, system: str, out: Path) -> list[Path]:
    """Write figure_6.png and .svg. Raises ConfigError, OutputError."""
    records = scored(run, system)
    groups = by_task(records)
    columns = min(4, len(groups))
    lines = -(-len(groups) // columns)

    def draw(figure: Figure) -> None:
        axes = figure.subplots(lines, columns, squeeze=False)
        for panel in axes.flat[len(groups) :]:
            panel.set_axis_off()
        for panel, (task, rows) in zip(axes.flat, groups.items(), strict=False):
            x = np.array([r["input_metrics"]["snr_db"] for r in rows], dtype=np.float64)
            y = np.array([r["metrics"]["snr_db"] for r in rows], dtype=np.float64) - x
            panel.axhline(0, color=GREY, lw=0.8)
            panel.scatter(x, y, s=16, color=BLUE, alpha=0.75, linewidths=0)
            panel.set_title(f"{task}, n={len(rows)}\n{correlate(x, y).words}", fontsize=8)
        total = len(run.records[system])
        figure.suptitle(f"{system}: {len(records)} of {total} examples with a score")
        figure.supxlabel("input SNR in dB")
        figure.supylabel("SNR improvement in dB")

    return write_figure(draw, out, "figure_6", size=(2.1 * columns + 0.5, 1.9 * lines + 0.7))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 done, 2 bad input."""
    return records_command("figure_6", argv, about="SNRi against input SNR.", write=write)


if __name__ == "__main__":
    sys.exit(main())
