"""Does "turn the dog down by 10 dB" turn it down by 10 dB? Effective gains of a system's outputs.

One sound of each mixture is named and changed by each amount; its effective gain, and those of the
sources that were to stay, are least-squares fits (see `lcr.evaluation.effective`). `reached` is how
far that gain is from what the system itself says that it reached; -inf dB is "remove", whose
`named` is its effective gain.

    python experiments/analysis/amounts.py --system lcr --suite field --bank DIR --per-task 3
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator

import numpy as np
import torch

from experiments.command import command, mixture_options, option, suite_of
from experiments.comparison.examples import drawn_mixtures
from lcr.data.mixtures import Example
from lcr.evaluation.effective import effective_gains
from lcr.evaluation.statistics import bootstrap_mean
from lcr.instruction import AudioDescription
from lcr.registry import create
from lcr.remixer import Remixer

AMOUNTS_DB = (-3.0, -10.0, 4.0, -math.inf)


def prompt_for(label: str, amount_db: float) -> str:
    if math.isinf(amount_db):
        return f"remove the {label}"
    way = "up" if amount_db > 0 else "down"
    return f"turn {way} the {label} by {abs(amount_db):g} dB"


def measure(system: Remixer, example: Example, amount_db: float) -> Iterator[tuple[str, float]]:
    """("named", its distance from the amount), for each other source ("others", its change) and
    ("reached", the error of what the system says), in dB; nothing for a mixture without a named
    sound."""
    descriptions = example.instruction.descriptions
    named = next((i for i, d in enumerate(descriptions) if isinstance(d, AudioDescription)), None)
    if named is None:
        return
    description = descriptions[named]
    assert isinstance(description, AudioDescription)
    prompt = prompt_for(description.label, amount_db)
    done = system.remix(example.mixture[None], example.sample_rate, prompt)
    gains = effective_gains(estimate=done.audio[0], sources=example.sources).gains_db
    for i, gain in enumerate(gains):
        if gain is None:
            continue
        if i != named:
            yield "others", abs(gain)
            continue
        yield "named", gain if math.isinf(amount_db) else abs(gain - amount_db)
        told = next((one.reached_db for one in done.understood), None)
        if told is not None:
            yield "reached", abs(gain - told)


@command(
    __doc__, option("--system", default="lcr", help="default: lcr"), *mixture_options(per_task=3)
)
def main(options: argparse.Namespace) -> None:
    """Print medians and means (95 % intervals) of the distances in dB for each amount."""
    torch.set_num_threads(1)
    config = suite_of(options)
    mixtures = drawn_mixtures(config)
    system = create(options.system)
    table = {}
    for amount in AMOUNTS_DB:
        found: dict[str, list[float]] = {"named": [], "others": [], "reached": []}
        for index in range(config.per_task * 16):
            for sort, value in measure(system, mixtures.example(index), amount):
                found[sort].append(value)
        row = {}
        for sort, values in found.items():
            if not values:
                continue
            mean = bootstrap_mean(values)
            row[sort] = {
                "sources": len(values),
                "median_db": float(np.median(values)),
                "mean_db": [mean.mean, mean.low, mean.high],
            }
        table[f"{amount:+g} dB"] = row
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    raise SystemExit(main())
