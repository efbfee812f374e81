"""The comparison: every system on the same examples, recorded so that a run can go on any time."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from experiments.comparison.answers import TELL, llm_cost, plain_trace
from experiments.comparison.environment import code_state, environment
from experiments.comparison.errors import OutputError, RecordsError
from experiments.comparison.examples import Examples, keep_sound
from experiments.comparison.executors import Executor, InThisProcess, Work
from experiments.comparison.measures import TOLD, check_measures, measure
from experiments.comparison.records import (
    NOT_DEFINED,
    SCHEMA,
    CodeRecord,
    EnvRecord,
    ExampleRecord,
    Key,
    Record,
    RecordsFile,
    key_of,
    move_aside,
    read_records,
)
from experiments.comparison.suite import SuiteConfig
from experiments.comparison.systems import BATCH, Outcome, ReadySystem
from lcr.data.mixtures import Example
from lcr.evaluation.effective import followed
from lcr.evaluation.metrics import Score, score
from lcr.identity import differences
from lcr.instruction import Task

Resume = Literal["always", "never", "only-missing"]

_RECORD_BYTES = 6_000  # a generous record, for the check of free space


class Watcher(Protocol):
    """Who is told how far a run is."""

    def stage(
        self, name: str, *, total: int, done: int = 0
    ) -> contextlib.AbstractContextManager[Callable[[], None]]:
        """A context whose function is called each time one more of `total` is done."""
        ...


@dataclass(frozen=True, kw_only=True)
class SystemRun:
    """One system's file and its latest record of each example, in the examples' order."""

    system: ReadySystem
    path: Path
    records: tuple[Record, ...]
    dropped: int
    """Half-written lines cut off when the file was opened."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """All systems' records on one suite; `notes` say which older records were not used and why."""

    config: SuiteConfig
    folder: Path
    data_digest: str
    shown: tuple[int, ...]
    systems: tuple[SystemRun, ...]
    code: CodeRecord
    env: EnvRecord
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is left to do for one system."""

    system: ReadySystem
    path: Path
    size: int = 0
    dropped: int = 0
    missing: tuple[int, ...]
    latest: Mapping[Key, Record] = field(default_factory=dict)
    """What the file holds already."""
    notes: tuple[str, ...] = ()


def run_suite(
    config: SuiteConfig,
    *,
    folder: Path,
    examples: Examples,
    systems: Sequence[ReadySystem],
    resume: Resume,
    device: str,
    watcher: Watcher,
    executor: Executor | None = None,
) -> Run:
    """Run what is missing and record it under `folder`, which the caller has locked. Systems answer
    in this process without an `executor`.

    Every example is made before the first record is written, so that bad input stops a run before
    it starts, and no record is taken for another example's. Raises LcrError.
    """
    check_measures([name for name in config.metrics if name != TOLD])
    with watcher.stage("mixtures", total=len(examples.indices)) as advance:
        for index in examples.indices:
            examples.described(index)
            advance()
    plans = [
        _plan(system, folder, examples, resume=resume, metrics=config.metrics) for system in systems
    ]
    _check_space(folder, examples, plans)
    for index in examples.shown:
        _keep_truth(folder, examples, index)
    code = code_state()
    jobs = [
        _Job(
            config=config,
            folder=folder,
            examples=examples,
            plan=plan,
            code=code,
            env=plan.system.env or environment(plan.system.device),
        )
        for plan in plans
    ]
    executor = executor or InThisProcess(device)
    runs: list[SystemRun] = []
    for some in [jobs] if executor.together else [[job] for job in jobs]:
        made = _execute(some, executor, watcher, resume=resume)
        for job, new in zip(some, made, strict=True):
            job.plan.system.close()
            latest = dict(job.plan.latest) | new
            runs.append(
                SystemRun(
                    system=job.plan.system,
                    path=job.plan.path,
                    records=tuple(latest[examples.digest, index] for index in examples.indices),
                    dropped=job.plan.dropped,
                )
            )
    return Run(
        config=config,
        folder=folder,
        data_digest=examples.digest,
        shown=examples.shown,
        systems=tuple(runs),
        code=code,
        env=environment(device),
        notes=tuple(note for plan in plans for note in plan.notes),
    )


def _execute(
    jobs: Sequence[_Job], executor: Executor, watcher: Watcher, *, resume: Resume
) -> list[dict[Key, Record]]:
    """Run and record what is missing; each job's new records by key."""
    examples = jobs[0].examples
    name = jobs[0].plan.system.name if len(jobs) == 1 else f"{len(jobs)} systems"
    total = len(jobs) * len(examples.indices)
    done = total - sum(len(job.plan.missing) for job in jobs)
    made: list[dict[Key, Record]] = [{} for _ in jobs]
    with contextlib.ExitStack() as stack:
        advance = stack.enter_context(watcher.stage(name, total=total, done=done))
        files = []
        for job in jobs:
            if resume == "never":
                move_aside(job.plan.path)
            files.append(stack.enter_context(RecordsFile(job.plan.path, size=job.plan.size)))
        works = [Work(system=job.plan.system, batches=job.batches()) for job in jobs]
        for batch in executor(works, examples, timeout_s=jobs[0].config.timeout_s):
            job = jobs[batch.number]
            for example, outcome in zip(batch.examples, batch.outcomes, strict=True):
                if example.index in job.plan.missing:
                    record = job.record(example, outcome, batch.started, batch.finished)
                    files[batch.number].append(record)
                    made[batch.number][key_of(record)] = record
                    advance()
    return made


def _plan(
    system: ReadySystem, folder: Path, examples: Examples, *, resume: Resume, metrics: Sequence[str]
) -> _Plan:
    path = folder / f"{system.stem}.jsonl"
    if resume == "never":
        return _Plan(system=system, path=path, missing=examples.indices)
    read = read_records(path)
    for number, record in enumerate(read.records, start=1):
        if (record["system"], record["config_digest"]) != (system.name, system.config_digest):
            raise RecordsError(
                f"{path} line {number} is a record of {record['system']} in the form "
                f"{record['config_digest'][:12]}; take it out, or use --resume never"
            )
    latest = read.latest
    stale: dict[str, int] = {}

    def done(index: int) -> bool:
        record = latest.get((examples.digest, index))
        if record is None:
            return False
        if differs := _differs(record, examples.described(index)):
            stale[differs] = stale.get(differs, 0) + 1
            return False
        defined = system.card.defines(Task(record["task"]))
        if not set(metrics) <= set(record["metrics"]):
            return False
        if defined == (record["status"] == NOT_DEFINED):
            return False  # the card has changed since
        if not defined:
            return True
        if record["status"] != "ok":
            return resume == "only-missing"
        sound = record["audio"]
        return index not in examples.shown or (
            sound is not None and (folder / sound["path"]).is_file()
        )

    missing = tuple(index for index in examples.indices if not done(index))
    notes = [
        f"{system.name}: {count} older record(s) were made again: {differs} of the example differs"
        for differs, count in stale.items()
    ]
    if not read.records:
        notes += _other_forms(system, path)
    return _Plan(
        system=system,
        path=path,
        size=read.size,
        dropped=read.dropped,
        missing=missing,
        latest=latest,
        notes=tuple(notes),
    )


def _differs(record: Record, example: ExampleRecord) -> str:
    """Name what a record's example has that this one has not; "" for the same."""
    there: Mapping[str, object] = record
    found = [key for key, value in example.items() if there[key] != value]
    named = [key for key in found if key != "example_sha256"]
    return ", ".join(named) or ("the sound" if found else "")


def _other_forms(system: ReadySystem, path: Path) -> Iterator[str]:
    """Say which records of the system there are that it was built otherwise for."""
    for other in sorted(path.parent.glob(f"{system.file_name}@*.jsonl")):
        records: tuple[Record, ...] = ()
        with contextlib.suppress(RecordsError):  # of an earlier schema, say: not this run's matter
            records = read_records(other).records
        if records:
            last = records[-1]
            before = {**last["config"], "weights": {w["id"]: w["sha256"] for w in last["weights"]}}
            now = {**system.config, "weights": dict(system.card.weights)}
            yield (
                f"{system.name}: {len(records)} record(s) of it in {other.name} are not used: "
                f"{'; '.join(differences(before, now)) or 'its name or card has changed'}"
            )


def _keep_truth(folder: Path, examples: Examples, index: int) -> None:
    paths = {name: examples.sound_path(index, name) for name in ("target", "mixture")}
    if not all((folder / path).is_file() for path in paths.values()):
        example = examples[index]
        keep_sound(folder, paths["target"], np.atleast_2d(example.target), example.sample_rate)
        keep_sound(folder, paths["mixture"], np.atleast_2d(example.mixture), example.sample_rate)


def _check_space(folder: Path, examples: Examples, plans: Sequence[_Plan]) -> None:
    config = examples.mixtures.config
    sounds = len(examples.shown) * (len(plans) + 2) * config.samples * 4
    needed = sounds + _RECORD_BYTES * sum(len(plan.missing) for plan in plans)
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise OutputError.of(folder, error) from error
    if free < needed:
        raise OutputError(
            f"no space left for {folder}: this run needs about {needed / 1e6:.1f} MB and the disk "
            f"has {free / 1e6:.1f} MB; free some or choose another --out"
        )


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One system's part of a run."""

    config: SuiteConfig
    folder: Path
    examples: Examples
    plan: _Plan
    code: CodeRecord
    env: EnvRecord

    def batches(self) -> list[list[int]]:
        """The examples to hand over together."""
        missing = self.plan.missing
        if not self.plan.system.batches:
            return [[index] for index in missing]
        # Whole batches even where a part is recorded: the others' presence may change rounding.
        total = self.examples.total
        starts = sorted({index - index % BATCH for index in missing})
        return [list(range(start, min(start + BATCH, total))) for start in starts]

    def record(self, example: Example, outcome: Outcome, started: str, finished: str) -> Record:
        """What the system made of an example; a sound that is to be kept is written."""
        system = self.plan.system
        mixture, target = np.atleast_2d(example.mixture), np.atleast_2d(example.target)
        sources = example.sources.reshape(-1, *mixture.shape)
        # A failure counts as the unprocessed mixture: 0 dB improvement, never a gap.
        estimate = mixture if outcome.remix is None else outcome.remix.audio
        scores = score(estimate=estimate, reference=target, mixture=mixture)
        follow = followed(estimate=estimate, sources=sources, gains=example.instruction.gains)
        trace = outcome.trace
        more = measure(
            [name for name in self.config.metrics if name != TOLD],
            estimate=estimate,
            reference=target,
            sample_rate=example.sample_rate,
        )
        if TOLD in self.config.metrics:
            more[TOLD] = Score(float(any(step.name == TELL for step in trace)))
        metrics = {**scores.metrics, **follow.metrics, **{n: s.value for n, s in more.items()}}
        undefined = {**scores.undefined, **follow.undefined}
        undefined |= {name: found.reason for name, found in more.items() if found.reason}
        effective = list(follow.effective_gains_db)
        if outcome.status == NOT_DEFINED:
            assert outcome.error is not None
            metrics, effective = dict.fromkeys(metrics), [None] * len(effective)
            undefined |= {name: f"not defined: {outcome.error['message']}" for name in metrics}
        sound = None
        if outcome.remix is not None and example.index in self.examples.shown:
            path = self.examples.sound_path(example.index, system.stem)
            sound = keep_sound(self.folder, path, estimate, example.sample_rate)
        return {
            **self.examples.described(example.index),
            "schema": SCHEMA,
            "suite": self.config.name,
            "system": system.name,
            "family": system.card.family,
            "uses_oracle": sorted(system.card.uses_oracle),
            "config": dict(system.config),
            "config_digest": system.config_digest,
            "weights": [
                {"id": name, "sha256": digest}
                for name, digest in sorted(system.card.weights.items())
            ],
            "data_digest": self.examples.digest,
            "seed": self.config.seed,
            "status": outcome.status,
            "error": outcome.error,
            "metrics": metrics,
            "input_metrics": scores.input_metrics,
            "undefined": undefined,
            "effective_gains_db": effective,
            "cost": {
                "wall_s": outcome.wall_s,
                "real_time_factor": outcome.wall_s * example.sample_rate / mixture.shape[-1],
                "peak_bytes": outcome.peak_bytes,
                "peak_device_bytes": outcome.peak_device_bytes,
                "batch": outcome.batch,
                **llm_cost(trace),
            },
            "trace": plain_trace(trace),
            "audio": sound,
            "code": self.code,
            "env": self.env,
            "started": started,
            "finished": finished,
        }
