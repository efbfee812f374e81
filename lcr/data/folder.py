"""The `folder` bank: any directory of audio files with a manifest.csv."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar, get_args

import numpy as np

from lcr.audio.core import read_audio, resample
from lcr.data.bank import SAMPLE_RATE, SPLITS, Entry, Split, Waveform
from lcr.errors import AudioFileError, ManifestError
from lcr.instruction import (
    STYLE_ATTRIBUTES,
    STYLE_VALUES,
    AudioDescription,
    Description,
    Kind,
    SpeechDescription,
)

MANIFEST = "manifest.csv"
REQUIRED_COLUMNS = ("path", "kind", "split", "label")
OPTIONAL_COLUMNS = ("group", "unseen", *STYLE_ATTRIBUTES)

_S = TypeVar("_S", bound=str)

_KINDS: tuple[Kind, ...] = get_args(Kind)
_READING = 1  # goes into the digest; raise it when reading gives other samples from the same file


class FolderBank:
    """A directory holding `manifest.csv` and the audio files it names.

    The manifest is UTF-8 CSV with columns `path` (relative to the directory, "/" between
    folders), `kind` (speech or audio), `split` (train, valid or test) and `label` (the class, for
    audio), and if wanted `group` (defaults to the path; must not cross splits), `gender`, `pitch`,
    `tempo`, `energy`, `emotion` (empty where unknown). Other columns are ignored. Symbolic links
    inside the directory are followed.

    Rows with `unseen` = 1 are sounds kept out of training: with `unseen` they are all the sounds of
    the test split, without it they never appear.

    Files may be anything libsndfile reads (wav, flac, ogg, mp3, ...), of any sample rate and
    channel count. `attributes` says which style columns become part of descriptions: leave out
    `energy` when a mixer sets the levels itself.

    Raises ManifestError, naming every bad row by its line, and ValueError on an unknown attribute.
    """

    def __init__(
        self,
        root: Path,
        *,
        attributes: tuple[str, ...] = STYLE_ATTRIBUTES,
        name: str | None = None,
        unseen: bool = False,
    ) -> None:
        unknown = [a for a in attributes if a not in STYLE_ATTRIBUTES]
        if unknown:
            raise ValueError(
                f"unknown style attributes {', '.join(unknown)}; "
                f"there are {', '.join(STYLE_ATTRIBUTES)}"
            )
        self._root = Path(root)
        self._name = name if name is not None else self._root.resolve().name
        kept = tuple(a for a in STYLE_ATTRIBUTES if a in attributes)
        entries = _read_manifest(self._root, kept)
        if unseen and not any(e.unseen for e in entries):
            raise ManifestError(self._root / MANIFEST, ("marks no sound as unseen",))
        entries = [e for e in entries if _belongs(e, unseen)]
        self._by_split: dict[Split, tuple[Entry, ...]] = {
            split: tuple(e for e in entries if e.split == split) for split in SPLITS
        }
        self._by_id = {entry.id: entry for entry in entries}

    @property
    def name(self) -> str:
        return self._name

    @cached_property
    def digest(self) -> str:
        """sha256 hex over the entries and every file's bytes, so it reads the whole bank once.

        Raises AudioFileError when a file has gone.
        """
        total = hashlib.sha256(f"folder {_READING} {SAMPLE_RATE}\n".encode())
        for entry in self._by_id.values():
            described = {"kind": entry.description.kind, **vars(entry.description)}
            row = [entry.id, entry.split, entry.group, described]
            content = hashlib.sha256(_bytes(self._root / entry.id)).hexdigest()
            total.update(json.dumps([*row, content], sort_keys=True).encode() + b"\n")
        return total.hexdigest()

    def entries(self, split: Split) -> Sequence[Entry]:
        """The entries of a split, in the manifest's order."""
        return self._by_split[split]

    def load(self, entry: Entry) -> Waveform:
        """The clip as (samples,) float32 mono at `SAMPLE_RATE`.

        Channels are averaged. A clip whose peak is beyond full scale (float files can hold that,
        and resampling overshoots) is scaled down to a peak of 1. Raises AudioFileError on a
        missing, corrupt or empty file and on samples that are not finite; ValueError when the
        entry is not of this bank.
        """
        if self._by_id.get(entry.id) != entry:
            raise ValueError(f"bank {self._name!r} has no such entry: {entry}")
        return _read_mono(self._root / entry.id)


def _belongs(entry: Entry, unseen: bool) -> bool:
    """Whether an entry is part of the bank with, or without, the sounds kept out of training."""
    if unseen and entry.split == "test" and entry.description.kind == "audio":
        return entry.unseen
    return not entry.unseen


@dataclass(frozen=True)
class _Row:
    line: int
    cells: Mapping[str, str]


def _read_manifest(root: Path, attributes: tuple[str, ...]) -> list[Entry]:
    manifest = root / MANIFEST
    problems: list[str] = []
    entries: dict[str, Entry] = {}
    lines: dict[str, int] = {}
    group_split: dict[tuple[str, str], tuple[Split, int]] = {}
    for row in _rows(manifest, problems):
        try:
            entry = _entry(root, row.cells, attributes)
        except ValueError as error:
            problems.append(f"line {row.line}: {error}")
            continue
        if entry.id in entries:
            problems.append(f"line {row.line}: {entry.id!r} is on line {lines[entry.id]} already")
            continue
        entries[entry.id], lines[entry.id] = entry, row.line
        key = (entry.description.kind, entry.group)
        split, line = group_split.setdefault(key, (entry.split, row.line))
        if split != entry.split:
            problems.append(
                f"line {row.line}: group {entry.group!r} is in {entry.split} "
                f"but on line {line} in {split}; a group must stay in one split"
            )
    if problems:
        raise ManifestError(manifest, tuple(problems))
    if not entries:
        raise ManifestError(manifest, ("lists no sources",))
    return list(entries.values())


def _rows(manifest: Path, problems: list[str]) -> Iterator[_Row]:
    """Each row with the line it starts on; rows of the wrong width go to `problems`."""
    try:
        text = manifest.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ManifestError(manifest, ("no such file; a bank needs one",)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(manifest, (f"cannot be read as UTF-8 text: {error}",)) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            start, line = line, reader.line_num + 1
            if not cells:
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                _check_header(manifest, header)
            elif len(cells) != len(header):
                problems.append(
                    f"line {start}: {len(cells)} cells where the header has {len(header)}"
                )
            else:
                yield _Row(start, dict(zip(header, (c.strip() for c in cells), strict=True)))
    except csv.Error as error:
        raise ManifestError(
            manifest, (*problems, f"line {line}: not valid CSV: {error}")
        ) from error
    if header is None:
        raise ManifestError(manifest, ("is empty; expected a header line",))


def _check_header(manifest: Path, header: list[str]) -> None:
    wanted = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)
    problems = [f"line 1: no column {c!r}" for c in REQUIRED_COLUMNS if c not in header]
    problems += [f"line 1: column {c!r} appears twice" for c in wanted if header.count(c) > 1]
    if problems:
        raise ManifestError(manifest, tuple(problems))


def _entry(root: Path, cells: Mapping[str, str], attributes: tuple[str, ...]) -> Entry:
    """The entry of one row; ValueError says what is wrong with it."""
    path = Path(cells["path"])
    if not cells["path"]:
        raise ValueError("the path is empty")
    if path.anchor or ".." in path.parts:
        raise ValueError(f"path {cells['path']!r} leads out of the bank's directory")
    kind, split = _one_of("kind", cells["kind"], _KINDS), _one_of("split", cells["split"], SPLITS)
    description: Description
    if kind == "audio":
        if not cells["label"]:
            raise ValueError("the label is empty; an audio source needs one")
        description = AudioDescription(label=cells["label"])
    else:
        known = {a: cells[a] for a in attributes if cells.get(a)}
        for attribute, value in known.items():
            _one_of(attribute, value, STYLE_VALUES[attribute])
        description = SpeechDescription(**known)
    try:
        present = (root / path).is_file()
    except OSError as error:
        raise ValueError(f"{cells['path']!r} cannot be looked up: {error.strerror}") from error
    if not present:
        raise ValueError(f"no such file: {cells['path']!r}")
    identity = path.as_posix()
    marked = _one_of("unseen", cells.get("unseen", ""), ("", "0", "1")) == "1"
    if marked and split != "test":
        raise ValueError(f"an unseen sound stands in split {split}; it may only be in test")
    return Entry(
        id=identity,
        description=description,
        split=split,
        group=cells.get("group") or identity,
        unseen=marked,
    )


def _one_of(column: str, value: str, known: tuple[_S, ...]) -> _S:
    for choice in known:
        if choice == value:
            return choice
    raise ValueError(f"{column} must be one of {', '.join(known)}; got {value!r}")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise AudioFileError(path, "no such file") from None
    except OSError as error:
        raise AudioFileError(path, f"cannot be read: {error.strerror}") from error


def _read_mono(path: Path) -> Waveform:
    clip = read_audio(path)
    mono = resample(clip.audio.mean(axis=0, keepdims=True), clip.sample_rate, SAMPLE_RATE)[0]
    peak = float(np.abs(mono).max())
    return np.ascontiguousarray(mono / peak if peak > 1.0 else mono, dtype=np.float32)
