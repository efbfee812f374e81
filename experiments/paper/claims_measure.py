"""The effects behind the claims, from records; and what sources cost, by the processor's clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from experiments.comparison.records import Record
from experiments.comparison.summary import MEASURE, Value, mean_interval
from lcr.evaluation.statistics import Interval, bootstrap_mean
from lcr.instruction import Task
from lcr.losses.pit import pit_loss

_ROUNDS = 9
_FEW, _MANY = 2, 8
RATE = 16_000
_SAMPLES = 32_000


def paired(
    better: Sequence[Record], worse: Sequence[Record], *, tasks: Sequence[str] | None
) -> Interval:
    """`better` less `worse` in dB on the mixtures of `tasks` (None: all but OVC) scored in both."""
    other = {r["index"]: r["metrics"][MEASURE] for r in worse}
    found = []
    for record in better:
        mine, theirs = record["metrics"][MEASURE], other.get(record["index"])
        task = record["task"]
        chosen = task != Task.OVC.value if tasks is None else task in tasks
        if chosen and mine is not None and theirs is not None:
            found.append(_value(record, mine - theirs))
    return mean_interval(found)


def input_snr_slope(records: Sequence[Record]) -> Interval:
    """Minus the slope of SNRi over input SNR in dB a dB, both less their task's mean, without OVC.

    The claim is that noisier input gains no less: a slope that is zero or falls, so that this is
    zero or more. The interval is that of the slope's influence values, clustered by source clip.
    """
    by_task: dict[str, list[Record]] = {}
    for record in records:
        known = (record["metrics"][MEASURE], record["input_metrics"]["snr_db"])
        if record["task"] != Task.OVC.value and None not in known:
            by_task.setdefault(record["task"], []).append(record)
    kept = [r for group in by_task.values() if len(group) > 1 for r in group]
    x = _centred(by_task, "input_metrics", "snr_db")
    y = _centred(by_task, "metrics", MEASURE)
    spread = float(np.mean(x**2)) if len(x) else 0.0
    if spread == 0.0:
        return bootstrap_mean([])
    slope = float(np.mean(x * y)) / spread
    influence = slope + x * (y - slope * x) / spread
    return mean_interval([_value(r, -v) for r, v in zip(kept, influence.tolist(), strict=True)])


def _centred(by_task: Mapping[str, Sequence[Record]], table: str, key: str) -> NDArray[np.float64]:
    """Each value less the mean of its task; tasks with one mixture have nothing to say."""
    found: list[float] = []
    for group in by_task.values():
        values = [float(record[table][key]) for record in group]
        if len(values) > 1:
            found += [value - fmean(values) for value in values]
    return np.array(found, dtype=np.float64)


def _value(record: Record, value: float) -> Value:
    clips = tuple(source["clip"] for source in record["sources"])
    return Value(index=record["index"], task=record["task"], clips=clips, value=value)


def joint_cost() -> Interval:
    """1 less the ratio of the time that `lcr` takes for a mixture of 8 sources to that for 2."""
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
    """The ratio, less 1, of the times of the permutation-invariant loss for 8 sources and 2."""

    def loss(sources: int) -> Callable[[], object]:
        estimate, reference = _pit_inputs(sources)
        return lambda: pit_loss(
            estimate=estimate, reference=reference, zero_mean=True, ceiling_db=math.inf
        ).loss.mean()

    return bootstrap_mean([ratio - 1.0 for ratio in _ratios(loss(_MANY), loss(_FEW))])


def _pit_inputs(sources: int) -> tuple[Tensor, Tensor]:
    """Estimates (a leaf that requires gradients) about 10 dB from references in another order."""
    random = torch.Generator().manual_seed(sources)
    reference = 0.1 * torch.randn(1, sources, _SAMPLES, generator=random)
    noise = 0.03 * torch.randn(1, sources, _SAMPLES, generator=random)
    order = torch.randperm(sources, generator=random)
    return (reference[:, order] + noise).requires_grad_(), reference


def _ratios(many: Callable[[], object], few: Callable[[], object]) -> list[float]:
    """Processor time of `many` over that of `few`, a round each, taking turns."""
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
