"""A language model with tools reads the prompt: LangChain's agent, inside a budget, on a record.

The graph is `langchain.agents.create_agent`'s. What is added here: each call ends in time, is
counted in tokens and money and is written down; a model that answers without a usable call is asked
again; a refusal is told apart from a failure.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage

from agents.llm.budget import Budget, Meter, Price
from agents.llm.errors import BudgetError, NoPlanError
from agents.llm.guard import Guard
from agents.llm.tools import AgentSession, Stage, tools_for
from agents.plan import PlanError, RemixPlan
from lcr.remixer import Step

SYSTEM = Path(__file__).with_name("system.txt").read_text(encoding="utf-8").rstrip("\n")
"""The same for every request, and first: with the tools it is the prefix that providers cache."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What the model decided, and everything that it did on the way."""

    plan: RemixPlan
    trace: tuple[Step, ...]


class LlmAgent:
    """A chat model, its budget and its price. It keeps nothing between two prompts."""

    def __init__(
        self,
        chat: BaseChatModel,
        *,
        budget: Budget | None = None,
        price: Price | None = None,
        backoff_s: float = 0.5,
    ) -> None:
        """A call whose answer is unusable is made again after `backoff_s`; failed requests are the
        model's client's to try again. Raises BudgetError where money is limited and there is no
        price.
        """
        self._chat, self._budget, self._price = chat, budget or Budget(), price
        self._backoff_s = backoff_s
        if self._budget.usd is not None and price is None:
            raise BudgetError("a budget in USD needs the model's price per million tokens")

    def plan(self, prompt: str, stage: Stage) -> Planned:
        """Have the model plan what `prompt` asks for; nothing is remixed yet.

        Raises AgentError or one of its kinds. What `stage` raises is told to the model where it is
        an LcrError or ValueError, else passed on. Whatever is raised holds the trace.
        """
        desk = AgentSession(stage)
        meter = Meter(budget=self._budget, price=self._price)
        guard = Guard(desk, meter, backoff_s=self._backoff_s)
        agent = create_agent(self._chat, tools_for(desk), system_prompt=SYSTEM, middleware=[guard])
        try:
            with _global_random_kept():
                # One tool at a time, in the order in which the model called them.
                agent.invoke({"messages": [HumanMessage(prompt)]}, config={"max_concurrency": 1})
            return Planned(plan=desk.plan, trace=tuple(guard.steps))
        except PlanError as error:
            raise NoPlanError(str(error), tuple(guard.steps)) from error
        except BaseException as error:  # calls are paid for, whatever ends them
            error.trace = tuple(guard.steps)  # type: ignore[attr-defined]
            raise


@contextlib.contextmanager
def _global_random_kept() -> Iterator[None]:
    """langgraph draws the ids of its steps from Python's global generator, which is not ours."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
