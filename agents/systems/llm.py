"""The language-model agent as a Remixer: hear the sources, let the model decide, carry it out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol

from agents.listening.listener import LIMITS, load_listener
from agents.llm.budget import Budget, price_of
from agents.llm.chat_models import chat_model, weights_of
from agents.llm.client import LlmAgent, Planned
from agents.llm.tools import Stage
from agents.plan import RemixPlan
from agents.planners.choose import DEFAULT_PLANNER
from agents.systems.extractors import load_extractor
from agents.systems.llm_stage import HeardStage
from lcr.audio.core import check_audio
from lcr.joint.load import CORPORA, DEFAULT_WEIGHTS
from lcr.registry import SystemOptionError, with_card
from lcr.remixer import Audio, Oracle, Remix, Step, SystemCard


class RemixStage(Stage, Protocol):
    """One mixture, taken apart, that can be put together anew."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """What was done to take it apart."""
        ...

    def remix(self, plan: RemixPlan) -> Remix:
        """The mixture under `plan`, at its own shape, rate and alignment, and warnings of what is
        not sure or not there. Raises PlanError."""
        ...


OpenStage = Callable[[Audio, int], RemixStage]
"""From a mixture (channels, samples) and its rate in Hz; it does the hearing."""


CARD = SystemCard(
    name="agent-llm",
    family="composite",
    sample_rate=16_000,
    reference="an agent as in Jiang et al., arXiv 2402.03710, section VI; LangChain's create_agent",
    licence="Apache-2.0; the language model's own",
    limits=LIMITS,
    trained_on=CORPORA,
)
TOOLS_CARD = replace(
    CARD,
    name="agent-tools",
    reference=f"{CARD.reference}; a planner in place of the language model, AudioSep as its tool",
    licence="Apache-2.0",
)


class LlmRemixer:
    """Any chat model with tools (see `LlmAgent`) over any separator (see `RemixStage`)."""

    def __init__(self, agent: LlmAgent, open_stage: OpenStage, card: SystemCard = CARD) -> None:
        self._agent, self._open, self._card = agent, open_stage, card

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
        mixed = Step(name="mix", detail=planned.plan.words(), seconds=time.perf_counter() - began)
        return replace(done, trace=(*planned.trace, mixed))

    def _decide(self, mixture: Audio, sample_rate: int, prompt: str) -> tuple[RemixStage, Planned]:
        check_audio(mixture, sample_rate)
        stage = self._open(mixture, sample_rate)
        if not stage.sources:  # whatever is asked for, there is nothing to do it to
            return stage, Planned(plan=RemixPlan(changes=()), trace=stage.steps)
        try:
            planned = self._agent.plan(prompt, stage)
        except BaseException as error:
            error.trace = (*stage.steps, *getattr(error, "trace", ()))  # type: ignore[attr-defined]
            raise
        return stage, Planned(plan=planned.plan, trace=(*stage.steps, *planned.trace))


@with_card(CARD)
def agent_llm(
    *,
    model: str = "",
    base_url: str = "",
    steps: int = Budget.steps,
    tool_calls: int = Budget.tool_calls,
    tokens: int = Budget.tokens,
    answer_tokens: int = Budget.answer_tokens,
    seconds: float = Budget.seconds,
    usd: float | None = None,
    prices: Mapping[str, Mapping[str, float]] | None = None,
    retries: int = Budget.retries,
    timeout_s: float = Budget.timeout_s,
    stream: bool = False,
    temperature: float | None = None,
    tool: str = "lcr",
    separator: str = "separator",
    ears: str = DEFAULT_WEIGHTS,
    device: str = "cpu",
) -> LlmRemixer:
    """The system `agent-llm`: a language model, named as in `agents.llm.chat_models`, over the
    listener of `agent-offline`.

    The next options are the limits of `agents.llm.budget.Budget`; `prices` are of `price_of`.
    `tool` extracts what the listener did not find, "" for nothing; the rest is as in
    `agent_offline`. There is no default model, so that no run costs money unasked.

    Raises MissingModelError, BudgetError, SystemOptionError, MissingWeightsError, WeightsError.
    """
    try:
        budget = Budget(
            steps=steps,
            tool_calls=tool_calls,
            tokens=tokens,
            answer_tokens=answer_tokens,
            seconds=seconds,
            usd=usd,
            retries=retries,
            timeout_s=timeout_s,
        )
        chat = chat_model(
            model,
            base_url=base_url,
            budget=budget,
            stream=stream,
            temperature=temperature,
            device=device,
        )
    except ValueError as error:
        raise SystemOptionError(str(error)) from error
    price = price_of(model.partition(":")[2], prices or {}, budget)
    agent = LlmAgent(chat, budget=budget, price=price)
    listener = load_listener(separator=separator, weights=ears, device=device)
    extractor = load_extractor(tool, device=device) if tool else None
    extracting = {} if extractor is None else extractor.weights
    card = replace(
        CARD,
        sample_rate=listener.sample_rate,
        reference=f"{CARD.reference}; {model}",
        weights={**listener.weights, **extracting, **weights_of(chat)},
    )
    return LlmRemixer(agent, partial(HeardStage, listener, extractor), card)


@with_card(TOOLS_CARD)
def agent_tools(
    *, planner: str = DEFAULT_PLANNER, tool: str = "audiosep-desk", device: str = "cpu"
) -> LlmRemixer:
    """The system `agent-tools`: the agent of `agent-llm` with a planner in the model's place, which
    calls `tool` for everything that the prompt names. Raises as `agent_llm` does."""
    built = agent_llm(model=f"extracting:{planner}", tool=tool, device=device)
    card = replace(built.card, name=TOOLS_CARD.name, licence=TOOLS_CARD.licence)
    return LlmRemixer(built._agent, built._open, card)
