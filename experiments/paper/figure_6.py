"""Figure 6: SNR improvement against input SNR, a panel a task, with the correlation.

python -m experiments.paper.figure_6 --run results/studio --out figures
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from experiments.comparison.drawing import BLUE, GREY
from experiments.comparison.report.run import RunFolder
from experiments.paper.correlation import correlate
from experiments.paper.figure_style import by_task, figure_command, scored, write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
            panel.set_title(f"{task}, n={len(rows)}\n{correlate(x, y, rows).words}", fontsize=8)
        total = len(run.records[system])
        figure.suptitle(f"{system}: {len(records)} of {total} examples with a score")
        figure.supxlabel("input SNR in dB")
        figure.supylabel("SNR improvement in dB")

    return write_figure(draw, out, "figure_6", size=(2.1 * columns + 0.5, 1.9 * lines + 0.7))


main = figure_command(__doc__, lambda run, given: write(run, given.system, given.out))


if __name__ == "__main__":
    raise SystemExit(main())
