"""Composite systems: something reads the prompt, something estimates sources, something mixes.

Everything that a plan brings about is a gain on a source:

    y = r x + sum_i (a_i - r) s_i

with the mixture x, the sources' gains a_i and estimates s_i, and r for what is none of them. What
is not named gets r exactly, however bad the estimates are. `ExtractionRemixer` extracts the
estimates one by one, each by words for it.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from baselines.composite.planning import Plan, Planner
from lcr.audio.core import check_audio
from lcr.instruction import Description, Kind
from lcr.prompts.reading.words import may_be_another
from lcr.remixer import Audio, MissingOracleError, Oracle, OracleUse, Remix, Step, SystemCard


class Extractor(Protocol):
    """Takes one sound, or one group of sounds, out of a mixture."""

    @property
    def sample_rate(self) -> int | None:
        """The extractor's native rate in Hz; None where it takes any."""
        ...

    @property
    def weights(self) -> Mapping[str, str]:
        """Names and sha256 of what it runs with."""
        ...

    def extract(self, mixture: Audio, sample_rate: int, words: str, kind: Kind) -> Audio:
        """Extract the source that `words` name, of that `kind`, from (channels, samples): of the
        same shape, aligned, at its level in the mixture. Raises ValueError for unusable audio."""
        ...


@runtime_checkable
class TellingExtractor(Extractor, Protocol):
    """One that says how sure it is of what it found."""

    def find(self, mixture: Audio, sample_rate: int, words: str) -> Remix:
        """What `extract` gives, and in `understood` whether that is there."""
        ...


@dataclass(frozen=True)
class Query:
    """What is to be extracted, in words, and the gain on it."""

    words: str
    kind: Kind
    gain: float


@dataclass(frozen=True)
class Queries:
    """What is to be extracted, and the gain on all else."""

    queries: tuple[Query, ...]
    rest: float


class CompositeRemixer(ABC):
    """Base of composite systems: a planner reads the prompt, a subclass carries the plan out."""

    def __init__(
        self,
        planner: Planner,
        card: SystemCard,
        *,
        sample_rate: int | None,
        weights: Mapping[str, str] | None = None,
        uses_oracle: frozenset[OracleUse] = frozenset(),
    ) -> None:
        """`card` gains the truth that the planner and others need, the rate, and all weights."""
        read: Mapping[str, str] = getattr(planner, "weights", {})
        self._planner = planner
        self.card = replace(
            card,
            sample_rate=sample_rate,
            uses_oracle=planner.uses_oracle | uses_oracle,
            weights={**(weights or {}), **read, **card.weights},
        )

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        """Remix (channels, samples). Raises MissingOracleError without the truth that its card
        names, ValueError for unusable audio, NotDefinedError for what it cannot do, and what its
        planner raises."""
        check_audio(mixture, sample_rate)
        uses = sorted(self.card.uses_oracle)
        if uses and (oracle is None or any(getattr(oracle, use) is None for use in uses)):
            raise MissingOracleError(
                f"{self.card.name} is told the true {' and the true '.join(uses)}; give all of it"
            )
        return self._carry_out(mixture, sample_rate, prompt, oracle)

    @abstractmethod
    def _carry_out(
        self, mixture: Audio, sample_rate: int, prompt: str, oracle: Oracle | None
    ) -> Remix:
        """Do what `remix` says; its arguments have been checked."""

    def _read(
        self, prompt: str, described: Sequence[Description], oracle: Oracle | None
    ) -> tuple[Plan, tuple[Step, ...]]:
        """Let the planner read the prompt. Returns its plan, and trace steps: one with the gains
        and the time, then the planner's own."""
        began = time.perf_counter()
        plan = self._planner.plan(prompt, described, oracle=oracle)
        gains = ", ".join(f"{gain:.3g}" for gain in plan.gains)
        step = Step(
            name="read",
            detail=f"gains {gains or 'none'}; all else {plan.rest:.3g}",
            seconds=time.perf_counter() - began,
            data={"gains": list(plan.gains), "rest": plan.rest},
        )
        # Their seconds are within those of reading.
        return plan, (step, *(replace(part, seconds=None) for part in plan.steps))


class ExtractionRemixer(CompositeRemixer):
    """Extracts what the plan changes or keeps, by words, and mixes it anew.

    `queries_for(plan, complete)` says what to extract; a plan is `complete` if it is for all
    sources that there are.
    """

    def __init__(
        self,
        planner: Planner,
        extractor: Extractor,
        queries_for: Callable[[Plan, bool], Queries],
        card: SystemCard,
        *,
        weights: Mapping[str, str] | None = None,
    ) -> None:
        """`weights` name what the card must list besides the planner's and the extractor's."""
        weights = {**(weights or {}), **extractor.weights}
        super().__init__(planner, card, sample_rate=extractor.sample_rate, weights=weights)
        self._extractor, self._queries_for = extractor, queries_for

    def _carry_out(
        self, mixture: Audio, sample_rate: int, prompt: str, oracle: Oracle | None
    ) -> Remix:
        known = oracle.instruction.descriptions if oracle and oracle.instruction else ()
        return self._remix_sources(mixture, sample_rate, prompt, oracle, known)

    def _remix_sources(
        self,
        mixture: Audio,
        sample_rate: int,
        prompt: str,
        oracle: Oracle | None,
        described: Sequence[Description],
    ) -> Remix:
        """Remix by a plan for the `described` sources, or, if there are none, for what the prompt
        names."""
        plan, read = self._read(prompt, described, oracle)
        asked = self._queries_for(plan, bool(described))
        done = extract_and_mix(mixture, sample_rate, asked, self._extractor)
        warnings = (*plan.warnings, *done.warnings)
        return replace(done, trace=(*read, *done.trace), warnings=warnings)


def extract_and_mix(
    mixture: Audio, sample_rate: int, asked: Queries, extractor: Extractor
) -> Remix:
    """Extract from (channels, samples) and mix anew, a step an extraction. Where nothing of what
    was to be kept alone is found, the mixture stays.

    Raises ValueError for unusable audio, and what the extractor raises.
    """
    check_audio(mixture, sample_rate)
    estimates = np.zeros((len(asked.queries), *mixture.shape), np.float32)
    steps: list[Step] = []
    warnings: list[str] = []
    for i, query in enumerate(asked.queries):
        began = time.perf_counter()
        found = find(extractor, mixture, sample_rate, query.words, query.kind)
        estimates[i] = found.audio
        warnings += found.warnings
        detail = f"{query.words} x {query.gain:.3g}"
        steps.append(Step(name="extract", detail=detail, seconds=time.perf_counter() - began))
    began = time.perf_counter()
    there = [bool(part.any()) for part in estimates]
    if asked.rest == 0 and asked.queries and not any(there):
        audio, detail = mixture.copy(), "nothing is found: the mixture is left as it is"
    else:
        audio = mix(mixture, estimates, [q.gain for q in asked.queries], asked.rest)
        detail = f"all else x {asked.rest:.3g}"
    steps.append(Step(name="mix", detail=detail, seconds=time.perf_counter() - began))
    lacking = [q.words for q, here in zip(asked.queries, there, strict=True) if not here]
    warnings += map(absent, lacking)
    return Remix(audio=audio, trace=tuple(steps), warnings=tuple(warnings))


def absent(words: str) -> str:
    """The warning that nothing was found."""
    return f"I do not hear {words}; I changed nothing for it."


def find(extractor: Extractor, mixture: Audio, sample_rate: int, words: str, kind: Kind) -> Remix:
    """What `words` say of (channels, samples), silence where it is not there, and warnings where
    the extractor tells that it is not sure or took another sound. Raises as `extract` does."""
    if not isinstance(extractor, TellingExtractor):
        return Remix(audio=extractor.extract(mixture, sample_rate, words, kind))
    remix = extractor.find(mixture, sample_rate, words)
    told = [may_be_another(one) for one in remix.understood if one.rather]
    if any(one.presence == "not sure" for one in remix.understood):
        told.append(f"I am not sure that {words} is there; I changed what fits it best.")
    return Remix(audio=remix.audio, warnings=tuple(told))


def mix(
    mixture: Audio, estimates: NDArray[np.float32], gains: Sequence[float], rest: float
) -> Audio:
    """The sum above, (channels, samples), of `estimates` (sources, channels, samples).

    Raises ValueError where the shapes differ or a source has no gain.
    """
    if estimates.shape != (len(gains), *mixture.shape):
        raise ValueError(
            f"estimates must be (sources, channels, samples) = {(len(gains), *mixture.shape)}; "
            f"got {estimates.shape}"
        )
    change = np.asarray(gains, dtype=np.float32) - np.float32(rest)
    out: Audio = np.float32(rest) * mixture + np.tensordot(change, estimates, axes=1)
    return out.astype(np.float32)
