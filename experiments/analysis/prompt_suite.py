"""Are prompts as people write them read rightly, or is the person told?
`python -m experiments.analysis.prompt_suite [--half blind]`.

300 prompts lie beside this file in `audits`, one to a line of JSON, each with the mixture it is
said about: clips of the test split, their level, when a voice starts, and the gains in dB that are
right for each (several where people differ; "removed" is -20 dB or less). `absent` are words for
what is not there; `refused` are no requests for a remix. One half was written without sight of any
reader and is scored, never tuned on; `blind-2` are 100 more, `blind-3` and `blind-4` 60 each, and
`blind-5` 80, written as blind once those before were scored.

Reading is judged apart from hearing: what was read is applied to the true sources. Right is every
gain within 3 dB and absences and refusals told as such; silently wrong is a gain that is further
off without a word to the person. `--end-to-end SYSTEM --banks DIR` remixes the mixtures instead and
judges the effective gain of each source.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.planners.choose import PLANNERS, load_planner
from experiments.command import command, option
from experiments.comparison.errors import ConfigError
from lcr.api import load
from lcr.audio.core import read_audio
from lcr.data.bank import SAMPLE_RATE
from lcr.data.mixtures import MixtureConfig, place, set_level
from lcr.errors import LcrError
from lcr.evaluation.effective import effective_gains, is_as_asked
from lcr.instruction import STYLE_VALUES, AudioDescription, Description, SpeechDescription
from lcr.prompts.reading import OpenReader
from lcr.prompts.reading.applied import apply_reading
from lcr.prompts.reading.keywords import KeywordTagger
from lcr.prompts.reading.names import content_words, stem
from lcr.prompts.request import readable
from lcr.running.chunked import mono_16k

AUDITS = Path(__file__).parent / "audits"
HALVES = ("open", "blind", "blind-2", "blind-3", "blind-4", "blind-5")
_MIXTURE = MixtureConfig(duration_s=6.0)


@dataclass(frozen=True, kw_only=True)
class Source:
    """One clip as it lies in the mixture; `gains_db` are those that are right, -inf: removed. A
    voice with `start_s` is heard from there on; else a clip lies anywhere, again and again."""

    description: Description
    clip: str
    level_db: float
    start_s: float | None
    gains_db: tuple[float, ...]

    def fits(self, gain_db: float) -> bool:
        return any(is_as_asked(gain_db, right) for right in self.gains_db)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A prompt, what it is said about, and what is right. `sources` begin with the voices."""

    id: str
    tags: tuple[str, ...]
    prompt: str
    sources: tuple[Source, ...]
    absent: tuple[str, ...]
    refused: bool

    @property
    def descriptions(self) -> tuple[Description, ...]:
        return tuple(source.description for source in self.sources)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of a prompt: a gain for each source in dB, and what the person is told was not
    understood or is not there."""

    gains_db: tuple[float, ...] = ()
    told: tuple[str, ...] = ()
    refused: bool = False


@dataclass(frozen=True)
class Verdict:
    right: bool
    silently_wrong: bool


def read_cases(path: Path) -> list[Case]:
    """Raises ConfigError for a file that holds something else."""
    try:
        return [_case(json.loads(line)) for line in path.read_text("utf-8").splitlines()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} holds no suite of prompts: {error!r}") from error


def _case(row: Mapping[str, Any]) -> Case:
    sources = sorted(map(_source, row["sources"]), key=lambda s: s.description.kind != "speech")
    return Case(
        id=row["id"],
        tags=tuple(row["tags"]),
        prompt=row["prompt"],
        sources=tuple(sources),
        absent=tuple(row.get("absent", ())),
        refused=row.get("refused", False),
    )


def _source(row: Mapping[str, Any]) -> Source:
    voice = row.get("voice")
    return Source(
        description=SpeechDescription(**voice) if voice else AudioDescription(label=row["label"]),
        clip=f"{row['bank']}/{row['clip']}",
        level_db=row["level_db"],
        start_s=row.get("start_s"),
        gains_db=tuple(-math.inf if g == "removed" else float(g) for g in row["gains_db"]),
    )


def judge(case: Case, answer: Answer) -> Verdict:
    """Whether an answer is right, and if not, whether nobody is told."""
    if case.refused or answer.refused:
        off = not answer.refused and not _all_fit(case, answer)
        return Verdict(case.refused and answer.refused, off and not answer.told)
    told = _stems(answer.told)
    named = all(_stems([words]) & told for words in case.absent)
    fits = _all_fit(case, answer)
    return Verdict(fits and named, not fits and not answer.told)


def _all_fit(case: Case, answer: Answer) -> bool:
    pairs = zip(case.sources, answer.gains_db, strict=True)
    return all(source.fits(gain_db) for source, gain_db in pairs)


def _stems(texts: Iterable[str]) -> set[str]:
    return {stem(word) for text in texts for word in content_words(text)}


Read = Callable[[Case], Answer]


def open_reading(reader: OpenReader) -> Read:
    """The front door with a reader of free words, as `lcr` has it."""

    def read(case: Case) -> Answer:
        reading = reader.read([readable(case.prompt)])[0]
        if not reading.is_request:
            return Answer(refused=True)
        applied = apply_reading(reading, case.descriptions, related=Voices(case.sources).related)
        told = (
            *reading.not_understood,
            *reading.unsure,
            *(thing.words for thing in applied.absent),
        )
        return Answer(gains_db=tuple(map(_decibels, applied.gains)), told=told)

    return read


def planning(name: str) -> Read:
    """A planner that is given the true descriptions, as the agents have it."""
    planner = load_planner(name)

    def read(case: Case) -> Answer:
        plan = planner.plan(readable(case.prompt), case.descriptions)
        told = (*plan.absent, *plan.not_understood, *plan.unsure)
        return Answer(gains_db=tuple(map(_decibels, plan.gains)), told=told)

    return read


READERS: dict[str, Callable[[], Read]] = {
    "open": lambda: open_reading(OpenReader.load()),
    "rules": lambda: open_reading(OpenReader(KeywordTagger())),
    **{name: partial(planning, name) for name in PLANNERS},
}
DEFAULT = ("open", "keyword", "offline")


@dataclass(frozen=True)
class Voices:
    """What tells the voices of a mixture apart besides their styles."""

    sources: Sequence[Source]

    def related(self, relation: str, voices: Sequence[int]) -> tuple[int, ...]:
        """Of some voices those that "second to speak", "louder" or "deeper" is true of."""
        for pattern, value in _RELATIONS:
            if re.search(pattern, relation):
                values = {i: value(self.sources[i]) for i in voices}
                return tuple(i for i in voices if values[i] == max(values.values()))
        for turn, word in enumerate(("first", "second", "third")):
            if word in relation:
                turns = sorted(voices, key=lambda i: self.sources[i].start_s or 0.0)
                return tuple(turns[turn : turn + 1])
        return ()


def _pitch(source: Source) -> float:
    """A man's voice is lower than a woman's, whatever it is among men."""
    return _style(source, "pitch") + 10 * _style(source, "gender")


def _style(source: Source, name: str) -> float:
    value = getattr(source.description, name)
    return STYLE_VALUES[name].index(value) if value else 1


_RELATIONS: tuple[tuple[str, Callable[[Source], float]], ...] = (
    ("loud", lambda source: source.level_db),
    ("quiet|soft", lambda source: -source.level_db),
    ("high", _pitch),
    (r"deep|\blow", lambda source: -_pitch(source)),
    ("fast", lambda source: _style(source, "tempo")),
    ("slow", lambda source: -_style(source, "tempo")),
    ("last", lambda source: source.start_s or 0.0),
)


def _decibels(gain: float) -> float:
    return 20 * math.log10(gain) if gain > 0 else -math.inf


def sources_of(case: Case, banks: Path) -> NDArray[np.float32]:
    """The sources (sources, samples) at 16 kHz as mixed; the same in any process. Raises
    AudioFileError for a clip that is not there."""
    seed = int.from_bytes(hashlib.sha256(case.id.encode()).digest()[:8], "little")
    rng = np.random.default_rng(seed)
    waves = []
    for source in case.sources:
        clip = read_audio(banks / source.clip)
        wave = mono_16k(clip.audio, clip.sample_rate)
        if source.start_s is None:
            wave = place(wave, _MIXTURE.samples, rng, _MIXTURE)
        else:
            start = round(source.start_s * SAMPLE_RATE)
            wave = np.pad(wave, (start, _MIXTURE.samples))[: _MIXTURE.samples]
        waves.append(set_level(wave, source.level_db, _MIXTURE))
    return np.stack(waves)


def remixing(system: str, banks: Path) -> Read:
    """A system at its front door, on the mixture of each prompt."""
    remixer = load(system)

    def read(case: Case) -> Answer:
        sources = sources_of(case, banks)
        done = remixer.remix(sources.sum(0)[None], SAMPLE_RATE, case.prompt)
        found = effective_gains(estimate=done.audio[0], sources=sources)
        told = (*done.warnings, *(one.words for one in done.understood if one.is_missing))
        gains = tuple(0.0 if gain is None else gain for gain in found.gains_db)
        return Answer(gains_db=gains, told=told)

    return read


def score(cases: Sequence[Case], read: Read) -> list[tuple[Answer, Verdict]]:
    """An answer that cannot be given counts as a refusal."""
    found = []
    for case in cases:
        try:
            answer = read(case)
        except (LcrError, ValueError):
            answer = Answer(refused=True)
        found.append((answer, judge(case, answer)))
    return found


def table(cases: Sequence[Case], verdicts: Sequence[Verdict]) -> dict[str, tuple[int, int, int]]:
    """(right, silently wrong, prompts) of all and by tag."""
    groups: dict[str, list[Verdict]] = {"all": list(verdicts)}
    for case, verdict in zip(cases, verdicts, strict=True):
        for tag in case.tags:
            groups.setdefault(tag, []).append(verdict)
    return {
        tag: (sum(v.right for v in some), sum(v.silently_wrong for v in some), len(some))
        for tag, some in groups.items()
    }


def _show(case: Case, answer: Answer) -> str:
    if answer.refused:
        said = "refused"
    else:
        said = "; ".join(
            f"{' '.join(filter(None, vars(s.description).values()))} {gain:+.1f} not {s.gains_db}"
            for s, gain in zip(case.sources, answer.gains_db, strict=True)
            if not s.fits(gain)
        )
    told = f" told {list(answer.told)}" if answer.told else ""
    return f"- {case.prompt}\n    {said or 'gains are right'}{told} absent {list(case.absent)}"


@command(
    __doc__,
    option("--half", choices=HALVES, default="open", help="default: open"),
    option("--readers", default=",".join(DEFAULT), metavar="A,B,…"),
    option("--end-to-end", metavar="SYSTEM", help="remix instead"),
    option("--banks", type=Path, metavar="DIR", help="of the folders of clips, to remix them"),
    option("--wrong", action="store_true", help="list what is wrong"),
)
def main(options: argparse.Namespace) -> None:
    """Read every prompt and print how many are right."""
    cases = read_cases(AUDITS / f"prompts_{options.half.replace('-', '_')}.jsonl")
    names = [options.end_to_end] if options.end_to_end else options.readers.split(",")
    if options.end_to_end and options.banks is None:
        raise ConfigError("--end-to-end needs --banks DIR, where the folders of clips lie")
    for name in names:
        if not options.end_to_end and name not in READERS:
            raise ConfigError(f"unknown reader {name!r}; there are: {', '.join(READERS)}")
        read = remixing(name, options.banks) if options.end_to_end else READERS[name]()
        found = score(cases, read)
        if options.wrong:
            wrong = [(c, a) for c, (a, v) in zip(cases, found, strict=True) if not v.right]
            print("\n".join(_show(case, answer) for case, answer in wrong))
        for tag, (right, silent, count) in table(cases, [v for _, v in found]).items():
            print(f"{name}, {tag}: {right} of {count} right, {silent} silently wrong")


if __name__ == "__main__":
    raise SystemExit(main())
