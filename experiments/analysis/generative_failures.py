"""What a decoding planner writes, and how it fails:
`python -m experiments.analysis.generative_failures`.

Prompts come from a manifest in the authors' format (`--prompts`), or from our own generator over
the classes that the shipped audio models know. Each is answered twice: with the true inventory,
whose ids the plan is to name, and without one, where the plan describes the sources in words that
an audio model then has to know.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agents.plan import PlanError, RemixPlan
from agents.planners.generative.planner import (
    DEFAULT_WEIGHTS,
    GenerativePlanner,
    UnheardSourceError,
    Written,
    in_gains,
    load_planner,
    read_plan,
)
from agents.planners.generative.text import SOUNDS, description_of, inventory_of
from baselines.clap.wording import relation
from experiments.analysis.planner_accuracy import interval
from experiments.command import command, option
from experiments.comparison.environment import machine_line
from experiments.comparison.records import write_json
from lcr.data.authors.set import read_paper_set
from lcr.data.studio.classes import LABELS
from lcr.instruction import AudioDescription, Description, Instruction, SpeechDescription
from lcr.prompts.generator import write_prompt
from lcr.prompts.generator.examples import random_instruction

MALFORMED, UNHEARD, UNSETTLED = "malformed", "source not in the inventory", "one source twice"
UNKNOWN, ABSENT, SEVERAL = "sound the audio model has no class for", "nobody there", "several fit"
WRONG, RIGHT, TOO_LONG = "another action", "right", "prompt too long"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A prompt, what it asks for, and the mixture that it is about."""

    prompt: str
    asked: Instruction
    mixture: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How an answer ended (`outcome`), and the share of the sources whose action is right."""

    outcome: str
    sources: float


def cases_of(path: Path | None, limit: int) -> list[Case]:
    """Read the first `limit` mixtures of a manifest, or write as many prompts of our own."""
    if path is None:
        return list(_own(limit))
    mixtures = list(read_paper_set(path))[:limit]
    return [
        Case(prompt=prompt, asked=one.instruction, mixture=number)
        for number, one in enumerate(mixtures)
        for prompt in one.prompts
    ]


def _own(count: int) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    for number in range(count):
        asked = random_instruction(rng)
        yield Case(prompt=write_prompt(asked, rng).text, asked=asked, mixture=number)


def judge_ids(written: Written, asked: Instruction) -> Verdict:
    """Judge a plan that names sources by their ids in the true inventory."""
    inventory = inventory_of(asked.descriptions)
    try:
        gains = in_gains(read_plan(written.text, inventory), inventory).gains
    except UnheardSourceError:
        return Verdict(outcome=UNHEARD, sources=0.0)
    except PlanError as error:
        return _refused(error)
    return _compared(gains, asked)


def judge_words(written: Written, asked: Instruction) -> Verdict:
    """Judge a plan that describes sources in words: would a perfect audio model of `LABELS` know
    which are meant?"""
    try:
        planned = read_plan(written.text, ())
    except PlanError as error:
        return _refused(error)
    named = [description_of(change.source) for change in planned.changes]
    gains = [planned.others_gain] * len(asked.descriptions)
    for said, change in zip(named, planned.changes, strict=True):
        if isinstance(said, AudioDescription) and said.label not in (*LABELS, SOUNDS):
            return Verdict(outcome=UNKNOWN, sources=0.0)
        meant = [i for i, one in enumerate(asked.descriptions) if _means(said, one)]
        if not meant:
            return Verdict(outcome=ABSENT, sources=0.0)
        if len(meant) > 1 and not _is_group(said):
            return Verdict(outcome=SEVERAL, sources=0.0)
        for i in meant:
            gains[i] = change.gain
    return _compared(gains, asked)


def _refused(error: PlanError) -> Verdict:
    twice = "two changes to one source" in str(error)
    return Verdict(outcome=UNSETTLED if twice else MALFORMED, sources=0.0)


def _means(said: Description, source: Description) -> bool:
    if said == AudioDescription(label=SOUNDS):
        return source.kind == "audio"
    return relation(said, source) == "fits"


def _is_group(said: Description) -> bool:
    return said in (SpeechDescription(), AudioDescription(label=SOUNDS))


def _compared(gains: Sequence[float], asked: Instruction) -> Verdict:
    right = [a == b for a, b in zip(gains, asked.gains, strict=True)]
    return Verdict(outcome=RIGHT if all(right) else WRONG, sources=sum(right) / len(right))


def answers(
    planner: GenerativePlanner, cases: Sequence[Case], *, ids: bool, batch: int
) -> list[Written]:
    """Ask the planner in batches of prompts of like length; answers come in the cases' order."""
    order = sorted(range(len(cases)), key=lambda i: len(cases[i].prompt))
    found: dict[int, Written] = {}
    for start in range(0, len(order), batch):
        some = order[start : start + batch]
        inventories = [inventory_of(cases[i].asked.descriptions) if ids else () for i in some]
        written = planner.write([cases[i].prompt for i in some], inventories)
        found |= dict(zip(some, written, strict=True))
    return [found[i] for i in range(len(cases))]


def summary(cases: Sequence[Case], written: Sequence[Written], *, ids: bool) -> dict[str, Any]:
    """Summarise how answers ended, with 95 % intervals over mixtures for the two main shares."""
    judge = judge_ids if ids else judge_words
    verdicts = [judge(one, case.asked) for one, case in zip(written, cases, strict=True)]
    mixture = np.array([case.mixture for case in cases])
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    exact = np.array([float(verdict.outcome == RIGHT) for verdict in verdicts])
    sources = np.array([verdict.sources for verdict in verdicts])
    return {
        "mode": "with an inventory" if ids else "without an inventory",
        "prompts": len(cases),
        "mixtures": len(set(mixture.tolist())),
        "valid_plans": sum(_valid(one.text) for one in written) / len(written),
        "exact": [round(value, 4) for value in interval(exact, mixture)],
        "sources": [round(value, 4) for value in interval(sources, mixture)],
        "outcomes": {name: count / len(cases) for name, count in outcomes.most_common()},
        "tokens_in": float(np.mean([one.read for one in written])),
        "tokens_out": float(np.mean([one.tokens for one in written])),
    }


def _valid(text: str) -> bool:
    try:
        RemixPlan.model_validate_json(text)
    except ValueError:
        return False
    return True


@command(
    __doc__,
    option("--prompts", type=Path, metavar="DIR|FILE", help="default: our own"),
    option("--limit", type=int, default=1000, metavar="N", help="mixtures"),
    option("--weights", default=DEFAULT_WEIGHTS, metavar="NAME|FOLDER"),
    option("--batch", type=int, default=64),
    option("--threads", type=int, default=1),
    option("--out", type=Path, metavar="FILE", help="all figures as JSON"),
    bad_input=(ValueError,),
)
def main(options: argparse.Namespace) -> None:
    """Ask for plans with and without ids, and print how they end."""
    torch.set_num_threads(options.threads)
    cases = cases_of(options.prompts, options.limit)
    planner = load_planner(weights=options.weights)
    rows = []
    for ids in (True, False):
        written = answers(planner, cases, ids=ids, batch=options.batch)
        rows.append(summary(cases, written, ids=ids))
    print(machine_line())
    for row in rows:
        print(_shown(row))
    if options.out:
        write_json(options.out, rows)


def _shown(row: dict[str, Any]) -> str:
    lines = [f"\n{row['mode']}: {row['prompts']} prompts of {row['mixtures']} mixtures"]
    for key in ("exact", "sources"):
        mean, low, high = (100 * value for value in row[key])
        lines.append(f"  {key:10} {mean:5.1f} % [{low:.1f}, {high:.1f}]")
    lines.append(f"  valid plans {100 * row['valid_plans']:5.1f} %")
    lines += [f"    {name:40} {100 * share:5.1f} %" for name, share in row["outcomes"].items()]
    lines.append(f"  tokens a prompt: {row['tokens_in']:.1f} read, {row['tokens_out']:.1f} written")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
