"""The effects behind the claims, from records."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np
import torch
from scipy.stats import spearmanr

from experiments.comparison.records import Record
from experiments.comparison.summary.summarize import Value, mean_interval, values_of, without_ovc
from lcr.evaluation.statistics import Interval, bootstrap_mean
from lcr.nn.paper.sound_remixer import SoundRemixer, configuration, variant


def chosen(values: Sequence[Value], tasks: Sequence[str] | None) -> list[Value]:
    """The values of these tasks; None: of all but OVC."""
    return without_ovc(values) if tasks is None else [v for v in values if v.task in tasks]


def improved(values: Sequence[Value]) -> list[Value]:
    """1 where a mixture gained, else 0."""
    return [replace(value, value=float(value.value > 0)) for value in values]


def apart(above: Interval, below: Interval) -> Interval:
    """The difference of two means of other mixtures, their intervals taken as independent."""
    if above.mean is None or below.mean is None:
        return bootstrap_mean([])
    mean, n = above.mean - below.mean, min(above.n, below.n)
    if above.low is None or above.high is None or below.low is None or below.high is None:
        reason = above.reason or below.reason
        return replace(above, mean=mean, low=None, high=None, n=n, reason=reason)
    down = math.hypot(above.mean - above.low, below.high - below.mean)
    up = math.hypot(above.high - above.mean, below.mean - below.low)
    return replace(above, mean=mean, low=mean - down, high=mean + up, n=n)


def share_follows_mean(records: Sequence[Record]) -> Interval:
    """Spearman's correlation over tasks of the mean SNRi and the share of mixtures that gain, with
    Fisher's interval (Bonett and Wright, 2000)."""
    values = values_of(records)
    by_task = {
        task: [v.value for v in values if v.task == task] for task in {v.task for v in values}
    }
    n = len(by_task)
    if n < 5:
        return bootstrap_mean([])
    means = [fmean(some) for some in by_task.values()]
    shares = [fmean(float(v > 0) for v in some) for some in by_task.values()]
    r = float(spearmanr(means, shares).statistic)
    if not math.isfinite(r):  # all shares alike
        return bootstrap_mean([])
    half = 1.96 * math.sqrt((1 + r**2 / 2) / (n - 3))
    z = math.atanh(max(-0.999999, min(0.999999, r)))
    low, high = math.tanh(z - half), math.tanh(z + half)
    return Interval(mean=r, low=low, high=high, n=n)


def input_snr_slope(records: Sequence[Record], *, final: bool = False) -> Interval:
    """Minus the slope of SNRi over input SNR in dB a dB, both less their task's mean, without OVC;
    with `final` the slope of the SNR that comes out.

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
    told = 1 + influence if final else -influence
    return mean_interval([replace(v, value=i) for v, i in zip(kept, told.tolist(), strict=True)])


def causal_speed(seconds: float = 30.0, rounds: int = 5) -> Interval | None:
    """How much faster than real time causal LCR-C of the paper's size runs on this machine's GPU
    when z is at hand; the slowest and the fastest of some rounds are the bounds. None without a
    GPU."""
    if not torch.cuda.is_available():
        return None
    network = SoundRemixer(variant("causal", configuration("C")).config).cuda().eval()
    mixture, z = torch.randn(1, int(16_000 * seconds)).cuda(), torch.randn(1, 1, 4096).cuda()
    found = []
    with torch.inference_mode():
        for _ in range(rounds + 1):
            torch.cuda.synchronize()
            began = time.perf_counter()
            network(mixture, z)
            torch.cuda.synchronize()
            found.append(seconds / (time.perf_counter() - began))
    found = found[1:]  # the first one also chooses kernels
    return Interval(mean=fmean(found), low=min(found), high=max(found), n=rounds)


def _centred(values: Sequence[float]) -> list[float]:
    return [value - fmean(values) for value in values]
