"""SNR, SI-SDR and their improvements over the unprocessed mixture (section IV of the paper).

Rules that hold for every function here:

- Signals are (samples,) or (channels, samples), of one shape; the work is done in float64.
- Energy is summed over channels, so a loud channel counts for more than a quiet one. SI-SDR finds
  one scale for all channels: a wrong balance between channels is an error.
- Level counts in SNR, and no mean is removed.
- Scores are at most `MAX_SNR_DB`: error below 1e-10 of the reference's energy (float32 arithmetic
  is worth about 140 dB) counts as 1e-10. SI-SDR is likewise at least -`MAX_SNR_DB`. So an exact
  estimate has a finite score and averages stay finite.
- An undefined score is `Score(None, reason)`. Shapes that differ, no samples and samples that are
  not finite raise ValueError.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

MAX_SNR_DB = 100.0
"""dB; the ceiling of every score, and minus it the floor of SI-SDR."""

_MAX_RATIO = 10.0 ** (MAX_SNR_DB / 10.0)
_SILENT_ENERGY = 1e-100  # the smallest float32 sample but zero has an energy of 2e-90
_MAX_SAMPLE = float(np.finfo(np.float32).max)

SILENT_REFERENCE = "the reference is silent"
SILENT_ESTIMATE = "the estimate is silent"
SILENT_MIXTURE = "the mixture is silent"
PERFECT_MIXTURE = "the mixture already equals the reference"
SCALED_MIXTURE = "the mixture already is a scaled copy of the reference"

Signal: TypeAlias = NDArray[Any]
"""(samples,) or (channels, samples), real numbers."""

_Signal64: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """A value, or the reason why there is none: always exactly one of the two."""

    value: float | None
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError("a score has either a value or a reason for having none")


def snr_db(*, estimate: Signal, reference: Signal) -> Score:
    """SNR(y, y^) = 10 log10(|y|^2 / |y - y^|^2) in dB, at most `MAX_SNR_DB`.

    Undefined when the reference is silent. A silent estimate scores exactly 0 dB.
    Raises ValueError on shapes that differ, no samples, or samples that are not finite.
    """
    est, ref = checked(estimate=estimate, reference=reference)
    return _snr(est, ref)


def snr_improvement_db(*, estimate: Signal, reference: Signal, mixture: Signal) -> Score:
    """SNRi = SNR(y, y^) - SNR(y, x) in dB, the paper's measure: level counts.

    Undefined when the reference is silent, or when the mixture is at the ceiling already: what
    could be gained is then nothing and what is lost depends on the ceiling only.
    Raises ValueError as `snr_db` does.
    """
    est, ref, mix = checked(estimate=estimate, reference=reference, mixture=mixture)
    return _improvement(_snr(est, ref), _snr(mix, ref), PERFECT_MIXTURE)


def si_sdr_db(*, estimate: Signal, reference: Signal) -> Score:
    """SI-SDR = 10 log10(|a y|^2 / |a y - y^|^2) with a = <y^, y> / |y|^2, in dB.

    Between -`MAX_SNR_DB` (an estimate orthogonal to the reference) and `MAX_SNR_DB`. Undefined
    when either signal is silent. Raises ValueError as `snr_db` does.
    """
    est, ref = checked(estimate=estimate, reference=reference)
    return _si_sdr(est, ref, SILENT_ESTIMATE)


def si_sdr_improvement_db(*, estimate: Signal, reference: Signal, mixture: Signal) -> Score:
    """SI-SDR(y, y^) - SI-SDR(y, x) in dB.

    Undefined when any of the three is silent, or when the mixture is a scaled copy of the
    reference, as in the task OVC. Raises ValueError as `snr_db` does.
    """
    est, ref, mix = checked(estimate=estimate, reference=reference, mixture=mixture)
    return _improvement(
        _si_sdr(est, ref, SILENT_ESTIMATE), _si_sdr(mix, ref, SILENT_MIXTURE), SCALED_MIXTURE
    )


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Every score of one estimate, in dB, and those of the unprocessed mixture; None where
    undefined, and `undefined` says why: of the mixture's as "input_snr_db" and "input_si_sdr_db".
    """

    metrics: dict[str, float | None]
    input_metrics: dict[str, float | None]
    undefined: dict[str, str]


def score(*, estimate: Signal, reference: Signal, mixture: Signal) -> Metrics:
    """All scores of one example. Raises ValueError as `snr_db` does."""
    est, ref, mix = checked(estimate=estimate, reference=reference, mixture=mixture)
    snr, input_snr = _snr(est, ref), _snr(mix, ref)
    si_sdr = _si_sdr(est, ref, SILENT_ESTIMATE)
    input_si_sdr = _si_sdr(mix, ref, SILENT_MIXTURE)
    scores = {
        "snr_db": snr,
        "snr_improvement_db": _improvement(snr, input_snr, PERFECT_MIXTURE),
        "si_sdr_db": si_sdr,
        "si_sdr_improvement_db": _improvement(si_sdr, input_si_sdr, SCALED_MIXTURE),
    }
    inputs = {"snr_db": input_snr, "si_sdr_db": input_si_sdr}
    named = scores | {f"input_{name}": one for name, one in inputs.items()}
    return Metrics(
        metrics={name: one.value for name, one in scores.items()},
        input_metrics={name: one.value for name, one in inputs.items()},
        undefined={name: one.reason for name, one in named.items() if one.reason is not None},
    )


def checked(**signals: Signal) -> tuple[_Signal64, ...]:
    """The signals as float64 of one shape, or ValueError."""
    arrays = {}
    for name, signal in signals.items():
        array = np.asarray(signal)
        if array.dtype.kind not in "fiu":
            raise ValueError(f"{name} must hold real numbers; got dtype {array.dtype}")
        if array.ndim not in (1, 2) or array.size == 0:
            raise ValueError(
                f"{name} must be (samples,) or (channels, samples) with at least one sample; "
                f"got shape {array.shape}"
            )
        array = array.astype(np.float64)
        bad = int(np.count_nonzero(~(np.abs(array) <= _MAX_SAMPLE)))
        if bad:
            raise ValueError(f"{name} has {bad} samples that are NaN, infinite or beyond float32")
        arrays[name] = array
    if len({array.shape for array in arrays.values()}) > 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"all signals must have one shape; got {shapes}")
    return tuple(arrays.values())


def _energy(signal: _Signal64) -> float:
    flat = signal.ravel()
    return float(flat @ flat)


def _decibels(ratio: float) -> float:
    return 10.0 * math.log10(ratio)


def _snr(est: _Signal64, ref: _Signal64) -> Score:
    signal = _energy(ref)
    if signal <= _SILENT_ENERGY:
        return Score(None, SILENT_REFERENCE)
    return Score(_decibels(signal / max(_energy(ref - est), signal / _MAX_RATIO)))


def _si_sdr(est: _Signal64, ref: _Signal64, silent: str) -> Score:
    reference_energy = _energy(ref)
    if reference_energy <= _SILENT_ENERGY:
        return Score(None, SILENT_REFERENCE)
    if _energy(est) <= _SILENT_ENERGY:
        return Score(None, silent)
    projected = (float(est.ravel() @ ref.ravel()) / reference_energy) * ref
    signal, error = _energy(projected), _energy(projected - est)
    # At most one of the two is near zero: together they are the estimate's energy.
    if signal * _MAX_RATIO <= error:
        return Score(-MAX_SNR_DB)
    return Score(_decibels(signal / max(error, signal / _MAX_RATIO)))


def _improvement(output: Score, before: Score, perfect: str) -> Score:
    if output.value is None:
        return output
    if before.value is None:
        return before
    if before.value >= MAX_SNR_DB:
        return Score(None, perfect)
    return Score(output.value - before.value)
