"""A comparison in parts: which examples a shard runs, what it leaves beside its records, and how
the parts become one run again.

A folder of results from elsewhere merges too, if it holds a run.json and the records it names.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from experiments.comparison.config import build
from experiments.comparison.errors import ConfigError, OutputError, RecordsError
from experiments.comparison.examples import sound_path
from experiments.comparison.isolation import StandIn
from experiments.comparison.records import (
    CodeRecord,
    EnvRecord,
    Record,
    RecordsFile,
    comparable,
    move_aside,
    problem_of,
    read_records,
    write_json,
)
from experiments.comparison.runner import Run, SystemRun
from experiments.comparison.suite import SuiteConfig, as_table
from experiments.comparison.systems import BATCH, CARD, ReadySystem
from lcr.files import sha256_of
from lcr.identity import differences
from lcr.remixer import SystemCard

RUN_FILE = "run.json"
SCHEMA: Final = 1
_MOST_NAMED = 10


@dataclass(frozen=True)
class Shard:
    """Part `number`, from 1, of `count`. Parts are whole batches, so that each system is handed the
    same examples together as in the undivided run."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read "3/16". Raises ConfigError."""
        number, _, count = text.partition("/")
        if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            raise ConfigError(f"--shard takes NUMBER/COUNT, such as 3/16; got {text!r}")
        return cls(int(number), int(count))

    def of(self, total: int) -> tuple[int, ...]:
        """The indices, out of `total` examples, that this part runs."""
        return tuple(i for i in range(total) if i // BATCH % self.count == self.number - 1)

    @property
    def folder(self) -> str:
        return f"shard-{self.number:0{len(str(self.count))}d}-of-{self.count}"


class _SystemHere(TypedDict):
    name: str
    records: str
    card: dict[str, Any]
    config: dict[str, Any]
    config_digest: str
    device: str


class _RunHere(TypedDict):
    """What a folder's records are of. `examples` are index and SHA-256 of those that it ran."""

    schema: Literal[1]
    config: dict[str, Any]
    data_digest: str
    total: int
    shown: list[int]
    examples: list[tuple[int, str]]
    systems: list[_SystemHere]
    not_run: dict[str, str]
    notes: list[str]
    code: CodeRecord
    env: EnvRecord


# A list of one: pydantic takes settings for what holds typed dicts, and hands them on to those.
_RUN = TypeAdapter(list[_RunHere], config=ConfigDict(extra="forbid", strict=True))


def write_run(run: Run, *, total: int, shown: Sequence[int], not_run: Mapping[str, str]) -> None:
    """Write run.json beside a run's records: all that merging them needs. Raises OutputError."""
    table: _RunHere = {
        "schema": SCHEMA,
        "config": as_table(run.config),
        "data_digest": run.data_digest,
        "total": total,
        "shown": list(shown),
        "examples": [(r["index"], r["example_sha256"]) for r in run.systems[0].records],
        "systems": [
            {
                "name": entry.system.name,
                "records": entry.path.name,
                "card": CARD.dump_python([entry.system.card], mode="json")[0],
                "config": dict(entry.system.config),
                "config_digest": entry.system.config_digest,
                "device": entry.system.device,
            }
            for entry in run.systems
        ],
        "not_run": dict(not_run),
        "notes": list(run.notes),
        "code": run.code,
        "env": run.env,
    }
    write_json(run.folder / RUN_FILE, table)


@dataclass
class Merged:
    """Folders put together. `gaps` names what no folder holds: while there are any, there is no
    run."""

    run: Run | None = None
    total: int = 0
    not_run: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)


def merge(folders: Sequence[Path], out: Path) -> Merged:
    """Put the records of `folders` together in OUT/SUITE, which must be none of them.

    What does not belong together is named and left out: folders of other examples or another suite,
    systems that were built otherwise, records that are not of their folder's examples, and
    duplicates. Raises RecordsError, OutputError.
    """
    read = [(folder, _read(folder)) for folder in folders]
    first = read[0][1]
    config = build(SuiteConfig, first["config"], where=str(folders[0] / RUN_FILE))
    found = Merged(total=first["total"])
    kept: list[tuple[Path, _RunHere]] = []
    for folder, here in read:
        if differs := _foreign(first, here):
            found.notes.append(f"{folder} was left out: its {differs} differs from {folders[0]}'s")
        else:
            kept.append((folder, here))
            found.not_run |= here["not_run"]
            found.notes += [note for note in here["notes"] if note not in found.notes]
    target = out / config.name
    if any(folder.resolve() == target.resolve() for folder, _ in kept):
        raise OutputError(f"{target} is one of the folders to merge; choose another --out")
    target.mkdir(parents=True, exist_ok=True)
    entries: list[SystemRun] = []
    for name in dict.fromkeys(s["name"] for _, here in kept for s in here["systems"]):
        entries.append(_merge_system(name, kept, target, found))
    run = Run(
        config=config,
        folder=target,
        data_digest=first["data_digest"],
        shown=tuple(first["shown"]),
        systems=tuple(entries),
        code=first["code"],
        env=first["env"],
        notes=tuple(found.notes),
    )
    found.run = None if found.gaps else run
    return found


def _read(folder: Path) -> _RunHere:
    path = folder / RUN_FILE
    try:
        return _RUN.validate_json(b"[" + path.read_bytes() + b"]")[0]
    except OSError as error:
        raise RecordsError(
            f"cannot read {path}: {error.strerror}; compare.py writes it when a shard is done"
        ) from error
    except ValidationError as error:
        raise RecordsError(f"{path} is no run of schema {SCHEMA} ({problem_of(error)})") from error


def _foreign(first: _RunHere, here: _RunHere) -> str:
    """Name what makes a folder's examples others than the first one's; "" for nothing."""
    if here["config"]["name"] != first["config"]["name"]:
        return "suite"
    if here["data_digest"] != first["data_digest"]:
        return "data"
    return "" if (here["total"], here["shown"]) == (first["total"], first["shown"]) else "size"


def _merge_system(
    name: str, kept: Sequence[tuple[Path, _RunHere]], target: Path, found: Merged
) -> SystemRun:
    """Write one system's records of all folders, in the examples' order."""
    chosen: _SystemHere | None = None
    records: dict[int, tuple[Record, Path]] = {}
    dropped = 0
    for folder, here in kept:
        for system in (s for s in here["systems"] if s["name"] == name):
            chosen = chosen or system
            if system["config_digest"] != chosen["config_digest"]:
                how = "; ".join(differences(chosen["config"], system["config"]))
                found.notes.append(
                    f"{name} in {folder} was left out: it was built otherwise ({how or 'its card'})"
                )
                continue
            read = read_records(folder / Path(system["records"]).name)
            dropped += read.dropped
            _add(name, folder, here, read.latest.values(), system, records, found)
    assert chosen is not None
    if missing := [index for index in range(found.total) if index not in records]:
        found.gaps.append(
            f"{name} lacks {len(missing)} of {found.total} examples: {_some(missing)}"
        )
    path = target / Path(chosen["records"]).name
    move_aside(path)
    with RecordsFile(path, size=0) as file:
        for index in sorted(records):
            record, folder = records[index]
            _copy_sounds(record, folder, target)
            file.append(record)
    ready = ReadySystem(
        name=name,
        remixer=StandIn(),
        card=_card(chosen),
        config_digest=chosen["config_digest"],
        device=chosen["device"],
        load_bytes=0,
        config=chosen["config"],
    )
    ordered = tuple(records[index][0] for index in sorted(records))
    return SystemRun(system=ready, path=path, records=ordered, dropped=dropped)


def _card(system: _SystemHere) -> SystemCard:
    try:
        return CARD.validate_json(json.dumps([system["card"]]))[0]
    except ValidationError as error:
        raise RecordsError(f"{system['name']}: no valid card: {problem_of(error)}") from error


def _add(
    name: str,
    folder: Path,
    here: _RunHere,
    latest: Iterable[Record],
    system: _SystemHere,
    records: dict[int, tuple[Record, Path]],
    found: Merged,
) -> None:
    """Take over a folder's records of its own examples; name the others, and duplicates."""
    examples = dict(here["examples"])
    stale: list[int] = []
    equal: list[int] = []
    unequal: list[int] = []
    for record in latest:
        index = record["index"]
        if (
            record["data_digest"] != here["data_digest"]
            or examples.get(index) != record["example_sha256"]
            or record["config_digest"] != system["config_digest"]
            or not _sound_is_there(record, folder)
        ):
            stale.append(index)
        elif index in records:
            same = comparable(record) == comparable(records[index][0])
            (equal if same else unequal).append(index)
        else:
            records[index] = record, folder
    for indices, what in (
        (stale, "are stale or foreign and were left out"),
        (equal, "are there already and equal: kept once"),
        (unequal, "are there already and differ: the first ones were kept"),
    ):
        if indices:
            found.notes.append(
                f"{name}: {len(indices)} record(s) of {folder} {what}: {_some(indices)}"
            )


def _sound_is_there(record: Record, folder: Path) -> bool:
    sound = record["audio"]
    if sound is None:
        return True
    path = (folder / sound["path"]).resolve()
    inside = path.is_relative_to(folder.resolve()) and path.is_file()
    return inside and sha256_of(path) == sound["sha256"]


def _copy_sounds(record: Record, folder: Path, target: Path) -> None:
    sound = record["audio"]
    paths = [sound["path"]] if sound else []
    paths += [sound_path(record, name) for name in ("mixture", "target")]
    for path in paths:
        if (folder / path).is_file() and not (target / path).exists():
            try:
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / path, target / path)
            except OSError as error:
                raise OutputError.of(target / path, error) from error


def _some(indices: Sequence[int]) -> str:
    more = f" and {len(indices) - _MOST_NAMED} more" if len(indices) > _MOST_NAMED else ""
    return f"{', '.join(map(str, indices[:_MOST_NAMED]))}{more}"
