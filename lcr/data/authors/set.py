"""The authors' test mixtures: a reader of their manifests.

A manifest is JSON Lines, one mixture a line, or JSON in the authors' own layout (`layout`).
Each line holds `id`, `task` (the paper's name), `acts` (0, 1, U or D a source), `sources` (speech
first: level, descriptions, original corpus file) and `prompts`, several wordings of one
instruction by GPT. The prompts are as they came: some are ambiguous, and some are wrong.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lcr.data.authors.layout import row_of
from lcr.errors import LcrError
from lcr.instruction import (
    STYLE_ATTRIBUTES,
    AudioDescription,
    Description,
    Instruction,
    SpeechDescription,
    parse_pattern,
)

_LINES = (".jsonl", ".jsonl.gz")
_ENDINGS = (*_LINES, ".json", ".json.gz")


class PaperSetError(LcrError):
    """A manifest cannot be read; the message names the file and the line."""


@dataclass(frozen=True, kw_only=True)
class PaperSource:
    """One source: `file` is its path in the original corpora, `level_db` what its level differs
    from the set's reference."""

    description: Description
    file: str
    level_db: float


@dataclass(frozen=True)
class Shard:
    """Where a mixture's sources lie ready: `size` bytes of the tar `file` from `offset` on."""

    file: Path
    offset: int
    size: int


@dataclass(frozen=True, kw_only=True)
class PaperMixture:
    """A mixture of the authors', its instruction and the prompts that were written for it."""

    id: str
    instruction: Instruction
    sources: tuple[PaperSource, ...]
    prompts: tuple[str, ...]
    shard: Shard | None = None


def manifest_files(path: Path) -> list[Path]:
    """A manifest, or all those in a folder in order of name. Raises PaperSetError for none."""
    if path.is_file():
        return [path]
    found = sorted(p for p in path.glob("*") if p.name.endswith(_ENDINGS)) if path.is_dir() else []
    if not found:
        raise PaperSetError(f"no manifest (*.jsonl, *.json or either with .gz) at {path}")
    return found


def read_paper_set(path: Path) -> Iterator[PaperMixture]:
    """Every mixture of a manifest, or of a folder of manifests. Raises PaperSetError."""
    for file in manifest_files(path):
        whole = not file.name.endswith(_LINES)
        try:
            with (
                gzip.open(file, "rt", encoding="utf-8")
                if file.suffix == ".gz"
                else file.open(encoding="utf-8") as lines
            ):
                if whole:
                    yield from _records(lines.read(), file.name)
                    continue
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        where = f"{file.name} line {number}"
                        yield _mixture(partial(json.loads, line), where, file.with_suffix(".tar"))
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise PaperSetError(f"{file} cannot be read: {error}") from error


def _records(text: str, name: str) -> Iterator[PaperMixture]:
    try:
        records = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PaperSetError(f"{name}: {error}") from error
    if not isinstance(records, list):
        raise PaperSetError(f"{name}: expected a list of records; got {type(records).__name__}")
    for number, record in enumerate(records, start=1):
        yield _mixture(partial(row_of, record), f"{name} record {number}")


def _mixture(
    read: Callable[[], Mapping[str, Any]], where: str, tar: Path | None = None
) -> PaperMixture:
    try:
        row = read()
        sources = tuple(_source(source) for source in row["sources"])
        instruction = Instruction(
            parse_pattern(row["acts"]), tuple(source.description for source in sources)
        )
        if instruction.task.value != row["task"]:
            raise ValueError(f"{row['acts']} is {instruction.task.value}, not {row['task']}")
        prompts = tuple(row["prompts"])
        if not prompts or not all(isinstance(prompt, str) for prompt in prompts):
            raise ValueError("prompts must be one text or more")
        return PaperMixture(
            id=str(row["id"]),
            instruction=instruction,
            sources=sources,
            prompts=prompts,
            shard=Shard(tar, *map(int, row["shard"])) if tar and "shard" in row else None,
        )
    except (
        KeyError,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:  # json's error is a ValueError
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise PaperSetError(f"{where}: {what}") from error


def line_of(mixture: PaperMixture) -> str:
    """The mixture as a line of JSON Lines, which `read_paper_set` reads back."""
    sources = [
        {
            "kind": source.description.kind,
            "file": source.file,
            "snr_db": source.level_db,
            **{key: value for key, value in vars(source.description).items() if value},
        }
        for source in mixture.sources
    ]
    row: dict[str, object] = {
        "id": mixture.id,
        "task": mixture.instruction.task.value,
        "acts": mixture.instruction.pattern,
        "sources": sources,
        "prompts": mixture.prompts,
    }
    if mixture.shard is not None:
        row["shard"] = [mixture.shard.offset, mixture.shard.size]
    return json.dumps(row, ensure_ascii=False) + "\n"


def _source(row: Mapping[str, Any]) -> PaperSource:
    kind = row["kind"]
    if kind == "speech":
        described: Description = SpeechDescription(
            **{name: row.get(name) for name in STYLE_ATTRIBUTES}
        )
    elif kind == "audio":
        described = AudioDescription(label=row["label"])
    else:
        raise ValueError(f"a source's kind is speech or audio, not {kind!r}")
    return PaperSource(description=described, file=row["file"], level_db=float(row["snr_db"]))
