"""The one contract: a `Remixer` maps (mixture, prompt) to a remixed mixture.

Only numpy and the standard library: a third-party system needs nothing else to take part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lcr.errors import LcrError
from lcr.instruction import Instruction, Task

Audio: TypeAlias = NDArray[np.float32]
"""(channels, samples); 1.0 is full scale; never clipped, rescaled or re-aligned."""

Family = Literal["joint", "composite", "reference"]
OracleUse = Literal["instruction", "sources", "target"]


@dataclass(frozen=True, kw_only=True)
class SystemCard:
    """Who a system is and what it uses.

    `sample_rate` is the system's native rate in Hz, or None when any rate is native.
    Systems with a non-empty `uses_oracle` are printed as bounds and never ranked.
    """

    name: str
    family: Family
    sample_rate: int | None
    uses_oracle: frozenset[OracleUse] = frozenset()
    causal: bool = False
    points: bool = False
    """Whether it can be pointed at a sound ("the sound at 0:03") or be given an example of one; see
    `lcr.running.chunked.PointedRemixer`."""
    reference: str = ""
    weights: Mapping[str, str] = field(default_factory=dict)
    """Weight id -> sha256 of every checkpoint the system runs with."""
    tasks: frozenset[Task] | None = None
    """The tasks it is defined for, declared once and for all; None: any. It is never run on
    others, which are no failures of it, and it gets no average and no rank among those that do
    them all."""
    licence: str = ""
    """Of its code and weights."""
    trained_on: frozenset[str] = frozenset()
    """Corpora whose training parts any of its weights learned from, by the names that suites use
    (`SuiteConfig.corpora`), such as "studio" or "audiocaps"."""
    parameters: int | None = None
    """Trained values, for systems whose networks cannot be counted from outside (see
    `lcr.catalogue.counting`)."""
    macs_per_s: int | None = None
    """Multiply-accumulates a second of mono audio, likewise."""
    limits: str = ""
    """What was measured of its weaknesses, in words for its users."""

    def defines(self, task: Task) -> bool:
        return self.tasks is None or task in self.tasks


@dataclass(frozen=True, kw_only=True)
class Oracle:
    """The truth. `sources` is (sources, channels, samples) at the mixture's rate, as mixed;
    `target` is (channels, samples). The runner blanks what the card does not name."""

    instruction: Instruction | None = None
    sources: NDArray[np.float32] | None = None
    target: Audio | None = None

    def limited_to(self, uses: frozenset[OracleUse]) -> Oracle | None:
        """This oracle with only what `uses` names; None if that is nothing."""
        if not uses:
            return None
        return Oracle(
            instruction=self.instruction if "instruction" in uses else None,
            sources=self.sources if "sources" in uses else None,
            target=self.target if "target" in uses else None,
        )


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing a system did, for the trace: a name, words for a person, seconds, any figures."""

    name: str
    detail: str = ""
    seconds: float | None = None
    data: Mapping[str, object] = field(default_factory=dict)


Presence = Literal["heard", "not sure", "absent", "not understood"]
"""Whether what a prompt names is in the mixture, as far as a system can tell."""
Asked = Literal["remove", "keep", "turn up", "turn down"]


@dataclass(frozen=True, kw_only=True)
class Understood:
    """One thing that a prompt names: its `words`, what is asked for it, the gain in dB (None for
    removal), and whether it is there. Of words that were not understood nothing else is known.

    `reached_db` is the gain that the system expects the thing to have in its output, None where it
    cannot tell; `rather` are names of other sounds that what it found for the thing resembles more.
    """

    words: str
    presence: Presence
    action: Asked | None = None
    gain_db: float | None = None
    reached_db: float | None = None
    rather: tuple[str, ...] = ()

    @property
    def is_missing(self) -> bool:
        """Nothing was done for it: it is not there, or was not understood."""
        return self.presence in ("absent", "not understood")

    @property
    def falls_short(self) -> bool:
        """Whether what was surely heard is expected to be further than 2 dB from what was asked,
        or, where it was to be gone, less than 20 dB down."""
        if self.reached_db is None or self.presence != "heard":
            return False
        if self.action == "remove":
            return self.reached_db > -20
        return abs(self.reached_db - (self.gain_db or 0.0)) > 2


@dataclass(frozen=True, kw_only=True)
class RequestOutcome:
    """What came of a prompt besides the sound: what was understood, warnings in plain English of
    what was not understood or is not there, and whether the mixture stays as it is, bit for bit."""

    unchanged: bool = False
    understood: tuple[Understood, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Remix:
    """A system's answer: audio of the mixture's shape, rate and alignment, and what it did and
    understood; `warnings` say in plain English what was not understood or is not there."""

    audio: Audio
    trace: tuple[Step, ...] = ()
    understood: tuple[Understood, ...] = ()
    warnings: tuple[str, ...] = ()


@runtime_checkable
class Remixer(Protocol):
    """Anything that remixes by prompt.

    `remix` takes `mixture` (channels, samples) float32, read-only to it, and returns audio of
    the same shape. It may raise ValueError for input it cannot take, `MissingOracleError` when
    the truth its card names was not given, `RefusedError` when it declines a prompt and
    TimeoutError when it gave up waiting. An error's `trace`, where it has one, is recorded.
    """

    @property
    def card(self) -> SystemCard: ...

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix: ...


@dataclass(frozen=True, kw_only=True)
class RemixRequest:
    """The arguments of one `remix` call, for systems that take several at once."""

    mixture: Audio
    sample_rate: int
    prompt: str
    oracle: Oracle | None = None


@runtime_checkable
class BatchRemixer(Remixer, Protocol):
    """A Remixer that answers several requests faster together than one by one.

    `remix_many` returns one Remix a request, in order, equal to `remix` up to rounding.
    """

    def remix_many(self, requests: Sequence[RemixRequest]) -> Sequence[Remix]: ...


class NotDefinedError(ValueError):
    """A system was asked for a task that its card does not name."""


class RefusedError(LcrError):
    """A system understood and declined: what it is asked for, it will not do."""


class InvalidRemixError(ValueError):
    """A system broke the contract: what it handed back is no remix of the mixture."""


def check_remix(remix: object, mixture: Audio) -> Remix:
    """`remix`, if it is one of `mixture` (channels, samples). Raises InvalidRemixError."""
    if not isinstance(remix, Remix):
        raise InvalidRemixError(f"expected a Remix; got {type(remix).__name__}")
    audio: object = remix.audio
    if not isinstance(audio, np.ndarray) or audio.dtype != np.float32:
        kind = audio.dtype if isinstance(audio, np.ndarray) else type(audio).__name__
        raise InvalidRemixError(f"audio must be a float32 array; got {kind}")
    if audio.shape != mixture.shape:
        raise InvalidRemixError(
            f"audio must have the mixture's shape {mixture.shape}; got {audio.shape}"
        )
    if bad := int(np.count_nonzero(~np.isfinite(audio))):
        raise InvalidRemixError(f"audio holds {bad} samples that are NaN or infinite")
    return remix


class MissingOracleError(ValueError):
    """A bound was run without the truth it is computed from."""
