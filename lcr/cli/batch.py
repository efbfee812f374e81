"""Which files `lcr remix` makes of which, and which of them are there already."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lcr.audio import ffmpeg
from lcr.audio.writer import audio_suffixes
from lcr.errors import LcrError

PIPE = "-"
LEDGER = ".lcr-remix.jsonl"
_SCHEMA = 1


class BatchError(LcrError):
    """Inputs and output do not go together; nothing was done."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One file to make. `source` is None for standard input, `target` for standard output;
    `problem` says why nothing can be made."""

    name: str
    source: Path | None
    target: Path | None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    """`root` is the folder that a batch goes into; None for a single file. `skipped` are files of
    the folders that were given whose names are not those of audio."""

    jobs: tuple[Job, ...]
    root: Path | None
    skipped: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Input:
    source: Path
    below: Path
    """Where it goes below the output folder."""
    problem: str | None = None


def plan_batch(inputs: Sequence[str], output: str | None, *, mark: str = "remixed") -> BatchPlan:
    """Files, folders (searched to the bottom) and glob patterns to jobs.

    One file goes to `output`, by default beside itself as NAME.`mark`.SUFFIX; several files, a
    folder or a pattern go into the folder `output`, a folder's files in its own order.

    Raises BatchError when several files have no folder to go into, or would overwrite one another
    or what they are made of.
    """
    if PIPE in inputs:
        return _from_pipe(inputs, output)
    batch = len(inputs) > 1 or _means_several(inputs[0]) or _names_folder(output)
    if not batch:
        return _single(Path(inputs[0]), output, mark)
    if output is None or output == PIPE:
        raise BatchError("several files need a folder to go into: -o FOLDER")
    root = Path(output)
    if root.exists() and not root.is_dir():
        raise BatchError(f"{root} is a file; several files need a folder to go into")
    jobs: dict[Path, Job] = {}
    skipped: list[Path] = []
    for given in (each for text in inputs for each in _found(text, root, skipped)):
        target = root / given.below.parent / _written(given.below.name)
        job = Job(name=str(given.source), source=given.source, target=target, problem=given.problem)
        other = jobs.setdefault(target, job)
        if other.source != job.source:
            raise BatchError(f"{other.name} and {job.name} would both become {target}")
    sources = {job.source.resolve() for job in jobs.values() if job.source is not None}
    for target in jobs:
        if target.resolve() in sources:
            raise BatchError(f"{target} would be overwritten; give another folder to -o")
    return BatchPlan(jobs=tuple(jobs.values()), root=root, skipped=tuple(skipped))


def _from_pipe(inputs: Sequence[str], output: str | None) -> BatchPlan:
    if len(inputs) > 1:
        raise BatchError("standard input (-) cannot be one of several inputs")
    if output is not None and _names_folder(output):
        raise BatchError(f"{output} is a folder; what comes from standard input needs a file name")
    target = None if output in (None, PIPE) else Path(str(output))
    return BatchPlan(jobs=(Job(name="standard input", source=None, target=target),), root=None)


def _single(source: Path, output: str | None, mark: str) -> BatchPlan:
    target: Path | None = source.with_name(_written(f"{source.stem}.{mark}{source.suffix}"))
    if output is not None:
        target = None if output == PIPE else Path(output)
    return BatchPlan(jobs=(Job(name=str(source), source=source, target=target),), root=None)


def beside(target: str | Path) -> Path:
    """Where `--ab` puts what compares `target` with its source."""
    return Path(target).with_suffix(".ab.wav")


def _written(name: str) -> str:
    """The name of what is made of a file with this name: .wav for what is read through ffmpeg."""
    return f"{name}.wav" if Path(name).suffix.lower() in ffmpeg.SUFFIXES else name


def _means_several(text: str) -> bool:
    path = Path(text)
    return path.is_dir() or (glob.has_magic(text) and not path.exists())


def _names_folder(output: str | None) -> bool:
    if output is None or output == PIPE:
        return False
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def _found(text: str, root: Path, skipped: list[Path]) -> Iterator[_Input]:
    path = Path(text)
    if path.is_dir():
        closed: list[OSError] = []
        inside = list(_audio_below(path, root, closed.append, skipped.append))
        yield from (_Input(source=each, below=each.relative_to(path)) for each in inside)
        for error in closed:
            folder = Path(error.filename)
            below, why = folder.relative_to(path.parent), error.strerror
            yield _Input(source=folder, below=below, problem=f"is not looked into: {why}")
        if not inside and not closed:
            yield _Input(source=path, below=Path(path.name), problem="holds no audio files")
    elif _means_several(text):
        matches = sorted(Path(match) for match in glob.glob(text, recursive=True))
        files = [match for match in matches if match.is_file()]
        yield from (_Input(source=each, below=Path(each.name)) for each in files)
        if not files:
            yield _Input(source=path, below=Path(path.name), problem="matches no file")
    else:
        yield _Input(source=path, below=Path(path.name))


def _audio_below(
    folder: Path, root: Path, tell: Callable[[OSError], object], skip: Callable[[Path], object]
) -> Iterator[Path]:
    """Yield the audio files below a folder, by their suffix and sorted, but none that are hidden or
    in the output folder. `tell` gets an error for each folder that is not searched, `skip` each
    file of another suffix."""
    suffixes = audio_suffixes() | ffmpeg.SUFFIXES
    for here, folders, files in os.walk(folder, onerror=tell):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (Path(here) / name).resolve() != root.resolve()
        )
        for name in folders:
            if (link := Path(here) / name).is_symlink():
                tell(OSError(errno.ELOOP, "it is a link to a folder", str(link)))
        for name in sorted(files):
            if name.startswith("."):
                continue
            if Path(name).suffix.lower() in suffixes:
                yield Path(here) / name
            else:
                skip(Path(here) / name)


def settings_digest(**settings: object) -> str:
    """Names what outputs depend on besides their sources."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


class Ledger:
    """What is done in an output folder, so that a batch that was stopped goes on: a hidden file
    with a line of JSON for each file made. A line counts as long as the settings, and the sizes
    and times of source and target, are what it says."""

    def __init__(self, root: Path, *, settings: str, weights: dict[str, str] | None) -> None:
        """`weights` None: those of any line will do."""
        self._root, self._settings, self._weights = root, settings, weights
        self._lines: dict[str, dict[str, Any]] = {}
        path = root / LEDGER
        if path.is_file():
            for line in path.read_bytes().splitlines():
                self._read(line)

    def _read(self, line: bytes) -> None:
        try:
            record = json.loads(line)
            if record["schema"] == _SCHEMA:
                self._lines[record["target"]] = record
        except (ValueError, KeyError, TypeError, RecursionError):
            pass  # a line that a kill cut off: its file is made again

    def has(self, job: Job) -> bool:
        """Whether the target of `job` is there, made of this source with these settings."""
        if job.source is None or job.target is None:
            return False
        record = self._lines.get(job.target.relative_to(self._root).as_posix())
        try:
            return (
                record is not None
                and record["settings"] == self._settings
                and (self._weights is None or record["weights"] == self._weights)
                and record["source_state"] == _state(os.stat(job.source))
                and record["target_state"] == _state(os.stat(job.target))
            )
        except (OSError, KeyError):
            return False

    def misses(self, job: Job) -> bool:
        """Whether the target that `has` found lacks something that the prompt names."""
        assert job.target is not None
        return bool(self._lines[job.target.relative_to(self._root).as_posix()].get("misses"))

    def add(self, job: Job, source: os.stat_result, written: IO[bytes], *, misses: bool) -> None:
        """`written` holds all of the target and is renamed next: no kill comes in between the two
        that would leave a target without its line. Raises OSError on a full disk."""
        assert job.target is not None
        record = {
            "schema": _SCHEMA,
            "target": job.target.relative_to(self._root).as_posix(),
            "source": str(job.source),
            "settings": self._settings,
            "weights": self._weights,
            "source_state": _state(source),
            "target_state": _state(os.fstat(written.fileno())),
            "misses": misses,
        }
        with (self._root / LEDGER).open("ab") as file:
            # A line that a kill cut off ends here.
            file.write(b"\n" if _torn(self._root / LEDGER) else b"")
            file.write(json.dumps(record).encode() + b"\n")


def _state(found: os.stat_result) -> list[int]:
    return [found.st_size, found.st_mtime_ns]


def _torn(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
