"""A finished run made for the report's tests: real records, summary and sound, small."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.comparison.examples import keep_sound, sound_path
from experiments.comparison.records import Record, RecordsFile, read_records
from experiments.comparison.runner import Run, SystemRun
from experiments.comparison.suite import SuiteConfig
from experiments.comparison.summary.summarize import summarize
from experiments.comparison.systems import ReadySystem
from lcr.evaluation.effective import followed
from lcr.evaluation.metrics import score
from lcr.instruction import Action, Task, parse_pattern, patterns_by_task
from lcr.remixer import Remix, SystemCard
from tests.experiments.record_factory import make_record

RATE = 16_000
DIGEST = "d" * 64

Sound = NDArray[np.float32]
Answer = Callable[[Sound, Sound, int], Sound]
"""(mixture, target, index) -> estimate, all (1, samples); raises to fail."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A system of the made-up run. It sees the target: the run is about pages, not quality."""

    name: str
    answer: Answer
    bound: bool = False
    reference: str = ""
    detail: str = ""

    @property
    def card(self) -> SystemCard:
        return SystemCard(
            name=self.name,
            family="joint",
            sample_rate=RATE,
            uses_oracle=frozenset({"target"}) if self.bound else frozenset(),
            reference=self.reference,
        )

    def remix(self, *args: object, **kwargs: object) -> Remix:
        raise NotImplementedError("its records are written by build_run")


def blend(share: float) -> Answer:
    """An answer that goes `share` of the way from the mixture to the target."""
    return lambda mixture, target, index: (mixture + share * (target - mixture)).astype(np.float32)


def build_run(
    folder: Path,
    contenders: Sequence[Contender],
    *,
    tasks: Sequence[Task],
    per_task: int = 2,
    shown: Sequence[int] = (),
    seconds: float = 0.5,
    prompt: str = "Turn the dog up.",
    label: str = "dog barking",
    clip: str = "dog.wav",
    not_run: Mapping[str, str] | None = None,
) -> Path:
    """Write records, sound and summary.json as a comparison does; returns `folder`."""
    config = SuiteConfig(
        name="made", per_task=per_task, systems=tuple(c.name for c in contenders), compare_to=""
    )
    runs = []
    for number, contender in enumerate(contenders):
        system = ReadySystem(
            name=contender.name,
            remixer=contender,
            card=contender.card,
            config_digest=f"{number:064x}",
            device="cpu",
            load_bytes=0,
        )
        records = [
            _record(folder, system, contender, index, task, shown, seconds, prompt, label, clip)
            for index, task in enumerate(task for task in tasks for _ in range(per_task))
        ]
        path = folder / f"{system.stem}.jsonl"
        with RecordsFile(path, size=0) as file:
            for record in records:
                file.append(record)
        latest = tuple(read_records(path).records)
        runs.append(SystemRun(system=system, path=path, records=latest, dropped=0))
    run = Run(
        config=config,
        folder=folder,
        data_digest=DIGEST,
        shown=tuple(shown),
        systems=tuple(runs),
        code={"commit": "c0ffee" * 6, "dirty": True},
        env={"python": "3.11", "torch": "2.11", "device": "cpu", "threads": 1},
    )
    summary = summarize(run, not_run=not_run or {})
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return folder


def make_sources(index: int, seconds: float) -> Sound:
    """Four sounds that differ to eye and ear, (4, samples)."""
    rng = np.random.default_rng(index)
    t = np.arange(round(seconds * RATE)) / RATE
    pitch = 110 * 2 ** rng.uniform(0, 1.5)
    glide = np.sin(2 * np.pi * (pitch * t + 20 * np.sin(2 * np.pi * 3 * t) / 6))
    voice = sum(np.sin(2 * np.pi * k * 180 * t + k) / k for k in range(1, 12))
    bursts = rng.standard_normal(len(t)) * (np.sin(2 * np.pi * 2 * t) > 0.6)
    chirp = np.sin(2 * np.pi * (400 * t + 900 * t**2 / max(seconds, 1)))
    return np.stack([0.06 * voice, 0.1 * glide, 0.08 * bursts, 0.1 * chirp]).astype(np.float32)


def _record(
    folder: Path,
    system: ReadySystem,
    contender: Contender,
    index: int,
    task: Task,
    shown: Sequence[int],
    seconds: float,
    prompt: str,
    label: str,
    clip: str,
) -> Record:
    choices = patterns_by_task()[task]
    pattern = choices[index % len(choices)]
    actions = parse_pattern(pattern)
    sources = make_sources(index, seconds)
    mixture = sources.sum(axis=0, keepdims=True)
    target = (np.array([a.gain for a in actions], np.float32) @ sources)[None, :]
    status, error, estimate = "ok", None, mixture
    try:
        estimate = contender.answer(mixture, target, index)
    except RuntimeError as problem:
        status, error = "error", {"type": type(problem).__name__, "message": str(problem)}
    sound = None
    if index in shown:
        example = make_record(index)
        keep_sound(folder, sound_path(example, "mixture"), mixture, RATE)
        keep_sound(folder, sound_path(example, "target"), target, RATE)
        if status == "ok":
            path = sound_path(example, system.stem)
            sound = keep_sound(folder, path, estimate, RATE)
    scores = score(estimate=estimate, reference=target, mixture=mixture)
    follow = followed(estimate=estimate, sources=sources[:, None], gains=[a.gain for a in actions])
    step = {"name": "listen", "detail": contender.detail, "seconds": 0.012, "data": {"z": [1, 2]}}
    return make_record(
        index,
        system=system.name,
        data_digest=DIGEST,
        task=task.value,
        pattern=pattern,
        sources=_sources(actions, index, label=label, clip=clip),
        prompt=prompt,
        status=status,
        error=error,
        metrics=scores.metrics | follow.metrics,
        input_metrics=scores.input_metrics,
        undefined={**scores.undefined, **follow.undefined},
        effective_gains_db=list(follow.effective_gains_db),
        cost=make_record()["cost"] | {"real_time_factor": 0.05 / seconds, "peak_bytes": 3 << 20},
        trace=[step] if status == "ok" else [],
        audio=sound,
        code={"commit": "c0ffee" * 6, "dirty": True},
        env={"python": "3.11", "torch": "2.11", "device": "cpu", "threads": 1},
    )


def _sources(
    actions: Sequence[Action], index: int, *, label: str, clip: str
) -> list[dict[str, Any]]:
    descriptions: list[tuple[str, dict[str, str]]] = [
        ("speech", {"gender": "F", "pitch": "high", "emotion": "happy"}),
        ("speech", {"gender": "M", "tempo": "low"}),
        ("audio", {"label": label}),
        ("audio", {"label": "rain"}),
    ]
    return [
        {
            "clip": clip if i == 2 else f"clip-{index}-{i}",
            "group": f"group-{index}-{i}",
            "action": action.value,
            "kind": kind,
            "description": description,
        }
        for i, (action, (kind, description)) in enumerate(zip(actions, descriptions, strict=True))
    ]
