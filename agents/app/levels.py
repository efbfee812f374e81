"""How loud a player plays: never clipped, and as loud as the original where that is asked for. Only
what is heard on the page is scaled, never what is downloaded."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lcr.audio.core import active_level
from lcr.remixer import Audio

_SILENT_DB = -90.0
"""Active levels below this are not matched: noise would be turned up."""


@dataclass(frozen=True, kw_only=True)
class Playback:
    """A gain for the player in dB, and why, in words; empty where it is 0."""

    gain_db: float
    note: str


def playback(audio: Audio, original: Audio, sample_rate: int, *, matched: bool) -> Playback:
    """For (channels, samples) at `sample_rate`: 0 dB, or to the active level of `original`; less
    where a peak would exceed full scale."""
    gain_db, why = 0.0, ""
    if matched:
        own = active_level(audio, sample_rate).level_db
        aim = active_level(original, sample_rate).level_db
        if min(own, aim) > _SILENT_DB:
            gain_db, why = aim - own, "to match the original"
    peak = float(np.abs(audio).max())
    room_db = -20 * math.log10(peak) if peak > 0 else math.inf
    if gain_db > room_db:
        why = "as far as full scale allows" if gain_db > 0 else "so that it does not clip"
        gain_db = room_db
    if abs(gain_db) < 0.05:
        return Playback(gain_db=min(gain_db, 0.0), note="")
    told = f"Played at {gain_db:+.1f} dB {why}; the download is untouched."
    return Playback(gain_db=gain_db, note=told)
