"""The effects behind the claims, from records; and what sources cost, by the processor's clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from experiments.comparison.records import Record
from experiments.comparison.summary import (
    Value,
    mean_interval,
    paired_differences,
    values_of,
    without_ovc,
)
from lcr.evaluation.statistics import Interval, bootstrap_mean
from lcr.losses.pit import pit_loss

_ROUNDS = 9
_FEW, _MANY = 2, 8
RATE = 16_000
_SAMPLES = 32_000


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


def joint_cost() -> Interval:
    """Time `lcr` on mixtures of 8 sources and of 2: 1 less the ratio."""
    from lcr import registry

    model = registry.create("lcr", device="cpu")
    rng = np.random.default_rng(0)
    sources = rng.standard_normal((_MANY, 1, 2 * RATE)).astype(np.float32) * np.float32(0.02)
    mixtures = {n: sources[:n].sum(0) for n in (_FEW, _MANY)}
    prompt = "Turn the speech up."

    def remix(n: int) -> Callable[[], object]:
        return lambda: model.remix(mixtures[n], RATE, prompt)

    return bootstrap_mean([1.0 - ratio for ratio in _ratios(remix(_MANY), remix(_FEW))])


def pit_cost() -> Interval:
    """Time the permutation-invariant loss on 8 sources and on 2: the ratio less 1."""

    def loss(sources: int) -> Callable[[], object]:
        estimate, reference = _pit_inputs(sources)
        return lambda: pit_loss(
            estimate=estimate, reference=reference, zero_mean=True, ceiling_db=math.inf
        ).loss.mean()

    return bootstrap_mean([ratio - 1.0 for ratio in _ratios(loss(_MANY), loss(_FEW))])


def _pit_inputs(sources: int) -> tuple[Tensor, Tensor]:
    """Make references, and estimates (a leaf that requires gradients) about 10 dB from them in
    another order."""
    random = torch.Generator().manual_seed(sources)
    reference = 0.1 * torch.randn(1, sources, _SAMPLES, generator=random)
    noise = 0.03 * torch.randn(1, sources, _SAMPLES, generator=random)
    order = torch.randperm(sources, generator=random)
    return (reference[:, order] + noise).requires_grad_(), reference


def _ratios(many: Callable[[], object], few: Callable[[], object]) -> list[float]:
    """Divide the processor time of `many` by that of `few`, once a round, in turns."""
    found = []
    for turn in range(_ROUNDS + 1):
        times = []
        for work in (many, few):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        if turn:  # the first warms up
            found.append(times[0] / times[1])
    return found
