"""Plans carried out. Everything that a plan brings about is a gain on a source:

    y = r x + sum_i (a_i - r) s_i

with the mixture x, the sources' gains a_i and estimates s_i, and r for what is none of them. With
the inventory form the estimates are the parts that a separator made; with the query form they are
extracted one by one. What is not named gets r exactly, however bad the estimates are.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.listening.naming import kind_of
from agents.plan import RemixPlan
from agents.systems.extractors import Extractor
from baselines.composite.planning import Plan
from baselines.lass.query import query_of
from lcr.audio.core import check_audio
from lcr.instruction import Kind, SpeechDescription
from lcr.remixer import Audio, Step


def mix(
    mixture: Audio, estimates: NDArray[np.float32], gains: Sequence[float], rest: float
) -> Audio:
    """The sum above, (channels, samples), of `estimates` (sources, channels, samples).

    Raises ValueError where the shapes differ or a source has no gain.
    """
    if estimates.shape != (len(gains), *mixture.shape):
        raise ValueError(
            f"estimates must be (sources, channels, samples) = {(len(gains), *mixture.shape)}; "
            f"got {estimates.shape}"
        )
    change = np.asarray(gains, dtype=np.float32) - np.float32(rest)
    out: Audio = np.float32(rest) * mixture + np.tensordot(change, estimates, axes=1)
    return out.astype(np.float32)


@dataclass(frozen=True)
class Query:
    """What is to be extracted, in words, and the gain on it."""

    words: str
    kind: Kind
    gain: float


@dataclass(frozen=True)
class Queries:
    """Queries of different words, and the gain on all else."""

    queries: tuple[Query, ...]
    rest: float


def queries_for(plan: Plan, *, complete: bool) -> Queries:
    """What to extract for `plan`. Sources that have the gain of the rest need no extraction, and
    of several that one description fits only the first is extracted: they all come with it.

    `complete` plans are for all sources that there are; as the gain of the rest then only says
    what happens to nothing, one that asks least of the extractor takes its place: the sources' own
    gain with the least squared changes from it; among equals, of the fewest, and nearest to 1.
    """
    rest = plan.rest
    if complete and plan.gains:
        rest = min((1.0, *plan.gains), key=lambda r: _asked(plan.gains, r))
    found: dict[str, Query] = {}
    for description, gain in zip(plan.descriptions, plan.gains, strict=True):
        nameless = isinstance(description, SpeechDescription) and not description.known
        words = "the speech" if nameless else query_of(description)
        found.setdefault(words, Query(words, description.kind, gain))
    return Queries(tuple(q for q in found.values() if q.gain != rest), rest)


def _asked(gains: Sequence[float], rest: float) -> tuple[float, int, float]:
    changes = [gain - rest for gain in gains if gain != rest]
    return sum(change**2 for change in changes), len(changes), abs(rest - 1)


def queries_of(plan: RemixPlan) -> Queries:
    """The same for a plan whose sources are free words."""
    rest = plan.others_gain
    named = [Query(c.source, kind_of(c.source), c.gain) for c in plan.changes]
    return Queries(tuple(q for q in named if q.gain != rest), rest)


def extract_and_mix(
    mixture: Audio, sample_rate: int, asked: Queries, extractor: Extractor
) -> tuple[Audio, tuple[Step, ...]]:
    """The query form on (channels, samples): the remix, and a step an extraction.

    Raises ValueError for unusable audio, and what the extractor raises.
    """
    check_audio(mixture, sample_rate)
    estimates = np.zeros((len(asked.queries), *mixture.shape), np.float32)
    steps: list[Step] = []
    for i, query in enumerate(asked.queries):
        began = time.perf_counter()
        estimates[i] = extractor.extract(mixture, sample_rate, query.words, query.kind)
        told = f"{query.words} x {query.gain:.3g}"
        steps.append(Step(name="extract", detail=told, seconds=time.perf_counter() - began))
    began = time.perf_counter()
    audio = mix(mixture, estimates, [q.gain for q in asked.queries], asked.rest)
    told = f"all else x {asked.rest:.3g}"
    return audio, (*steps, Step(name="mix", detail=told, seconds=time.perf_counter() - began))
