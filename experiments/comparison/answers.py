"""What systems hand back, taken with care: whatever a third party's code does is its result."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from experiments.comparison.environment import TimeIsUp
from experiments.comparison.records import ErrorRecord, LlmCost, Status, StepRecord
from lcr.errors import printable, words_of
from lcr.prompts.request import PromptError
from lcr.remixer import (
    Audio,
    BatchRemixer,
    InvalidRemixError,
    RefusedError,
    Remix,
    Remixer,
    RemixRequest,
    Step,
    check_remix,
)

_MESSAGE_CHARS = 2_000
_TRACE_BYTES = 1 << 20
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
TELL = "tell"
"""The step of a trace that holds a system's warnings."""
_COUNTED = ("llm_calls", "tokens_in", "tokens_out")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a system answered to one request; `remix` is None unless `status` is ok, `error` unless
    it is not. All of it is plain: nothing in it runs code of the system's."""

    status: Status
    remix: Remix | None = None
    error: ErrorRecord | None = None
    trace: tuple[Step, ...] = ()
    """What the system did, failed or not: calls of a language model are paid for either way."""


def ask(
    remixer: Remixer,
    requests: Sequence[RemixRequest],
    *,
    front_door: bool = False,
    passing: tuple[type[BaseException], ...] = (KeyboardInterrupt, TimeIsUp),
) -> list[Answer]:
    """Ask a system, all at once where it batches and there are several; an answer to each request.
    With `front_door`, prompts are read as users' are (`lcr.api.LoadedRemixer`), one by one.

    Raises nothing but the errors `passing`.
    """
    try:
        found = _call(remixer, requests, front_door)
        return [
            _checked(remix, r.mixture, passing) for remix, r in zip(found, requests, strict=True)
        ]
    except passing:
        raise
    except BaseException as error:  # SystemExit, CancelledError, …
        return [_failed(error, passing)] * len(requests)


def again(answer: Answer, mixture: Audio) -> Answer:
    """The answer of another process, checked once more. Raises AttributeError for what is none."""
    if answer.status != "ok":
        return answer
    return _checked(answer.remix, mixture, (KeyboardInterrupt, TimeIsUp))


def _call(remixer: Remixer, requests: Sequence[RemixRequest], front_door: bool) -> Sequence[object]:
    if front_door:
        from lcr.api import LoadedRemixer  # takes half the start of a system's own process

        door = LoadedRemixer(remixer)
        given = [door.remix(r.mixture, r.sample_rate, r.prompt, oracle=r.oracle) for r in requests]
        return [Remix(audio=g.audio, trace=g.trace, warnings=g.warnings) for g in given]
    if len(requests) > 1 and isinstance(remixer, BatchRemixer):
        found = list(remixer.remix_many(requests))
        if len(found) != len(requests):
            raise ValueError(f"remix_many gave {len(found)} answers to {len(requests)} requests")
        return found
    return [remixer.remix(r.mixture, r.sample_rate, r.prompt, oracle=r.oracle) for r in requests]


def _failed(error: BaseException, passing: tuple[type[BaseException], ...]) -> Answer:
    status: Status = "error"
    if isinstance(error, (RefusedError, PromptError)):
        status = "refused"
    elif isinstance(error, TimeoutError):
        status = "timeout"
    try:
        trace = _plain_steps(getattr(error, "trace", ()))
    except passing:
        raise
    except BaseException:  # a trace of anything else tells nothing
        trace = ()
    message = words_of(error)[:_MESSAGE_CHARS]
    return Answer(
        status=status,
        error={"type": printable(type(error).__name__), "message": message},
        trace=trace,
    )


def _checked(remix: object, mixture: Audio, passing: tuple[type[BaseException], ...]) -> Answer:
    try:
        valid = check_remix(remix, mixture)
        # A copy: the system may go on writing to its own.
        audio, trace = np.array(valid.audio), _plain_steps(valid.trace)
        trace += _plain_steps(_told(valid.warnings))
    except passing:
        raise
    except BaseException as error:  # its attributes and texts may be any code
        kind = "" if isinstance(error, InvalidRemixError) else f"{type(error).__name__}: "
        message = f"{kind}{words_of(error)}"[:_MESSAGE_CHARS]
        return Answer(status="error", error={"type": "InvalidRemix", "message": message})
    return Answer(status="ok", remix=Remix(audio=audio, trace=trace), trace=trace)


def _told(warnings: object) -> tuple[Step, ...]:
    """What a system told its user, as the last step of its trace."""
    if not isinstance(warnings, (tuple, list)) or not all(type(w) is str for w in warnings):
        raise InvalidRemixError(f"warnings are a tuple of str; got {warnings!r}"[:200])
    return (Step(name=TELL, detail=" ".join(warnings)),) if warnings else ()


def told_trace(error: BaseException) -> tuple[Step, ...]:
    """What a system did before it was interrupted, where its `trace` tells that validly."""
    try:
        return _plain_steps(getattr(error, "trace", ()))
    except Exception:
        return ()


def _plain_steps(steps: object) -> tuple[Step, ...]:
    """The steps of a trace, holding nothing but JSON values. Raises InvalidRemixError."""
    if not isinstance(steps, (tuple, list)):
        raise InvalidRemixError(f"a trace is a tuple of Steps; got {type(steps).__name__}")
    found = [_plain_step(step) for step in steps]
    try:
        text = json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:
        raise InvalidRemixError(f"a trace that cannot be written: {error}") from error
    if len(text) > _TRACE_BYTES:
        raise InvalidRemixError(f"a trace has at most {_TRACE_BYTES} bytes; got {len(text)}")
    return tuple(Step(**step) for step in json.loads(text))  # rid of subclasses


def _plain_step(step: object) -> StepRecord:
    if not isinstance(step, Step):
        raise InvalidRemixError(f"a trace is a tuple of Steps; got a {type(step).__name__} in it")
    parts: tuple[Any, ...] = step.name, step.detail, step.seconds, step.data
    name, detail, seconds, data = parts
    if not isinstance(name, str) or not isinstance(detail, str) or not isinstance(data, Mapping):
        kinds = ", ".join(type(value).__name__ for value in (name, detail, data))
        raise InvalidRemixError(f"a Step has name: str, detail: str, data: a mapping; got {kinds}")
    if seconds is not None and not (isinstance(seconds, Real) and 0 <= float(seconds) < math.inf):
        raise InvalidRemixError(f"a Step's seconds are None or 0 or more; got {seconds!r}")
    told = plain(data)
    if any(isinstance(n := told.get(key), int) and n < 0 for key in _COUNTED):
        raise InvalidRemixError(f"a Step's {', '.join(_COUNTED)} are 0 or more")
    exact = None if seconds is None else float(seconds)
    return {"name": name, "detail": detail, "seconds": exact, "data": told}


def plain(value: object) -> Any:  # noqa: ANN401 (JSON)
    """Turn a value into JSON: numbers that are not finite become null, unknown objects text,
    without the address that differs from run to run."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(str(item) for item in value)
    return _ADDRESS.sub("", str(value))


def plain_trace(steps: Sequence[Step]) -> list[StepRecord]:
    """Write the plain trace of an answer as a record holds it."""
    return [
        {"name": s.name, "detail": s.detail, "seconds": s.seconds, "data": dict(s.data)}
        for s in steps
    ]


def llm_cost(steps: Sequence[Step]) -> LlmCost:
    """Add up language-model calls and tokens over the steps of a trace."""

    def total(key: str) -> int:
        numbers = (step.data.get(key, 0) for step in steps)
        return sum(number for number in numbers if isinstance(number, int))

    return {
        "llm_calls": total("llm_calls"),
        "tokens_in": total("tokens_in"),
        "tokens_out": total("tokens_out"),
    }
