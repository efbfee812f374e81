"""The stage of the language-model agent: the listener's parts of a mixture, and further ones that
are extracted by words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.listening.listener import Listener
from agents.listening.naming import kind_of
from agents.llm.errors import NothingExtractsError
from agents.llm.tools import Listened, Preview
from agents.plan import HeardSource, RemixPlan, resolve_plan
from baselines.composite.extraction import Extractor, absent, find, mix
from lcr.audio.core import rms_db
from lcr.instruction import AudioDescription
from lcr.remixer import Audio, Remix

MOST_EXTRACTED = 8
_FRAME_S = 0.1
_RANGE_DB = 30.0
_FLOOR = 1e-6
"""Frames that much below a source's loudest, or below this mean square (-60 dBFS), are silence."""


class HeardStage:
    """A mixture (channels, samples) as a listener hears it. It is never written to."""

    def __init__(
        self, listener: Listener, extractor: Extractor | None, mixture: Audio, sample_rate: int
    ) -> None:
        """Raises ValueError for unusable audio."""
        inventory = listener.listen(mixture, sample_rate)
        self._mixture, self._rate, self._extractor = mixture, sample_rate, extractor
        self._audio = list(inventory.audio)
        self._sources = list(inventory.heard)
        self._extracted = 0
        self._absent: list[str] = []
        self.steps = inventory.steps

    @property
    def sources(self) -> Sequence[HeardSource]:
        return tuple(self._sources)

    def listen_to(self, source: HeardSource) -> Listened:
        audio = self._audio[self._sources.index(source)]
        return Listened(level_db=_level(audio), heard_s=heard_stretches(audio, self._rate))

    def extract(self, words: str) -> HeardSource:
        """Raises NothingExtractsError where nothing extracts, or there is no such sound, or it has
        been asked too often."""
        if self._extractor is None:
            raise NothingExtractsError("nothing extracts here: choose among the sources")
        if self._extracted >= MOST_EXTRACTED:
            raise NothingExtractsError(f"no more than {MOST_EXTRACTED} sounds can be extracted")
        part = find(self._extractor, self._mixture, self._rate, words, kind_of(words))
        self._extracted += 1
        if not part.audio.any():
            self._absent.append(words)
            raise NothingExtractsError(f"nothing here sounds like {words}")
        found = HeardSource(
            id=f"x{self._extracted}",
            description=AudioDescription(label=words),
            confidence=0.0,  # an extractor does not tell how sure it is
            level_db=_level(part.audio),
            doubts=part.warnings,
        )
        self._audio.append(part.audio)
        self._sources.append(found)
        return found

    def preview(self, plan: RemixPlan) -> Sequence[Preview]:
        gains = resolve_plan(plan, self._sources).gains
        return [
            Preview(
                source=one.id, before_db=_level(audio), after_db=_level(np.float32(gain) * audio)
            )
            for one, audio, gain in zip(self._sources, self._audio, gains, strict=True)
        ]

    def remix(self, plan: RemixPlan) -> Remix:
        settled = resolve_plan(plan, self._sources)
        parts = np.stack(self._audio) if self._audio else np.zeros((0, *self._mixture.shape))
        audio = mix(self._mixture, parts.astype(np.float32), settled.gains, settled.rest)
        changed = {change.source.casefold() for change in plan.changes}
        doubts = [w for s in self._sources if s.id.casefold() in changed for w in s.doubts]
        return Remix(audio=audio, warnings=(*doubts, *map(absent, self._absent)))


def heard_stretches(audio: Audio, sample_rate: int) -> tuple[tuple[float, float], ...]:
    """Start and end in seconds of each stretch in which (channels, samples) is no silence."""
    hop = max(1, round(_FRAME_S * sample_rate))
    padded = np.pad(audio.astype(np.float64), ((0, 0), (0, -audio.shape[1] % hop)))
    power = np.square(padded).reshape(len(audio), -1, hop).mean((0, 2))
    active = power > max(power.max() * 10 ** (-_RANGE_DB / 10), _FLOOR)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    ends = (edges * hop / sample_rate).clip(max=audio.shape[1] / sample_rate).round(2).tolist()
    return tuple(zip(ends[::2], ends[1::2], strict=True))


def _level(audio: Audio) -> float | None:
    level = rms_db(audio)
    return level if np.isfinite(level) else None
