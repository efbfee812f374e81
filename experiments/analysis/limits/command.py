"""What limits the joint model? Scores against the ideal ratio mask, and where the rest is lost.

python -m experiments.analysis.limits --suite studio --split valid --out results/limits
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.ideal import ideal_ratio_mask
from experiments.analysis.facts import facts_of
from experiments.analysis.limits.figure import draw
from experiments.analysis.limits.measure import Answer, Finding, Subject, examine
from experiments.analysis.limits.report import to_csv, to_markdown
from experiments.analysis.limits.summary import summarize_findings
from experiments.command import (
    command,
    device_option,
    mixture_options,
    option,
    suite_of,
)
from experiments.comparison.environment import resolve_device
from experiments.comparison.errors import ConfigError
from experiments.comparison.examples import Examples, build_bank
from experiments.comparison.progress import Bars
from experiments.comparison.records import locked, write_atomic, write_json
from experiments.comparison.systems import BATCH
from lcr.checkpoints import Checkpoint, find_checkpoint
from lcr.data.mixtures import GIVEN, Example
from lcr.instruction import patterns
from lcr.joint.remixer import DEFAULT_WEIGHTS, JointRemixer
from lcr.nn.reader.slots import SlotVocabulary
from lcr.remixer import Oracle, RemixRequest
from lcr.training.stages import slot_tensor

SCHEMA = 1
_TOLD = 0.5


class JointSubject:
    """A joint model, run once by its prompts and once with the true slots."""

    def __init__(self, folder: Path, *, device: str = "cpu") -> None:
        """Raises MissingWeightsError or WeightsError."""
        self._remixer = JointRemixer.from_checkpoint(folder, name="lcr", device=device)
        self._vocabulary = SlotVocabulary(tuple(Checkpoint.read(folder).config["labels"]))
        self.card = self._remixer.card

    def answer(self, examples: Sequence[Example]) -> list[Answer]:
        z = self._remixer.read([e.prompt for e in examples])
        by_text = self._remix(examples, z)
        if not self._remixer.slot_names:
            return [Answer(by_text=audio) for audio in by_text]
        if any(e.written.form == GIVEN for e in examples):
            raise ConfigError("prompts of people or GPT have no slots; choose another suite")
        truth = slot_tensor(self._vocabulary, [e.written for e in examples]).to(z)
        slots = truth.shape[-1]
        right = ((z[:, :slots] > _TOLD) == (truth > _TOLD)).all(-1).tolist()
        by_truth = self._remix(examples, torch.cat([truth, z[:, slots:]], -1))
        return [
            Answer(by_text=text, by_truth=truth, read_right=sure)
            for text, truth, sure in zip(by_text, by_truth, right, strict=True)
        ]

    def _remix(self, examples: Sequence[Example], z: torch.Tensor) -> list[NDArray[np.float32]]:
        requests = [
            RemixRequest(mixture=e.mixture[None], sample_rate=e.sample_rate, prompt=e.prompt)
            for e in examples
        ]
        return [audio[0] for audio in self._remixer.remix_by(requests, z)]


def collect(subject: Subject, examples: Examples) -> list[Finding]:
    """Examine every example; leave out those without a defined score. Raises LcrError."""
    ideal = ideal_ratio_mask()
    mixture = examples.mixtures.config
    every = tuple(patterns(mixture.n_speech, mixture.n_audio))
    findings: list[Finding] = []
    with Bars().stage("examples", total=len(examples.indices)) as advance:
        for start in range(0, len(examples.indices), BATCH):
            batch = [examples[i] for i in examples.indices[start : start + BATCH]]
            for example, answer in zip(batch, subject.answer(batch), strict=True):
                mask = ideal.remix(
                    example.mixture[None],
                    example.sample_rate,
                    example.prompt,
                    oracle=Oracle(
                        instruction=example.instruction, sources=example.sources[:, None, :]
                    ),
                )
                found = examine(example, answer, mask.audio[0], every)
                findings += [found] if found is not None else []
                advance()
    return findings


def write(
    folder: Path,
    *,
    summary: dict[str, Any],
    findings: Sequence[Finding],
    facts: dict[str, Any],
) -> None:
    """Write limits.json, limits.md, limits.csv and limits.svg. Raises OutputError."""
    whole = {"schema": SCHEMA, "run": facts, **summary}
    write_json(folder / "limits.json", whole)
    write_atomic(folder / "limits.md", to_markdown(whole).encode())
    write_atomic(folder / "limits.csv", to_csv(findings).encode())
    write_atomic(folder / "limits.svg", draw(summary))


@command(
    "Split what a joint model loses to the ideal ratio mask into its errors.",
    *mixture_options(per_task=16),
    option("--weights", default=DEFAULT_WEIGHTS, metavar="NAME|DIR", help="a checkpoint"),
    device_option(),
    option("--out", type=Path, default=Path("results/limits"), metavar="DIR"),
    name="limits",
    prog="python -m experiments.analysis.limits",
)
def main(options: argparse.Namespace) -> None:
    """Measure, write the report and print its verdict."""
    config = suite_of(options)
    device = resolve_device(options.device)
    subject = JointSubject(find_checkpoint(options.weights), device=device)
    examples = Examples(config, build_bank(config.bank))
    with locked(options.out):
        findings = collect(subject, examples)
        summary = summarize_findings(findings)
        facts = {
            "system": subject.card.name,
            **facts_of(config, examples, subject.card.weights, device=device),
            "per_task": config.per_task,
            "undefined": len(examples.indices) - len(findings),
        }
        write(options.out, summary=summary, findings=findings, facts=facts)
    print(summary["verdict"])
    print(f"limits.md, limits.json, limits.csv, limits.svg: {options.out.resolve()}")
