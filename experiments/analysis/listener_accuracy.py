"""How well does the listener hear?
`python -m experiments.analysis.listener_accuracy --suite studio`

On a suite's mixtures each part that the separator made is held against the source that it truly is
(PIT): whether it is heard as a speaker or as another sound, each style of a speaker, and the class
of a sound (top 1). The same on the true sources, each by itself, tells how much of the error is the
separator's. Styles and classes are judged apart from the kind: given that it is a speaker.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.listening.beliefs import Beliefs
from agents.listening.listener import Inventory, Listener, load_listener
from baselines.clap.assign import NONE
from experiments.analysis.facts import facts_of
from experiments.command import command, mixture_options, option, suite_of
from experiments.comparison.examples import Examples, build_bank
from experiments.comparison.progress import Bars
from experiments.comparison.records import locked, write_atomic, write_json
from experiments.comparison.summary.summarize import Value, interval_json, mean_interval
from experiments.comparison.table import (
    Table,
    fact_lines,
)
from lcr.data.mixtures import Example
from lcr.instruction import STYLE_VALUES, AudioDescription
from lcr.losses.pit import assignment, pairwise_cost

SEPARATED, APART = "separated", "true sources"
KIND, KIND_BY_CLAPS = "kind", "kind, by the CLAPs alone"
"""Some separators tell the kinds of their outputs; of true sources only the CLAPs can tell."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One question about one source: `right` or not, with what `confidence`, and `chance`, the
    share of the candidates that would be right. `odds` are the CLAPs' log-odds of speech."""

    question: str
    of: str
    index: int
    clip: str
    right: bool
    confidence: float
    chance: float
    odds: float | None = None
    speech: bool = False


def answers_of(listener: Listener, example: Example) -> Iterator[Answer]:
    """Ask all questions about the sources of one mixture."""
    heard = listener.listen(example.mixture[None], example.sample_rate)
    truth_of_heard = sources_of(heard, example.sources)
    for source, clip in enumerate(example.clips):
        found = source in truth_of_heard
        yield Answer(
            question="found",
            of=SEPARATED,
            index=example.index,
            clip=clip,
            right=found,
            confidence=math.nan,
            chance=math.nan,
        )
    alone = listener.describe(example.sources[:, None], example.sample_rate)
    for of, inventory, truth in (
        (SEPARATED, heard, truth_of_heard),
        (APART, alone, tuple(range(len(example.clips)))),
    ):
        yield from _judged(listener, example, of, inventory, truth)


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
    listener: Listener, example: Example, of: str, inventory: Inventory, truth: Sequence[int]
) -> Iterator[Answer]:
    by_claps = listener.beliefs(inventory.embedded)
    by_all = listener.beliefs(inventory.embedded, kinds=inventory.kinds)
    for beliefs, scored, source in zip(by_all, by_claps, truth, strict=True):
        if source == NONE:
            continue
        about = {"of": of, "index": example.index, "clip": example.clips[source]}
        description = example.instruction.descriptions[source]
        speech = description.kind == "speech"
        for question, p in ((KIND, beliefs.speech), (KIND_BY_CLAPS, scored.speech)):
            p = min(max(p, 1e-12), 1 - 1e-12)
            yield Answer(
                question=question,
                right=(p >= 0.5) == speech,
                confidence=max(p, 1 - p),
                chance=0.5,
                odds=math.log(p / (1 - p)) if question == KIND_BY_CLAPS else None,
                speech=speech,
                **about,  # type: ignore[arg-type]
            )
        for question, shares, true in _choices(beliefs, description):
            best = max(shares, key=shares.__getitem__)
            yield Answer(
                question=question,
                right=best == true,
                confidence=shares[best],
                chance=1 / len(shares),
                **about,  # type: ignore[arg-type]
            )


def _choices(beliefs: Beliefs, description: object) -> Iterator[tuple[str, dict[str, float], str]]:
    """List each question's candidates with their probabilities, and the true one."""
    if isinstance(description, AudioDescription):
        yield "label", dict(beliefs.labels), description.label
        return
    for name in STYLE_VALUES:
        true = getattr(description, name)
        if true is not None:
            yield name, dict(beliefs.styles[name]), true


def best_nats(answers: Sequence[Answer]) -> tuple[float, float]:
    """Find what to add to `ListenerConfig.speech_nats` so that most sources get their kind; also
    the share that then do. Of equally good values it is the middle."""
    odds = np.array([a.odds for a in answers if a.odds is not None])
    speech = np.array([a.speech for a in answers if a.odds is not None])
    edges = np.concatenate([[odds.min() - 1], np.sort(odds), [odds.max() + 1]])
    middles: NDArray[np.float64] = (edges[1:] + edges[:-1]) / 2
    shares = ((odds >= middles[:, None]) == speech).mean(1)
    best = shares.max()
    chosen = middles[shares == best]
    return -float(chosen[np.abs(chosen).argmin()]), float(best)


def table(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Compute a row for each question and input: the share right, with an interval clustered by
    clip."""
    rows: list[dict[str, Any]] = []
    for question in ("found", KIND, KIND_BY_CLAPS, *STYLE_VALUES, "label"):
        for of in (SEPARATED, APART):
            some = [a for a in answers if (a.question, a.of) == (question, of)]
            if not some:
                continue
            values = [
                Value(index=a.index, task="", clips=(a.clip,), value=float(a.right)) for a in some
            ]
            sure = [a.confidence for a in some if not math.isnan(a.confidence)]
            guess = [a.chance for a in some if not math.isnan(a.chance)]
            rows.append(
                {
                    "question": question,
                    "of": of,
                    "right": _as_share(interval_json(mean_interval(values))),
                    "confidence": math.fsum(sure) / len(sure) if sure else None,
                    "chance": math.fsum(guess) / len(guess) if guess else None,
                }
            )
    return rows


def _as_share(interval: dict[str, Any]) -> dict[str, Any]:
    """Clip a share's bounds to 0 and 1, which stratifying exceeds a little."""
    bounds = {key: interval[key] for key in ("low", "high") if interval[key] is not None}
    return interval | {key: min(max(bound, 0.0), 1.0) for key, bound in bounds.items()}


def to_markdown(whole: dict[str, Any]) -> str:
    """Write the table and its sources as Markdown."""

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
            share(row["chance"]),
        )
        for row in whole["rows"]
    )
    heads = ("", "Heard in", "n", "Right", "95 %", "Mean confidence", "Chance")
    grid = Table(title="What the listener hears rightly", heads=heads, rows=rows)
    nats, best = whole["best_speech_nats"], whole["kind_right_with_it"]
    lines = [
        *grid.markdown(),
        f"- Adding {nats:+.2f} nats to the CLAPs' log-odds of speech would make {share(best)} of "
        "the kinds of separated sources right by them alone, on these mixtures.",
        "- Intervals: BCa bootstrap clustered by source clip.",
        *fact_lines(whole["run"]),
    ]
    return "\n".join(lines) + "\n"


@command(
    __doc__,
    *mixture_options(per_task=8),
    option("--separator", default="separator", metavar="NAME|DIR"),
    option("--clap-speech", default="clap-speech", metavar="NAME|DIR"),
    option("--clap-audio", default="clap-audio", metavar="NAME|DIR"),
    option("--out", type=Path, default=Path("results/listener"), metavar="DIR"),
)
def main(options: argparse.Namespace) -> None:
    """Ask every question about every example, write and print the report."""
    config = suite_of(options)
    listener = load_listener(
        separator=options.separator, speech=options.clap_speech, audio=options.clap_audio
    )
    examples = Examples(config, build_bank(config.bank))
    answers: list[Answer] = []
    with locked(options.out):
        with Bars().stage("examples", total=len(examples.indices)) as advance:
            for index in examples.indices:
                answers += answers_of(listener, examples[index])
                advance()
        nats, best = best_nats([a for a in answers if a.of == SEPARATED])
        whole = {
            "schema": 1,
            "run": facts_of(config, examples, listener.weights),
            "rows": table(answers),
            "best_speech_nats": nats,
            "kind_right_with_it": best,
        }
        write_json(options.out / "listener.json", whole)
        write_atomic(options.out / "listener.md", to_markdown(whole).encode())
    print(to_markdown(whole))


if __name__ == "__main__":
    raise SystemExit(main())
