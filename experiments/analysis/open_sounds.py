"""How well does LCR-Q find sounds by name, by another recording and by pointing, and does it know
what is not there? `python -m experiments.analysis.open_sounds CHECKPOINT --suite real --bank DIR`.

Each mixture of the suite is asked for each sound in it: by name; by a clip of the kind from another
original recording, where the bank has one; by the second of the mixture in which the sound has most
of the energy; and for two names of the bank that are not there. The figures are the SNR of the
extracted sound less that of the mixture, which is the SNR improvement of task TAE, and the SNR
itself, which is that of TAR, TA↑ and TA↓. Reading takes no part: names are given.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from experiments.comparison.errors import ConfigError
from experiments.comparison.examples import PaperBank, build_bank
from experiments.comparison.suite import add_mixture_options, suite_of
from lcr.data.bank import SAMPLE_RATE, Bank, Entry, Waveform
from lcr.data.mixtures import Example, MixtureConfig, MixtureSet, place, set_level
from lcr.errors import LcrError
from lcr.evaluation.statistics import bootstrap_mean
from lcr.instruction import AudioDescription, SpeechDescription
from lcr.joint.query import QueryModel
from lcr.joint.remixer import Checkpoint


@dataclass(frozen=True, kw_only=True)
class Found:
    """One query: how it was put (`way`), the sound's name, SNR in dB of what came out and of the
    mixture (None where it is absent), and the presence logit."""

    way: str
    label: str
    group: str
    snr_db: float | None
    input_snr_db: float | None
    presence: float


def measure(model: QueryModel, mixtures: MixtureSet, count: int) -> list[Found]:
    """`count` mixtures, every sound in them asked for in every way."""
    entries = [e for e in mixtures.bank.entries(mixtures.split)]
    by_label: dict[str, list[Entry]] = {}
    for entry in entries:
        if isinstance(entry.description, AudioDescription):
            by_label.setdefault(entry.description.label, []).append(entry)
    found: list[Found] = []
    for index in range(count):
        example = mixtures.example(index)
        found += _ask(model, example, mixtures.bank, by_label, np.random.default_rng([index, 17]))
    return found


def _ask(
    model: QueryModel,
    example: Example,
    bank: Bank,
    by_label: dict[str, list[Entry]],
    rng: np.random.Generator,
) -> list[Found]:
    encoding = model.encode(example.mixture[None])
    asked: list[tuple[str, str, int | None, Tensor]] = []
    here = set()
    for i, description in enumerate(example.instruction.descriptions):
        if isinstance(description, SpeechDescription):
            told = [f"{name}={value}" for name, value in description.known.items()]
            asked.append(("voice", "", i, model.of_style("speech", *told)))
            continue
        label = description.label
        here.add(label)
        asked.append(("name", label, i, model.of_name(label)))
        others = [e for e in by_label[label] if e.group != example.groups[i]]
        if others:
            other = others[int(rng.integers(len(others)))]
            asked.append(("example", label, i, model.of_sound(_clip(bank, other, rng))))
            asked.append(("name, with an example", label, i, model.of_name(label)))
        start = _loudest_second(example.sources, i)
        asked.append(("pointing", label, i, model.of_span(encoding, start, start + 1)))
    absent = [label for label in by_label if label not in here]
    for name in rng.choice(absent, 2, replace=False):
        asked.append(("name", str(name), None, model.of_name(str(name))))
    vectors = torch.stack([vector for *_, vector in asked])
    presence = model.presence(encoding, vectors).tolist()
    found = []
    for (way, label, at, vector), logit in zip(asked, presence, strict=True):
        snr = before = None
        group = ""
        if at is not None:
            out = model.remix(encoding, model.filter(0.0, [(1.0, False, vector)]))[0]
            source = example.sources[at]
            snr, before = _snr(out, source), _snr(example.mixture, source)
            group = example.groups[at]
        found.append(
            Found(
                way=way, label=label, group=group, snr_db=snr, input_snr_db=before, presence=logit
            )
        )
    return found


def _clip(bank: Bank, entry: Entry, rng: np.random.Generator) -> Waveform:
    mix = MixtureConfig(duration_s=4.0)
    return set_level(place(bank.load(entry), mix.samples, rng, mix), 0, mix)


def _loudest_second(sources: NDArray[np.float32], i: int) -> float:
    """The start in s of the second in which source `i` has the largest share of the energy."""
    step = SAMPLE_RATE // 10
    count = sources.shape[1] // step
    power = np.square(sources[:, : count * step]).reshape(len(sources), count, step).sum(-1)
    window = np.ones(10)
    mine = np.convolve(power[i], window, "valid")
    total = np.convolve(power.sum(0), window, "valid")
    share = mine / (total + 1e-9) * (mine > 0.1 * mine.max())
    return float(np.argmax(share)) / 10


def _snr(estimate: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    error = np.square(estimate - reference, dtype=np.float64).sum()
    return float(10 * np.log10(np.square(reference, dtype=np.float64).sum() / (error + 1e-12)))


def equal_error(present: Sequence[float], absent: Sequence[float]) -> tuple[float, float]:
    """The share of errors at the threshold where both kinds are equally frequent, and it."""
    values = np.sort(np.concatenate([present, absent]))
    missed = np.searchsorted(np.sort(present), values, side="left") / len(present)
    taken = 1 - np.searchsorted(np.sort(absent), values, side="left") / len(absent)
    best = int(np.argmin(np.abs(missed - taken)))
    return float((missed[best] + taken[best]) / 2), float(values[best])


def summary(found: Sequence[Found]) -> dict[str, object]:
    """Means with 95 % intervals, clustered by original recording, and presence errors."""
    table: dict[str, object] = {}
    for way in dict.fromkeys(one.way for one in found):
        mine = [one for one in found if one.way == way and one.snr_db is not None]
        groups = [one.group for one in mine]
        snr = np.array([one.snr_db for one in mine])
        gained = snr - np.array([one.input_snr_db for one in mine])
        row: dict[str, object] = {"queries": len(mine)}
        for name, values in (("extraction_snri_db", gained), ("snr_db", snr)):
            interval = bootstrap_mean(values, clusters=groups)
            row[name] = [interval.mean, interval.low, interval.high]
        table[way] = row
    present = [one.presence for one in found if one.way == "name" and one.snr_db is not None]
    absent = [one.presence for one in found if one.way == "name" and one.snr_db is None]
    rate, threshold = equal_error(present, absent)
    table["presence"] = {
        "present": len(present),
        "absent": len(absent),
        "equal_error": rate,
        "at_logit": threshold,
    }
    return table


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    found.add_argument("checkpoint", type=Path, help="folder of a shipped LCR-Q")
    add_mixture_options(found, per_task=8)
    found.add_argument("--threads", type=int, default=1)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    try:
        config = suite_of(options)
        model = QueryModel.from_checkpoint(Checkpoint.read(options.checkpoint), options.checkpoint)
        bank = build_bank(config.bank)
        if isinstance(bank, PaperBank):
            raise ConfigError("the authors' mixtures are not asked in this way")
        mixtures = MixtureSet(
            bank, split=config.split, config=config.mixture, seed=config.seed, name=config.name
        )
        count = config.per_task * mixtures.n_tasks
        print(json.dumps(summary(measure(model, mixtures, count)), indent=1))
    except (LcrError, ConfigError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
