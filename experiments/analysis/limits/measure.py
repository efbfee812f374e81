"""What one answer tells of a system's limits: its score, and which instruction it fits best.

An output is held against the targets of every instruction that its sources allow. It fits another
one better than the right one when it has made more of the change from the mixture to that target,
which SNRi towards it tells, and the gains that its sources really got are clearly nearer to that
pattern. SNRi alone would be unfair: of two speakers that an output treats alike, it takes the
louder for the one that was meant to change.

What is lost between the ideal ratio mask and the system is then a sum of three errors, in dB:

- reading: what the system gains when the truth takes the place of what it read of the text;
- choice: what that output would gain had the instruction it fits best been the right one: first
  the wrong source (two sources of one kind exchange their actions), then any other wrong action.
  Not more is credited than takes the system to the ideal ratio mask;
- separation: the rest.

A system that is unsure which of two speakers is meant does a little to both. No pattern says so:
such hedging is in the wrong actions and in separation. `Apart` measures it by itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lcr.data.mixtures import Example
from lcr.evaluation.metrics import MAX_SNR_DB, score
from lcr.instruction import Instruction, parse_pattern

_TIE_DB = 0.01
"""Another target must be fitted better by more than this: less is rounding."""
_CLEARLY = 0.5
"""Of the squared distance of gains to the right pattern: what another must be nearer than. So two
sources that get nearly the same gain are a hedge, not an exchange."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A system's outputs (samples,) for one example: from its text, and with the truth in place
    of what it reads there (None, as `read_right`, for a system that has no such place)."""

    by_text: NDArray[np.float32]
    by_truth: NDArray[np.float32] | None = None
    read_right: bool | None = None
    """Whether everything that the prompt states was read, and nothing else."""


class Subject(Protocol):
    """A system under analysis."""

    def answer(self, examples: Sequence[Example]) -> Sequence[Answer]: ...


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One example's figures. All in dB but where said; `ideal_db` is the ideal ratio mask's SNRi.

    `source_db` and `action_db` are what wrong sources and other wrong actions cost the output from
    the true reading (from the text where there is none), and `fits` is the pattern it fits best.
    """

    index: int
    id: str
    task: str
    pattern: str
    n_speech: int
    prompt: str
    clips: tuple[str, ...]
    input_snr_db: float
    ideal_db: float
    snri_db: float
    truth_db: float | None
    read_right: bool | None
    fits: str
    wrong_source: bool | None
    """None where no two sources of a kind have different actions."""
    source_db: float
    action_db: float
    gains: tuple[float, ...]
    """The least-squares gain of each source in that output."""
    speech_apart: float | None
    audio_apart: float | None
    """`Apart.share` of the speakers and of the other sounds."""
    apart_db: float
    """What telling sources of a kind wholly apart would gain; part of choice and separation."""

    @property
    def gap_db(self) -> float:
        return self.ideal_db - self.snri_db

    @property
    def reading_db(self) -> float | None:
        return None if self.truth_db is None else self.truth_db - self.snri_db

    @property
    def choice_db(self) -> float:
        return self.source_db + self.action_db

    @property
    def separation_db(self) -> float:
        return self.gap_db - (self.reading_db or 0.0) - self.choice_db

    @property
    def wrong_actions(self) -> float:
        """Share of the sources whose action differs in the best-fitting pattern."""
        pairs = zip(self.pattern, self.fits, strict=True)
        return sum(asked != done for asked, done in pairs) / len(self.pattern)


def examine(
    example: Example, answer: Answer, ideal: NDArray[np.float32], every: Sequence[str]
) -> Finding | None:
    """What `answer` tells; None where SNRi is undefined. `ideal` (samples,) is the ideal ratio
    mask's output, `every` the `patterns` of such mixtures."""

    def scored(estimate: NDArray[np.floating]) -> tuple[float | None, float | None]:
        found = score(estimate=estimate, reference=example.target, mixture=example.mixture)
        return found.snr_improvement_db, found.input_snr_db

    snri_db, input_snr_db = scored(answer.by_text)
    ideal_db, _ = scored(ideal)
    if snri_db is None or ideal_db is None or input_snr_db is None:
        return None
    judged = answer.by_text if answer.by_truth is None else answer.by_truth
    asked, n_speech = example.instruction.pattern, example.instruction.n_speech
    values = fits_db(estimate=judged, sources=example.sources, patterns=every)
    fits = dict(zip(every, values, strict=True))
    own = fits[asked]
    ceiling = max(ideal_db, own)
    gains = realised_gains(estimate=judged, sources=example.sources)

    def best_of(others: Sequence[str]) -> str:
        nearest = _CLEARLY * _distance(gains, asked)
        better = [p for p in others if fits[p] > own + _TIE_DB and _distance(gains, p) < nearest]
        return max(better, key=lambda p: fits[p], default=asked)

    swaps = exchanged(asked, n_speech=n_speech)
    swapped, best = best_of(swaps), best_of(every)
    reached = min(fits[swapped], ceiling)
    apart = tell_apart(gains, example.instruction)
    distinct = judged + (apart.missing @ example.sources.astype(np.float64))
    distinct_db, _ = scored(distinct)
    return Finding(
        index=example.index,
        id=example.id,
        task=example.instruction.task.value,
        pattern=asked,
        n_speech=n_speech,
        prompt=example.prompt,
        clips=example.clips,
        input_snr_db=input_snr_db,
        ideal_db=ideal_db,
        snri_db=snri_db,
        truth_db=None if answer.by_truth is None else scored(answer.by_truth)[0],
        read_right=answer.read_right,
        fits=best,
        wrong_source=swapped != asked if swaps else None,
        source_db=reached - own,
        action_db=max(0.0, min(fits[best], ceiling) - reached),
        gains=gains,
        speech_apart=apart.speech,
        audio_apart=apart.audio,
        apart_db=max(0.0, min(own if distinct_db is None else distinct_db, ceiling) - own),
    )


def fits_db(
    *, estimate: NDArray[np.floating], sources: NDArray[np.floating], patterns: Sequence[str]
) -> list[float]:
    """SNRi of `estimate` (samples,) towards the target of each pattern, computed from inner
    products with `sources` (n, samples), for hundreds of patterns at once."""
    gains = np.array([[a.gain for a in parse_pattern(p)] for p in patterns])
    gram, cross = _products(estimate, sources)
    own = np.asarray(estimate, dtype=np.float64)

    def energy(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.einsum("pi,ij,pj->p", weights, gram, weights)
        return found

    target = energy(gains)
    floor = target * 10 ** (-MAX_SNR_DB / 10)
    error = np.maximum(target - 2 * gains @ cross + own @ own, floor)
    found: list[float] = (10 * np.log10(np.maximum(energy(1 - gains), floor) / error)).tolist()
    return found


def realised_gains(
    *, estimate: NDArray[np.floating], sources: NDArray[np.floating]
) -> tuple[float, ...]:
    """Fit `estimate` (samples,) by `sources` (n, samples); the least-squares gains (n,)."""
    gram, cross = _products(estimate, sources)
    found: list[float] = np.linalg.lstsq(gram, cross, rcond=None)[0].tolist()
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Apart:
    """How far sources of one kind were told apart: 1 wholly, 0 not at all, -1 exchanged; None
    where all of them have one action. `missing` (n,) are the gains to add to make both 1."""

    speech: float | None
    audio: float | None
    missing: NDArray[np.float64]


def tell_apart(gains: Sequence[float], instruction: Instruction) -> Apart:
    """Measure how much of the asked contrast between sources of a kind the realised `gains` (n,)
    hold: with d an asked gain less its kind's mean, <gains, d> / <d, d>."""
    n_speech = instruction.n_speech
    asked, got = np.array(instruction.gains), np.array(gains)
    missing, found = np.zeros(len(asked)), []
    for kind in (slice(0, n_speech), slice(n_speech, None)):
        contrast = asked[kind] - asked[kind].mean() if asked[kind].size else asked[kind]
        size = float(contrast @ contrast)
        share = float(got[kind] @ contrast) / size if size else None
        missing[kind] = 0.0 if share is None else (1 - share) * contrast
        found.append(share)
    return Apart(speech=found[0], audio=found[1], missing=missing)


def exchanged(pattern: str, *, n_speech: int) -> tuple[str, ...]:
    """List the patterns that exchange the asked actions among sources of one kind."""
    orders = itertools.product(
        itertools.permutations(pattern[:n_speech]), itertools.permutations(pattern[n_speech:])
    )
    return tuple(sorted({"".join(s + a) for s, a in orders} - {pattern}))


def _distance(gains: Sequence[float], pattern: str) -> float:
    asked = parse_pattern(pattern)
    return sum((g - a.gain) ** 2 for g, a in zip(gains, asked, strict=True))


def _products(
    estimate: NDArray[np.floating], sources: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inner products of the sources (n, n), and of each with the estimate (n,)."""
    wide = np.asarray(sources, dtype=np.float64)
    return wide @ wide.T, wide @ np.asarray(estimate, dtype=np.float64)
