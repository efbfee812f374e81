"""What one answer tells of a system's limits: its score, and which instruction it fits best.

An output is held against the targets of every instruction that its sources allow, by the paper's
own measure: SNRi towards a target says how much of the change from the mixture to that target was
made. An output that does nothing fits all of them with 0 dB, and none better than the right one.

What is lost between the ideal ratio mask and the system is then a sum of three errors, in dB:

- reading: what the system gains when the truth takes the place of what it read of the text;
- choice: what that output would gain had the instruction it fits best been the right one: first
  the wrong source (two sources of one kind exchange their actions), then any other wrong action.
  Not more is credited than takes the system to the ideal ratio mask;
- separation: the rest.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lcr.data.mixtures import Example
from lcr.instruction import AudioDescription, parse_pattern, patterns
from lcr.metrics import MAX_SNR_DB, score

INPUT_SNR_EDGES_DB = (0.0, 3.0, 6.0, 9.0, 12.0)
_TIE_DB = 0.01
"""Another instruction must fit better by more than this: less is rounding."""

Factor = tuple[str, str]
"""Something that could explain a score, and its level: ("style named", "gender")."""


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
    factors: tuple[Factor, ...]
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

    def scored(estimate: NDArray[np.float32]) -> tuple[float | None, float | None]:
        found = score(estimate=estimate, reference=example.target, mixture=example.mixture)
        return found.snr_improvement_db, found.input_snr_db

    snri_db, input_snr_db = scored(answer.by_text)
    ideal_db, _ = scored(ideal)
    if snri_db is None or ideal_db is None or input_snr_db is None:
        return None
    judged = answer.by_text if answer.by_truth is None else answer.by_truth
    asked, n_speech = example.instruction.pattern, example.instruction.n_speech
    fits = dict(
        zip(every, fits_db(estimate=judged, sources=example.sources, patterns=every), strict=True)
    )
    own = fits[asked]
    ceiling = max(ideal_db, own)
    swapped = max((fits[p] for p in exchanged(asked, n_speech=n_speech)), default=None)
    wrong_source = None if swapped is None else swapped > own + _TIE_DB
    reached = min(swapped, ceiling) if swapped is not None and wrong_source else own
    best = max(every, key=lambda p: fits[p])
    best = best if fits[best] > own + _TIE_DB else asked
    return Finding(
        index=example.index,
        id=example.id,
        task=example.instruction.task.value,
        pattern=asked,
        n_speech=n_speech,
        prompt=example.prompt,
        clips=example.clips,
        factors=factors(example, input_snr_db),
        input_snr_db=input_snr_db,
        ideal_db=ideal_db,
        snri_db=snri_db,
        truth_db=None if answer.by_truth is None else scored(answer.by_truth)[0],
        read_right=answer.read_right,
        fits=best,
        wrong_source=wrong_source,
        source_db=reached - own,
        action_db=max(0.0, min(fits[best], ceiling) - reached),
        gains=realised_gains(estimate=judged, sources=example.sources),
    )


def fits_db(
    *, estimate: NDArray[np.floating], sources: NDArray[np.floating], patterns: Sequence[str]
) -> list[float]:
    """SNRi of `estimate` (samples,) towards the target of each pattern on `sources` (n, samples):
    `lcr.metrics.snr_improvement_db` for hundreds of targets at once, from inner products."""
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
    """The gains (n,) with which `sources` (n, samples) come nearest to `estimate` (samples,)."""
    gram, cross = _products(estimate, sources)
    found: list[float] = np.linalg.lstsq(gram, cross, rcond=None)[0].tolist()
    return tuple(found)


def exchanged(pattern: str, *, n_speech: int) -> tuple[str, ...]:
    """The other patterns that give the same actions to the same kinds, to other sources of them."""
    orders = itertools.product(
        itertools.permutations(pattern[:n_speech]), itertools.permutations(pattern[n_speech:])
    )
    return tuple(sorted({"".join(s + a) for s, a in orders} - {pattern}))


def every_pattern(n_speech: int, n_audio: int) -> tuple[str, ...]:
    """All patterns of the 16 tasks for such a mixture."""
    return tuple(patterns(n_speech, n_audio))


def factors(example: Example, input_snr_db: float) -> tuple[Factor, ...]:
    """What could explain the score of an example: its input SNR and what its prompt names."""
    prompt = example.written
    styles = sorted({name for phrase in prompt.phrases for name, _ in phrase.attributes})
    named = {phrase.label for phrase in prompt.phrases if phrase.label is not None}
    held = {d.label for d in example.instruction.descriptions if isinstance(d, AudioDescription)}
    return (
        ("input SNR", _band(input_snr_db)),
        *(("style named", name) for name in styles or ["none"]),
        ("styles named together", " + ".join(styles) or "none"),
        *(("sound named", label) for label in sorted(named)),
        *(("sound in the mixture", label) for label in sorted(held)),
        ("things named", str(len(prompt.phrases))),
        ("groups (actions asked for)", str(len({phrase.action for phrase in prompt.phrases}))),
        ("form", prompt.form),
    )


def _band(value_db: float) -> str:
    edges = INPUT_SNR_EDGES_DB
    at = int(np.searchsorted(edges, value_db, side="right"))
    if at == 0:
        return f"below {edges[0]:g} dB"
    return f"{edges[at - 1]:g} to {edges[at]:g} dB" if at < len(edges) else f"{edges[-1]:g} dB up"


def _products(
    estimate: NDArray[np.floating], sources: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inner products of the sources (n, n), and of each with the estimate (n,)."""
    wide = np.asarray(sources, dtype=np.float64)
    return wide @ wide.T, wide @ np.asarray(estimate, dtype=np.float64)
