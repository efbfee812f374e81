"""The voices of `studio`: eSpeak NG variants x accents x vocal tract lengths, split by variant.

A variant (timbre) lies in one split only, so a test speaker shares no timbre with training.
Near-identical variants stay together. Gender is chosen by ear and confirmed by measured F0.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lcr.data.bank import SPLITS, Split

_TABLES: Any = json.loads(Path(__file__).with_name("voices.json").read_text(encoding="utf-8"))
"""`accents`, and by gender and split each variant's median F0 in Hz at eSpeak pitch 20, 50 and 80,
measured on one en-us sentence."""
_TRACTS = (1.0, 0.95, 1.05, 0.975, 1.025)
"""Frequency scale of the whole spectrum; above 1 is a shorter vocal tract."""
_PITCHES = (20.0, 50.0, 80.0)
_VOICES_PER_VARIANT = {"M": 1, "F": 3}
"""eSpeak has few female timbres: more accents and tract lengths of each even the genders out."""


@dataclass(frozen=True, kw_only=True)
class Voice:
    """One speaker. `espeak_name` is what eSpeak NG loads; `tract` scales its spectrum."""

    name: str
    gender: str
    split: Split
    espeak_name: str
    tract: float
    f0_curve_hz: tuple[int, int, int]

    def pitch_for(self, f0_hz: float) -> int:
        """The eSpeak pitch (0-99) whose median F0, after tract scaling, is nearest to `f0_hz`."""
        log_f0 = np.log2(np.asarray(self.f0_curve_hz, dtype=np.float64) * self.tract)
        wanted = np.log2(f0_hz)
        segment = 0 if wanted < log_f0[1] else 1
        slope = (_PITCHES[segment + 1] - _PITCHES[segment]) / (
            log_f0[segment + 1] - log_f0[segment]
        )
        return int(np.clip(round(_PITCHES[segment] + slope * (wanted - log_f0[segment])), 0, 99))


def _build() -> tuple[Voice, ...]:
    found: list[Voice] = []
    accents = _TABLES["accents"]
    variants = (
        (gender, split, number, variant, curve)
        for gender, by_split in _TABLES["f0_hz"].items()
        for split, curves in by_split.items()
        for number, (variant, curve) in enumerate(curves.items())
    )
    for gender, split, number, variant, curve in variants:
        for copy in range(_VOICES_PER_VARIANT[gender]):
            accent = accents[(number + 3 * copy) % len(accents)]
            tract = _TRACTS[(number + copy) % len(_TRACTS)]
            found.append(
                Voice(
                    name=f"{accent.removeprefix('gmw/')}+{variant}@{tract:g}",
                    gender=gender,
                    split=split,
                    espeak_name=f"{accent}+{variant}",
                    tract=tract,
                    f0_curve_hz=tuple(curve),
                )
            )
    return tuple(found)


VOICES: tuple[Voice, ...] = _build()


@cache
def voices(split: Split, gender: str) -> tuple[Voice, ...]:
    """The voices of a split and gender ("M" or "F"), in fixed order. Raises ValueError if none."""
    found = tuple(v for v in VOICES if v.split == split and v.gender == gender)
    if not found:
        raise ValueError(
            f"no voice of gender {gender!r} in split {split!r}; "
            f"genders are M and F, splits {', '.join(SPLITS)}"
        )
    return found
