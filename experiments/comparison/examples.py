"""The examples of a suite: their bank, their cache, and the sounds kept for the report."""

from __future__ import annotations

import hashlib
import io
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile

from experiments.comparison.config import suggestion
from experiments.comparison.errors import ConfigError
from experiments.comparison.records import ExampleRecord, SoundRecord, SourceRecord, write_atomic
from experiments.comparison.suite import BankConfig, SuiteConfig
from lcr.data.authors.files import DataRoots, data_roots
from lcr.data.authors.mixtures import PaperMixtures
from lcr.data.authors.set import read_paper_set
from lcr.data.bank import Bank
from lcr.data.classes import WithoutClasses
from lcr.data.folder import FolderBank
from lcr.data.mixtures import Example, MixtureConfig, MixtureSet
from lcr.data.public import LAYOUTS, PublicMixtures
from lcr.instruction import STYLE_ATTRIBUTES

_CACHE_BYTES = 1 << 30


class Mixtures(Protocol):
    """Examples by index, the same in any process."""

    @property
    def config(self) -> MixtureConfig: ...

    @property
    def digest(self) -> str: ...

    @property
    def n_tasks(self) -> int: ...

    def example(self, index: int) -> Example: ...


@dataclass(frozen=True)
class PublicBank:
    """What `build_bank` gives for a published test set."""

    layout: str
    root: Path


@dataclass(frozen=True)
class PaperBank:
    """What `build_bank` gives for the authors' own mixtures: a manifest, and the corpora."""

    manifest: Path
    roots: DataRoots


class Examples:
    """A suite's examples by index, of `total` those in `indices`; the last ones used stay in
    memory, up to a gigabyte. Of `all_shown`, `shown` are those in `indices`.

    `missing` names files that the authors' mixtures need and that are not there; `notes` says how
    many mixtures were left out for that.
    """

    def __init__(
        self,
        config: SuiteConfig,
        bank: Bank | PaperBank | PublicBank,
        part: Callable[[int], Sequence[int]] = range,
    ) -> None:
        """`part` chooses the indices to run out of their number. Raises LcrError when the bank
        cannot make such mixtures."""
        self.missing: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = ()
        self.mixtures: Mixtures
        if isinstance(bank, (PaperBank, PublicBank)):
            self.mixtures = found = _given(config, bank)
            count = len(found)
            self.missing = found.missing
            if self.missing:
                self.notes = (
                    f"{found.left_out} of {found.total} mixtures were left out: "
                    f"{len(self.missing)} source files are not there, the first "
                    f"{self.missing[0]}; missing.txt names all of them.",
                )
        else:
            self.mixtures = _drawn(config, bank)
            count = config.per_task * self.mixtures.n_tasks
        self.n_tasks = self.mixtures.n_tasks
        self.total = count
        self.indices = tuple(part(count))
        self.all_shown = shown_indices(
            config.examples, per_task=max(1, count // self.n_tasks), tasks=self.n_tasks
        )
        self.shown = tuple(index for index in self.all_shown if index in set(self.indices))
        self._kept: OrderedDict[int, Example] = OrderedDict()
        self._bytes = 0
        self._described: dict[int, ExampleRecord] = {}

    @property
    def digest(self) -> str:
        """sha256 hex of what the examples are made from; `described` tells what came of it."""
        return self.mixtures.digest

    def __getitem__(self, index: int) -> Example:
        """Raises AudioFileError or another LcrError when a source cannot be used."""
        if index not in self._kept:
            example = self.mixtures.example(index)
            self._kept[index] = example
            self._bytes += _size(example)
            while self._bytes > _CACHE_BYTES and len(self._kept) > 1:
                self._bytes -= _size(self._kept.popitem(last=False)[1])
        self._kept.move_to_end(index)
        return self._kept[index]

    def described(self, index: int) -> ExampleRecord:
        """What an example is, digest and all. Raises as `examples[index]` does."""
        if index not in self._described:
            self._described[index] = _described(self[index])
        return self._described[index]

    def sound_path(self, index: int, name: str) -> str:
        """Say where a sound of an example is kept; see `sound_path`."""
        return sound_path(self.described(index), name)


def _given(config: SuiteConfig, bank: PaperBank | PublicBank) -> PaperMixtures | PublicMixtures:
    """Mixtures that others have made."""
    if isinstance(bank, PublicBank):
        return PublicMixtures(bank.layout, bank.root, most=config.per_task, name=config.name)
    return PaperMixtures(
        read_paper_set(bank.manifest),
        bank.roots,
        config=config.mixture,
        per_task=config.per_task,
        name=config.name,
    )


def drawn_mixtures(config: SuiteConfig) -> MixtureSet:
    """Open the mixtures that a suite draws from its bank. Raises ConfigError for a suite of
    mixtures that others have made, and as `build_bank` does."""
    bank = build_bank(config.bank)
    if isinstance(bank, (PaperBank, PublicBank)):
        raise ConfigError(f"the mixtures of {config.name} are given; take a suite that draws them")
    return _drawn(config, bank)


def _drawn(config: SuiteConfig, bank: Bank) -> MixtureSet:
    return MixtureSet(
        bank, split=config.split, config=config.mixture, seed=config.seed, name=config.name
    )


def _size(example: Example) -> int:
    return example.mixture.nbytes + example.sources.nbytes + example.target.nbytes


def shown_indices(wanted: int, *, per_task: int, tasks: int) -> tuple[int, ...]:
    """Choose the examples whose audio is kept: from as many tasks as possible, then more of
    each."""
    wanted = min(wanted, per_task * tasks)
    found: list[int] = []
    while len(found) < wanted:
        start, here = len(found), min(tasks, wanted - len(found))
        found += [start + i * tasks // here for i in range(here)]
    return tuple(found)


def build_bank(config: BankConfig) -> Bank | PaperBank | PublicBank:
    """Open the bank of sources. Raises ConfigError, ManifestError, DataRootError."""
    if config.kind == "public":
        if config.layout not in LAYOUTS:
            raise ConfigError(
                f"bank.layout is {config.layout!r}{suggestion(config.layout, LAYOUTS)}"
            )
        if not config.path:
            raise ConfigError(
                f"{config.layout} is not part of this program; give its folder with --bank DIR: "
                f"{LAYOUTS[config.layout].where}"
            )
        return PublicBank(config.layout, Path(config.path))
    if config.kind == "paper":
        if not config.manifest:
            raise ConfigError("this suite needs the authors' manifest; say which with --manifest")
        return PaperBank(Path(config.manifest), data_roots(config.roots))
    if config.manifest or config.roots:
        raise ConfigError("--manifest and --data-root go with --suite paper")
    bank = _bank_of_sources(config)
    return WithoutClasses(bank, config.exclude) if config.exclude else bank


def _bank_of_sources(config: BankConfig) -> Bank:
    if config.kind == "folder":
        if not config.path:
            raise ConfigError("this suite reads a folder of recordings; say which with --bank DIR")
        attributes = STYLE_ATTRIBUTES if config.attributes is None else config.attributes
        try:
            return FolderBank(Path(config.path), attributes=attributes, unseen=config.unseen)
        except ValueError as error:
            raise ConfigError(f"bank.attributes: {error}") from error
    if config.path:
        raise ConfigError(
            "this suite makes its own sources; --bank DIR goes with one that reads a folder, "
            "such as --suite field"
        )
    from lcr.data.studio.bank import StudioBank  # loads a speech synthesizer

    return StudioBank(seed=config.seed, unseen=config.unseen)


def corpora_of(config: SuiteConfig) -> frozenset[str]:
    """Names of the corpora that a suite's recordings come from: those that its file names, and of a
    folder of recordings its own."""
    folder = {Path(config.bank.path).resolve().name} if config.bank.kind == "folder" else set()
    return frozenset({*config.corpora, *folder})


def _described(example: Example) -> ExampleRecord:
    instruction = example.instruction
    return {
        "index": example.index,
        "example_id": example.id,
        "example_sha256": example.sha256,
        "task": instruction.task.value,
        "pattern": instruction.pattern,
        "n_speech": instruction.n_speech,
        "n_audio": len(instruction.actions) - instruction.n_speech,
        "sources": _source_rows(example),
        "prompt": example.prompt,
    }


def _source_rows(example: Example) -> list[SourceRecord]:
    """Describe each source of an example as JSON values."""
    instruction = example.instruction
    rows = zip(
        example.clips, example.groups, instruction.actions, instruction.descriptions, strict=True
    )
    return [
        {
            "clip": clip,
            "group": group,
            "action": action.value,
            "kind": description.kind,
            "description": description.known,
        }
        for clip, group, action, description in rows
    ]


def sound_path(example: ExampleRecord, name: str) -> str:
    """Say where a sound of an example is kept; `name` is mixture, target or a system's file
    stem."""
    return f"audio/{example['index']:05d}-{example['example_sha256'][:12]}/{name}.wav"


def keep_sound(
    folder: Path, path: str, audio: NDArray[np.float32], sample_rate: int
) -> SoundRecord:
    """Write (channels, samples) as 32-bit float WAV: exact, whatever its level.

    The bytes depend on the samples only (libsndfile would add the time). Raises OutputError.
    """
    buffer = io.BytesIO()
    wavfile.write(buffer, sample_rate, np.ascontiguousarray(audio.T))
    content = buffer.getvalue()
    write_atomic(folder / path, content)
    return {"path": path, "sha256": hashlib.sha256(content).hexdigest()}
