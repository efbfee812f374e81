"""Of two voices, which one does LCR-Q take for "the higher voice" or "the first to speak"?

Mixtures of two voices of a folder of recordings are asked for each voice by whatever tells it from
the other beyond doubt: a relation, or one style of its description. The choice is right if what
comes out has a better SNR against that voice than against the other; chance is one half.

    python experiments/analysis/voice_choice.py lcr/weights/lcr-q --bank DIR --split test
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.analysis.open_sounds import snr
from experiments.command import command, option
from lcr.checkpoints import Checkpoint
from lcr.data.bank import SAMPLE_RATE, SPLITS, Bank, Entry, Split
from lcr.data.folder import FolderBank
from lcr.data.mixtures import MixtureConfig, place, set_level
from lcr.data.relations import begin_later, clear_relations, measure_voice
from lcr.evaluation.statistics import share_improved
from lcr.instruction import STYLE_ATTRIBUTES, SpeechDescription
from lcr.joint.query import QueryModel
from lcr.joint.torch_network import read_query_model

_MIX = MixtureConfig(duration_s=5.0)


def draw_pairs(
    bank: Bank, split: Split, count: int
) -> Iterator[tuple[tuple[Entry, Entry], NDArray[np.float32]]]:
    """`count` pairs of entries of two speakers with their waveforms (2, samples): each speaker
    equally often, levels up to 5 dB apart, half of the time one begins 0.5 to 2.5 s later."""
    of_speaker: dict[str, list[Entry]] = defaultdict(list)
    for entry in bank.entries(split):
        if isinstance(entry.description, SpeechDescription):
            of_speaker[entry.group].append(entry)
    speakers = sorted(of_speaker)
    for index in range(count):
        rng = np.random.default_rng([index, 29])
        chosen = [of_speaker[speakers[i]] for i in rng.choice(len(speakers), 2, replace=False)]
        first, second = (group[int(rng.integers(len(group)))] for group in chosen)
        waves = np.stack([place(bank.load(e), _MIX.samples, rng, _MIX) for e in (first, second)])
        if rng.random() < 0.5:
            late = int(rng.integers(2))
            waves[late] = begin_later(waves[late], int(rng.uniform(0.5, 2.5) * SAMPLE_RATE))
        levels = rng.uniform(-2.5, 2.5, 2)
        yield (
            (first, second),
            np.stack([set_level(w, db, _MIX) for w, db in zip(waves, levels, strict=True)]),
        )


def what_tells(
    entries: Sequence[Entry], waves: NDArray[np.float32]
) -> Iterator[tuple[int, str, str]]:
    """(voice, kind, column) of every query that only one of two voices fits."""
    related = clear_relations([measure_voice(wave) for wave in waves])
    for voice, names in enumerate(related):
        yield from ((voice, name, f"relation={name}") for name in names if name != "last")
    descriptions = [entry.description for entry in entries]
    for style in STYLE_ATTRIBUTES:
        values = [getattr(one, style) for one in descriptions]
        if None not in values and values[0] != values[1]:
            for voice, value in enumerate(values):
                yield voice, style, f"{style}={value}"


def measure(model: QueryModel, bank: Bank, split: Split, count: int) -> dict[str, list[float]]:
    """For each relation and style, by how many dB each output fits the voice asked for better than
    the other."""
    margins: dict[str, list[float]] = defaultdict(list)
    for entries, waves in draw_pairs(bank, split, count):
        encoding = model.encode(waves.sum(0))
        for voice, kind, column in what_tells(entries, waves):
            if not model.knows_style(column):
                continue
            out = model.remix(encoding, 0.0, [(1.0, False, model.of_style("speech", column))]).wave
            margins[kind].append(snr(out, waves[voice]) - snr(out, waves[1 - voice]))
    return margins


@command(
    __doc__,
    option("checkpoint", type=Path, help="folder of a shipped LCR-Q"),
    option("--bank", type=Path, required=True, metavar="DIR", help="folder with manifest.csv"),
    option("--split", choices=SPLITS, default="valid", help="default: valid"),
    option("--mixtures", type=int, default=200, metavar="N"),
)
def main(options: argparse.Namespace) -> None:
    """Print the share of right choices with its 95 % interval (Wilson), for each way to ask."""
    torch.set_num_threads(1)
    model = read_query_model(Checkpoint.read(options.checkpoint))
    margins = measure(model, FolderBank(options.bank), options.split, options.mixtures)
    table = {}
    for kind, found in margins.items():
        right = share_improved(found)
        table[kind] = {"queries": right.n, "right": [right.mean, right.low, right.high]}
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    raise SystemExit(main())
