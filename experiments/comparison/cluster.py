"""Systems on a Ray cluster: an actor each, which Ray starts anew, and asks again, when its worker
or node dies. Records are written here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import ray

from experiments.comparison.environment import MemoryMeter
from experiments.comparison.examples import Examples
from experiments.comparison.executors import Done, Work, now
from experiments.comparison.isolation import BuildError, StandIn
from experiments.comparison.systems import Outcome, ReadySystem, build_here, run_batch
from lcr.data.mixtures import Example

_FOR_EVER = -1


class ActorSystem(StandIn):
    """Represents here a system that runs in a Ray actor; closing it ends the actor."""

    def __init__(self, actor: Any, batches: bool) -> None:  # noqa: ANN401 (Ray's handle)
        self.actor, self.batches = actor, batches

    def close(self) -> None:
        ray.kill(self.actor)


class _Actor:
    """A system in a worker of the cluster."""

    def __init__(
        self, name: str, options: Mapping[str, object], device: str, front_door: bool
    ) -> None:
        self._system = build_here(name, options, device=device, front_door=front_door)
        self._meter = MemoryMeter(self._system.device)

    def told(self) -> tuple[ReadySystem, bool]:
        return replace(self._system, remixer=StandIn()), self._system.batches

    def answer(self, examples: Sequence[Example], timeout_s: float) -> list[Outcome]:
        return run_batch(self._system, examples, self._meter, timeout_s=timeout_s)


def build_on_cluster(
    name: str, options: Mapping[str, object], *, device: str, front_door: bool
) -> ReadySystem:
    """Build a system in a Ray actor, as `build_system` does in this process. Joins the cluster at
    $RAY_ADDRESS, or starts one here. Raises BuildError with the message of the system's error."""
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    settings = {"num_cpus": 1, "num_gpus": int(device == "cuda")}
    actor: Any = (
        ray.remote(_Actor)
        .options(max_restarts=_FOR_EVER, max_task_retries=_FOR_EVER, **settings)
        .remote(name, dict(options), device, front_door)
    )
    try:
        system, batches = ray.get(actor.told.remote())
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        raise BuildError(f"{name}: {str(cause).splitlines()[-1]}") from error
    built: ReadySystem = replace(system, remixer=ActorSystem(actor, batches))
    return built


class OnCluster:
    """All systems answer at once, each in its actor."""

    together = True

    def __call__(
        self, works: Sequence[Work], examples: Examples, *, timeout_s: float
    ) -> Iterator[Done]:
        waiting: dict[Any, tuple[int, list[Example], str]] = {}
        left = [iter(work.batches) for work in works]

        def hand_over(number: int) -> None:
            for indices in left[number]:
                group = [examples[index] for index in indices]
                remixer = works[number].system.remixer
                assert isinstance(remixer, ActorSystem)
                asked = remixer.actor.answer.remote(group, timeout_s)
                waiting[asked] = number, group, now()
                return

        for number in range(len(works)):
            hand_over(number)
        while waiting:
            (answered,), _ = ray.wait(list(waiting), num_returns=1)
            number, group, started = waiting.pop(answered)
            outcomes = _outcomes(answered, len(group))
            finished = now()
            hand_over(number)
            yield Done(
                number=number, examples=group, outcomes=outcomes, started=started, finished=finished
            )


def _outcomes(answered: Any, count: int) -> list[Outcome]:  # noqa: ANN401 (Ray's reference)
    try:
        found: list[Outcome] = ray.get(answered)
        return found
    except ray.exceptions.RayError as error:  # it could not be started again either
        message = str(error).splitlines()[0]
        lost = Outcome(
            status="error",
            error={"type": "WorkerLost", "message": message},
            wall_s=0.0,
            peak_bytes=0,
            peak_device_bytes=None,
            batch=count,
        )
        return [lost] * count
