"""What one remix may cost: calls, tokens, seconds and money, counted as they are spent."""

from __future__ import annotations

import contextvars
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked

from agents.llm.errors import BudgetError, OutOfTimeError

T = TypeVar("T")
_PER = 1_000_000
_FINITE = ConfigDict(allow_inf_nan=False)
_NotNegative = Annotated[float, Field(ge=0)]
_Count = Annotated[int, Field(ge=1)]
_Times = Annotated[int, Field(ge=0, le=100)]
_Seconds = Annotated[float, Field(gt=0, le=86_400)]


@checked(frozen=True, kw_only=True, config=_FINITE)
class Price:
    """US dollars per million tokens; `cached` for those read from the provider's cache, `input`
    unless given. Raises ValueError for one that is below 0 or no number."""

    input: _NotNegative
    output: _NotNegative
    cached: _NotNegative | None = None

    def of(self, usage: Usage) -> float:
        """US dollars."""
        cached = self.input if self.cached is None else self.cached
        fresh = usage.tokens_in - usage.cached
        return (fresh * self.input + usage.cached * cached + usage.tokens_out * self.output) / _PER


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one or more calls; `cached` are those of `tokens_in` read from a cache."""

    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            cached=self.cached + other.cached,
        )


@checked(frozen=True, kw_only=True, config=_FINITE)
class Budget:
    """Limits of one remix. Raises ValueError for one that allows nothing or is no limit.

    `steps` are calls of the model, `tool_calls` all calls of tools in them, `tokens` all tokens
    read and written, `answer_tokens` those that one answer may have, `nudges` how often a model
    that answered without a usable call is asked again. `usd` None: money is not limited.

    `retries` are those of a request that failed with 408, 409, 429, 5xx or without an answer,
    unless its server wants to be left alone for longer than two minutes, and of a call whose answer
    is unusable; `timeout_s` is what one request may take from first to last byte.
    """

    steps: _Count = 12
    tool_calls: _Count = 60
    tokens: _Count = 100_000
    answer_tokens: _Count = 1_024
    seconds: _Seconds = 90.0
    usd: Annotated[float, Field(gt=0)] | None = None
    nudges: _Times = 2
    retries: _Times = 2
    timeout_s: _Seconds = 60.0


def price_of(model: str, prices: Mapping[str, Mapping[str, float]], budget: Budget) -> Price | None:
    """The price of `model` in a table of {"input", "output", "cached"} per million tokens.

    Raises BudgetError where money is limited and no price is known, or a price is no price.
    """
    if model not in prices:
        if budget.usd is None:
            return None
        raise BudgetError(
            f"a budget of {budget.usd:g} USD cannot be kept: the price of {model!r} is not known; "
            f'give prices={{"{model}" = {{input = USD, output = USD}}}} per million tokens'
        )
    try:
        return Price(**prices[model])
    except (TypeError, ValueError) as error:
        raise BudgetError(
            f"the price of {model!r} has input, output and cached, none below 0: {error}"
        ) from None


@dataclass(kw_only=True)
class Meter:
    """Counts one remix's cost against its budget, from the moment it is made."""

    budget: Budget
    price: Price | None = None
    spent: Usage = field(default_factory=Usage)
    calls: int = 0
    tool_calls: int = 0
    _began: float = field(default_factory=time.monotonic)
    _last_in: int = 0

    @property
    def seconds_left(self) -> float:
        return self.budget.seconds - (time.monotonic() - self._began)

    @property
    def usd(self) -> float | None:
        """Spent so far; None without a price."""
        return None if self.price is None else self.price.of(self.spent)

    def check_time(self) -> None:
        """Raises OutOfTimeError."""
        if self.seconds_left <= 0:
            raise OutOfTimeError(f"took longer than the budget of {self.budget.seconds:g} s")

    def check_call(self, tokens_in: int) -> None:
        """Count a call that sends about `tokens_in`: raises BudgetError unless its longest
        answer still fits into the budget."""
        self.check_time()
        if self.calls >= self.budget.steps:
            raise BudgetError(f"the budget of {self.budget.steps} calls of the model is used up")
        # A conversation only grows: what the last call was counted is known, not guessed.
        coming = Usage(
            tokens_in=max(tokens_in, self._last_in), tokens_out=self.budget.answer_tokens
        )
        after = self.spent + coming
        if after.tokens_in + after.tokens_out > self.budget.tokens:
            raise BudgetError(
                f"the budget of {self.budget.tokens} tokens does not hold one more call: "
                f"{self.spent.tokens_in + self.spent.tokens_out} are spent"
            )
        if self.budget.usd is not None:
            if self.price is None:
                raise BudgetError("money is limited and the model's price is not known")
            if self.price.of(after) > self.budget.usd:
                raise BudgetError(
                    f"the budget of {self.budget.usd:g} USD does not hold one more call: "
                    f"{self.price.of(self.spent):.6f} USD are spent"
                )
        self.calls += 1

    def check_tools(self, calls: int) -> None:
        """Before so many calls of tools: raises BudgetError where they are too many."""
        self.tool_calls += calls
        if self.tool_calls > self.budget.tool_calls:
            raise BudgetError(
                f"the budget of {self.budget.tool_calls} calls of tools does not hold "
                f"{self.tool_calls}"
            )

    def count(self, usage: Usage) -> None:
        self.spent += usage
        self._last_in = usage.tokens_in


@dataclass
class ModelCall:
    """A call of a model that is under way and must end in `seconds`; its requests, each with its
    status and the seconds to it, None where none came."""

    seconds: float = math.inf
    requests: list[dict[str, object]] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float:
        return self.seconds - (time.monotonic() - self._began)


_call: contextvars.ContextVar[ModelCall | None] = contextvars.ContextVar("model call", default=None)


def current_call() -> ModelCall:
    """The call that is under way here; one without an end where nobody limits it."""
    return _call.get() or ModelCall()


def call_within(call: ModelCall, function: Callable[[], T]) -> T:
    """`function()`, whose `current_call` is `call`, or OutOfTimeError once its seconds are over.

    It runs in a thread of its own, which is left behind when it does not return in time: so
    nothing that a server does or leaves undone can hold its caller.
    """
    result: Future[T] = Future()
    context = contextvars.copy_context()
    context.run(_call.set, call)

    def run() -> None:
        try:
            result.set_result(context.run(function))
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=run, name="language-model-call", daemon=True).start()
    try:
        if not wait([result], max(0.0, call.seconds_left)).done:
            raise OutOfTimeError("the budget's seconds were over before the model's answer came")
        return result.result()
    finally:
        call.seconds = -math.inf  # whatever ended it, no request follows in a thread left behind
