"""Published corpora as their authors lay them out, and the manifest that makes a bank of them.

A folder holds the corpora by name (`CORPORA`), each unpacked as it was published. `read_corpus`
gives what a corpus's own tables say of every recording. What no mixture can be made of is left out
and counted: recordings of several sounds, and human voices among the sounds, for speech comes from
TextrolSpeech. `assign_splits` keeps a speaker, a video or an original recording in one split.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from lcr.audio.core import read_audio
from lcr.data.authors.files import ENDINGS, existing
from lcr.data.bank import Split
from lcr.data.folder import MANIFEST, OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from lcr.data.mixtures import MixtureConfig, active_frames
from lcr.data.tables import LINE, LayoutError, fuss_examples, read_table
from lcr.errors import AudioFileError, one_line
from lcr.files import write_whole
from lcr.instruction import STYLE_ATTRIBUTES, AudioDescription, Description, SpeechDescription
from lcr.processes import process_pool

FaultKind = Literal["table", "missing", "corrupt", "silent", "licence"]

_SPLITS: Mapping[str, Split] = {
    **{"train": "train", "val": "valid", "validation": "valid"},
    **{"eval": "test", "test": "test"},
}
"""What corpora call the splits."""
_HELD_OUT: tuple[Split, ...] = ("train", "valid", "test")
_SHARES: Mapping[Split, float] = {"test": 0.1, "valid": 0.05}
"""Of the speakers or recordings, where the corpus names no such split."""
_VOICES = re.compile(
    r"\b(people|male|female|man|woman|child|children|baby|speech|voice|laugh(ter|ing)|crying|shout|"
    r"yell|screaming|whispering|chatter|conversation|giggle|choir|rapping|yodelling|crowd|cheering)"
    r"\b|^singing$"
)
_SPEAKERS: Mapping[str, str] = {
    "LibriTTS": r"libritts/.*/(\d+)_\d+_\d+_\d+\.\w+$",
    "VCTK": r"vctk[^/]*/.*?([ps]\d+)/[^/]+$",
    "ESD": r"\besd\b.*/(\d{4})_\d+\.\w+$",
    "MESS": r"mess ?compressed/[a-z]([fm]\d)[a-z]\d+[^/]*$",
    "MEAD": r"mead/(?:.*/)?([mw]\d{3})/",
    "SAVEE": r"savee/.*?\b(dc|je|jk|kl)[_/][a-z]+\d+\.\w+$",
}
"""Part of TextrolSpeech -> where its paths, in small letters, name the speaker."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A recording: its `path` below the corpus's folder, where another of `ENDINGS` may stand for
    its own, what is heard in it, the `group` that must stay in one split (PART/NAME, such as
    ESD/0013), the split that is published or None, and its own licence where it has one."""

    path: str
    description: Description
    group: str
    split: Split | None = None
    licence: str = ""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something wrong with `where`, a recording or a line of a table."""

    where: str
    kind: FaultKind
    what: str


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A recording that no mixture can be made of."""

    why: str


Found = Clip | Fault | LeftOut


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """How a corpus is read: `sign` is a table (a pattern) below its folder by which it is known,
    `read` gives what its tables say. `commercial` tells whether it may be used so, recordings with
    a licence of their own aside."""

    sign: str
    read: Callable[[Path], Iterator[Found]]
    where: str
    licence: str
    commercial: bool = False


def group_of(path: str) -> str | None:
    """The speaker, or the video, of a recording of TextrolSpeech or VGGSound by its path, as the
    corpus or the authors' manifests spell it; None where it is neither."""
    if video := re.search(r"vggsound/.*?([\w-]{11})_\d{6}(\.\w+)?$", path, re.IGNORECASE):
        return f"VGGSound/{video[1]}"
    for part, pattern in _SPEAKERS.items():
        if speaker := re.search(pattern, path.lower()):
            return f"{part}/{speaker[1]}"
    return None


def _textrolspeech(root: Path) -> Iterator[Found]:
    told: dict[str, Description] = {}
    for table in sorted(root.glob("caption/*.csv")):
        for row in read_table(table, ("wav_fp", *STYLE_ATTRIBUTES)):
            path, group = row["wav_fp"], group_of(f"TextrolSpeech/{row['wav_fp']}")
            try:
                if group is None:
                    raise ValueError(f"{path} is of no known part of the corpus")
                speaker = SpeechDescription(**{a: row[a].strip() or None for a in STYLE_ATTRIBUTES})
                if told.setdefault(path, speaker) != speaker:
                    raise ValueError(f"{path} is described otherwise than before")
                yield Clip(path=path, description=speaker, group=group)
            except ValueError as error:
                yield _bad_row(table, row[LINE], str(error))


def _vggsound(root: Path) -> Iterator[Found]:
    table = root / "vggsound.csv"
    for line, row in _headless(table):
        if len(row) != 4 or not row[1].isdecimal() or row[3] not in _SPLITS:
            yield _bad_row(table, line, "expected video, second, label and split")
            continue
        video, second, label, split = row
        path = f"audio/{video}_{int(second):06d}.wav"
        yield _sound([label], path, f"VGGSound/{video}", _SPLITS[split])


def _fsd50k(root: Path) -> Iterator[Found]:
    for part in ("dev", "eval"):
        # The labels as they were given: the ground truth has those of all broader kinds, too.
        given = root / "FSD50K.metadata" / "collection" / f"collection_{part}.csv"
        labels = {row["fname"]: row["labels"] for row in read_table(given, ("fname", "labels"))}
        about = root / "FSD50K.metadata" / f"{part}_clips_info_FSD50K.json"
        try:
            clips = json.loads(about.read_text(encoding="utf-8"))
        except ValueError as error:
            raise LayoutError(f"{about}: {error}") from error
        table = root / "FSD50K.ground_truth" / f"{part}.csv"
        for row in read_table(table, ("fname", *(["split"] if part == "dev" else []))):
            name, split = row["fname"], row.get("split", part)
            if split not in _SPLITS:
                yield _bad_row(table, row[LINE], f"unknown split {split!r}")
                continue
            path, some = f"FSD50K.{part}_audio/{name}.wav", labels.get(name, "").split(",")
            found = _sound([one for one in some if one], path, f"FSD50K/{name}", _SPLITS[split])
            if isinstance(found, Clip):
                found = replace(found, licence=clips.get(name, {}).get("license", "none"))
            yield found


def _esc50(root: Path) -> Iterator[Found]:
    folds: Mapping[str, Split] = {"4": "valid", "5": "test"}
    for row in read_table(
        root / "meta" / "esc50.csv", ("filename", "fold", "category", "src_file")
    ):
        path, group = f"audio/{row['filename']}", f"ESC-50/{row['src_file']}"
        yield _sound([row["category"]], path, group, folds.get(row["fold"], "train"))


def _fuss(root: Path) -> Iterator[Found]:
    for split in ("train", "validation", "eval"):
        for mixture, *sources in fuss_examples(root, split):
            for source in sources:
                if source.name.startswith("background"):
                    path, group = source.relative_to(root).as_posix(), f"FUSS/{mixture.stem}"
                    yield _sound(["background sound"], path, f"{group}-{split}", _SPLITS[split])
                else:
                    yield LeftOut(why="no label is published")


def _audioset(root: Path) -> Iterator[Found]:
    table = read_table(root / "class_labels_indices.csv", ("index", "mid", "display_name"))
    names = {row["mid"]: row["display_name"] for row in table}
    files: dict[str, str] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix in ENDINGS:
            for video in (path.stem[:11], path.stem[1:12]):  # ID… and YID… are both in use
                files.setdefault(video, path.relative_to(root).as_posix())
    for segments in sorted(root.glob("*_segments.csv")):
        split: Split = "test" if segments.name.startswith("eval") else "train"
        for line, row in _headless(segments):
            mids = row[3].split(",") if len(row) == 4 else []
            if not mids or any(mid not in names for mid in mids):
                yield _bad_row(segments, line, "expected a video, two times and known labels")
                continue
            path_ = files.get(row[0], f"{row[0]}.wav")
            yield _sound([names[mid] for mid in mids], path_, f"AudioSet/{row[0]}", split)


def _headless(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows of a CSV file without a head, and their lines; comments are passed over."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file, skipinitialspace=True)
        yield from ((rows.line_num, row) for row in rows if row and not row[0].startswith("#"))


def _bad_row(table: Path, line: int | str, what: str) -> Fault:
    return Fault(where=f"{table.name} line {line}", kind="table", what=what)


def _sound(labels: Sequence[str], path: str, group: str, split: Split) -> Found:
    """The recording of one sound; of several, or of a human voice, no source can be made."""
    if len(labels) != 1:
        return LeftOut(why="several sounds" if labels else "no label")
    label = " ".join(labels[0].replace("_", " ").lower().split())
    if _VOICES.search(label):
        return LeftOut(why="a human voice")
    return Clip(path=path, description=AudioDescription(label=label), group=group, split=split)


_TOLD = json.loads(Path(__file__).with_name("corpora.json").read_text(encoding="utf-8"))
CORPORA: Mapping[str, Corpus] = {
    name: Corpus(read=read, **_TOLD[name])
    for name, read in (
        *(("TextrolSpeech", _textrolspeech), ("VGGSound", _vggsound), ("FSD50K", _fsd50k)),
        *(("ESC-50", _esc50), ("FUSS", _fuss), ("AudioSet", _audioset)),
    )
}
"""A corpus by the name of its folder."""


def corpora_in(root: Path) -> list[str]:
    """The names of the corpora in a folder. Raises LayoutError where there is none."""
    found = [name for name, corpus in CORPORA.items() if any((root / name).glob(corpus.sign))]
    if not found:
        wanted = ", ".join(f"{name}/{corpus.sign}" for name, corpus in CORPORA.items())
        raise LayoutError(f"{root} holds no corpus; expected one or more of {wanted}")
    return found


def read_corpus(root: Path, name: str) -> list[Found]:
    """What the tables of a corpus say; each recording once, its path below `root`. Raises
    LayoutError."""
    corpus, found, seen = CORPORA[name], list[Found](), set[str]()
    try:
        for one in corpus.read(root / name):
            if isinstance(one, Clip):
                one = replace(one, path=f"{name}/{one.path}")
                if one.path in seen:
                    continue
                seen.add(one.path)
                if one.licence == "none":
                    found.append(Fault(where=one.path, kind="licence", what="none is stated"))
            found.append(one)
    except OSError as error:
        raise LayoutError(f"{name}: no {error.filename}; it is {corpus.where}") from error
    except UnicodeDecodeError as error:
        raise LayoutError(f"{name}: one of its tables is not UTF-8") from error
    return found


def may_be_sold(name: str, clip: Clip) -> bool:
    """Whether the licence of a recording allows commercial use."""
    own = clip.licence.lower()
    return CORPORA[name].commercial and not any(no in own for no in ("-nc", "sampling", "none"))


def assign_splits(clips: Sequence[Clip], test: Collection[str | None] = ()) -> list[Clip]:
    """The same recordings, each in a split. The groups in `test` are tested on; a group that is
    published in two splits is in that which is held out more; what the corpus does not say is drawn
    by the groups' names, so that it does not depend on which recordings are there."""
    splits: dict[str, Split | None] = {}
    for clip in clips:
        known = [split for split in (splits.get(clip.group), clip.split) if split]
        splits[clip.group] = max(known, key=_HELD_OUT.index) if known else None
    parts: dict[str, list[str]] = {}
    for group in sorted(splits, key=lambda name: hashlib.sha256(name.encode()).digest()):
        parts.setdefault(group.partition("/")[0], []).append(group)
        if group in test:
            splits[group] = "test"
    for groups in parts.values():
        published = {splits[group] for group in groups}
        free = [group for group in groups if splits[group] in (None, "train")]
        for split, share in _SHARES.items():
            if split not in published:
                for group in free[: min(len(free) - 1, max(1, round(share * len(groups))))]:
                    splits[group] = split
                    free.remove(group)
    return [replace(clip, split=splits[clip.group] or "train") for clip in clips]


def check_files(
    root: Path, clips: Sequence[Clip], *, processes: int = 1
) -> Iterator[tuple[Clip, Fault | None]]:
    """Read each recording whole. Gives it by the name of the file that is there, and what is wrong
    with it, in order."""
    with process_pool(processes, bool) as pool:
        yield from pool.map(partial(_check, root), clips, chunksize=64)


def _check(root: Path, clip: Clip) -> tuple[Clip, Fault | None]:
    file = existing(root / clip.path)
    if file is None:
        return clip, Fault(where=clip.path, kind="missing", what="no such file")
    clip = replace(clip, path=file.relative_to(root).as_posix())
    try:
        wave = read_audio(file).audio.mean(0)
    except AudioFileError as error:
        return clip, Fault(where=clip.path, kind="corrupt", what=one_line(error.problem))
    peak = abs(wave).max()
    if not peak or not active_frames(wave / peak, MixtureConfig().active_range_db).any():
        return clip, Fault(where=clip.path, kind="silent", what="holds no audible sound")
    return clip, None


def write_manifest(root: Path, clips: Sequence[Clip]) -> None:
    """Write ROOT/manifest.csv for `lcr.data.folder.FolderBank`. Raises OSError."""
    rows = ({**vars(c), "kind": c.description.kind, **vars(c.description)} for c in clips)
    head = (*REQUIRED_COLUMNS, *(c for c in OPTIONAL_COLUMNS if c != "unseen"), "licence")
    write_table(root / MANIFEST, head, rows)


def write_table(path: Path, head: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write a CSV file with the columns of `head`, whole or not at all. Raises OSError."""
    text = io.StringIO()
    writer = csv.DictWriter(text, head, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())
