"""The chosen examples of a run, ready to be heard and seen: one card each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.comparison.records import Record
from experiments.comparison.report.media import (
    Clip,
    ClipError,
    Encoding,
    db_of,
    encode,
    mel_power,
    read_clip,
)
from experiments.comparison.report.run import RunFolder, inside
from lcr.audio.spectrogram import coloured, loudest_db, png_uri

LOSSLESS_LIMIT_BYTES = 8_000_000
"""Up to this much 16-bit PCM the page holds FLAC, above it Vorbis."""
PAGE_LIMIT_CHARACTERS = 24_000_000
"""Sound and pictures of a page; examples beyond it are left out, and the page says so."""

_LOUD = 4.0
"""One gain and one colour scale serve all sounds of an example, so that levels compare. A clip
this many times louder than mixture and target is left out of both and lowered on its own: it
would silence and darken the others."""
_ACTIONS = {"0": "remove", "1": "keep", "U": "double", "D": "halve"}
_GENDERS = {"M": "male", "F": "female"}


@dataclass(frozen=True, kw_only=True)
class Source:
    """A source of a mixture in words, and the clip it came from."""

    action: str
    words: str
    clip: str


@dataclass(frozen=True, kw_only=True)
class Player:
    """One sound of an example; `problem` says why there is nothing to hear."""

    name: str
    role: str
    """`mixture`, `target`, `system` or `bound`."""
    score_db: float | None
    audio: str | None
    picture: str | None
    note: str
    problem: str
    trace: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Card:
    """One example: what was asked of which sources, and every answer."""

    id: str
    number: int
    task: str
    pattern: str
    prompt: str
    sources: tuple[Source, ...]
    input_snr_db: float | None
    gain_db: float
    duration_s: float
    top_hz: float
    players: tuple[Player, ...]

    @property
    def characters(self) -> int:
        return sum(len(p.audio or "") + len(p.picture or "") for p in self.players)


@dataclass(frozen=True, kw_only=True)
class Cards:
    """The cards that fit the page, out of `total`."""

    shown: tuple[Card, ...]
    total: int
    encoding: Encoding


def make_cards(run: RunFolder, *, limit_characters: int = PAGE_LIMIT_CHARACTERS) -> Cards:
    """Make a card for each example whose sound was kept, in order, while they fit the limit.

    Raises RecordsError when the summary names a sound outside of the run's folder.
    """
    rows: Sequence[Mapping[str, Any]] = run.summary["examples"]
    encoding: Encoding = "FLAC" if _pcm_bytes(run, rows) <= LOSSLESS_LIMIT_BYTES else "Vorbis"
    cards: list[Card] = []
    left = limit_characters
    for row in rows:
        card = _card(run, row, number=len(cards) + 1, encoding=encoding)
        left -= card.characters
        if left < 0:
            break
        cards.append(card)
    return Cards(shown=tuple(cards), total=len(rows), encoding=encoding)


def _pcm_bytes(run: RunFolder, rows: Sequence[Mapping[str, Any]]) -> int:
    """Estimate the size of the sounds as 16-bit PCM; a run keeps them as 32-bit float."""
    names = [n for r in rows for n in (r["mixture"], r["target"], *r["estimates"].values())]
    paths = [inside(run.folder, name) for name in names]
    return sum(path.stat().st_size for path in paths if path.is_file()) // 2


@dataclass(frozen=True, kw_only=True)
class _Sound:
    """A sound before it is encoded; `clip` None when there is none, and why."""

    name: str
    role: str
    clip: Clip | None
    problem: str
    record: Record | None


def _card(run: RunFolder, row: Mapping[str, Any], *, number: int, encoding: Encoding) -> Card:
    sounds = [
        _read("input mixture", "mixture", run.folder, row["mixture"], None),
        _read("target", "target", run.folder, row["target"], None),
    ]
    for system in run.systems:
        name = system["name"]
        sounds.append(
            _read(
                name,
                "bound" if system["bound"] else "system",
                run.folder,
                row["estimates"].get(name),
                run.records[name][row["index"]],
            )
        )
    clips = [h.clip for h in sounds if h.clip is not None]
    limit = _LOUD * max((h.clip.peak for h in sounds[:2] if h.clip is not None), default=1.0)
    gain = min((_fitting(clip.peak) for clip in clips if clip.peak <= limit), default=1.0)
    powers = [None if h.clip is None else mel_power(h.clip) for h in sounds]
    pairs = zip(sounds, powers, strict=True)
    top_db = loudest_db(*(p for h, p in pairs if h.clip and p is not None and h.clip.peak <= limit))
    measure = run.summary["measure"]
    players = []
    for sound, power in zip(sounds, powers, strict=True):
        own = gain if sound.clip is None else min(gain, _fitting(sound.clip.peak))
        lowered = db_of(own / gain)
        players.append(
            Player(
                name=sound.name,
                role=sound.role,
                score_db=None if sound.record is None else sound.record["metrics"][measure],
                audio=None
                if sound.clip is None
                else encode(sound.clip, gain=own, encoding=encoding),
                picture=None if power is None else png_uri(coloured(power, top_db=top_db)),
                note=f"played {-lowered:.0f} dB lower than the others" if lowered < -0.5 else "",
                problem=sound.problem,
                trace=() if sound.record is None else sound.record["trace"],
            )
        )
    return Card(
        id=row["example_id"],
        number=number,
        task=row["task"],
        pattern=row["pattern"],
        prompt=row["prompt"],
        sources=tuple(_source(source) for source in row["sources"]),
        input_snr_db=row["input_snr_db"],
        gain_db=db_of(gain),
        duration_s=max((clip.duration_s for clip in clips), default=0.0),
        top_hz=max((clip.sample_rate / 2 for clip in clips), default=0.0),
        players=tuple(players),
    )


def _read(name: str, role: str, folder: Path, file: str | None, record: Record | None) -> _Sound:
    clip, problem = None, ""
    if record is not None and record["status"] != "ok":
        error = record["error"] or {"type": "no reason", "message": "none recorded"}
        problem = f"{record['status']}: {error['type']}: {error['message']}"
    elif file is None:
        problem = "no sound was kept"
    else:
        try:
            clip = read_clip(inside(folder, file))
        except ClipError as error:
            problem = str(error)
    return _Sound(name=name, role=role, clip=clip, problem=problem, record=record)


def _fitting(peak: float) -> float:
    return 1.0 if peak <= 1.0 else 1.0 / peak


def _source(source: Mapping[str, Any]) -> Source:
    description: Mapping[str, str] = source["description"]
    if source["kind"] == "audio":
        words = description["label"]
    else:
        gender = _GENDERS.get(description.get("gender", ""), "")
        rest = [f"{value} {key}" for key, value in description.items() if key != "gender"]
        words = ", ".join([f"{gender} speech".strip(), *rest])
    return Source(
        action=_ACTIONS.get(source["action"], source["action"]), words=words, clip=source["clip"]
    )
