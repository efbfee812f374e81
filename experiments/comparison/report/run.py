"""What a finished run left behind: its summary and the latest records the summary speaks of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.comparison.errors import RecordsError
from experiments.comparison.records import Record, read_records
from experiments.comparison.runner import Run
from experiments.comparison.summary.schema import Summary, examples_sha256, read_summary


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """A run as read: its `summary` (`experiments.comparison.summary.schema`), `records` by system's
    name and example's index."""

    folder: Path
    summary: Mapping[str, Any]
    records: Mapping[str, Mapping[int, Record]]

    @property
    def systems(self) -> Sequence[Mapping[str, Any]]:
        """Systems in the order of the page: by rank, then those without one, then bounds."""
        return sorted(
            self.summary["systems"], key=lambda s: (s["bound"], s["rank"] is None, s["rank"] or 0)
        )


def run_just_made(run: Run, summary: Mapping[str, Any]) -> RunFolder:
    """Take a run from its comparison, without reading files again."""
    records = {entry.system.name: {r["index"]: r for r in entry.records} for entry in run.systems}
    return RunFolder(folder=run.folder, summary=summary, records=records)


def read_run(folder: Path) -> RunFolder:
    """Read a suite's folder. Raises RecordsError, saying what is missing or wrong and where."""
    summary = read_summary(folder)
    records = {s["name"]: _records(folder, s["records"], summary) for s in summary["systems"]}
    return RunFolder(folder=folder, summary=summary, records=records)


def inside(folder: Path, name: str) -> Path:
    """Resolve a file name found in a run's own files. Raises RecordsError when it lies outside
    the folder."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise RecordsError(f"{name!r} lies outside the run's folder {folder}")
    return path


def _records(folder: Path, name: str, summary: Summary) -> dict[int, Record]:
    path = inside(folder, name)
    found = {
        index: record
        for (digest, index), record in read_records(path).latest.items()
        if digest == summary["data_digest"] and index < summary["n_examples"]
    }
    found = dict(sorted(found.items()))
    if len(found) != summary["n_examples"]:
        raise RecordsError(
            f"{path} holds {len(found)} of the summary's {summary['n_examples']} examples; "
            "start the same comparison again to complete it"
        )
    if examples_sha256(found.values()) != summary["examples_sha256"]:
        raise RecordsError(
            f"{path} holds other examples than the summary is of; start the same comparison again"
        )
    return found
