"""What became of each source in an output, whatever made it: its effective gain, and from the
gains what followed the prompt.

The output is projected on the sources shifted by up to `LAG` samples either way, as BSS Eval does
(Vincent, Gribonval & Févotte, 2006), so that a small delay or change of timbre is no artefact. The
gain of a source is the level of its part of that projection over its own; what no source explains
is the artefacts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.linalg import lstsq, toeplitz

from lcr.evaluation.metrics import MAX_SNR_DB, SILENT_ESTIMATE, Score, Signal, checked

LAG = 16
"""Samples either way: 1 ms at 16 kHz."""
WITHIN_DB, GONE_DB = 3.0, -20.0
"""A gain is what was asked within the first; below the second a source is gone."""
MEASURES = ("action_accuracy", "gain_error_db", "harm_db", "leakage_db", "artefacts_db")
_SILENT = 1e-10
"""Of the loudest source's energy: a source below it is silent."""
_RANK = 1e-12
"""Directions with less of the largest singular value are none."""


@dataclass(frozen=True, kw_only=True)
class EffectiveGains:
    """`gains_db` (sources,), at least -`MAX_SNR_DB`, None for a silent source; `artefacts` are the
    energy of what no source explains over that of the estimate, in dB."""

    gains_db: tuple[float | None, ...]
    artefacts: Score


def effective_gains(
    *, estimate: Signal, sources: NDArray[np.floating], lag: int = LAG
) -> EffectiveGains:
    """Fit `estimate` (samples,) or (channels, samples) by `sources` (sources, …) as mixed. All
    channels share one filter a source, so a change of balance is an artefact.

    Raises ValueError on shapes that differ, no samples, or samples that are not finite.
    """
    named = {f"source {i}": source for i, source in enumerate(sources)}
    est, *parts = (np.atleast_2d(s) for s in checked(estimate=estimate, **named))
    stacked = np.stack(parts)
    energy = np.square(stacked).sum((1, 2))
    audible = energy > _SILENT * energy.max()
    total = float(np.square(est).sum())
    if total == 0 or not audible.any():
        gains = tuple(-MAX_SNR_DB if one else None for one in audible)
        artefacts = Score(0.0) if total else Score(None, SILENT_ESTIMATE)
        return EffectiveGains(gains_db=gains, artefacts=artefacts)
    gram, cross = _correlations(stacked[audible], est, lag)
    taps = lstsq(gram, cross, cond=_RANK, lapack_driver="gelsy")[0]
    left = max(0.0, total - float(taps @ cross))
    width = 2 * lag + 1
    own = [
        taps[i : i + width] @ gram[i : i + width, i : i + width] @ taps[i : i + width]
        for i in range(0, len(taps), width)
    ]
    found = iter(_decibels(part / whole) for part, whole in zip(own, energy[audible], strict=True))
    return EffectiveGains(
        gains_db=tuple(next(found) if one else None for one in audible),
        artefacts=Score(_decibels(left / total)),
    )


def _correlations(
    sources: NDArray[np.float64], estimate: NDArray[np.float64], lag: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of all shifts of all sources with each other and with the estimate; shift by shift, source
    by source. Sums over channels."""
    size = next_fast_len(estimate.shape[-1] + 2 * lag + 1, real=True)
    spectra = rfft(sources, size)
    count, width = len(sources), 2 * lag + 1
    gram = np.empty((count, width, count, width))
    for i in range(count):
        for j in range(count):
            at = irfft((spectra[i].conj() * spectra[j]).sum(0), size)
            gram[i, :, j] = toeplitz(at[:width], at[-np.arange(width)])
    at = irfft((spectra.conj() * rfft(estimate, size)).sum(1), size)
    cross = np.concatenate([at[:, -lag:], at[:, : lag + 1]], axis=1) if lag else at[:, :1]
    return gram.reshape(count * width, -1), cross.ravel()


def _decibels(ratio: float) -> float:
    return 10 * math.log10(max(ratio, 10 ** (-MAX_SNR_DB / 10)))


@dataclass(frozen=True, kw_only=True)
class Followed:
    """What followed a prompt; `metrics` has a value or None for each of `MEASURES`, and `undefined`
    says why it has none.

    - `action_accuracy`: 1 where every source has the gain that was asked within `WITHIN_DB` (gone:
      `GONE_DB` or less), else 0;
    - `gain_error_db`: the mean distance from the gain asked; below `GONE_DB` all is the same;
    - `harm_db`: the mean change, up or down, of the sources that were to stay as they are;
    - `leakage_db`: what is left of the sources that were to go, over what there was of them; where
      all that was to change is silent, what changed nevertheless, over the mixture;
    - `artefacts_db`: what no source explains, over the estimate.
    """

    effective_gains_db: tuple[float | None, ...]
    metrics: dict[str, float | None]
    undefined: dict[str, str] = field(default_factory=dict)


def is_as_asked(gain_db: float, asked_db: float) -> bool:
    """Whether a gain is what was asked; -inf asks for removal."""
    return max(gain_db, asked_db) <= GONE_DB or abs(gain_db - asked_db) <= WITHIN_DB


def followed(
    *, estimate: Signal, sources: NDArray[np.floating], gains: Sequence[float]
) -> Followed:
    """Measure an estimate against the linear `gains` asked for `sources`. Raises ValueError as
    `effective_gains` does."""
    found = effective_gains(estimate=estimate, sources=sources)
    asked = [20 * math.log10(gain) if gain > 0 else -math.inf for gain in gains]
    energy = np.square(np.asarray(sources, np.float64)).reshape(len(gains), -1).sum(1)
    pairs = [
        (got, wanted, float(weight))
        for got, wanted, weight in zip(found.gains_db, asked, energy, strict=True)
        if got is not None
    ]
    right = [is_as_asked(got, wanted) for got, wanted, _ in pairs]
    errors = [abs(max(got, GONE_DB) - max(wanted, GONE_DB)) for got, wanted, _ in pairs]
    harm = [abs(max(got, GONE_DB)) for got, wanted, _ in pairs if wanted == 0]
    gone = [
        (weight * 10 ** (got / 10), weight) for got, wanted, weight in pairs if wanted < GONE_DB
    ]
    left = _decibels(sum(part for part, _ in gone) / sum(w for _, w in gone)) if gone else None
    if len(harm) == len(pairs) > 0 and any(asked):
        mixture = np.asarray(sources, np.float64).sum(0)
        change = np.square(np.asarray(estimate, np.float64) - mixture).sum()
        left = _decibels(float(change / np.square(mixture).sum()))
    metrics = {
        "action_accuracy": float(all(right)) if right else None,
        "gain_error_db": sum(errors) / len(errors) if errors else None,
        "harm_db": sum(harm) / len(harm) if harm else None,
        "leakage_db": left,
        "artefacts_db": found.artefacts.value,
    }
    reasons = {
        "harm_db": "no source was to stay as it is",
        "leakage_db": "no source was to go",
        "artefacts_db": found.artefacts.reason or "",
    }
    return Followed(
        effective_gains_db=found.gains_db,
        metrics=metrics,
        undefined={
            name: reasons.get(name, "every source is silent")
            for name, value in metrics.items()
            if value is None
        },
    )
