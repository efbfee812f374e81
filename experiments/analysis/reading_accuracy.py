"""What does the open reader understand?
`python -m experiments.analysis.reading_accuracy [--generated N]`.

Reading is judged apart from hearing: what was read is applied to the true sources
(`lcr.prompts.reading.applied`), and right is a prompt whose every gain is within 3 dB of the asked
one, what shall go at -20 dB or less, and whose absences and refusals are told as such. Prompts as
people write them lie beside this file (`planner_accuracy` reads the authors'); `--generated N` adds
prompts of the open generator that name rows of the lexicon kept from training.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.command import command, option
from lcr.instruction import AudioDescription, Description, SpeechDescription
from lcr.nn.reader.meanings import NameMeanings
from lcr.nn.reader.shipped import load_halves
from lcr.prompts.open_generator import draw_prompt
from lcr.prompts.reading import OpenReader, Reading, Tagging
from lcr.prompts.reading.applied import apply_reading
from lcr.prompts.reading.keywords import KeywordTagger

PEOPLE = Path(__file__).parent / "audits" / "people.jsonl"
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


def score_generated(reader: OpenReader, count: int, *, wrong: int = 0) -> dict[str, float]:
    """Shares of held-out prompts read rightly in all and but for the borders, and of their things
    found with the right kind and action."""
    rng = np.random.default_rng(2**20)
    prompts = [draw_prompt(rng, held_out=True) for _ in range(count)]
    taggings = reader.tagger.tag([p.text for p in prompts])
    exact, things, found, requests = 0, 0, 0, 0
    for prompt, got in zip(prompts, taggings, strict=True):
        want = prompt.tagging
        requests += got.is_request == want.is_request
        right = got.is_request == want.is_request
        if want.is_request:
            said = {(s.start, s.stop, s.kind, s.action) for s in got.spans}
            true = {(s.start, s.stop, s.kind, s.action) for s in want.spans}
            things += len(true)
            found += len(said & true)
            right = right and said == true and got.rest == want.rest
        exact += right
        if wrong and not right:
            wrong -= 1
            told = (_tags(prompt.text, tagging) for tagging in (got, want))
            print(f"- {prompt.text}\n    " + "\n    not ".join(told))
    return {
        "prompts": exact / count,
        "things": found / max(1, things),
        "request or not": requests / count,
    }


def _tags(text: str, tagging: Tagging) -> str:
    if not tagging.is_request:
        return "no request"
    spans = (f"{text[s.start : s.stop]!r} {s.kind} {s.action.value}" for s in tagging.spans)
    return f"{'; '.join(spans)} | rest {tagging.rest}"


def score_names(reader: OpenReader, count: int = 100) -> dict[str, float]:
    """Judge the meanings of names that are held out of the table: the share whose nearest name has
    the same hypernym, and the share of the attributes' variance that is predicted."""
    meanings = reader.meanings
    assert isinstance(meanings, NameMeanings)
    lexicon = meanings.lexicon
    rows = np.random.default_rng(0).choice(len(lexicon.sounds), count, replace=False)
    names = [lexicon.sounds[i].name for i in rows]
    rest = meanings.without(names)
    true = lexicon.attributes(names)
    error = ((rest.predict(names) - true) ** 2).sum()
    mean = lexicon.attributes([s.name for s in rest.lexicon.sounds]).mean(0)
    near = [first for first, *_ in rest.nearest(names)]
    alike = [
        bool({*lexicon.by_name[a].hypernyms} & {*lexicon.by_name[b].hypernyms})
        for a, b in zip(names, near, strict=True)
    ]
    return {
        "nearest name of a common hypernym": sum(alike) / count,
        "variance of attributes predicted": float(1 - error / ((true - mean) ** 2).sum()),
    }


def describe(reading: Reading) -> str:
    things = "; ".join(
        f"{t.words!r} {t.kind} x{t.gain:.2g}"
        + (f" {dict(t.styles)}" if t.styles else "")
        + (f" [{t.sound.name if t.sound else ''}|{t.hypernym or ''}]" if t.kind == "sound" else "")
        for t in reading.things
    )
    return f"{things} | rest x{reading.rest_gain:.2g}" if reading.is_request else "no request"


def _reader(rules: bool, weights: Path | None) -> OpenReader:
    if rules:
        return OpenReader(KeywordTagger())
    if weights is None:
        return OpenReader.load()
    halves = load_halves(weights)
    return OpenReader(halves.tagger, halves.meanings)


def _told(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())


@command(
    __doc__,
    option("--people", type=Path, default=PEOPLE, metavar="FILE"),
    option("--rules", action="store_true", help="the rules in place of the tagger"),
    option("--generated", type=int, default=0, metavar="N", help="held-out prompts too"),
    option("--names", action="store_true", help="names kept from the lexicon too"),
    option("--weights", type=Path, metavar="DIR", help="a checkpoint in place of ours"),
    option("--wrong", type=int, default=0, metavar="N", help="list N read wrongly"),
)
def main(options: argparse.Namespace) -> None:
    """Read all prompts and print how many are read rightly."""
    reader = _reader(options.rules, options.weights)
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
    if options.generated:
        shares = score_generated(reader, options.generated, wrong=options.wrong)
        print(f"{options.generated} generated prompts, sounds kept from training: {_told(shares)}")
    if options.names:
        print(f"100 names kept from the lexicon: {_told(score_names(reader))}")


if __name__ == "__main__":
    raise SystemExit(main())
