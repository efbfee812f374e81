"""Figure 2: mel spectrograms of one mixture, and of what a system makes of it under six prompts
above the true remixes.

python -m experiments.paper.figure_2 --run results/studio --out figures
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from experiments.comparison.config import build
from experiments.comparison.errors import ConfigError
from experiments.comparison.examples import Examples, build_bank
from experiments.comparison.isolation import StandIn
from experiments.comparison.report.media import Clip, mel_power
from experiments.comparison.report.run import RunFolder
from experiments.comparison.suite import SuiteConfig
from experiments.comparison.systems import build_system
from experiments.paper.figure_style import figure_command, settings_of, write_figure
from lcr.audio.spectrogram import RANGE_DB, loudest_db
from lcr.data.mixtures import Example
from lcr.instruction import Instruction, instruction
from lcr.prompts.generator import write_prompt
from lcr.remixer import Audio

if TYPE_CHECKING:
    from matplotlib.figure import Figure


TASKS = {"S↑": "UU11", "SR": "0011", "TAR": "1101", "ME": "1010", "MEVC": "U01D", "TSE": "1000"}
"""The paper's six, each by one pattern over two speakers and two sounds."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One remix of the figure: what is asked for, in words, and the true outcome (1, samples)."""

    prompt: str
    instruction: Instruction
    target: Audio


def choose(run: RunFolder) -> tuple[Example, list[Asked]]:
    """Make the first kept mixture of two speakers and two sounds again, with its sources, and write
    a prompt for each of the six tasks. Raises ConfigError when the run kept no such mixture."""
    for row in run.summary["examples"]:
        if [s["kind"] for s in row["sources"]] == ["speech", "speech", "audio", "audio"]:
            config = build(SuiteConfig, run.summary["config"], where=str(run.folder))
            example = Examples(config, build_bank(config.bank))[row["index"]]
            if example.id != row["example_id"]:
                raise ConfigError(f"{run.folder} was made of other sources than its bank has now")
            return example, [_asked(example, pattern) for pattern in TASKS.values()]
    raise ConfigError("the run kept no mixture of two speakers and two sounds; use --examples 20")


def _asked(example: Example, pattern: str) -> Asked:
    told = instruction(pattern, example.instruction.descriptions)
    gains = np.array(told.gains, dtype=np.float32)
    prompt = write_prompt(told, np.random.default_rng(0)).text
    return Asked(prompt=prompt, instruction=told, target=(gains @ example.sources)[None])


def write(
    mixture: Audio, remixes: Mapping[str, tuple[Audio, Audio]], rate: int, system: str, out: Path
) -> list[Path]:
    """Write figure_2.png and .svg: the mixture, then under each prompt of `remixes` what `system`
    made of it above its target, all (1, samples) at `rate` Hz and on one scale."""

    def power(audio: Audio) -> NDArray[np.float64]:
        return mel_power(Clip(samples=audio.T, sample_rate=rate))

    columns: dict[str, tuple[NDArray[np.float64], NDArray[np.float64] | None]] = {
        "the mixture": (power(mixture), None)
    }
    for prompt, (estimate, target) in remixes.items():
        columns[prompt] = (power(estimate), power(target))
    top = loudest_db(*(p for column in columns.values() for p in column if p is not None))

    def draw(figure: Figure) -> None:
        axes = figure.subplots(2, len(columns), sharex=True, sharey=True, squeeze=False)
        nyquist = rate / 2
        ticks = [hz for hz in (250, 1000, 4000) if hz < nyquist * 1.01]
        for (title, column), panels in zip(columns.items(), axes.T, strict=True):
            for panel, found in zip(panels, column, strict=True):
                if found is None:
                    panel.set_axis_off()
                    continue
                image = panel.imshow(
                    10 * np.log10(np.maximum(found, 1e-14)),
                    origin="lower",
                    aspect="auto",
                    cmap="cividis",
                    vmin=top - RANGE_DB,
                    vmax=top,
                    extent=(0, mixture.shape[1] / rate, 0, _mel(nyquist)),
                )
            panels[0].set_title(fill(title, 26), fontsize=7)
            panels[0].set_yticks([_mel(hz) for hz in ticks], [f"{hz}" for hz in ticks])
        axes[0, 0].set_ylabel(system)
        axes[1, 1].set_ylabel("target")
        figure.colorbar(image, ax=axes, label="dB", shrink=0.8)
        figure.supxlabel("time in s")
        figure.supylabel("frequency in Hz")

    return write_figure(draw, out, "figure_2", size=(14, 4.5))


def _mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))


def _remix_and_write(run: RunFolder, given: argparse.Namespace) -> list[Path]:
    example, asked = choose(run)
    remixer = build_system(given.system, settings_of(run, given.system), device="cpu").remixer
    assert not isinstance(remixer, StandIn)
    mixture = example.mixture[None]
    remixes = {
        f"{task}: {one.prompt}": (
            remixer.remix(mixture, example.sample_rate, one.prompt).audio,
            one.target,
        )
        for task, one in zip(TASKS, asked, strict=True)
    }
    return write(mixture, remixes, example.sample_rate, given.system, given.out)


main = figure_command(__doc__, _remix_and_write)


if __name__ == "__main__":
    raise SystemExit(main())
