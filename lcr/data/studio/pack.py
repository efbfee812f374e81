"""A split of a bank in one flat file for training: `python -m lcr.data.studio.pack OUT` renders the
studio's.

OUT/audio.i16 holds 16-bit little-endian samples at 16 kHz, clip after clip; OUT/index.json says
where each clip lies and what it is. `PackedBank` reads them back as a `Bank`; processes share the
memory that it takes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lcr.data.bank import SAMPLE_RATE, SPLITS, Bank, Entry, Split, Waveform
from lcr.data.studio.bank import StudioBank
from lcr.errors import LcrError, one_line
from lcr.files import write_whole
from lcr.instruction import read_description

SCHEMA = 1
_FULL_SCALE = 32767


def pack(bank: Bank, split: Split, out: Path) -> int:
    """Write `split` of `bank` into `out`; the number of clips. index.json is written last. Raises
    LcrError where there is nothing to write, and what the bank raises."""
    out.mkdir(parents=True, exist_ok=True)
    entries = bank.entries(split)
    if not entries:
        raise LcrError(f"nothing to pack: {bank.name} has nothing in {split}")
    rows: list[dict[str, Any]] = []
    audio_path, index_path = out / "audio.i16", out / "index.json"
    index_path.unlink(missing_ok=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )

    def render(file: IO[bytes]) -> None:
        offset = 0
        for entry in progress.track(entries, description=f"packing {bank.name} {split}"):
            samples = np.rint(np.clip(bank.load(entry), -1, 1) * _FULL_SCALE)
            file.write(samples.astype("<i2").tobytes())
            rows.append(
                {
                    "id": entry.id,
                    "offset": offset,
                    "length": samples.size,
                    "group": entry.group,
                    "split": entry.split,
                    "unseen": entry.unseen,
                    "description": {"kind": entry.description.kind, **entry.description.known},
                }
            )
            offset += samples.size

    with Progress(*columns) as progress:
        write_whole(audio_path, render)
    index = {
        "schema": SCHEMA,
        "bank": bank.name,
        "digest": bank.digest,
        "sample_rate": SAMPLE_RATE,
        "full_scale": _FULL_SCALE,
        "samples": sum(row["length"] for row in rows),
        "entries": rows,
    }
    write_whole(index_path, json.dumps(index))
    return len(rows)


def packed(bank: Bank, split: Split, cache: Path) -> PackedBank:
    """`split` of `bank` from a pack below `cache`, which the first process that asks writes. Raises
    as `pack` does."""
    folder = cache / f"{bank.digest[:16]}-{split}"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "index.json").exists():
            pack(bank, split, folder)
    return PackedBank(folder)


class PackedBank:
    """A packed split, memory-mapped: the same entries and samples as the bank it came from.

    Raises ValueError when OUT holds no complete pack.
    """

    def __init__(self, folder: Path) -> None:
        index_path = folder / "index.json"
        if not index_path.exists():
            raise ValueError(f"{folder} holds no complete pack: index.json is missing; pack again")
        index = json.loads(index_path.read_text())
        if index.get("schema") != SCHEMA:
            raise ValueError(f"{index_path}: schema {index.get('schema')}, expected {SCHEMA}")
        self.name: str = index["bank"]
        self.digest: str = index["digest"]
        self._samples: NDArray[np.int16] = np.memmap(folder / "audio.i16", dtype="<i2", mode="r")
        if self._samples.size != index["samples"]:
            raise ValueError(
                f"{folder}/audio.i16 holds {self._samples.size} samples, index.json says "
                f"{index['samples']}; pack again"
            )
        self._place = {r["id"]: (int(r["offset"]), int(r["length"])) for r in index["entries"]}
        self._entries = tuple(
            Entry(
                id=row["id"],
                description=read_description(row["description"]),
                split=row["split"],
                group=row["group"],
                unseen=row["unseen"],
            )
            for row in index["entries"]
        )

    def entries(self, split: Split) -> Sequence[Entry]:
        return tuple(entry for entry in self._entries if entry.split == split)

    def load(self, entry: Entry) -> Waveform:
        """(samples,) float32. Raises ValueError when the pack does not hold the entry."""
        if entry.id not in self._place:
            raise ValueError(f"the pack holds no clip {entry.id!r}")
        offset, length = self._place[entry.id]
        return self._samples[offset : offset + length].astype(np.float32) / np.float32(_FULL_SCALE)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("out", type=Path)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--speech", type=int, help="speech clips (default: the bank's)")
    parser.add_argument("--per-class", type=int, help="clips a class (default: the bank's)")
    options = parser.parse_args(arguments)
    try:
        bank = StudioBank(
            speech_per_split=None if options.speech is None else {options.split: options.speech},
            clips_per_class=None
            if options.per_class is None
            else {options.split: options.per_class},
        )
        count = pack(bank, options.split, options.out)
    except (LcrError, ValueError, OSError, RuntimeError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    print(f"{count} clips in {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
