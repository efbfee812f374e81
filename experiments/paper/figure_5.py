"""Figure 5: SNR before and after remixing and what is gained, quartiles a task, and the share
improved; of one system or, as in the paper, of two (`--system A,B`).

python -m experiments.paper.figure_5 --run results/studio --out figures
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.comparison.drawing import BLUE, GREEN, GREY, ORANGE
from experiments.comparison.errors import ConfigError
from experiments.comparison.records import Record
from experiments.comparison.report.run import RunFolder
from experiments.paper.figure_style import by_task, figure_command, scored, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class TaskSpread:
    """Quartiles (25, 50, 75 %) of SNR in dB before and after and of what is gained, and the share
    with SNRi > 0."""

    task: str
    before_db: tuple[float, float, float]
    after_db: tuple[float, float, float]
    gained_db: tuple[float, float, float]
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
                gained_db=_quartiles(after - before),
                improved=float(np.mean(after > before)),
                n=len(rows),
            )
        )
    return found


def _quartiles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    low, middle, high = (float(v) for v in np.percentile(values, (25, 50, 75)))
    return low, middle, high


def write(run: RunFolder, systems: Sequence[str], out: Path) -> list[Path]:
    """Write figure_5.png and .svg. Raises ConfigError, OutputError."""
    found = {name: scored(run, name) for name in systems}
    spread = {name: spreads(records) for name, records in found.items()}
    rows = spread[systems[0]]
    tasks = [row.task for row in rows]
    if any([row.task for row in some] != tasks for some in spread.values()):
        raise ConfigError(f"{' and '.join(systems)} did not do the same tasks")
    shades = dict(zip(systems, (BLUE, GREEN), strict=False))
    if len(shades) < len(systems):
        raise ConfigError(f"one system or two; got {len(systems)}")

    def draw(figure: Figure) -> None:
        places = np.arange(len(rows))
        axes = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 1))
        series = {"before": ([r.before_db for r in rows], ORANGE, "o")}
        for name, colour in shades.items():
            series[f"after: {name}"] = ([r.after_db for r in spread[name]], colour, "s")
        gained = {
            f"gained: {name}": ([r.gained_db for r in spread[name]], colour, "s")
            for name, colour in shades.items()
        }
        for panel, told in ((axes[0], series), (axes[1], gained)):
            for shift, (name, (quartiles, colour, mark)) in zip(
                np.linspace(-0.2, 0.2, len(told)) if len(told) > 1 else (0.0,),
                told.items(),
                strict=True,
            ):
                q = np.array(quartiles)
                reach = np.abs(q[:, [0, 2]] - q[:, [1]]).T
                panel.errorbar(
                    *(places + shift, q[:, 1]),
                    yerr=reach,
                    fmt=mark,
                    ms=5,
                    lw=2,
                    color=colour,
                    label=name,
                )
            _fit(panel, tasks, told)
            panel.legend(frameon=False, ncols=3, loc="upper left")
        axes[0].set_ylabel("SNR in dB\n(median, quartiles)")
        axes[1].set_ylabel("SNRi in dB")
        counts = (f"{n}: {len(r)} of {len(run.records[n])}" for n, r in found.items())
        axes[0].set_title(f"{'; '.join(counts)} examples with a score", loc="left")
        for number, (name, colour) in enumerate(shades.items()):
            width = 0.6 / len(shades)
            shares = [100 * r.improved for r in spread[name]]
            at = places + (number - (len(shades) - 1) / 2) * width
            axes[2].bar(at, shares, color=colour, width=width)
        axes[2].set(ylim=(0, 100), ylabel="improved\nin %", xlim=(-0.6, len(rows) - 0.4))
        axes[2].set_xticks(places, [f"{r.task}\nn={r.n}" for r in rows])

    return write_figure(draw, out, "figure_5", size=(max(7.0, 0.62 * len(rows) + 1), 6.4))


def _fit(panel: Axes, tasks: Sequence[str], told: Mapping[str, Any]) -> None:
    """Fit the axis to the tasks but OVC, which reaches many tens of dB; words tell that one."""
    panel.axhline(0, color=GREY, lw=0.8)
    ends = [
        end
        for quartiles, _, _ in told.values()
        for task, row in zip(tasks, quartiles, strict=True)
        if task != "OVC"
        for end in row
    ]
    if not ends:
        return
    low, high = min(*ends, 0.0), max(*ends, 0.0)
    margin = 0.12 * (high - low)
    panel.set_ylim(low - margin, high + 2 * margin)
    for quartiles, colour, _ in told.values():
        for place, row in enumerate(quartiles):
            if row[1] > high + 2 * margin:
                panel.text(place, high, f"{row[1]:.0f} ↑", color=colour, ha="center", va="center")


main = figure_command(
    __doc__,
    lambda run, given: write(run, given.system.split(","), given.out),
    rows=("LCR-T", "LCR-M"),
)


if __name__ == "__main__":
    raise SystemExit(main())
