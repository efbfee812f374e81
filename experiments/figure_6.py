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

from experiments.figure_style import BLUE, GREY, by_task, records_command, scored, write_figure
from experiments.records import Record
from experiments.report.run import RunFolder
from experiments.summary import Value, mean_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """Pearson's r and its 95 % interval; `reason` says why parts are None."""

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


def correlate(records: Sequence[Record]) -> Correlation:
    """Of SNR improvement with input SNR. The interval is that of r's influence values, clustered
    by source clip: mixtures that share a recording are no independent witnesses."""
    x = np.array([r["input_metrics"]["snr_db"] for r in records], dtype=np.float64)
    y = np.array([r["metrics"]["snr_db"] for r in records], dtype=np.float64) - x
    if len(x) < 3:
        return Correlation(r=None, low=None, high=None, reason=f"{len(x)} examples")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return Correlation(r=None, low=None, high=None, reason="all values alike")
    zx, zy = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    r = float(np.clip(np.mean(zx * zy), -1, 1))
    influence = r + zx * zy - r * (zx**2 + zy**2) / 2
    values = [
        Value(
            index=record["index"],
            task=record["task"],
            clips=tuple(source["clip"] for source in record["sources"]),
            value=value,
        )
        for record, value in zip(records, influence.tolist(), strict=True)
    ]
    found = mean_interval(values)
    low, high = (None if v is None else float(np.clip(v, -1, 1)) for v in (found.low, found.high))
    return Correlation(r=r, low=low, high=high, reason=found.reason)


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
            panel.set_title(f"{task}, n={len(rows)}\n{correlate(rows).words}", fontsize=8)
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
