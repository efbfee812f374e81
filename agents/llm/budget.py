"""What one remix may cost: calls, tokens, seconds and money, counted as they are spent."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from agents.llm.errors import BudgetError, OutOfTimeError

T = TypeVar("T")
_PER = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Price:
    """US dollars per million tokens; `cached` for those read from the provider's cache, `input`
    unless given."""

    input: float
    output: float
    cached: float | None = None

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


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Limits of one remix. Raises ValueError for one that allows nothing.

    `steps` are calls of the model, `tool_calls` all calls of tools in them, `tokens` all tokens
    read and written, `answer_tokens` those that one answer may have, `nudges` how often a model
    that answered without a usable call is asked again. `usd` None: money is not limited.
    """

    steps: int = 12
    tool_calls: int = 60
    tokens: int = 100_000
    answer_tokens: int = 1_024
    seconds: float = 90.0
    usd: float | None = None
    nudges: int = 2

    def __post_init__(self) -> None:
        least = {"steps": self.steps, "tool_calls": self.tool_calls, "tokens": self.tokens}
        for name, value in {**least, "answer_tokens": self.answer_tokens}.items():
            if value < 1:
                raise ValueError(f"a budget's {name} must be 1 or more; got {value}")
        if self.seconds <= 0 or (self.usd is not None and self.usd <= 0) or self.nudges < 0:
            raise ValueError("a budget's seconds and usd must be above 0, nudges 0 or more")


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
        price = Price(**prices[model])
    except TypeError as error:
        raise BudgetError(f"the price of {model!r} has input, output and cached: {error}") from None
    if min(price.input, price.output, price.cached or 0) < 0:
        raise BudgetError(f"the price of {model!r} is below 0: {price}")
    return price


@dataclass(kw_only=True)
class Meter:
    """Counts one remix's cost against its budget, from the moment it is made."""

    budget: Budget
    price: Price | None = None
    spent: Usage = field(default_factory=Usage)
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
        """Before a call that sends about `tokens_in`: raises BudgetError unless its longest
        answer still fits into the budget."""
        self.check_time()
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

    def count(self, usage: Usage) -> None:
        self.spent += usage
        self._last_in = usage.tokens_in


@dataclass
class _Box(Generic[T]):
    value: T | None = None
    error: BaseException | None = None


def call_within(seconds: float, function: Callable[[], T]) -> T:
    """`function()`, or OutOfTimeError once `seconds` are over.

    It runs in a thread of its own, which is left behind when it does not return in time: so
    nothing that a server does or leaves undone can hold its caller.
    """
    box: _Box[T] = _Box()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            box.value = context.run(function)
        except BaseException as error:
            box.error = error

    thread = threading.Thread(target=run, name="language-model-call", daemon=True)
    thread.start()
    thread.join(max(0.0, seconds))
    if thread.is_alive():
        raise OutOfTimeError("the budget's seconds were over before the model's answer came")
    if box.error is not None:
        raise box.error
    return box.value  # type: ignore[return-value]
