"""The language-model agent as a Remixer: hear the sources, let the model decide, carry it out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from agents.llm import LlmAgent, Planned
from agents.plan import RemixPlan
from agents.tools import Stage
from lcr.audio import check_audio
from lcr.remixer import Audio, Oracle, Remix, Step, SystemCard


class RemixStage(Stage, Protocol):
    """One mixture, taken apart, that can be put together anew."""

    def remix(self, plan: RemixPlan) -> Remix:
        """The mixture under `plan`, at its own shape, rate and alignment. Raises PlanError."""
        ...


OpenStage = Callable[[Audio, int], RemixStage]
"""From a mixture (channels, samples) and its rate in Hz; it does the hearing."""


class LlmRemixer:
    """Any chat model with tools (see `LlmAgent`) over any separator (see `RemixStage`)."""

    def __init__(
        self,
        agent: LlmAgent,
        open_stage: OpenStage,
        *,
        name: str = "agent-llm",
        sample_rate: int | None = None,
        reference: str = "",
        weights: Mapping[str, str] | None = None,
    ) -> None:
        self._agent, self._open = agent, open_stage
        self._card = SystemCard(
            name=name,
            family="composite",
            sample_rate=sample_rate,
            reference=reference,
            weights=weights or {},
        )

    @property
    def card(self) -> SystemCard:
        return self._card

    def plan(self, mixture: Audio, sample_rate: int, prompt: str) -> Planned:
        """A dry run: what would be done to (channels, samples), and no audio.

        Raises as `remix` does.
        """
        return self._decide(mixture, sample_rate, prompt)[1]

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        """Remix (channels, samples).

        Raises ValueError for unusable audio, AgentError or one of its kinds where there is no
        plan: ModelRefusedError, OutOfTimeError, BudgetError, ModelFailedError, NoPlanError.
        """
        stage, planned = self._decide(mixture, sample_rate, prompt)
        began = time.perf_counter()
        done = stage.remix(planned.plan)
        told = Step(
            name="execute", detail=planned.plan.words(), seconds=time.perf_counter() - began
        )
        return Remix(audio=done.audio, trace=(*planned.trace, told, *done.trace))

    def _decide(self, mixture: Audio, sample_rate: int, prompt: str) -> tuple[RemixStage, Planned]:
        check_audio(mixture, sample_rate)
        began = time.perf_counter()
        stage = self._open(mixture, sample_rate)
        heard = Step(
            name="listen",
            detail=f"{len(stage.sources)} sources",
            seconds=time.perf_counter() - began,
        )
        planned = self._agent.plan(prompt, stage)
        return stage, Planned(plan=planned.plan, trace=(heard, *planned.trace))
