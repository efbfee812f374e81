"""The paper's sets of mixtures (section V) made of a bank: what is mixed, at what levels, what is
asked for, and five prompts each.

A set is a folder of parts, of 1,000 mixtures each: 00000.jsonl is a manifest in the layout of the
authors' (`lcr.data.authors`), from which mixtures are made again whenever they are needed, always
the same; with shards, 00000.tar beside it holds the sources ready mixed. A part depends on nothing
but the bank, the seed and its number. It is written whole, its manifest last; so what a killed
build has left is gone on with, by any number of processes, and comes out the same to the byte.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO

from lcr.data.authors.files import DataRoots
from lcr.data.authors.mixtures import PaperMixtures
from lcr.data.authors.set import PaperMixture, PaperSource, Shard, line_of, read_paper_set
from lcr.data.authors.shards import new_shard, write_sample
from lcr.data.bank import Bank, Split
from lcr.data.classes import FilteredBank, label_of
from lcr.data.corpora import CORPORA, write_table
from lcr.data.folder import MANIFEST, FolderBank
from lcr.data.mixtures import WORDINGS, MixtureConfig, MixtureSet
from lcr.errors import AudioFileError, LcrError
from lcr.files import sha256_of, write_whole
from lcr.lexicon import load_lexicon
from lcr.processes import process_pool
from lcr.prompts.generator import write_prompt

SETTINGS = "build.json"
_DRAWS = 40
_COMMON = {"play", "us", "and", "or", "of", "the", "sound", "noise"}
"""Stems of words that tell no sounds apart."""


class BuildError(LcrError):
    """A folder was built otherwise, or what was built is not as it must be."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A set: how many mixtures, of which split, of what. `sounds` names a corpus, `unseen` leaves
    only classes of it that VGGSound has by no name."""

    count: int
    split: Split = "test"
    n_speech: int = 2
    n_audio: int = 2
    sounds: str = "VGGSound"
    unseen: bool = False


PLANS: Mapping[str, Plan] = {
    "train": Plan(count=100_000, split="train"),
    "valid": Plan(count=5_000, split="valid"),
    "test": Plan(count=10_000),
    "zero-shot-2s": Plan(count=5_000, n_audio=0),
    "zero-shot-2a": Plan(count=5_000, n_speech=0),
    "zero-shot-2s1a": Plan(count=5_000, n_audio=1),
    "zero-shot-1s2a": Plan(count=5_000, n_speech=1),
    "fsd50k": Plan(count=5_000, sounds="FSD50K"),
    "fsd50k-unseen": Plan(count=5_000, sounds="FSD50K", unseen=True),
}
"""The paper's."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """What to build of the bank in `root`, a folder with a manifest.csv, and where to."""

    root: Path
    out: Path
    plans: Mapping[str, Plan]
    seed: int = 0
    shards: bool = False
    part: int = 1_000
    """Mixtures of a part."""

    @property
    def settings(self) -> dict[str, object]:
        """What the parts depend on."""
        plans = {name: asdict(plan) for name, plan in self.plans.items()}
        bank = sha256_of(self.root / MANIFEST)
        told = {
            "schema": 1,
            "seed": self.seed,
            "shards": self.shards,
            "bank": bank,
            "part": self.part,
        }
        return {**told, "sets": plans}

    def parts(self) -> list[tuple[str, int]]:
        """The name of the set and the number of each part."""
        return [
            (name, part)
            for name, plan in self.plans.items()
            for part in range(-(-plan.count // self.part))
        ]

    def manifest(self, name: str, part: int) -> Path:
        return self.out / name / f"{part:05d}.jsonl"


def build(build: Build, *, processes: int, tell: Callable[[int, int], object]) -> None:
    """Make what is not there yet in a folder that nothing else writes to; `tell` gets the number of
    mixtures done and of all. Then check the whole and write README.md, a data card, and
    checksums.csv. Raises BuildError, ManifestError, LcrError where the bank is too small,
    OSError."""
    path, settings = build.out / SETTINGS, json.dumps(build.settings, indent=1)
    if path.exists() and path.read_text() != settings:
        raise BuildError(f"{build.out} was begun with another bank, seed or sets: see {SETTINGS}")
    write_whole(path, settings)
    for cut_short in build.out.glob("*/.*.part"):
        cut_short.unlink()
    left = [part for part in build.parts() if not build.manifest(*part).exists()]
    total = sum(plan.count for plan in build.plans.values())
    done = total - sum(_size(build, *part) for part in left)
    tell(done, total)
    if left:
        with process_pool(processes, _open, build) as pool:
            for count in pool.map(_make, left):
                done += count
                tell(done, total)
    _finish(build)


def _size(build: Build, name: str, part: int) -> int:
    return min(build.part, build.plans[name].count - part * build.part)


_opened: list[tuple[Build, dict[str, MixtureSet]]] = []
"""Of a process that makes parts."""


def _open(build: Build) -> None:
    bank = FolderBank(build.root)
    _opened[:] = [(build, {name: _mixtures(bank, build, name) for name in build.plans})]


def _mixtures(bank: Bank, build: Build, name: str) -> MixtureSet:
    plan = build.plans[name]
    config = MixtureConfig(n_speech=plan.n_speech, n_audio=plan.n_audio)
    seen = {label_of(e) for e in bank.entries("train") if e.id.startswith("VGGSound/")}
    new = _unseen({label_of(e) for e in bank.entries(plan.split)}, seen) if plan.unseen else None
    part = FilteredBank(
        bank,
        lambda e: e.id.startswith(f"{plan.sounds}/") and (new is None or label_of(e) in new),
        (plan.sounds,),
    )
    return MixtureSet(part, split=plan.split, config=config, seed=build.seed, name=name)


def _unseen(labels: set[str], seen: set[str]) -> set[str]:
    """Those of `labels` that share no word and no sound of the lexicon with any in `seen`."""
    words = load_lexicon().by_word

    def names(label: str) -> set[str]:
        sounds = {words[word].name for word in (label, *label.split()) if word in words}
        told = re.findall(r"\w+", " ".join((label, *sounds)))
        return {re.sub("(ing|ed|es|s)$", "", word) for word in told} - _COMMON

    known = {name for label in seen for name in names(label)}
    return {label for label in labels if not names(label) & known}


def draw(mixtures: MixtureSet, index: int) -> PaperMixture:
    """Mixture `index` of a set, with its prompts, without sound."""
    rng = mixtures.rng(index)
    drawn = mixtures.draw(index, rng)
    texts = dict.fromkeys(write_prompt(drawn.instruction, rng).text for _ in range(WORDINGS))
    for _ in range(_DRAWS):  # five different ones, where the grammar has as many
        if len(texts) == WORDINGS:
            break
        texts[write_prompt(drawn.instruction, rng).text] = None
    return PaperMixture(
        id=f"{mixtures.name}-{mixtures.seed}-{index:06d}",
        instruction=drawn.instruction,
        sources=tuple(
            PaperSource(description=entry.description, file=entry.id, level_db=round(level_db, 2))
            for entry, level_db in zip(drawn.entries, drawn.levels_db, strict=True)
        ),
        prompts=tuple(texts),
    )


def _make(part: tuple[str, int]) -> int:
    """Write a part; the number of its mixtures."""
    ((build, sets),) = _opened
    (name, number), path = part, build.manifest(*part)
    first, count = number * build.part, _size(build, *part)
    made = [draw(sets[name], index) for index in range(first, first + count)]
    if build.shards:
        faults: list[dict[str, str]] = []
        write_whole(path.with_suffix(".tar"), partial(_mix, build, made, faults))
        if faults:
            write_table(path.with_suffix(".faults.csv"), ("where", "what"), faults)
    write_whole(path, "".join(map(line_of, made)))
    return count


def _mix(
    build: Build, made: list[PaperMixture], faults: list[dict[str, str]], file: IO[bytes]
) -> None:
    """Write the sound of `made` as a shard. Mixtures whose sources cannot be read are taken out of
    it; `faults` names the files."""
    kept = []
    with new_shard(file) as tar:
        for mixture in made:
            try:
                config = MixtureConfig()
                one = PaperMixtures(
                    [mixture], DataRoots(build.root), config=config, per_task=1, name=""
                )
                sources = one.example(0).sources
            except AudioFileError as error:
                where = error.path.relative_to(build.root).as_posix()
                faults.append({"where": where, "what": error.problem})
            else:
                shard = Shard(Path(), *write_sample(tar, mixture, sources))
                kept.append(replace(mixture, shard=shard))
    made[:] = kept


def _finish(build: Build) -> None:
    """Read everything back, and write what was built. Raises BuildError."""
    rows, lines = [], []
    corpora: set[str] = set()
    files: dict[str, set[Split]] = {}
    for name, plan in build.plans.items():
        tasks: Counter[str] = Counter()
        ids: set[str] = set()
        for mixture in read_paper_set(build.out / name):
            tasks[mixture.instruction.task.value] += 1
            ids.add(mixture.id)
            for source in mixture.sources:
                files.setdefault(source.file, set()).add(plan.split)
                corpora |= {source.file.partition("/")[0]} & CORPORA.keys()
        count = tasks.total()
        if len(ids) != count:
            raise BuildError(f"{build.out / name}: mixtures come twice")
        fewest = min(tasks.values(), default=0)
        lines.append(f"| {name} | {count} | {plan.count - count} | {plan.split} | {fewest} |")
        for path in sorted((build.out / name).glob("*[lr]")):
            told = {"file": f"{name}/{path.name}", "sha256": sha256_of(path)}
            rows.append({**told, "bytes": path.stat().st_size})
    if mixed := sorted(file for file, splits in files.items() if len(splits) > 1):
        raise BuildError(f"{build.out}: {mixed[0]} is in two splits")
    write_table(build.out / "checksums.csv", ("file", "sha256", "bytes"), rows)
    write_whole(build.out / "README.md", _card(build, lines, sorted(corpora), len(files)))


def _card(build: Build, lines: list[str], corpora: list[str], files: int) -> str:
    sound = "shards of 16-bit FLAC" if build.shards else "manifests; mixed when it is needed"
    licences = "\n".join(
        f"- {name}: {CORPORA[name].licence}" for name in corpora if name in CORPORA
    )
    settings = hashlib.sha256(json.dumps(build.settings).encode()).hexdigest()
    sets = "\n".join(lines)
    return f"""# Mixtures of speech and sounds with prompts

Built by `lcr data build` with seed {build.seed}, settings {settings[:16]}. Sound: {sound}, \
16 kHz, 5 s, one channel a source. Tasks and levels (±3 dB) are drawn evenly. Five prompts each, \
by a grammar: no person and no language model wrote them.

| set | mixtures | left out | split | fewest of a task |
|---|---|---|---|---|
{sets}

{files} recordings; no speaker, video or original recording is in two splits. A mixture is left out
where a recording cannot be read; *.faults.csv beside a part names it. Recordings keep their terms:

{licences}
"""
