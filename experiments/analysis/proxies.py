"""Objective proxies of what listeners judge (Table VI), beside what they are worth.

python -m experiments.analysis.proxies --suite studio --per-task 4 --systems lcr,cascade --out OUT

CLAP similarity: the cosine between a remix and the description of each source that the prompt
keeps, less that of each source that it removes, by the audio CLAP for sounds and the speech CLAP
for speakers; over the mixtures in which something is kept and something removed. A proxy is worth
what it agrees with: beside it stands its rank correlation, over mixtures, with SNR improvement,
which needs no listeners because the suite knows the truth.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata

from baselines.clap.checkpoint import load_clap
from baselines.clap.model import TextAudioModel
from baselines.clap.wording import embed_descriptions
from baselines.shipped import find_weights
from experiments.command import command, option, suite_options
from experiments.comparison.examples import Examples, build_bank
from experiments.comparison.records import write_atomic, write_json
from experiments.comparison.suite import load_suite
from experiments.comparison.summary import mean_interval, value_of
from experiments.comparison.systems import build_system, request_of
from experiments.comparison.table import (
    Table,
)
from experiments.paper.correlation import Correlation, correlate
from experiments.paper.published import Cell
from lcr.audio.core import resample
from lcr.data.mixtures import Example
from lcr.evaluation.metrics import score
from lcr.evaluation.statistics import Interval
from lcr.instruction import Action, Kind
from lcr.remixer import Audio

DNSMOS = (
    "DNSMOS: not run: the one package that carries its weights (speechmos) needs onnxruntime and "
    "librosa, which are no dependencies here."
)
CAVEAT = (
    "CLAPs here are small ones of our own unless --clap-audio or --clap-speech name others; what "
    "they hear is no opinion of a listener."
)


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A system's CLAP similarity, and that less the mixture's; SNR improvement; and how the two
    gains go together over mixtures, by ranks."""

    similarity: Interval
    gain: Interval
    snri_db: Interval
    agreement: Correlation


class ClapSimilarity:
    """Compares a remix with what the prompt keeps and removes, by one CLAP for each kind of
    source."""

    def __init__(self, models: Mapping[Kind, TextAudioModel]) -> None:
        self._models = models

    @torch.inference_mode()
    def __call__(self, audio: Audio, sample_rate: int, example: Example) -> float:
        """Similarity of a mono remix (1, samples) with what is kept, less that with what is
        removed."""
        instruction = example.instruction
        found: dict[bool, list[float]] = {True: [], False: []}
        for kind, model in self._models.items():
            pairs = [
                (d, a is not Action.REMOVE)
                for d, a in zip(instruction.descriptions, instruction.actions, strict=True)
                if d.kind == kind
            ]
            if pairs:
                clip = torch.from_numpy(resample(audio, sample_rate, model.sample_rate))
                embedded = model.embed_audio(clip)
                texts = embed_descriptions(model, [d for d, _ in pairs])
                for value, (_, kept) in zip((texts @ embedded[0]).tolist(), pairs, strict=True):
                    found[kept].append(value)
        return float(np.mean(found[True]) - np.mean(found[False]))


def judged(example: Example) -> bool:
    """Whether the prompt keeps something and removes something."""
    removed = [action is Action.REMOVE for action in example.instruction.actions]
    return any(removed) and not all(removed)


def measure(
    names: Sequence[str], examples: Examples, similarity: ClapSimilarity, *, device: str = "cpu"
) -> dict[str, Proxy]:
    """Measure each system on the mixtures whose SNR improvement is defined. Raises LcrError
    where a system cannot be built or a mixture not be made."""
    some = [examples[i] for i in examples.indices]
    rows = [(i, one) for i, one in enumerate(some) if judged(one)]
    records = [dict(examples.described(i)) for i, _ in rows]
    before = [similarity(one.mixture[None], one.sample_rate, one) for _, one in rows]
    found = {}
    for name in names:
        system = build_system(name, {}, device=device)
        kept: list[dict[str, Any]] = []
        after: list[float] = []
        gains: list[float] = []
        snri: list[float] = []
        for record, (_, one), earlier in zip(records, rows, before, strict=True):
            asked = request_of(one, system.card)
            made = system.remixer.remix(
                asked.mixture, asked.sample_rate, asked.prompt, oracle=asked.oracle
            )
            truth = score(estimate=made.audio, reference=one.target[None], mixture=asked.mixture)
            if truth.snr_improvement_db is not None:
                later = similarity(made.audio, one.sample_rate, one)
                kept.append(record)
                after.append(later)
                gains.append(later - earlier)
                snri.append(truth.snr_improvement_db)
        found[name] = Proxy(
            similarity=_interval(kept, after),
            gain=_interval(kept, gains),
            snri_db=_interval(kept, snri),
            agreement=correlate(rankdata(gains), rankdata(snri), kept),
        )
    return found


def _interval(records: Sequence[Mapping[str, Any]], values: Sequence[float]) -> Interval:
    return mean_interval([value_of(r, v) for r, v in zip(records, values, strict=True)])


def to_markdown(found: Mapping[str, Proxy], title: str) -> str:
    heads = ("System", "CLAP similarity", "less the mixture's", "SNRi in dB", "rank correlation")
    rows = tuple(
        (
            name,
            *(
                Cell(interval=one, decimals=decimals).text
                for one, decimals in ((p.similarity, 3), (p.gain, 3), (p.snri_db, 1))
            ),
            p.agreement.words,
        )
        for name, p in found.items()
    )
    table = Table(title=title, heads=heads, rows=rows)
    return "\n".join(
        ["# Objective proxies", "", *table.markdown(), "", f"- {CAVEAT}", f"- {DNSMOS}", ""]
    )


@command(
    __doc__,
    *suite_options(per_task=4),
    option("--systems", default="lcr,cascade,mixture", metavar="A,B,…"),
    option("--clap-audio", default="clap-audio", metavar="NAME|PATH"),
    option("--clap-speech", default="clap-speech", metavar="NAME|PATH"),
    option("--out", type=Path, required=True, metavar="DIR"),
)
def main(given: argparse.Namespace) -> None:
    """Measure, write proxies.md and proxies.json, and print the table."""
    changes = {"per_task": given.per_task, "bank.path": given.bank, "examples": 0}
    config = load_suite(given.suite, changes=changes)
    claps: dict[Kind, TextAudioModel] = {
        "audio": load_clap(find_weights(given.clap_audio)).model,
        "speech": load_clap(find_weights(given.clap_speech)).model,
    }
    examples = Examples(config, build_bank(config.bank))
    found = measure(given.systems.split(","), examples, ClapSimilarity(claps))
    text = to_markdown(found, f"suite {config.name}, at most {given.per_task} mixtures a task")
    write_atomic(given.out / "proxies.md", text.encode())
    values = {name: asdict(one) for name, one in found.items()}
    write_json(given.out / "proxies.json", values)
    print(text)


if __name__ == "__main__":
    raise SystemExit(main())
