"""The `studio` bank: embedded, rendered on demand, the same in any process and order."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lcr.data.bank import SPLITS, Entry, Split, Waveform
from lcr.data.studio import espeak
from lcr.data.studio.classes import LABELS, SEEN_LABELS, UNSEEN
from lcr.data.studio.speech import render_speech
from lcr.data.studio.voices import VOICES, Voice, voices
from lcr.files import write_whole
from lcr.instruction import STYLE_VALUES, AudioDescription, SpeechDescription

GENERATOR_VERSION = 1
"""Raise when any generator of this package changes what it renders: it is part of the digest."""

SPEECH_PER_SPLIT: Mapping[Split, int] = {"train": 6000, "valid": 600, "test": 1500}
CLIPS_PER_CLASS: Mapping[Split, int] = {"train": 60, "valid": 10, "test": 20}
_NEUTRAL_SHARE = 0.5
_FULL_SCALE = 32767
_CHECKSUM_BYTES = 32

Samples16 = NDArray[np.int16]


def rng_for(*parts: str | int) -> np.random.Generator:
    """A generator that depends on nothing but `parts`, in any process."""
    state = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    words = np.frombuffer(state, dtype="<u4")
    return np.random.default_rng(np.random.SeedSequence([int(word) for word in words]))


def _counts(
    given: Mapping[Split, int] | int | None, default: Mapping[Split, int]
) -> dict[str, int]:
    if given is None:
        given = {}
    elif isinstance(given, int):
        given = dict.fromkeys(SPLITS, given)
    unknown = set(given) - set(SPLITS)
    if unknown:
        raise ValueError(f"splits are {', '.join(SPLITS)}; got {sorted(unknown)}")
    counts = {split: int(given.get(split, default[split])) for split in SPLITS}
    if min(counts.values()) < 0:
        raise ValueError(f"counts must be 0 or more; got {counts}")
    return {str(split): count for split, count in counts.items()}


class StudioBank:
    """Synthetic speech (eSpeak NG) and procedural sounds as a `Bank`.

    `speech_per_split` and `clips_per_class` take one number, or numbers by split (missing splits
    keep their default). With `unseen`, the audio of the test split is only the classes kept out of
    training; without it they never appear. With `cache_dir`, waveforms are kept there; the samples
    are the same with and without, because both are rounded to 16 bits.
    Raises ValueError on an unknown split or a negative count.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        speech_per_split: Mapping[Split, int] | int | None = None,
        clips_per_class: Mapping[Split, int] | int | None = None,
        unseen: bool = False,
        cache_dir: Path | None = None,
    ) -> None:
        self._seed = int(seed)
        self._speech = _counts(speech_per_split, SPEECH_PER_SPLIT)
        self._clips = _counts(clips_per_class, CLIPS_PER_CLASS)
        self._unseen = unseen
        self._cache_dir = cache_dir
        self._entries: dict[Split, tuple[Entry, ...]] = {}
        self._digest: str | None = None

    @property
    def name(self) -> str:
        return "studio-unseen" if self._unseen else "studio"

    @property
    def digest(self) -> str:
        """sha256 hex of seed, counts, generator version and eSpeak version.

        Raises EspeakError when eSpeak NG is missing.
        """
        if self._digest is None:
            facts = {
                "bank": self.name,
                "generator": GENERATOR_VERSION,
                "espeak": espeak.version(),
                "seed": self._seed,
                "speech": self._speech,
                "clips": self._clips,
                "labels": LABELS,
                "unseen": sorted(UNSEEN),
                "voices": [voice.name for voice in VOICES],
            }
            text = json.dumps(facts, sort_keys=True)
            self._digest = hashlib.sha256(text.encode()).hexdigest()
        return self._digest

    def entries(self, split: Split) -> Sequence[Entry]:
        """Speech entries, then audio entries, in fixed order. ValueError on an unknown split."""
        if split not in SPLITS:
            raise ValueError(f"splits are {', '.join(SPLITS)}; got {split!r}")
        if split not in self._entries:
            speech = [self._speech_entry(split, i) for i in range(self._speech[split])]
            self._entries[split] = (*speech, *self._audio_entries(split))
        return self._entries[split]

    def load(self, entry: Entry) -> Waveform:
        """The entry's waveform, (samples,) float32 in 16-bit steps, peak <= 1.

        Raises ValueError when the entry is not of this studio, EspeakError without eSpeak NG.
        """
        return self._samples(entry).astype(np.float32) / np.float32(_FULL_SCALE)

    def _samples(self, entry: Entry) -> Samples16:
        """As `load`, as integers of which 32767 is full scale."""
        if self._cache_dir is None:
            return self._render(entry)
        path = self._cache_dir / self.digest[:16] / (re.sub(r"[^\w.-]", "_", entry.id) + ".i16")
        samples = _read_cached(path)
        if samples is None:
            samples = self._render(entry)
            _write_cached(path, samples)
        return samples

    def _speech_entry(self, split: Split, index: int) -> Entry:
        entry_id = f"speech/{split}/{index:06d}"
        rng = rng_for(self._seed, entry_id, "style")
        values = {name: str(rng.choice(options)) for name, options in STYLE_VALUES.items()}
        if rng.random() < _NEUTRAL_SHARE:
            values["emotion"] = "neutral"
        pool = voices(split, values["gender"])
        voice = pool[int(rng.integers(len(pool)))]
        return Entry(
            id=entry_id, description=SpeechDescription(**values), split=split, group=voice.name
        )

    def _audio_entries(self, split: Split) -> list[Entry]:
        unseen = self._unseen and split == "test"
        labels = [label for label in LABELS if label in UNSEEN] if unseen else list(SEEN_LABELS)
        found = []
        for label in labels:
            for index in range(self._clips[split]):
                entry_id = f"audio/{split}/{label.replace(' ', '-')}/{index:04d}"
                found.append(
                    Entry(
                        id=entry_id,
                        description=AudioDescription(label=label),
                        split=split,
                        group=entry_id,
                        unseen=label in UNSEEN,
                    )
                )
        return found

    def _render(self, entry: Entry) -> Samples16:
        rng = rng_for(self._seed, entry.id, "sound")
        if isinstance(entry.description, SpeechDescription):
            wave = render_speech(_voice(entry.group), entry.description, rng)
        else:
            # Imported late: speech alone does not need the sound generators.
            from lcr.data.studio import audio

            wave = audio.render(entry.description.label, rng)
        return _to_int16(wave, entry.id)


def _voice(name: str) -> Voice:
    for voice in VOICES:
        if voice.name == name:
            return voice
    raise ValueError(f"the studio has no voice {name!r}: the entry is from another bank")


def _to_int16(wave: Waveform, entry_id: str) -> Samples16:
    if wave.ndim != 1 or not wave.size or not np.isfinite(wave).all():
        raise ValueError(
            f"{entry_id}: the generator gave shape {wave.shape} or values that are not finite; "
            "expected (samples,) of finite numbers"
        )
    return np.asarray(np.clip(np.rint(wave * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE), np.int16)


def _read_cached(path: Path) -> Samples16 | None:
    """The samples, or None when the file is absent or damaged (its checksum tells)."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    checksum, payload = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
    if not payload or hashlib.sha256(payload).digest() != checksum:
        return None
    return np.frombuffer(payload, dtype="<i2").astype(np.int16)


def _write_cached(path: Path, samples: Samples16) -> None:
    """Write whole or not at all; of two writers the last wins, with the same bytes."""
    payload = samples.astype("<i2").tobytes()
    # Not synced: the checksum tells what a power cut has cut short.
    write_whole(path, hashlib.sha256(payload).digest() + payload, sync=False)
