"""Figure 2: mel spectrograms of one mixture and of what a system makes of it under six prompts.

python -m experiments.paper.figure_2 --run results/studio --out figures
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.comparison.errors import ConfigError
from experiments.comparison.report.media import (
    RANGE_DB,
    Clip,
    mel_power,
    peak_db,
    read_clip,
)
from experiments.comparison.report.run import RunFolder, inside
from experiments.paper.figure_style import figure_command, write_figure
from lcr import registry

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def choose(run: RunFolder) -> tuple[Path, tuple[str, ...]]:
    """Choose the first kept mixture with speech and two kinds of other sounds, and write six
    prompts for it.

    Raises ConfigError when the run kept no such mixture.
    """
    for row in run.summary["examples"]:
        sources: Sequence[Mapping[str, Any]] = row["sources"]
        labels = [s["description"]["label"] for s in sources if s["kind"] == "audio"]
        if len(labels) >= 2 and len(labels) < len(sources) and labels[0] != labels[1]:
            first, second = labels[:2]
            return inside(run.folder, row["mixture"]), (
                f"Remove the {first}.",
                f"Remove the {second}.",
                f"Keep only the {first}.",
                "Remove all the speech.",
                "Keep only the speech.",
                f"Turn up the {second}.",
            )
    raise ConfigError("the run kept no mixture of speech and two other sounds; use --examples 20")


def write(mixture: Clip, answers: Mapping[str, Clip], system: str, out: Path) -> list[Path]:
    """Write figure_2.png and .svg: the mixture first, then each prompt's answer, on one scale."""
    panels = {f"the mixture; others: {system}": mixture, **answers}
    powers = {title: mel_power(clip) for title, clip in panels.items()}
    top = peak_db(list(powers.values()))

    def draw(figure: Figure) -> None:
        axes = figure.subplots(2, 4, sharex=True, sharey=True)
        nyquist = mixture.sample_rate / 2
        ticks = [hz for hz in (250, 1000, 4000) if hz < nyquist * 1.01]
        for panel, (title, power) in zip(axes.flat, powers.items(), strict=False):
            image = panel.imshow(
                10 * np.log10(np.maximum(power, 1e-14)),
                origin="lower",
                aspect="auto",
                cmap="cividis",
                vmin=top - RANGE_DB,
                vmax=top,
                extent=(0, mixture.duration_s, 0, _mel(nyquist)),
            )
            panel.set_title(title, fontsize=8)
            panel.set_yticks([_mel(hz) for hz in ticks], [f"{hz}" for hz in ticks])
        axes.flat[-1].set_axis_off()
        figure.colorbar(image, ax=axes, label="dB", shrink=0.8)
        figure.supxlabel("time in s")
        figure.supylabel("frequency in Hz")

    return write_figure(draw, out, "figure_2", size=(10, 4))


def _mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))


def _remix_and_write(run: RunFolder, given: argparse.Namespace) -> list[Path]:
    path, prompts = choose(run)
    clip = read_clip(path)
    remixer = registry.create(given.system)
    audio = np.ascontiguousarray(clip.samples.T)
    answers = {
        prompt: Clip(
            samples=remixer.remix(audio, clip.sample_rate, prompt).audio.T,
            sample_rate=clip.sample_rate,
        )
        for prompt in prompts
    }
    return write(clip, answers, given.system, given.out)


main = figure_command(__doc__, _remix_and_write)


if __name__ == "__main__":
    raise SystemExit(main())
