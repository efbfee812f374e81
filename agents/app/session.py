"""One recording and the turns taken on it: each changes the gains that stand, always on the
original sound, and can be undone and redone. The recording is taken apart once; a turn costs the
reading of its prompt and a sum."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agents.execute import mix
from agents.listen import Listener
from agents.plan import LEAST_DB, MOST_DB, HeardSource
from baselines.planning import Planner
from lcr.audio import check_audio
from lcr.errors import LcrError
from lcr.instruction import AudioDescription
from lcr.remixer import Audio

REST = "rest"
"""The id, among gains, of what is none of the sources heard."""
MOST_PROMPT = 4000
"""Characters."""
_GENDERS = {"M": "man", "F": "woman"}


class PromptError(LcrError):
    """A prompt that nothing can be read from."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What was asked and done. `gains` are linear, of every source's id and of `REST`; `prompt` is
    None where faders were moved."""

    number: int
    prompt: str | None
    reply: str
    gains: Mapping[str, float]


@dataclass
class Session:
    """The turns on `audio` (channels, samples) at `sample_rate` Hz; number 0 is the original."""

    audio: Audio
    sample_rate: int
    sources: tuple[HeardSource, ...]
    parts: NDArray[np.float32]
    """(sources, channels, samples)."""
    planner: Planner
    _turns: list[Turn] = field(default_factory=list)
    _current: int = 0

    @classmethod
    def open(cls, audio: Audio, sample_rate: int, listener: Listener, planner: Planner) -> Session:
        """Listen to a recording. Raises ValueError for unusable audio."""
        check_audio(audio, sample_rate)
        inventory = listener.listen(audio, sample_rate)
        return cls(audio, sample_rate, inventory.heard, inventory.audio, planner)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Those up to the current one."""
        return tuple(self._turns[: self._current])

    @property
    def current(self) -> int:
        """The number of the turn that stands; 0 for none."""
        return self._current

    @property
    def can_redo(self) -> bool:
        return self._current < len(self._turns)

    @property
    def gains(self) -> dict[str, float]:
        """Of the current turn."""
        if self._current:
            return dict(self._turns[self._current - 1].gains)
        return dict.fromkeys([*(one.id for one in self.sources), REST], 1.0)

    def say(self, prompt: str) -> Turn:
        """A turn that does what `prompt` asks of the original. Raises PromptError for one that is
        empty, too long or unreadable."""
        prompt = " ".join(prompt.split())
        if not prompt:
            raise PromptError("The prompt is empty: say what to do, such as “remove the dog”.")
        if len(prompt) > MOST_PROMPT:
            raise PromptError(
                f"The prompt has {len(prompt)} characters; {MOST_PROMPT} are the most."
            )
        if not self.sources:
            raise PromptError("Nothing is heard in this recording that could be changed.")
        try:
            plan = self.planner.plan(prompt, [one.description for one in self.sources])
        except ValueError as error:
            raise PromptError(f"The prompt cannot be read: {error}") from error
        asked = {one.id: g for one, g in zip(self.sources, plan.gains, strict=True)}
        asked[REST] = plan.rest
        # What is only to stay stays as it stands; "only the woman" says something of everything.
        stands = self.gains if plan.rest > 0 else dict.fromkeys(asked, 1.0)
        gains = {id_: stands[id_] if gain == 1 else gain for id_, gain in asked.items()}
        return self._take(prompt, gains, changed=any(gain != 1 for gain in asked.values()))

    def set_gains(self, gains_db: Mapping[str, float | None]) -> Turn:
        """A turn by faders, from the gains that stand: dB by id, None for silence. Raises LcrError
        for an id that is not there or a gain beyond what a plan may ask for."""
        gains = self.gains
        for id_, gain_db in gains_db.items():
            if id_ not in gains:
                raise LcrError(f"No source is called {id_!r}; there are {', '.join(gains)}.")
            if gain_db is not None and not LEAST_DB <= gain_db <= MOST_DB:
                raise LcrError(f"{gain_db:g} dB is not from {LEAST_DB:g} to {MOST_DB:g}.")
            gains[id_] = 0.0 if gain_db is None else math.pow(10, gain_db / 20)
        return self._take(None, gains)

    def undo(self) -> bool:
        """Back to the turn before; False where there is none."""
        done = self._current > 0
        self._current -= done
        return done

    def redo(self) -> bool:
        """Forward to a turn that was undone; False where there is none."""
        done = self.can_redo
        self._current += done
        return done

    def mixed(self, number: int) -> Audio:
        """The sound of a turn, (channels, samples); that of 0 is the original.

        Raises LcrError for a turn that is not there.
        """
        if not 0 <= number <= len(self._turns):
            raise LcrError(f"There is no turn {number}.")
        if number == 0:
            return self.audio
        gains = self._turns[number - 1].gains
        of_sources = [gains[one.id] for one in self.sources]
        return mix(self.audio, self.parts, of_sources, gains[REST])

    def _take(
        self, prompt: str | None, gains: Mapping[str, float], *, changed: bool = True
    ) -> Turn:
        del self._turns[self._current :]
        nothing = "Nothing was changed: the prompt fits nothing that is heard here."
        turn = Turn(
            number=self._current + 1,
            prompt=prompt,
            reply=reply(self.sources, gains) if changed else nothing,
            gains=dict(gains),
        )
        self._turns.append(turn)
        self._current += 1
        return turn


def in_db(gain: float) -> float | None:
    """A linear gain in dB; None for silence."""
    return 20 * math.log10(gain) if gain > 0 else None


def reply(sources: tuple[HeardSource, ...], gains: Mapping[str, float]) -> str:
    """How everything stands, in a line."""
    names = [(words_of(one), gains[one.id]) for one in sources]
    if gains[REST] != 1:
        names.append(("everything else", gains[REST]))
    changed = [f"{name}: {gain_words(gain)}" for name, gain in names if gain != 1]
    return "; ".join(changed) + "." if changed else "Everything is as it was."


def gain_words(gain: float) -> str:
    """ "removed", "as it was" or "+6.0 dB"."""
    gain_db = in_db(gain)
    if gain_db is None:
        return "removed"
    return f"{gain_db:+.1f} dB" if gain != 1 else "as it was"


def words_of(source: HeardSource) -> str:
    """The id and description of a source: "s1, dog barking"."""
    if isinstance(source.description, AudioDescription):
        return f"{source.id}, {source.description.label}"
    styles = source.description.known
    told = [f"{styles['pitch']} pitch"] if styles.get("pitch", "normal") != "normal" else []
    told += [styles["emotion"]] if styles.get("emotion", "neutral") != "neutral" else []
    who = _GENDERS.get(styles.get("gender", ""), "someone")
    return ", ".join([source.id, f"{who} speaking", *told])
