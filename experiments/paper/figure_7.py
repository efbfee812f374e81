"""Figure 7: to which words the PromptReader attends, frozen and with LoRA, and the remixing mask
that comes of it beside the ideal one.

python -m experiments.paper.figure_7 --run results/studio --out figures

The mixture is the first whose sound the run kept. The masks are ratios of magnitudes, remix over
mixture, in mel bands, so that systems of any kind have one.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.command import option
from experiments.comparison.drawing import ORANGE
from experiments.comparison.errors import ConfigError
from experiments.comparison.records import write_json
from experiments.comparison.report.media import mel_power, read_clip
from experiments.comparison.report.run import RunFolder, inside
from experiments.paper.attention import Attended, Shares, attend, compare, own_prompts, readers_of
from experiments.paper.figure_style import figure_command, settings_of, write_figure
from lcr.evaluation.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Mask = NDArray[np.float64]
_LOUDEST, _FLOOR_DB = 2.0, 50.0
_LINE, _WIDE = 100, 116
"""Letters a line, and in the width of the figure."""


@dataclass(frozen=True)
class Masks:
    """Of `system` and the ideal one, (mel bands, frames), and their correlation over the cells
    within 50 dB of the mixture's loudest."""

    ours: Mask
    ideal: Mask
    correlation: float


def masks_of(run: RunFolder, system: str) -> tuple[str, Masks]:
    """Compute the masks of the first kept example, and give its prompt. Raises ConfigError
    without one."""
    for row in run.summary["examples"]:
        estimates: Mapping[str, str] = row["estimates"]
        if system in estimates:
            names = (row["mixture"], estimates[system], row["target"])
            powers = [mel_power(read_clip(inside(run.folder, name))) for name in names]
            return str(row["prompt"]), masks(*powers)
    raise ConfigError(f"the run kept no sound of {system}; use --examples 20")


def masks(mixture: Mask, remix: Mask, target: Mask) -> Masks:
    """Compute masks from mel powers (bands, frames) of the same mixture, its remix and the true
    target."""
    audible = mixture > mixture.max() * 10 ** (-_FLOOR_DB / 10)
    ours, ideal = (
        np.sqrt(np.divide(one, mixture, out=np.zeros_like(mixture), where=audible))
        for one in (remix, target)
    )
    ours, ideal = np.minimum(ours, _LOUDEST), np.minimum(ideal, _LOUDEST)
    if not audible.any() or np.ptp(ours[audible]) == 0 or np.ptp(ideal[audible]) == 0:
        return Masks(ours, ideal, float("nan"))
    return Masks(ours, ideal, float(np.corrcoef(ours[audible], ideal[audible])[0, 1]))


def write(
    system: str, read: Mapping[str, Attended], shares: Shares, found: Masks, count: int, out: Path
) -> list[Path]:
    """Write figure_7.png and .svg, and the numbers as figure_7.json."""

    def draw(figure: Figure) -> None:
        rows: Any = figure.subfigures(2, 1, height_ratios=(1, 1.6))  # an array of two
        texts = rows[0].subplots(len(read), 1, squeeze=False)
        for panel, (name, one) in zip(texts.flat, read.items(), strict=True):
            _words(panel, name, one)
        rows[0].suptitle(
            f"attention on words that name sources, {count} prompts: frozen "
            f"{_told(shares.frozen)}, LoRA {_told(shares.trained)}; evenly spread "
            f"{_told(shares.even)}",
            fontsize=8,
        )
        panels = rows[1].subplots(1, 2, sharey=True)
        titles = (f"remixing mask of {system}", "ideal remixing mask")
        for panel, mask, title in zip(panels, (found.ours, found.ideal), titles, strict=True):
            image = panel.imshow(
                mask, origin="lower", aspect="auto", cmap="cividis", vmin=0, vmax=_LOUDEST
            )
            panel.set_title(title)
            panel.set_xlabel("frame")
        panels[0].set_ylabel("mel band")
        rows[1].colorbar(image, ax=panels, label="gain")
        rows[1].suptitle(f"correlation of the two: {found.correlation:.2f}", fontsize=8)

    numbers = {
        "prompts": count,
        **{name: asdict(value) for name, value in vars(shares).items()},
        "read": {name: asdict(one) for name, one in read.items()},
        "mask_correlation": None if np.isnan(found.correlation) else found.correlation,
    }
    path = out / "figure_7.json"
    write_json(path, numbers)
    return [*write_figure(draw, out, "figure_7", size=(9, 5.2)), path]


def _words(panel: Axes, name: str, one: Attended) -> None:
    """Write the prompt in lines; the more attention a word gets, the darker its ground."""
    panel.set_axis_off()
    panel.set_title(name, loc="left", fontsize=8)
    most = max(one.shares)
    x, y = 0.0, 0
    for word, share in zip(one.words, one.shares, strict=True):
        if x + len(word) > _LINE and x:
            x, y = 0.0, y + 1
        ground = {"facecolor": ORANGE, "alpha": 0.75 * share / most, "pad": 2, "linewidth": 0}
        panel.text(x, -y, word, family="DejaVu Sans Mono", fontsize=9, bbox=ground)
        x += len(word) + 1.5
    panel.set_xlim(0, _WIDE)
    panel.set_ylim(-y - 0.6, 0.9)


def _told(one: Interval) -> str:
    if one.mean is None or one.low is None or one.high is None:
        return "–"
    return f"{100 * one.mean:.0f} % [{100 * one.low:.0f}, {100 * one.high:.0f}]"


def _read_and_write(run: RunFolder, given: argparse.Namespace) -> list[Path]:
    prompt, found = masks_of(run, given.system)
    trained = given.reader or str(settings_of(run, given.system).get("weights", "lcr-g"))
    readers = readers_of(trained)
    read = {
        name: attend(one, prompt) for name, one in zip(("frozen", "LoRA"), readers, strict=True)
    }
    shares = compare(readers, own_prompts(given.prompts, seed=0))
    return write(given.system, read, shares, found, given.prompts, given.out)


main = figure_command(
    __doc__,
    _read_and_write,
    option(
        "--reader",
        metavar="NAME|DIR",
        help="whose attention; default: that of the system, lcr-g's where it has none",
    ),
    option("--prompts", type=int, default=100, metavar="N"),
)


if __name__ == "__main__":
    raise SystemExit(main())
