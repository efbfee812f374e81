"""Sounds to begin with, rendered by the studio bank: two speakers and two other sounds each, from
its test split, which no model has trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lcr.audio.core import Clip
from lcr.data.bank import SAMPLE_RATE, Entry
from lcr.data.mixtures import MixtureConfig, place, set_level
from lcr.data.studio.bank import StudioBank
from lcr.instruction import AudioDescription, SpeechDescription


@dataclass(frozen=True)
class Scene:
    """What a mixture holds beside a man and a woman, and a prompt that fits it."""

    title: str
    labels: tuple[str, str]
    prompt: str
    seed: int

    def render(self) -> Clip:
        """5 s of mono at 16 kHz, the same each time. Raises EspeakError where eSpeak NG, the
        extra `studio`, is missing."""
        bank, config = StudioBank(), MixtureConfig()
        rng = np.random.default_rng(self.seed)
        entries = bank.entries("test")
        chosen = [_draw([e for e in entries if _is_voice(e, sex)], rng) for sex in ("M", "F")]
        for label in self.labels:
            chosen.append(_draw([e for e in entries if _is_sound(e, label)], rng))
        parts = [
            set_level(place(bank.load(one), config.samples, rng, config), 0.0, config)
            for one in chosen
        ]
        return Clip(audio=np.stack(parts).sum(0, dtype=np.float32)[None], sample_rate=SAMPLE_RATE)


SCENES = (
    Scene("Siren and birds", ("police siren", "songbird chirping"), "remove the siren", 1),
    Scene("Baby and bells", ("baby crying", "church bell ringing"), "remove the baby", 1),
    Scene("Birds and a drill", ("songbird chirping", "electric drill"), "keep only the speech", 1),
)


def _draw(entries: list[Entry], rng: np.random.Generator) -> Entry:
    return entries[int(rng.integers(len(entries)))]


def _is_voice(entry: Entry, gender: str) -> bool:
    one = entry.description
    return isinstance(one, SpeechDescription) and one.gender == gender


def _is_sound(entry: Entry, label: str) -> bool:
    return isinstance(entry.description, AudioDescription) and entry.description.label == label
