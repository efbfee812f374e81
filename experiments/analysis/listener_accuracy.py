"""How well does the listener hear?
`python -m experiments.analysis.listener_accuracy --suite studio`

On a suite's mixtures each entry of the listener's inventory is held against the source that it
truly is (PIT): whether it is heard as a speaker or as another sound, the styles of a speaker, and
the name of a sound, whose synonyms count and whose broader kinds do not. The same on the true
sources, each by itself, tells how much of the error is the separator's. Styles and names are judged
apart from the kind: given that it is a speaker. "Just these": the inventory is what is there, as
many entries, each rightly named. "One man and one dog" is
`--set mixture.n_speech=1 --set mixture.n_audio=1 --only "dog barking"`.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from agents.listening.beliefs import Beliefs
from agents.listening.listener import Inventory, Listener, load_listener
from experiments.analysis.facts import facts_of
from experiments.command import command, mixture_options, option, suite_of
from experiments.comparison.examples import Examples, PaperBank, PublicBank, build_bank
from experiments.comparison.progress import Bars
from experiments.comparison.records import locked, write_atomic, write_json
from experiments.comparison.summary.summarize import Value, mean_interval, share_json
from experiments.comparison.table import Table, fact_lines
from lcr.checkpoints import CONFIG_FILE, find_checkpoint
from lcr.data.classes import WithoutClasses
from lcr.data.mixtures import Example
from lcr.instruction import AudioDescription, Description
from lcr.joint.load import DEFAULT_WEIGHTS
from lcr.joint.query import Naming
from lcr.losses.pit import assignment, pairwise_cost
from lcr.prompts.reading.names import look_up

SEPARATED, APART = "separated", "true sources"
FOUND, JUST_THESE, KIND, NAME, TOP_5 = "found", "just these", "kind", "name", "name, of 5"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One question about one source, or about a whole inventory: `right` or not, with what
    `confidence`. Of names also their probabilities and the true one, for calibration."""

    question: str
    of: str
    index: int
    clip: str
    right: bool
    confidence: float | None = None
    labels: Mapping[str, float] | None = None
    true: str = ""


def answers_of(listener: Listener, example: Example) -> Iterator[Answer]:
    """Ask all questions about the sources of one mixture."""
    inventory = listener.listen(example.mixture[None], example.sample_rate)
    truth = sources_of(inventory, example.sources)
    heard, alone = [], listener.describe(example.sources[:, None], example.sample_rate)
    for source, (clip, description) in enumerate(
        zip(example.clips, example.instruction.descriptions, strict=True)
    ):
        about: dict[str, Any] = {"index": example.index, "clip": clip}
        yield Answer(question=FOUND, of=SEPARATED, right=source in truth, **about)
        if source in truth:
            beliefs = inventory.beliefs[truth.index(source)]
            yield from _judged(beliefs, description, {"of": SEPARATED, **about})
            heard.append(_fits(beliefs, description))
        yield from _judged(alone[source], description, {"of": APART, **about})
    yield Answer(
        question=JUST_THESE,
        of=SEPARATED,
        index=example.index,
        clip=example.clips[0],
        right=len(truth) == len(example.clips) == len(heard) and all(heard),
    )


def sources_of(inventory: Inventory, sources: NDArray[np.float32]) -> tuple[int, ...]:
    """Which of `sources` (n, samples) each part of an inventory is, by the assignment of highest
    SNR; NONE for a part that is none of them."""
    if not inventory.heard:
        return ()
    cost = pairwise_cost(
        estimate=torch.from_numpy(inventory.audio.mean(1))[None],
        reference=torch.from_numpy(sources)[None],
    )
    return tuple(assignment(cost)[0].tolist())


def _judged(
    beliefs: Beliefs, description: Description, about: Mapping[str, Any]
) -> Iterator[Answer]:
    kind = beliefs.kind == description.kind
    sure = max(beliefs.speech, 1 - beliefs.speech)
    yield Answer(question=KIND, right=kind, confidence=sure, **about)
    if isinstance(description, AudioDescription):
        true = _name(description.label)
        names = sorted(beliefs.labels, key=beliefs.labels.__getitem__, reverse=True)[:5]
        shares = [beliefs.labels[name] for name in names]
        told = {"labels": beliefs.labels, "true": true, **about}
        yield Answer(question=NAME, right=names[0] == true, confidence=shares[0], **told)
        yield Answer(question=TOP_5, right=true in names, confidence=sum(shares), **about)
        return
    for style, shares_of in beliefs.styles.items():
        if style in description.known:
            best = max(shares_of, key=shares_of.__getitem__)
            right = best == description.known[style]
            yield Answer(question=style, right=right, confidence=shares_of[best], **about)


def _fits(beliefs: Beliefs, description: Description) -> bool:
    """Whether an entry is heard as the man, or the dog, that it is."""
    if isinstance(description, AudioDescription):
        return beliefs.kind == "audio" and beliefs.name == _name(description.label)
    return beliefs.kind == "speech" and description.gender in (None, beliefs.gender)


def _name(label: str) -> str:
    """The lexicon's name of a class."""
    sound = look_up(label).sound
    return label if sound is None else sound.name


def table(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Compute a row for each question and input: the share right, with an interval clustered by
    clip, and of the names by tenth of confidence."""
    rows: list[dict[str, Any]] = []
    for question, of in dict.fromkeys((a.question, a.of) for a in answers):
        some = [a for a in answers if (a.question, a.of) == (question, of)]
        values = [
            Value(index=a.index, task="", clips=(a.clip,), value=float(a.right)) for a in some
        ]
        sure = [a.confidence for a in some if a.confidence is not None]
        rows.append(
            {
                "question": question,
                "of": of,
                "right": share_json(mean_interval(values)),
                "confidence": math.fsum(sure) / len(sure) if sure else None,
                "tenths": _tenths(some) if question == NAME else None,
            }
        )
    return rows


def _tenths(answers: Sequence[Answer]) -> list[dict[str, float]]:
    """The mean confidence and the share right of each tenth of the answers, the least sure first:
    how honest the confidence is."""
    order = sorted(answers, key=lambda a: a.confidence or 0)
    return [
        {
            "confidence": float(np.mean([order[i].confidence for i in at])),
            "right": float(np.mean([order[i].right for i in at])),
        }
        for at in np.array_split(np.arange(len(order)), 10)
        if len(at)
    ]


def calibrated(answers: Sequence[Answer], now: Naming, recorded: Sequence[str]) -> Naming:
    """Fit the scale and the bias under which the true names of separated sources are likeliest."""
    asked = [
        a for a in answers if a.of == SEPARATED and a.labels is not None and a.true in a.labels
    ]
    names = list(asked[0].labels or ())
    known = np.isin(names, list(recorded))
    nats = np.log([np.fromiter((a.labels or {}).values(), float) + 1e-30 for a in asked])
    # Back to cosines, up to a constant of each sound.
    likeness = (nats + now.unrecorded * ~known) / now.scale
    true = [names.index(a.true) for a in asked]

    def loss(values: NDArray[np.float64]) -> float:
        told = values[0] * likeness - values[1] * ~known
        top = told.max(1)
        total = top + np.log(np.exp(told - top[:, None]).sum(1))
        return float((total - told[np.arange(len(true)), true]).mean())

    start = [now.scale, now.unrecorded]
    scale, unrecorded = minimize(loss, start, method="Nelder-Mead").x
    return Naming(scale=round(float(scale), 2), unrecorded=round(float(unrecorded), 2))


def to_markdown(whole: dict[str, Any]) -> str:
    """Write the tables and their sources as Markdown."""

    def share(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.1f} %"

    rows = tuple(
        (
            row["question"],
            row["of"],
            str(row["right"]["n"]),
            share(row["right"]["mean"]),
            f"[{share(row['right']['low'])}, {share(row['right']['high'])}]",
            share(row["confidence"]),
        )
        for row in whole["rows"]
    )
    heads = ("", "Heard in", "n", "Right", "95 %", "Mean confidence")
    lines = [*Table(title="What the listener hears rightly", heads=heads, rows=rows).markdown()]
    for row in whole["rows"]:
        if row["tenths"]:
            tenths = tuple((share(t["confidence"]), share(t["right"])) for t in row["tenths"])
            title = f"Names in {row['of']}, by tenth of confidence"
            lines += [
                "",
                *Table(title=title, heads=("Confidence", "Right"), rows=tenths).markdown(),
            ]
    lines += ["- Intervals: BCa bootstrap clustered by source clip.", *fact_lines(whole["run"])]
    return "\n".join(lines) + "\n"


@command(
    __doc__,
    *mixture_options(per_task=8),
    option("--only", metavar="CLASS", help="leave out all other classes of sounds"),
    option("--separator", default="separator", metavar="NAME|DIR"),
    option("--weights", default=DEFAULT_WEIGHTS, metavar="NAME|DIR", help="of the open model"),
    option(
        "--calibrate",
        action="store_true",
        help="write how sure names are into the open model's config.json",
    ),
    option("--out", type=Path, default=Path("results/listener"), metavar="DIR"),
)
def main(options: argparse.Namespace) -> None:
    """Ask every question about every example, write and print the report."""
    config = suite_of(options)
    listener = load_listener(separator=options.separator, weights=options.weights)
    bank = build_bank(config.bank)
    if options.only and not isinstance(bank, PaperBank | PublicBank):
        classes = {
            e.description.label
            for split in ("train", "valid", "test")
            for e in bank.entries(split)
            if isinstance(e.description, AudioDescription)
        }
        bank = WithoutClasses(bank, sorted(classes - {options.only}))
    examples = Examples(config, bank)
    answers: list[Answer] = []
    with locked(options.out):
        with Bars().stage("examples", total=len(examples.indices)) as advance:
            for index in examples.indices:
                answers += answers_of(listener, examples[index])
                advance()
        whole = {
            "schema": 2,
            "run": facts_of(config, examples, listener.weights),
            "rows": table(answers),
        }
        write_json(options.out / "listener.json", whole)
        write_atomic(options.out / "listener.md", to_markdown(whole).encode())
    print(to_markdown(whole))
    if options.calibrate:
        model = listener.model
        path = find_checkpoint(options.weights) / CONFIG_FILE
        settings = json.loads(path.read_text(encoding="utf-8"))
        naming = calibrated(answers, model.naming, model.labels)
        settings["names"]["naming"] = {"scale": naming.scale, "unrecorded": naming.unrecorded}
        write_json(path, settings)


if __name__ == "__main__":
    raise SystemExit(main())
