"""What does the open reader understand?
`python experiments/analysis/reading_accuracy.py [--prompts DIR]`.

Reading is judged apart from hearing: what was read is applied to the true sources
(`lcr.prompts.reading.applied`), and right is a prompt whose every gain is within 3 dB of the asked
one, what shall go at -20 dB or less, and whose absences and refusals are told as such. Prompts as
people write them lie beside this file; `--prompts` adds a manifest in the authors' format, where a
pattern is right when each source's action is.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # run as a file: import the package, not modules that lie beside it
    _HERE = Path(__file__).resolve().parent
    sys.path[:] = [str(_HERE.parents[1]), *(p for p in sys.path if Path(p).resolve() != _HERE)]

from lcr.instruction import AudioDescription, Description, SpeechDescription
from lcr.prompts.reading import OpenReader, Reading
from lcr.prompts.reading.applied import apply_reading
from lcr.prompts.reading.keywords import KeywordTagger

PEOPLE = Path(__file__).parent / "audits" / "people_60.jsonl"
WITHIN_DB, GONE_DB = 3.0, -20.0


@dataclass(frozen=True)
class Said:
    """A prompt somebody might write: the sources it is said about, the gain in dB asked for each
    (None: gone), whether it asks for a remix, and words for what is not there."""

    group: str
    prompt: str
    sources: tuple[Description, ...]
    gains_db: tuple[float | None, ...]
    request: bool
    absent: tuple[str, ...]


def read_people(path: Path) -> list[Said]:
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        sources = tuple(
            AudioDescription(label=s) if isinstance(s, str) else SpeechDescription(**s)
            for s in row["sources"]
        )
        order = sorted(range(len(sources)), key=lambda i: sources[i].kind, reverse=True)
        found.append(
            Said(
                row["group"],
                row["prompt"],
                tuple(sources[i] for i in order),
                tuple(row["gains_db"][i] for i in order),
                row["request"],
                tuple(row["absent"]),
            )
        )
    return found


def is_right(said: Said, reading: Reading) -> bool:
    if not said.request or not reading.is_request:
        return said.request == reading.is_request
    applied = apply_reading(reading, said.sources)
    told = " ".join(thing.words.lower() for thing in applied.absent)
    if any(word not in told for word in said.absent) or bool(told) != bool(said.absent):
        return False
    return all(
        _fits(gain, wanted) for gain, wanted in zip(applied.gains, said.gains_db, strict=True)
    )


def _fits(gain: float, wanted_db: float | None) -> bool:
    gain_db = 20 * math.log10(gain) if gain > 0 else -math.inf
    return gain_db <= GONE_DB if wanted_db is None else abs(gain_db - wanted_db) <= WITHIN_DB


def describe(reading: Reading) -> str:
    things = "; ".join(
        f"{t.words!r} {t.kind} x{t.gain:.2g}"
        + (f" {dict(t.styles)}" if t.styles else "")
        + (f" [{t.sound.name if t.sound else ''}|{t.hypernym or ''}]" if t.kind == "sound" else "")
        for t in reading.things
    )
    return f"{things} | rest x{reading.rest_gain:.2g}" if reading.is_request else "no request"


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    found.add_argument("--people", type=Path, default=PEOPLE, metavar="FILE")
    found.add_argument("--rules", action="store_true", help="the rules in place of the tagger")
    found.add_argument("--wrong", action="store_true", help="list what was read wrongly")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    reader = OpenReader(KeywordTagger()) if options.rules else OpenReader.load()
    people = read_people(options.people)
    readings = reader.read([said.prompt for said in people])
    groups: dict[str, list[bool]] = {}
    for said, reading in zip(people, readings, strict=True):
        right = is_right(said, reading)
        groups.setdefault(said.group, []).append(right)
        groups.setdefault("all", []).append(right)
        if options.wrong and not right:
            print(f"- {said.prompt}\n    {describe(reading)}")
    for group, rights in groups.items():
        print(f"{group}: {sum(rights)} of {len(rights)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
