"""Records: one JSON object a line for each (system, example), append-only, safe against kill -9."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    TypeAdapter,
    ValidationError,
)
from typing_extensions import TypedDict

from experiments.comparison.errors import OutputError, RecordsError
from lcr import files
from lcr.evaluation.effective import MEASURES
from lcr.instruction import Task, parse_pattern
from lcr.remixer import Family

SCHEMA: Final = 2
"""Version of the record's keys; a file of another version is refused."""


class WeightsUsed(TypedDict):
    """One file of weights that a system was built with."""

    id: str
    sha256: str


class SourceRecord(TypedDict):
    """A source of the example; `description` holds a sound's label or a speaker's known styles."""

    clip: str
    group: str
    action: str
    kind: Literal["speech", "audio"]
    description: dict[str, str]


class ErrorRecord(TypedDict):
    """Why there is no answer."""

    type: str
    message: str


class LlmCost(TypedDict):
    """What a language model was asked."""

    llm_calls: NonNegativeInt
    tokens_in: NonNegativeInt
    tokens_out: NonNegativeInt


class CostRecord(LlmCost):
    """What an answer took; a batch's cost is shared evenly by its examples."""

    wall_s: NonNegativeFloat
    real_time_factor: NonNegativeFloat
    peak_bytes: NonNegativeInt
    peak_device_bytes: NonNegativeInt | None
    batch: NonNegativeInt


class StepRecord(TypedDict):
    """A step of a system's trace."""

    name: str
    detail: str
    seconds: NonNegativeFloat | None
    data: dict[str, Any]


class SoundRecord(TypedDict):
    """A kept answer: its path in the suite's folder."""

    path: str
    sha256: str


class CodeRecord(TypedDict):
    """The state of the checkout; None outside of git."""

    commit: str | None
    dirty: bool | None


class EnvRecord(TypedDict):
    """Where the system ran."""

    python: str
    torch: str | None
    device: str
    threads: int


def _task(value: str) -> str:
    return Task(value).value


class ExampleRecord(TypedDict):
    """What an example is; `example_sha256` covers its sources, its target and its prompt."""

    index: NonNegativeInt
    example_id: str
    example_sha256: str
    task: Annotated[str, AfterValidator(_task)]
    pattern: str
    n_speech: NonNegativeInt
    n_audio: NonNegativeInt
    sources: list[SourceRecord]
    prompt: str


Status: TypeAlias = Literal["ok", "error", "timeout", "refused", "not_defined"]


class Record(ExampleRecord):
    """What one system made of one example. `config` is what the system was built with; of one
    from another package also that package's version and the digest of its files."""

    schema: Literal[2]
    suite: str
    system: str
    family: Family
    uses_oracle: list[str]
    config: dict[str, Any]
    config_digest: str
    weights: list[WeightsUsed]
    data_digest: str
    seed: int
    status: Status
    error: ErrorRecord | None
    metrics: dict[str, float | None]
    input_metrics: dict[str, float | None]
    undefined: dict[str, str]
    effective_gains_db: list[float | None]
    cost: CostRecord
    trace: list[StepRecord]
    audio: SoundRecord | None
    code: CodeRecord
    env: EnvRecord
    started: str
    finished: str


Key: TypeAlias = tuple[str, int]
"""(data digest, example index): what a record is about within one system's file."""

NOT_DEFINED = "not_defined"
"""Status of examples that a system was not run on, as it does other tasks: not a failure."""

TIMING_KEYS = ("started", "finished")
TIMING_COSTS = ("wall_s", "real_time_factor", "peak_bytes", "peak_device_bytes")


_METRICS = ("snr_db", "snr_improvement_db", "si_sdr_db", "si_sdr_improvement_db", *MEASURES)
_INPUT_METRICS = ("snr_db", "si_sdr_db")
_ROUNDING_DB = 1e-6


def _consistent(record: Record) -> Record:
    """Raises ValueError for a record whose parts contradict each other."""
    metrics, before = record["metrics"], record["input_metrics"]
    for where, needed, found in (
        ("metrics", _METRICS, metrics),
        ("input_metrics", _INPUT_METRICS, before),
    ):
        if missing := set(needed) - set(found):
            raise ValueError(f"{where} lacks {', '.join(sorted(missing))}")
    sources = len(record["sources"])
    if (
        not len(parse_pattern(record["pattern"]))
        == record["n_speech"] + record["n_audio"]
        == len(record["effective_gains_db"])
        == sources
    ):
        raise ValueError(f"{sources} sources do not fit the pattern {record['pattern']}")
    if (record["status"] == "ok") == (record["error"] is not None):
        raise ValueError(f"status {record['status']!r} with error {record['error']!r}")
    if record["audio"] is not None and record["status"] != "ok":
        raise ValueError("a failure has no audio")
    gain, after, input_db = metrics["snr_improvement_db"], metrics["snr_db"], before["snr_db"]
    if gain is not None and (
        after is None or input_db is None or abs(after - input_db - gain) > _ROUNDING_DB
    ):
        raise ValueError("snr_improvement_db is not the difference of the two snr_db")
    return record


# A list of one: pydantic takes settings for what holds typed dicts, and hands them on to those.
_RECORDS = TypeAdapter(
    list[Annotated[Record, AfterValidator(_consistent)]],
    config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False),
)


def key_of(record: Record) -> Key:
    """Say what a record is about: its data and its example."""
    return record["data_digest"], record["index"]


def comparable(record: Record) -> dict[str, Any]:
    """The record without what differs between two equal runs: times and memory peaks."""
    kept: dict[str, Any] = {
        name: value for name, value in record.items() if name not in TIMING_KEYS
    }
    kept["cost"] = {
        name: value for name, value in record["cost"].items() if name not in TIMING_COSTS
    }
    kept["trace"] = [
        {name: value for name, value in step.items() if name != "seconds"}
        for step in record["trace"]
    ]
    return kept


@dataclass(frozen=True, kw_only=True)
class RecordsRead:
    """What a records file holds: every line in order, and how many half-written ones were left."""

    records: tuple[Record, ...]
    dropped: int
    size: int
    """Bytes up to the end of the last whole line."""

    @property
    def latest(self) -> dict[Key, Record]:
        """One record a key, the latest line winning, in order of first appearance."""
        found: dict[Key, Record] = {}
        for record in self.records:
            found[key_of(record)] = record
        return found


def read_records(path: Path) -> RecordsRead:
    """Read a records file; a missing one reads as empty.

    A last line without its newline was being written when the run was killed: it is dropped and
    counted. Raises RecordsError, naming file and line, for anything else that is not a record.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return RecordsRead(records=(), dropped=0, size=0)
    except OSError as error:
        raise RecordsError(f"cannot read records {path}: {error.strerror}") from error
    size = content.rfind(b"\n") + 1
    records: list[Record] = []
    for number, line in enumerate(content[:size].splitlines(), start=1):
        try:
            records += _RECORDS.validate_json(b"[" + (line or b"null") + b"]")
        except ValidationError as error:
            raise RecordsError(
                f"{path} line {number} is not a record of schema {SCHEMA} ({problem_of(error)}); "
                "repair or remove the file, or use --resume never or another --out"
            ) from error
    return RecordsRead(records=tuple(records), dropped=int(size < len(content)), size=size)


def problem_of(error: ValidationError) -> str:
    """Say where the first problem is and what it is."""
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}"


class RecordsFile:
    """A records file open for appending. Use as a context manager.

    Opening cuts off a half-written last line. `append` returns only when the line is on disk;
    when it cannot be written whole, the file is put back as it was and OutputError is raised.
    """

    def __init__(self, path: Path, *, size: int) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115 (closed in __exit__)
            self._file.truncate(size)
        except OSError as error:
            raise OutputError.of(path, error) from error
        self._size = size

    def append(self, record: Record) -> None:
        """Append one record as a line, which is on disk when this returns. Raises ValueError where
        it does not fit the schema, OutputError where it cannot be written."""
        _RECORDS.validate_python([record])
        line = json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        try:
            view = memoryview(line)
            while view:
                view = view[self._file.write(view) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):  # the next opening would cut the half line as well
                self._file.truncate(self._size)
            raise OutputError.of(self._path, error) from error
        self._size += len(line)

    def __enter__(self) -> RecordsFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def write_atomic(path: Path, content: bytes) -> None:
    """Write a whole file or nothing. Raises OutputError."""
    try:
        files.write_whole(path, content)
    except OSError as error:
        raise OutputError.of(path, error) from error


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON, whole or not at all. Raises OutputError."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomic(path, text.encode() + b"\n")


def move_aside(path: Path) -> Path | None:
    """Rename an existing file to the first free `NAME.old-N`; None if there is none."""
    if not path.exists():
        return None
    number = 1
    while (aside := path.with_name(f"{path.name}.old-{number}")).exists():
        number += 1
    try:
        path.rename(aside)
    except OSError as error:
        raise OutputError.of(path, error) from error
    return aside


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for one run, making it if need be. Raises OutputError if another run does."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(files.locked(folder))
        except files.FolderInUseError as error:
            raise OutputError(f"{error}; wait for it or choose another --out") from error
        except OSError as error:
            raise OutputError.of(folder, error) from error
        yield
