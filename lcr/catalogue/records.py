"""What `lcr systems` and `lcr models` list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

DEFAULT = "default"
"""The row of Table VII that every remixer has."""

Tell = Callable[[str], object]
"""Hears what is being worked on."""


@dataclass(frozen=True, kw_only=True)
class System:
    """One system. What only its card tells is None or empty where it does not run here and its
    factory carries no card; `missing` says why it does not run.

    `uses_oracle` is the truth that it is told, `tasks` what it does (None: everything),
    `sample_rate` its own in Hz (None where any is). `parameters` and `macs_per_s` are None where
    they are not known; `uncounted` says why.
    """

    name: str
    package: str
    target: str
    missing: str | None
    family: str | None
    uses_oracle: tuple[str, ...]
    weights: dict[str, str]
    tasks: tuple[str, ...] | None
    sample_rate: int | None
    causal: bool | None
    parameters: int | None
    macs_per_s: int | None
    uncounted: str | None
    licence: str | None
    reference: str | None

    @property
    def runs(self) -> bool:
        return self.missing is None


@dataclass(frozen=True, kw_only=True)
class RealTimeFactor:
    """Seconds of computing for a second of audio, over the rounds."""

    median: float
    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class Model:
    """A remixer. `variants` are rows of Table VII that this network serves (some change training
    only); `folder` is a checkpoint's, `reader_parameters` what that holds of its reader."""

    name: str
    scale: str | None
    variants: tuple[str, ...]
    folder: str | None
    z_dim: int
    parameters: int
    film_parameters: int
    reader_parameters: int | None
    macs_per_s: int
    causal: bool
    real_time_factor: RealTimeFactor | None = None


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How real-time factors are measured: on noise of `seconds`, in `rounds` after a warm-up."""

    seconds: float = 2.0
    rounds: int = 3
