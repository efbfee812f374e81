"""The effects behind the claims, from records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np

from experiments.comparison.records import Record
from experiments.comparison.summary import (
    Value,
    mean_interval,
    paired_differences,
    values_of,
    without_ovc,
)
from lcr.evaluation.statistics import Interval, bootstrap_mean


def paired(
    better: Sequence[Record], worse: Sequence[Record], *, tasks: Sequence[str] | None
) -> Interval:
    """Average `better` less `worse` in dB over mixtures of `tasks` (None: all but OVC) scored in
    both."""
    found = paired_differences(better, worse)
    return mean_interval(
        without_ovc(found) if tasks is None else [v for v in found if v.task in tasks]
    )


def input_snr_slope(records: Sequence[Record]) -> Interval:
    """Minus the slope of SNRi over input SNR in dB a dB, both less their task's mean, without OVC.

    The claim is that noisier input gains no less: a slope that is zero or falls, so that this is
    zero or more. The interval is that of the slope's influence values, clustered by source clip.
    """
    inputs = {record["index"]: record["input_metrics"]["snr_db"] for record in records}
    groups: dict[str, list[tuple[Value, float]]] = {}
    for value in without_ovc(values_of(records)):
        before = inputs[value.index]
        if before is not None:
            groups.setdefault(value.task, []).append((value, before))
    whole = [group for group in groups.values() if len(group) > 1]  # of one nothing can be said
    kept = [value for group in whole for value, _ in group]
    x = np.array([b for group in whole for b in _centred([before for _, before in group])])
    y = np.array([b for group in whole for b in _centred([value.value for value, _ in group])])
    spread = float(np.mean(x**2)) if len(x) else 0.0
    if spread == 0.0:
        return bootstrap_mean([])
    slope = float(np.mean(x * y)) / spread
    influence = slope + x * (y - slope * x) / spread
    return mean_interval(
        [replace(v, value=-i) for v, i in zip(kept, influence.tolist(), strict=True)]
    )


def _centred(values: Sequence[float]) -> list[float]:
    return [value - fmean(values) for value in values]
