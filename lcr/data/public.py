"""Published test sets as their authors lay them out, as a suite's examples.

Every published item is one extraction: a mixture, the sound to take out of it, and words for it. So
of the paper's tasks there is only one, TAE (of speakers: TSE); the other source of an item is what
is left of the mixture. Mixtures, levels and rates are those of the published evaluator, and so is
what it scores: its SDR is our SNR, its SDRi the SNR improvement, its SI-SDR ours.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lcr.audio.core import read_audio, resample
from lcr.data.mixtures import GIVEN, Example, MixtureConfig
from lcr.data.tables import LINE, LayoutError, fuss_examples, read_table
from lcr.instruction import (
    Action,
    AudioDescription,
    Description,
    Instruction,
    SpeechDescription,
)
from lcr.prompts.generator import Prompt

_RULE = 1  # goes into the digest; raise it when the same files give other samples
_GENDERS = {"M": "male", "F": "female"}
_SLACK_S = 0.1  # by which the sounds of an item may differ in length
_STEMS = ("vocals", "drums", "bass", "other")


@dataclass(frozen=True, kw_only=True)
class Item:
    """One extraction: the files of its `target` and of either the whole `mixture` or the `others`,
    which are added up; with `snr_db` the one other is scaled to that level below the target."""

    id: str
    words: str
    target: Path
    mixture: Path | None = None
    others: tuple[Path, ...] = ()
    snr_db: float | None = None
    descriptions: tuple[Description, Description] | None = None
    """Where they are no sounds: of the target, and of the rest."""

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.target, *([self.mixture] if self.mixture else []), *self.others)


@dataclass(frozen=True)
class Layout:
    """How a set is read: at `sample_rate`, in mono or as it is, its items from a root folder.
    `where` says where to get it and how it must lie."""

    sample_rate: int
    items: Callable[[Path], Iterator[Item]]
    where: str
    mono: bool = True


def _dcase(root: Path) -> Iterator[Item]:
    columns = ("source", "noise", "snr")
    folder, table = root / "lass_validation", root / "lass_synthetic_validation.csv"
    for row in read_table(table, columns):
        source, noise, snr = (row[column] for column in columns)
        # Its evaluator goes by the place of a column; who reads the file by name says "query".
        caption = row.get("query", row.get("caption"))
        if caption is None:
            raise LayoutError(f"{table} has no column query or caption")
        yield Item(
            id=f"{source}+{noise}@{snr}",
            words=caption,
            target=folder / f"{source}.wav",
            others=(folder / f"{noise}.wav",),
            snr_db=_decibels(snr, f"{table} line {row[LINE]}"),
        )


def _decibels(text: str, place: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise LayoutError(f"{place}: snr is {text!r}, which is no number of dB")
    return found


def _segments(name: str) -> Callable[[Path], Iterator[Item]]:
    def items(root: Path) -> Iterator[Item]:
        folder = root / "data" / name
        for row in read_table(root / "metadata" / f"{name}_eval.csv", ("idx", "caption")):
            yield Item(
                id=row["idx"],
                words=row["caption"],
                target=folder / f"segment-{row['idx']}.wav",
                mixture=folder / f"mixture-{row['idx']}.wav",
            )

    return items


def _vggsound(root: Path) -> Iterator[Item]:
    folder = root / "data" / "vggsound"
    columns = ("file_id", "mix_wav", "s0_wav", "s0_text")
    for row in read_table(root / "metadata" / "vggsound_eval.csv", columns):
        yield Item(
            id=row["file_id"],
            words=row["s0_text"],
            target=folder / row["s0_wav"],
            mixture=folder / row["mix_wav"],
        )


def _audioset(root: Path) -> Iterator[Item]:
    columns = ("idx", "caption", "src_wav", "noise_wav")  # which are the source and the mixture
    for row in read_table(root / "metadata" / "audioset_eval.csv", columns):
        target, mixture = (root / row[column].removeprefix("evaluation/") for column in columns[2:])
        name = target.name.removesuffix(",source.wav")
        yield Item(id=f"{row['idx']}/{name}", words=row["caption"], target=target, mixture=mixture)


def _fuss(root: Path) -> Iterator[Item]:
    for mixture, *sources in fuss_examples(root, "eval"):
        for target in sources:  # the set names no sounds: only the background can be asked for
            if target.stem.startswith("background") and len(sources) > 1:
                others = tuple(s for s in sources if s != target)
                words = "the background sound"
                yield Item(id=mixture.stem, words=words, target=target, others=others)


def _libri2mix(root: Path) -> Iterator[Item]:
    genders = {}
    for line in (root / "SPEAKERS.TXT").read_text("utf-8").splitlines():
        if not line.startswith(";") and line.count("|") >= 4:
            speaker, gender = (part.strip() for part in line.split("|")[:2])
            genders[speaker] = gender
    columns = ("mixture_ID", "mixture_path", "source_1_path", "source_2_path")
    for row in read_table(root / "metadata" / "mixture_test_mix_clean.csv", columns):
        name, _, *paths = (row[column] for column in columns)
        who = [genders.get(one.split("-")[0], "") for one in name.split("_")]
        if sorted(who) != ["F", "M"]:
            continue  # words can tell apart a woman and a man only
        told = [SpeechDescription(gender=gender) for gender in who]
        files = [root / "test" / f"s{n + 1}" / Path(paths[n]).name for n in (0, 1)]
        for n in (0, 1):
            yield Item(
                id=f"{name}/s{n + 1}",
                words=f"the {_GENDERS[who[n]]} speaker",
                target=files[n],
                others=(files[1 - n],),
                descriptions=(told[n], told[1 - n]),
            )


def _musdb(root: Path) -> Iterator[Item]:
    for folder in sorted(path for path in (root / "test").iterdir() if path.is_dir()):
        for stem in _STEMS:
            yield Item(
                id=f"{folder.name}/{stem}",
                words={"other": "everything but vocals, drums and bass"}.get(stem, f"the {stem}"),
                target=folder / f"{stem}.wav",
                mixture=folder / "mixture.wav",
            )


_ITEMS: Mapping[str, Callable[[Path], Iterator[Item]]] = {
    "dcase24-lass": _dcase,
    **{name: _segments(name) for name in ("audiocaps", "clotho", "esc50", "music")},
    "vggsound": _vggsound,
    "audioset": _audioset,
    "fuss": _fuss,
    "libri2mix": _libri2mix,
    "musdb": _musdb,
}
_TOLD = json.loads(Path(__file__).with_name("public.json").read_text(encoding="utf-8"))
LAYOUTS: Mapping[str, Layout] = {n: Layout(items=_ITEMS[n], **told) for n, told in _TOLD.items()}


class PublicMixtures:
    """The items of a published set whose files are all there, `most` of them, evenly chosen.

    `missing` names files that are not there, `left_out` counts the items that need them, `total`
    all of them. Raises LayoutError, in one line, for a tree that is not the set.
    """

    n_tasks = 1

    def __init__(self, layout: str, root: Path, *, most: int, name: str) -> None:
        self.layout, self.name = LAYOUTS[layout], name
        self.config = MixtureConfig()
        try:
            items = list(self.layout.items(root))
        except OSError as error:
            raise LayoutError(
                f"{layout} is not in {root}: no {error.filename or root}; it is {self.layout.where}"
            ) from error
        except UnicodeDecodeError as error:
            raise LayoutError(f"{layout}: an index in {root} is not UTF-8") from error
        missing: dict[str, None] = {}
        found = []
        for item in items:
            if not item.words.strip(" ."):
                raise LayoutError(f"{layout}: item {item.id} in {root} has no words")
            absent = [_within(root, file) for file in item.files if not file.is_file()]
            missing.update(dict.fromkeys(absent))
            if not absent:
                found.append(item)
        self.missing, self.total = tuple(missing), len(items)
        self.left_out = self.total - len(found)
        if not found:
            first = f", the first missing file is {self.missing[0]}" if missing else ""
            raise LayoutError(
                f"none of the {self.total} items of {layout} is in {root}{first}; it is "
                f"{self.layout.where}"
            )
        kept = min(most, len(found))
        self._items = [found[i * len(found) // kept] for i in range(kept)]
        told = [
            (item.id, item.words, item.snr_db, [file.stat().st_size for file in item.files])
            for item in self._items
        ]
        self.digest = hashlib.sha256(f"{layout} {_RULE} {told}".encode()).hexdigest()

    def __len__(self) -> int:
        return len(self._items)

    def example(self, index: int) -> Example:
        """Example `index`. Raises IndexError, AudioFileError when a file cannot be read,
        LayoutError for files that do not fit together."""
        item = self._items[index]
        try:
            target, rest = self._sounds(item)
        except LayoutError as error:
            raise LayoutError(f"{self.name}, item {item.id}: {error}") from error
        words = item.words.strip().rstrip(".")
        told = item.descriptions or (AudioDescription(label=words), AudioDescription(label="rest"))
        prompt = f"Extract {words[:1].lower()}{words[1:]}."
        clips = tuple(path.name for path in item.files[:2])
        return Example(
            id=f"{self.name}-{item.id}",
            index=index,
            mixture=target + rest,
            sources=np.stack([target, rest]),
            target=target,
            instruction=Instruction((Action.KEEP, Action.REMOVE), told),
            prompt=prompt,
            written=Prompt(prompt, (), GIVEN),
            sample_rate=self.layout.sample_rate,
            clips=clips,
            groups=clips,
        )

    def _sounds(self, item: Item) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The target, and the rest of the mixture."""
        target = self._read(item.target)
        if item.mixture is not None:
            target, mixture = self._same_length(target, self._read(item.mixture))
            return target, mixture - target
        others = [self._read(path) for path in item.others]
        target, *others = self._same_length(target, *others)
        rest: NDArray[np.float32] = np.sum(others, axis=0, dtype=np.float32)
        return (target, rest) if item.snr_db is None else _at_snr(target, rest, item.snr_db)

    def _same_length(self, *signals: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Without the few samples that resampling and codecs leave at an end."""
        if len({signal.shape[:-1] for signal in signals}) > 1:
            raise LayoutError("a mixture and its sources have different numbers of channels")
        lengths = [signal.shape[-1] for signal in signals]
        if max(lengths) - min(lengths) > _SLACK_S * self.layout.sample_rate:
            told = ", ".join(f"{length / self.layout.sample_rate:.2f}" for length in lengths)
            raise LayoutError(f"its sounds have different lengths: {told} s")
        return [signal[..., : min(lengths)] for signal in signals]

    def _read(self, path: Path) -> NDArray[np.float32]:
        """(samples,) in mono, else (channels, samples)."""
        clip = read_audio(path)
        audio = clip.audio.mean(0, keepdims=True) if self.layout.mono else clip.audio
        found = resample(audio, clip.sample_rate, self.layout.sample_rate)
        return found[0] if self.layout.mono else found


def _within(root: Path, file: Path) -> str:
    return str(file.relative_to(root) if file.is_relative_to(root) else file)


def _at_snr(
    target: NDArray[np.float32], noise: NDArray[np.float32], snr_db: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mix as DCASE's evaluator does: the noise `snr_db` below the target; where the sum goes beyond
    full scale, both are scaled so that it peaks at 0.9."""
    power = float(np.mean(np.square(noise, dtype=np.float64)))
    if power == 0:
        raise LayoutError("a noise is silent, so that no SNR can be set")
    wanted = float(np.mean(np.square(target, dtype=np.float64))) / 10 ** (snr_db / 10)
    noise = (noise * np.sqrt(wanted / power)).astype(np.float32)
    peak = float(np.abs(target + noise).max())
    scale = np.float32(0.9 / peak if peak > 1 else 1.0)
    return target * scale, noise * scale
