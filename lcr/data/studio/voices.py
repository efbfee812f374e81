"""The voices of `studio`: eSpeak NG variants x accents x vocal tract lengths, split by variant.

A variant (timbre) lies in one split only, so a test speaker shares no timbre with training.
Near-identical variants stay together. Gender is chosen by ear and confirmed by measured F0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from lcr.data.bank import SPLITS, Split

_ACCENTS = (
    "gmw/en-US",
    "gmw/en",
    "gmw/en-GB-x-rp",
    "gmw/en-GB-scotland",
    "gmw/en-US-nyc",
    "gmw/en-029",
    "gmw/en-GB-x-gbclan",
    "gmw/en-GB-x-gbcwmd",
)
_TRACTS = (1.0, 0.95, 1.05, 0.975, 1.025)
"""Frequency scale of the whole spectrum; above 1 is a shorter vocal tract."""

_PITCHES = (20.0, 50.0, 80.0)

# Variant -> median F0 in Hz at eSpeak pitch 20, 50 and 80, measured on one en-us sentence.
_VARIANTS: dict[tuple[str, Split], dict[str, tuple[int, int, int]]] = {
    ("M", "train"): {
        "m1": (71, 92, 126),
        "m3": (80, 104, 140),
        "m4": (73, 93, 124),
        "m6": (76, 100, 137),
        "m8": (68, 84, 112),
        "Alex": (71, 104, 153),
        "Andy": (70, 95, 134),
        "Lee": (70, 95, 134),
        "Diogo": (79, 104, 141),
        "michel": (79, 104, 141),
        "Henrique": (87, 107, 138),
        "Hugo": (87, 107, 138),
        "Gene": (71, 94, 130),
        "Gene2": (83, 114, 161),
        "Mike": (71, 89, 119),
        "mike2": (71, 89, 119),
        "RicishayMax": (78, 102, 138),
        "RicishayMax2": (74, 98, 134),
        "boris": (77, 101, 137),
        "klatt": (78, 103, 138),
        "klatt2": (78, 102, 138),
        "klatt4": (77, 100, 137),
        "adam": (77, 101, 138),
        "benjamin": (76, 101, 138),
        "edward": (76, 100, 137),
        "gustave": (82, 106, 143),
        "Reed": (88, 114, 154),
    },
    ("M", "valid"): {
        "m2": (73, 100, 140),
        "Denis": (74, 98, 134),
        "victor": (71, 94, 130),
        "grandpa": (80, 102, 138),
        "david": (64, 74, 101),
        "Mario": (85, 106, 140),
        "ed": (96, 124, 166),
    },
    ("M", "test"): {
        "m5": (78, 102, 139),
        "m7": (82, 104, 138),
        "Jacky": (86, 112, 150),
        "antonio": (85, 110, 147),
        "ian": (65, 82, 114),
        "iven": (77, 98, 132),
        "john": (75, 100, 137),
        "pablo": (88, 112, 150),
        "klatt5": (77, 100, 137),
        "sandro": (74, 97, 133),
        "max": (76, 100, 137),
        "travis": (79, 102, 136),
    },
    ("F", "train"): {
        "f1": (133, 178, 245),
        "f2": (148, 193, 262),
        "f4": (132, 178, 245),
        "Alicia": (190, 251, 339),
        "Annie": (193, 230, 286),
        "belinda": (163, 230, 324),
        "linda": (162, 227, 324),
        "grandma": (156, 195, 253),
        "steph": (129, 182, 266),
    },
    ("F", "valid"): {
        "f3": (163, 208, 276),
        "aunty": (107, 174, 272),
    },
    ("F", "test"): {
        "f5": (152, 204, 283),
        "Andrea": (178, 242, 345),
        "anika": (195, 262, 361),
        "shelby": (147, 178, 225),
    },
}
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
    for (gender, split), variants in _VARIANTS.items():
        for number, (variant, curve) in enumerate(variants.items()):
            for copy in range(_VOICES_PER_VARIANT[gender]):
                accent = _ACCENTS[(number + 3 * copy) % len(_ACCENTS)]
                tract = _TRACTS[(number + copy) % len(_TRACTS)]
                found.append(
                    Voice(
                        name=f"{accent.removeprefix('gmw/')}+{variant}@{tract:g}",
                        gender=gender,
                        split=split,
                        espeak_name=f"{accent}+{variant}",
                        tract=tract,
                        f0_curve_hz=curve,
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
