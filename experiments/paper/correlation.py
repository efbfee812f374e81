"""Correlations over mixtures, with intervals that know which mixtures share a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from experiments.comparison.summary.summarize import mean_interval, value_of


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """Pearson's r and its 95 % interval; `reason` says why parts are None."""

    r: float | None
    low: float | None
    high: float | None
    reason: str | None = None

    @property
    def words(self) -> str:
        if self.r is None:
            return f"r: {self.reason}"
        if self.low is None or self.high is None:
            return f"r = {self.r:.2f} ({self.reason})"
        return f"r = {self.r:.2f} [{self.low:.2f}, {self.high:.2f}]"


def correlate(x: ArrayLike, y: ArrayLike, records: Sequence[Mapping[str, Any]]) -> Correlation:
    """Correlate x (n,) with y (n,), a pair for each of `records`. The interval is that of r's
    influence values, clustered by source clip: mixtures that share a recording are no independent
    witnesses.

    Raises ValueError on lengths that differ.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if not a.shape == b.shape == (len(records),):
        raise ValueError(f"give a pair for each record; got shapes {a.shape} and {b.shape}")
    if len(a) < 3:
        return Correlation(r=None, low=None, high=None, reason=f"{len(a)} examples")
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return Correlation(r=None, low=None, high=None, reason="all values alike")
    za, zb = (a - a.mean()) / a.std(), (b - b.mean()) / b.std()
    r = float(np.clip(np.mean(za * zb), -1, 1))
    influence = r + za * zb - r * (za**2 + zb**2) / 2
    values = [value_of(r, v) for r, v in zip(records, influence.tolist(), strict=True)]
    found = mean_interval(values)
    low, high = (None if v is None else float(np.clip(v, -1, 1)) for v in (found.low, found.high))
    return Correlation(r=r, low=low, high=high, reason=found.reason)
