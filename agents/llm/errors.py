"""What can go wrong between a language model and a remix; each names what came and what to do."""

from __future__ import annotations

from agents.llm.key import hide
from lcr.errors import LcrError
from lcr.remixer import RefusedError, Step


class MissingModelError(LcrError):
    """No language model can be asked here: no name, no key, no server or no files."""


class NothingExtractsError(LcrError):
    """A sound was to be extracted and nothing does that, or no more of it."""


class AgentError(LcrError):
    """The agent ended without a plan. `trace` holds what it did until then, calls and tokens
    included: they were paid for. Its message never holds the key."""

    def __init__(self, message: str, trace: tuple[Step, ...] = ()) -> None:
        super().__init__(hide(message))
        self.trace = trace


class BudgetError(AgentError):
    """A budget of steps, tokens or money is used up, or cannot be kept."""


class OutOfTimeError(BudgetError, TimeoutError):
    """The budget of seconds is used up; recorded as a time-out."""


class ModelFailedError(AgentError):
    """The model or its server failed for good: a wrong key, errors after all retries."""


class BrokenAnswerError(ModelFailedError):
    """An answer that is none by the protocol: worth one more attempt."""


class NoPlanError(AgentError):
    """The model answered, yet with nothing that is a plan."""


class ModelRefusedError(AgentError, RefusedError):
    """The model declined the request; recorded as refused."""
