"""Systems ready to run, and one batch of examples through one of them."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib.metadata import distribution
from typing import Any, Literal

import numpy as np
from pydantic import ConfigDict, TypeAdapter

from experiments.comparison import shared_state
from experiments.comparison.answers import Answer, ask, plain, told_trace
from experiments.comparison.config import suggestion
from experiments.comparison.environment import MemoryMeter, TimeIsUp, environment, time_limit
from experiments.comparison.errors import ConfigError
from experiments.comparison.isolation import IsolatedSystem, StandIn
from experiments.comparison.records import EnvRecord, ErrorRecord
from experiments.comparison.suite import digest_of
from lcr import registry
from lcr.data.mixtures import Example
from lcr.errors import words_of
from lcr.identity import source_sha256
from lcr.instruction import Task
from lcr.remixer import Audio, BatchRemixer, Oracle, Remixer, RemixRequest, Step, SystemCard

OURS = "lcr"
"""The distribution whose systems need no process of their own; a record names its commit."""
Isolate = Literal["plug-ins", "all", "none"]
CARD = TypeAdapter(list[SystemCard], config=ConfigDict(strict=True, revalidate_instances="always"))

BATCH = 8
"""Examples handed over at once to systems that batch. Batches start at multiples of it, so that
a resumed run forms the same ones."""

_FORM_OF = "system"
"""The option that names which registered system an unregistered name is a form of."""


@dataclass(frozen=True, kw_only=True)
class ReadySystem:
    """A built system under its registered name, with the digest of all that makes it what it is;
    `config` is what it was built with."""

    name: str
    remixer: Remixer | StandIn
    card: SystemCard
    config_digest: str
    device: str
    load_bytes: int
    """Growth of resident memory while it was built."""
    config: Mapping[str, Any] = field(default_factory=dict)
    env: EnvRecord | None = None
    """Where it runs."""
    front_door: bool = False
    """Whether prompts are read before as users' are."""

    @property
    def stem(self) -> str:
        """File name without its ending: NAME@DIGEST."""
        return f"{self.file_name}@{self.config_digest[:12]}"

    @property
    def file_name(self) -> str:
        """The system's name, without characters that a file name cannot hold."""
        return re.sub(r"[^A-Za-z0-9_.-]", "_", self.name)

    @property
    def batches(self) -> bool:
        """Whether it is handed several examples at once."""
        if self.front_door:
            return False
        if isinstance(self.remixer, StandIn):
            return self.remixer.batches
        return isinstance(self.remixer, BatchRemixer)

    def close(self) -> None:
        """End its process, where it has one."""
        if isinstance(self.remixer, StandIn):
            self.remixer.close()


@dataclass(frozen=True, kw_only=True)
class Outcome(Answer):
    """What came of one example, and what it took. "not_defined" is the status of examples whose
    task the system's card does not name: it was not run on them."""

    wall_s: float
    peak_bytes: int
    peak_device_bytes: int | None
    batch: int


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


def build_system(
    name: str,
    options: Mapping[str, object],
    *,
    device: str,
    isolate: Isolate = "none",
    front_door: bool = False,
) -> ReadySystem:
    """Build a registered system, or another form of one; `device` goes to those that take one.

    `isolate` says which systems get a process of their own: those of other packages, all or none.
    The digest covers name, card, weights and every option, of a plug-in its version and files too,
    and not the device: that is where it runs, not what it is. Raises RegistryError, BuildError or
    another LcrError.
    """
    outside = registry.find(_registered(name, options)).distribution != OURS
    if isolate == "all" or (isolate == "plug-ins" and outside):
        stand_in = IsolatedSystem(name, dict(options), device, front_door)
        ready, stand_in.batches = stand_in.start()
        ready = replace(ready, remixer=stand_in)
        assert isinstance(ready, ReadySystem)
        return ready
    with shared_state.kept():
        return build_here(name, options, device=device, front_door=front_door)


def build_here(
    name: str, options: Mapping[str, object], *, device: str, front_door: bool
) -> ReadySystem:
    """`build_system` in this process."""
    meter = MemoryMeter(device)
    meter.start()
    given = {key: value for key, value in options.items() if key != _FORM_OF}
    registered = registry.find(_registered(name, options))
    resolved = registry.resolved_options(registered.name, given)
    if "device" in resolved:
        given = {"device": device, **given}
    remixer = registry.create(registered.name, **given)
    device = str(given.get("device", "cpu"))
    config: dict[str, Any] = {
        "options": plain({key: value for key, value in resolved.items() if key != "device"})
    }
    if registered.distribution != OURS:
        found = distribution(registered.distribution)
        config["distribution"] = {"name": registered.distribution, "version": found.version}
        config["source_sha256"] = source_sha256(registered.target, found)
    told = getattr(remixer, "provenance", None)
    if isinstance(told, Mapping) and told:  # versions of what runs elsewhere
        config["provenance"] = plain(told)
    if front_door:
        config["front_door"] = True
    card = _card(name, remixer)
    identity = {"name": name, "card": card.name, "weights": dict(card.weights), **config}
    return ReadySystem(
        name=name,
        remixer=remixer,
        card=card,
        config=config,
        config_digest=digest_of(identity),
        front_door=front_door,
        device=device,
        load_bytes=meter.growth_bytes(),
        env=environment(device),
    )


def _card(name: str, remixer: Remixer) -> SystemCard:
    """The system's card, checked and free of anything but plain values. Raises
    BrokenSystemError."""
    try:
        card = remixer.card
        told = {field.name: getattr(card, field.name) for field in fields(SystemCard)}
        valid = CARD.validate_python([SystemCard(**told)])[0]
        digest_of(plain(vars(valid)))  # text that can be written
        return valid
    except Exception as error:
        problem = f"{name} has no valid card: {type(error).__name__}: {words_of(error)}"
        raise registry.BrokenSystemError(problem) from error


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
        error={"type": "NotDefinedError", "message": f"it does {tasks} only"},
        wall_s=0.0,
        peak_bytes=0,
        peak_device_bytes=None,
        batch=0,
    )


def _run_defined(
    system: ReadySystem, examples: Sequence[Example], meter: MemoryMeter, *, timeout_s: float
) -> list[Outcome]:
    if len(examples) > 1 and system.batches:
        together = _attempt(system, examples, meter, timeout_s=timeout_s * len(examples))
        if all(outcome.status == "ok" for outcome in together):
            return together
    return [_attempt(system, [e], meter, timeout_s=timeout_s)[0] for e in examples]


def _attempt(
    system: ReadySystem, examples: Sequence[Example], meter: MemoryMeter, *, timeout_s: float
) -> list[Outcome]:
    requests = [request_of(example, system.card) for example in examples]
    remixer = system.remixer
    memory: IsolatedSystem | MemoryMeter = meter
    if isinstance(remixer, IsolatedSystem):
        memory = remixer
        remixer.wake()
    meter.start()
    begun = time.perf_counter()
    answers: list[Answer] = []
    done: tuple[Step, ...] = ()
    try:
        if isinstance(remixer, IsolatedSystem):
            with time_limit(timeout_s):
                answers = remixer.ask(requests)
        else:
            assert not isinstance(remixer, StandIn)
            with shared_state.kept(), time_limit(timeout_s):
                answers = ask(remixer, requests, front_door=system.front_door)
    except TimeIsUp as error:
        done = told_trace(error)  # calls of a language model are paid for
    wall_s = time.perf_counter() - begun
    if not answers or 0 < timeout_s < wall_s:  # a system can swallow the interruption
        late: ErrorRecord = {"type": "TimeIsUp", "message": f"took longer than {timeout_s:g} s"}
        trace = [answer.trace for answer in answers] or [done] * len(requests)
        answers = [Answer(status="timeout", error=late, trace=steps) for steps in trace]
    return [
        Outcome(
            **vars(answer),
            wall_s=wall_s / len(examples),
            peak_bytes=system.load_bytes + memory.growth_bytes(),
            peak_device_bytes=memory.device_bytes(),
            batch=len(examples),
        )
        for answer in answers
    ]


def request_of(example: Example, card: SystemCard) -> RemixRequest:
    """Make what a system is given: the truth only as far as its card names it."""
    samples = example.mixture.shape[-1]
    oracle = Oracle(
        instruction=example.instruction,
        sources=_read_only(example.sources.reshape(len(example.sources), -1, samples)),
        target=_read_only(np.atleast_2d(example.target)),
    )
    return RemixRequest(
        mixture=_read_only(np.atleast_2d(example.mixture)),
        sample_rate=example.sample_rate,
        prompt=example.prompt,
        oracle=oracle.limited_to(card.uses_oracle),
    )


def _read_only(array: Audio) -> Audio:
    array = array.astype(np.float32)  # a copy: no system can change what the next one gets
    array.setflags(write=False)
    return array
