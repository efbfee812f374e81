"""Systems ready to run, and one batch of examples through one of them."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from experiments.comparison.config import suggestion
from experiments.comparison.environment import MemoryMeter, TimeIsUp, time_limit
from experiments.comparison.errors import ConfigError
from experiments.comparison.records import ErrorRecord, LlmCost, StepRecord
from experiments.comparison.suite import digest_of
from lcr import registry
from lcr.data.mixtures import Example
from lcr.instruction import Task
from lcr.remixer import (
    Audio,
    BatchRemixer,
    Oracle,
    RefusedError,
    Remix,
    Remixer,
    RemixRequest,
    Step,
    SystemCard,
)

BATCH = 8
"""Examples handed over at once to systems that batch. Batches start at multiples of it, so that
a resumed run forms the same ones."""

Status = Literal["ok", "error", "timeout", "refused", "not_defined"]

_MESSAGE_CHARS = 2_000
_FORM_OF = "system"
"""The option that names which registered system an unregistered name is a form of."""


@dataclass(frozen=True, kw_only=True)
class ReadySystem:
    """A built system under its registered name, with the digest of all that makes it what it is."""

    name: str
    remixer: Remixer
    card: SystemCard
    config_digest: str
    device: str
    load_bytes: int
    """Growth of resident memory while it was built."""

    @property
    def stem(self) -> str:
        """File name without its ending: NAME@DIGEST."""
        return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', self.name)}@{self.config_digest[:12]}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one example; `remix` is None unless `status` is ok. "not_defined" is the
    status of examples whose task the system's card does not name: it was not run on them."""

    status: Status
    remix: Remix | None
    error: ErrorRecord | None
    wall_s: float
    peak_bytes: int
    peak_device_bytes: int | None
    batch: int
    trace: tuple[Step, ...] = ()
    """What the system did, failed or not: calls of a language model are paid for either way."""


def resolve_names(
    wanted: Sequence[str], options: Mapping[str, Mapping[str, object]] | None = None
) -> tuple[str, ...]:
    """Resolve the names of systems to run; `all` stands for every registered one. A name that is
    not registered may be another form of one that is: `options.NAME.system`. Raises
    UnknownSystemError."""
    names = tuple(system.name for system in registry.available())
    if tuple(wanted) == ("all",):
        return names
    for name in wanted:
        registry.find(_registered(name, (options or {}).get(name, {})))
    return tuple(wanted)


def check_options(options: Mapping[str, Mapping[str, object]]) -> None:
    """Raises ConfigError when options are given for a system that is not registered, or another
    form takes a registered name."""
    names = [system.name for system in registry.available()]
    for name, given in options.items():
        if _FORM_OF not in given and name not in names:
            raise ConfigError(f"options for unknown system {name!r}{suggestion(name, names)}")
        if _FORM_OF in given and name in names:
            raise ConfigError(f"options.{name}.{_FORM_OF}: {name!r} is a system of its own")


def _registered(name: str, options: Mapping[str, object]) -> str:
    return str(options.get(_FORM_OF, name))


def build_system(name: str, options: Mapping[str, object], *, device: str) -> ReadySystem:
    """Build a registered system, or another form of one; `device` goes to those that take one.

    Its digest covers name, card and options, and not the device: that is where it runs, not what
    it is. Raises RegistryError or another LcrError.
    """
    meter = MemoryMeter(device)
    meter.start()
    given = {key: value for key, value in options.items() if key != _FORM_OF}
    registered = _registered(name, options)
    if "device" in given:
        remixer = registry.create(registered, **given)
    else:
        try:
            remixer = registry.create(registered, **given, device=device)
        except registry.SystemOptionError:
            device = "cpu"
            remixer = registry.create(registered, **given)
    card = remixer.card
    identity = {
        "name": name,
        "card": card.name,
        "weights": dict(card.weights),
        "options": {key: value for key, value in given.items() if key != "device"},
    }
    return ReadySystem(
        name=name,
        remixer=remixer,
        card=card,
        config_digest=digest_of(identity),
        device=str(given.get("device", device)),
        load_bytes=meter.growth_bytes(),
    )


def run_batch(
    system: ReadySystem, examples: Sequence[Example], meter: MemoryMeter, *, timeout_s: float
) -> list[Outcome]:
    """Run a system on examples; one outcome each, in order.

    Examples of tasks that the system does not define are not handed over. A system that batches
    gets the others all at once; when that fails, one by one, so that only the examples at fault
    fail. The cost of a batch is shared evenly.
    """
    defined = [e for e in examples if system.card.defines(e.instruction.task)]
    found = iter(_run_defined(system, defined, meter, timeout_s=timeout_s))
    return [
        next(found) if system.card.defines(e.instruction.task) else _not_defined(system)
        for e in examples
    ]


def _not_defined(system: ReadySystem) -> Outcome:
    assert system.card.tasks is not None
    tasks = ", ".join(task.value for task in Task if task in system.card.tasks)
    return Outcome(
        status="not_defined",
        remix=None,
        error={"type": "NotDefinedError", "message": f"it does {tasks} only"},
        wall_s=0.0,
        peak_bytes=0,
        peak_device_bytes=None,
        batch=0,
    )


def _run_defined(
    system: ReadySystem, examples: Sequence[Example], meter: MemoryMeter, *, timeout_s: float
) -> list[Outcome]:
    if len(examples) > 1 and isinstance(system.remixer, BatchRemixer):
        together = _attempt(system, examples, meter, timeout_s=timeout_s * len(examples))
        if all(outcome.status == "ok" for outcome in together):
            return together
    return [_attempt(system, [e], meter, timeout_s=timeout_s)[0] for e in examples]


def _attempt(
    system: ReadySystem, examples: Sequence[Example], meter: MemoryMeter, *, timeout_s: float
) -> list[Outcome]:
    requests = [request_of(example, system.card) for example in examples]
    remixes: list[Remix] = []
    status: Status = "ok"
    problem: ErrorRecord | None = None
    done: tuple[Step, ...] = ()
    meter.start()
    begun = time.perf_counter()
    try:
        with time_limit(timeout_s):
            remixes = _ask(system.remixer, requests)
    except TimeIsUp:
        status = "timeout"
        problem = {"type": "TimeIsUp", "message": f"took longer than {timeout_s:g} s"}
    except Exception as error:  # whatever a system throws is its result on this example
        status = _status_of(error)
        problem = {"type": type(error).__name__, "message": str(error)[:_MESSAGE_CHARS]}
        done = _trace_of(error)
    wall_s = (time.perf_counter() - begun) / len(examples)
    peak_bytes = system.load_bytes + meter.growth_bytes()
    peak_device_bytes = meter.device_bytes()
    outcomes: list[Outcome] = []
    for number, request in enumerate(requests):
        remix = remixes[number] if status == "ok" else None
        wrong = what_is_wrong(remix, request.mixture) if status == "ok" else None
        failed: ErrorRecord | None = (
            {"type": "InvalidRemix", "message": wrong} if wrong else problem
        )
        outcomes.append(
            Outcome(
                status="error" if wrong else status,
                remix=None if wrong else remix,
                error=failed,
                wall_s=wall_s,
                peak_bytes=peak_bytes,
                peak_device_bytes=peak_device_bytes,
                batch=len(examples),
                trace=remix.trace if remix is not None and not wrong else done,
            )
        )
    return outcomes


def _status_of(error: Exception) -> Status:
    if isinstance(error, RefusedError):
        return "refused"
    return "timeout" if isinstance(error, TimeoutError) else "error"


def _trace_of(error: Exception) -> tuple[Step, ...]:
    """Read what a system did before it failed from its error, where that tells."""
    steps = getattr(error, "trace", ())
    usable = isinstance(steps, tuple) and all(isinstance(step, Step) for step in steps)
    return steps if usable else ()


def _ask(remixer: Remixer, requests: Sequence[RemixRequest]) -> list[Remix]:
    if len(requests) > 1 and isinstance(remixer, BatchRemixer):
        found = list(remixer.remix_many(requests))
        if len(found) != len(requests):
            raise ValueError(f"remix_many gave {len(found)} answers to {len(requests)} requests")
        return found
    return [remixer.remix(r.mixture, r.sample_rate, r.prompt, oracle=r.oracle) for r in requests]


def request_of(example: Example, card: SystemCard) -> RemixRequest:
    """Make what a system is given: the truth only as far as its card names it."""
    oracle = Oracle(
        instruction=example.instruction,
        sources=_read_only(example.sources[:, None, :]),
        target=_read_only(example.target[None, :]),
    )
    return RemixRequest(
        mixture=_read_only(example.mixture[None, :]),
        sample_rate=example.sample_rate,
        prompt=example.prompt,
        oracle=oracle.limited_to(card.uses_oracle),
    )


def _read_only(array: Audio) -> Audio:
    array = array.astype(np.float32)  # a copy: no system can change what the next one gets
    array.setflags(write=False)
    return array


def what_is_wrong(remix: object, mixture: Audio) -> str | None:
    """Say why this is no valid answer to the mixture; None where it is one."""
    if not isinstance(remix, Remix):
        return f"expected a Remix; got {type(remix).__name__}"
    audio: object = remix.audio
    if not isinstance(audio, np.ndarray) or audio.dtype != np.float32:
        kind = audio.dtype if isinstance(audio, np.ndarray) else type(audio).__name__
        return f"audio must be a float32 array; got {kind}"
    if audio.shape != mixture.shape:
        return f"audio must have the mixture's shape {mixture.shape}; got {audio.shape}"
    bad = int(np.count_nonzero(~np.isfinite(audio)))
    return f"audio holds {bad} samples that are NaN or infinite" if bad else None


def plain(value: object) -> Any:  # noqa: ANN401 (JSON)
    """Turn a value into JSON: numbers that are not finite become null, unknown objects text."""
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
    return str(value)


def plain_trace(steps: Sequence[Step]) -> list[StepRecord]:
    """Turn a trace into JSON values."""
    return [
        {
            "name": step.name,
            "detail": step.detail,
            "seconds": step.seconds,
            "data": plain(step.data),
        }
        for step in steps
    ]


def llm_cost(steps: Sequence[Step]) -> LlmCost:
    """Add up language-model calls and tokens over the steps of a trace."""

    def total(key: str) -> int:
        numbers = (step.data.get(key, 0) for step in steps)
        return sum(int(number) for number in numbers if isinstance(number, (int, np.integer)))

    return {
        "llm_calls": total("llm_calls"),
        "tokens_in": total("tokens_in"),
        "tokens_out": total("tokens_out"),
    }
