"""Cascades: separate all sources, find out which is which, scale each and add them up (section
VI-A). `pit` is the paper's ideal one, "PIT + G.T. Actions": who is who and what to do are known."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from baselines.composite.extraction import CompositeRemixer
from baselines.composite.planning import OraclePlanner, Plan, Planner, true_sources
from baselines.pit.separation import Separator, load_separator
from baselines.shipped import find_weights
from lcr.checkpoints import DESK_CORPORA
from lcr.instruction import Description
from lcr.losses.pit import assignment, pairwise_cost
from lcr.registry import with_card
from lcr.remixer import Audio, MissingOracleError, Oracle, OracleUse, Remix, Step, SystemCard
from lcr.running.chunked import AdapterConfig, run_core

DEFAULT_WEIGHTS = "separator"


class Matcher(Protocol):
    """Finds out which output of a separator is which source."""

    @property
    def uses_oracle(self) -> frozenset[OracleUse]: ...

    def match(
        self,
        outputs: Tensor,
        sample_rate: int,
        descriptions: Sequence[Description],
        sources: Tensor | None,
    ) -> Tensor:
        """Of each of `outputs` (rows, outputs, samples) the number of its description, (rows,
        outputs), -1 where it is none of them; no two outputs of a row are one source.

        `sources` (rows, sources, samples) are the true ones, for matchers that use them.
        """
        ...


class PitMatcher:
    """Matches by the true sources: the assignment with the lowest PIT loss (negative SNR)."""

    uses_oracle: frozenset[OracleUse] = frozenset({"instruction", "sources"})

    def match(
        self,
        outputs: Tensor,
        sample_rate: int,
        descriptions: Sequence[Description],
        sources: Tensor | None,
    ) -> Tensor:
        if sources is None:
            raise MissingOracleError("the true sources are needed to match outputs to them")
        return assignment(pairwise_cost(estimate=outputs, reference=sources))


class Cascade(CompositeRemixer):
    """A separator, a matcher and a planner as one Remixer.

    Each channel is separated on its own, at the separator's rate and in chunks (see
    `lcr.running.chunked`); chunks are matched one by one, so the order of a separator's outputs may
    change along a recording.
    """

    def __init__(
        self,
        separator: Separator,
        matcher: Matcher,
        planner: Planner,
        card: SystemCard,
        *,
        device: str = "cpu",
    ) -> None:
        """`card` gains the truth that planner and matcher need, and the rate."""
        super().__init__(
            planner, card, sample_rate=separator.sample_rate, uses_oracle=matcher.uses_oracle
        )
        self._separator, self._matcher = separator.to(device).eval(), matcher
        self._device = device
        self._adapter = AdapterConfig(
            native_rate=separator.sample_rate, chunk_s=20.0, overlap_s=2.0
        )

    def _carry_out(
        self, mixture: Audio, sample_rate: int, prompt: str, oracle: Oracle | None
    ) -> Remix:
        known = oracle.instruction.descriptions if oracle and oracle.instruction else ()
        plan, read = self._read(prompt, known, oracle)
        steps: list[Step] = []
        rows = mixture
        if "sources" in self._matcher.uses_oracle:
            # They go through rate and chunks as the mixture does: as further channels.
            rows = np.concatenate([mixture, *true_sources(self.card, mixture, oracle)])
        audio = run_core(
            lambda part: self._core(part, len(mixture), plan, steps),
            rows,
            sample_rate,
            self._adapter,
        )
        return Remix(audio=audio[: len(mixture)], trace=(*read, *steps), warnings=plan.warnings)

    @torch.inference_mode()
    def _core(self, audio: Audio, channels: int, plan: Plan, steps: list[Step]) -> Audio:
        """(channels + true sources' channels, samples) to the remix, true sources as they are."""
        began = time.perf_counter()
        waves = torch.from_numpy(audio).to(self._device)
        mixture = waves[:channels]
        truth = waves[channels:].view(-1, channels, waves.shape[1]).transpose(0, 1)
        outputs: Tensor = self._separator(mixture)
        separated = time.perf_counter()
        chosen = self._matcher.match(
            outputs,
            self._separator.sample_rate,
            plan.descriptions,
            truth if truth.shape[1] else None,
        )
        # The last gain is that of outputs that are no source, -1.
        gains = torch.tensor([*plan.gains, plan.rest], device=outputs.device)[chosen]
        remix = torch.einsum("co,cos->cs", gains, outputs)
        steps += [
            Step(
                name="separate",
                detail=f"{self._separator.sources} outputs",
                seconds=separated - began,
            ),
            Step(
                name="match",
                detail="; ".join(_words(row) for row in chosen.tolist()),
                seconds=time.perf_counter() - separated,
                data={"source_of_output": chosen.tolist()},
            ),
        ]
        out: Audio = torch.cat([remix, waves[channels:]]).cpu().numpy()
        return out


def _words(row: Sequence[int]) -> str:
    return ", ".join("none" if source < 0 else f"source {source}" for source in row)


CARD = SystemCard(
    name="pit",
    family="composite",
    sample_rate=16_000,
    uses_oracle=PitMatcher.uses_oracle | OraclePlanner.uses_oracle,
    reference="Jiang et al., arXiv 2402.03710, section VI-A; Kolbaek et al., TASLP 2017",
    licence="Apache-2.0",
    trained_on=DESK_CORPORA,
)


@with_card(CARD)
def pit(*, weights: str = DEFAULT_WEIGHTS, device: str = "cpu") -> Cascade:
    """The system `pit`; `weights` names a separator that ships, or is the path of another."""
    return _cascade(CARD, weights, device)


CONVTASNET_CARD = replace(CARD, name="pit-convtasnet")


@with_card(CONVTASNET_CARD)
def pit_convtasnet(*, weights: str = "desk-pit", device: str = "cpu") -> Cascade:
    """`pit` with the paper's separator: asteroid's Conv-TasNet, trained by PIT alone."""
    return _cascade(CONVTASNET_CARD, weights, device)


def _cascade(card: SystemCard, weights: str, device: str) -> Cascade:
    loaded = load_separator(find_weights(weights))
    card = replace(
        card,
        weights=loaded.weights,
        reference=f"{card.reference}; {loaded.made}",
        trained_on=loaded.trained_on,
    )
    return Cascade(loaded.separator, PitMatcher(), OraclePlanner(), card, device=device)
