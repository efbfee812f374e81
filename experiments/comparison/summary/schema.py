"""What summary.json holds: its keys, and how it is read back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from experiments.comparison.errors import RecordsError
from experiments.comparison.records import (
    CodeRecord,
    EnvRecord,
    Record,
    SourceRecord,
    WeightsUsed,
    problem_of,
)
from lcr.remixer import Family

SCHEMA: Final = 3
"""Version of the summary's keys; another one is refused."""


class MeanRecord(TypedDict):
    """A mean in dB with its interval; `reason` says why there is none."""

    mean: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None


class TaskRecord(MeanRecord):
    """A mean over a task's examples, and what the mixtures score."""

    input_snr_db: float | None


class ShareRecord(TypedDict):
    """A share of examples with its interval."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


class VersusRecord(TypedDict):
    """A system against the one that all are compared to."""

    system: str
    difference: MeanRecord
    win_rate: ShareRecord
    p: float
    p_holm: float


class FamiliesRecord(TypedDict):
    """Joint against composite, each by its best system: `difference_db` is joint less composite,
    `p_joint` the share of resamples in which joint leads, `winner` None where the interval holds
    zero, `decided_tasks` those that one family surely does better."""

    winner: Literal["joint", "composite"] | None
    best: dict[str, str]
    difference_db: float
    low_db: float
    high_db: float
    p_joint: float
    decided_tasks: dict[str, str]


class SystemSummary(TypedDict):
    """One system's figures. Failures count as 0 dB in all of them but `answered_mean_db`, the mean
    without OVC of what it answered, and `real_time_factor`, `latency_s` and `stages`, of answers
    only: medians, and the mean seconds of each step of its traces. `rank_low` to `rank_high` are
    the ranks that resampling leaves open, `p_first` how often it is first. `trained_on` are those
    of the suite's corpora that its weights learned from, `weakest` the tasks that gain least."""

    name: str
    family: Family
    bound: bool
    uses_oracle: list[str]
    causal: bool
    reference: str
    sample_rate: int | None
    config_digest: str
    weights: list[WeightsUsed]
    records: str
    device: str
    n: int
    of: int
    failed: int
    not_defined: list[str]
    statuses: dict[str, int]
    first_error: dict[str, str] | None
    undefined: int
    dropped_lines: int
    tasks: dict[str, TaskRecord]
    average: MeanRecord
    average_without_ovc: MeanRecord
    answered_mean_db: float | None
    share_improved: ShareRecord
    followed: dict[str, MeanRecord]
    real_time_factor: float | None
    latency_s: float | None
    stages: dict[str, float]
    wall_s: float
    peak_bytes: int | None
    peak_device_bytes: int | None
    llm_calls: int
    tokens_in: int
    tokens_out: int
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    p_first: float | None
    trained_on: list[str]
    weakest: list[str]
    versus: VersusRecord | None


class ShownRecord(TypedDict):
    """An example whose sounds are kept, with their paths in the suite's folder."""

    index: int
    example_id: str
    task: str
    pattern: str
    prompt: str
    sources: list[SourceRecord]
    mixture: str
    target: str
    input_snr_db: float | None
    estimates: dict[str, str]


class Summary(TypedDict):
    """The summary of a run. `examples_sha256` is the digest of its examples' digests, `about` says
    what the suite is, `may_be_first` lists the systems that may rank first by resampling."""

    schema: Literal[3]
    suite: str
    about: str
    corpora: list[str]
    config: dict[str, Any]
    config_digest: str
    data_digest: str
    examples_sha256: str
    measure: str
    confidence: float
    tasks: list[str]
    per_task: int
    n_examples: int
    compare_to: str | None
    families: FamiliesRecord | None
    may_be_first: list[str]
    systems: list[SystemSummary]
    not_run: dict[str, str]
    examples: list[ShownRecord]
    notes: list[str]
    code: CodeRecord
    env: EnvRecord
    started: str
    finished: str


# A list of one: pydantic takes settings for what holds typed dicts, and hands them on to those.
_SUMMARY = TypeAdapter(
    list[Summary], config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
)


def checked(summary: dict[str, Any]) -> dict[str, Any]:
    """The summary, if it is one. Raises pydantic's ValidationError."""
    _SUMMARY.validate_python([summary])
    return summary


def read_summary(folder: Path) -> Summary:
    """Read what a finished run wrote. Raises RecordsError, saying what is missing or wrong and
    where."""
    path = folder / "summary.json"
    try:
        return _SUMMARY.validate_json(b"[" + path.read_bytes() + b"]")[0]
    except OSError as error:
        raise RecordsError(
            f"cannot read {path}: {error.strerror}; it is in a folder that experiments/compare.py "
            "has finished"
        ) from error
    except ValidationError as error:
        raise RecordsError(
            f"{path} is not a summary of schema {SCHEMA} ({problem_of(error)}); start the same "
            "comparison again to write it anew"
        ) from error


def examples_sha256(records: Iterable[Record]) -> str:
    """Hex SHA-256 of which examples records are of, in their order."""
    return hashlib.sha256("".join(r["example_sha256"] for r in records).encode()).hexdigest()
