"""LCR-Q as a Remixer: prompts name things in any words, and each is heard, not sure, or absent.

The reader turns a prompt into things with gains; each becomes a query vector (see
`lcr.joint.query`). Chunk by chunk the network tells which of them are there. What is absent changes
nothing; where nothing that was asked for is there, the recording comes back as it was, bit for bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcr.audio.core import check_audio
from lcr.checkpoints import Checkpoint, find_checkpoint
from lcr.joint.query import QueryModel, Thresholds
from lcr.joint.remixer import SAMPLE_RATE
from lcr.prompts.pointing import (
    STAND_IN,
    Pointed,
    PointingError,
    find_pointing,
    stand_in_for_example,
)
from lcr.prompts.reading import NamedThing, OpenReader, Reading
from lcr.remixer import (
    Asked,
    Audio,
    Oracle,
    Presence,
    RefusedError,
    Remix,
    RemixRequest,
    RequestOutcome,
    Step,
    SystemCard,
    Understood,
)
from lcr.running.chunked import AdapterConfig, Listen, Prepared, mono_16k, run_core

_SILENCE = 1e-5
"""RMS (-100 dBFS) below which a chunk holds nothing to find."""
_NEAR_UNITY_DB = 0.05
_CONTEXT_S = 3.0
"""Heard before and after a stretch that is pointed at."""
ALWAYS_THERE = Thresholds(absent=-math.inf, heard=-math.inf)
"""What is pointed at is there."""


class Reader(Protocol):
    """Reads prompts."""

    def read(self, prompts: Sequence[str]) -> list[Reading]: ...


@dataclass
class _Asked:
    """One thing a prompt lists, and how surely it was heard in what has been remixed so far."""

    thing: NamedThing
    vector: Tensor
    thresholds: Thresholds
    logit: float = -math.inf

    @property
    def presence(self) -> Presence:
        if self.logit < self.thresholds.absent or math.isinf(self.logit):
            return "absent"
        return "heard" if self.logit >= self.thresholds.heard else "not sure"


@dataclass
class _Request:
    """A prompt made ready."""

    reading: Reading
    asked: list[_Asked]
    not_understood: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether it is about everything, whatever is there."""
        return not self.reading.listed

    @property
    def changes_nothing(self) -> bool:
        """Nothing of what it lists was heard, or could be looked for."""
        return not self.is_whole and all(one.presence == "absent" for one in self.asked)


class OpenRemixer:
    """Reads a prompt once, finds each thing it names, remixes in one pass."""

    def __init__(self, model: QueryModel, reader: Reader, card: SystemCard) -> None:
        self.model, self.reader = model, reader
        self._card = card
        self._adapter = AdapterConfig(native_rate=SAMPLE_RATE, chunk_s=20.0, overlap_s=2.0)

    @classmethod
    def from_checkpoint(cls, folder: Path, reader: Reader, *, name: str) -> OpenRemixer:
        """Load a checkpoint folder. Raises MissingWeightsError or WeightsError."""
        checkpoint = Checkpoint.read(folder)
        card = SystemCard(
            name=name,
            family="joint",
            points=True,
            sample_rate=SAMPLE_RATE,
            reference="Jiang et al., Listen, Chat, and Remix, arXiv 2402.03710; query vectors",
            licence="Apache-2.0",
            weights={folder.name: checkpoint.sha256},
        )
        return cls(QueryModel.from_checkpoint(checkpoint, folder), reader, card)

    @property
    def card(self) -> SystemCard:
        return self._card

    def remix(
        self,
        mixture: Audio,
        sample_rate: int,
        prompt: str,
        *,
        oracle: Oracle | None = None,
        like: NDArray[np.float32] | None = None,
    ) -> Remix:
        """Remix (channels, samples) as `prompt` asks; `like` (samples,) mono at 16 kHz is an
        example of what it calls "it" or "this sound".

        Raises ValueError for unusable audio, RefusedError for a prompt that asks for no remix,
        PointingError for a time or an example that points at nothing."""
        check_audio(mixture, sample_rate)
        listen = partial(excerpt, mixture, sample_rate)
        ready = self.prepare(prompt, listen=listen, like=like)
        audio = run_core(ready.core, mixture, sample_rate, ready.config)
        outcome = ready.finish()
        if outcome.unchanged:
            audio = mixture.copy()
        return Remix(
            audio=audio,
            trace=tuple(ready.trace),
            understood=outcome.understood,
            warnings=outcome.warnings,
        )

    def remix_many(self, requests: Sequence[RemixRequest]) -> list[Remix]:
        """One after the other: each mixture is listened to by itself."""
        return [self.remix(r.mixture, r.sample_rate, r.prompt) for r in requests]

    def prepare(
        self,
        prompt: str,
        *,
        listen: Listen | None = None,
        like: NDArray[np.float32] | None = None,
    ) -> Prepared:
        """Read `prompt` once, for audio of any length; see `lcr.running.chunked.PointedRemixer`.
        Raises as `remix` does."""
        start = time.perf_counter()
        request = self.request(prompt, listen=listen, like=like)
        words = "; ".join(describe(one.thing) for one in request.asked) or "everything"
        trace = [Step(name="read prompt", detail=words, seconds=time.perf_counter() - start)]

        def core(audio: Audio) -> Audio:
            began = time.perf_counter()
            out = self._chunk(audio, request)
            trace.append(Step(name="remix", seconds=time.perf_counter() - began))
            return out

        return Prepared(
            core=core, config=self._adapter, trace=trace, finish=lambda: self._outcome(request)
        )

    def request(
        self,
        prompt: str,
        *,
        listen: Listen | None = None,
        like: NDArray[np.float32] | None = None,
    ) -> _Request:
        """A prompt read, its things as vectors. Raises as `remix` does."""
        text, pointed = find_pointing(prompt)
        if like is not None:
            text, example = stand_in_for_example(text)
            pointed = (example, *pointed)
        reading = self.reader.read([text])[0]
        if not reading.is_request:
            raise RefusedError(
                "that is no remix: say what to remove, keep, turn up or turn down, such as "
                '"turn down the dog"'
            )
        things = [thing for thing in reading.listed if _has_vector(thing)]
        things = things[: self.model.remixer.config.items]
        unread = [thing.words for thing in reading.listed if thing not in things]
        left = list(pointed)
        asked = []
        for thing in things:
            if left and thing.sound is not None and thing.sound.name == STAND_IN:
                one = left.pop(0)
                vector = self._pointed_vector(one, listen, like)
                asked.append(_Asked(replace(thing, words=one.words), vector, ALWAYS_THERE))
            else:
                asked.append(_Asked(thing, *self._vector(thing)))
        unread += [one.words for one in left]
        return _Request(reading, asked, (*reading.not_understood, *unread))

    def _pointed_vector(
        self, pointed: Pointed, listen: Listen | None, like: NDArray[np.float32] | None
    ) -> Tensor:
        """The query vector of a stretch of the recording, or of an example."""
        if pointed.start_s is None or pointed.end_s is None:
            assert like is not None
            return self.model.of_sound(like)
        if listen is None:
            raise PointingError(f'"{pointed.words}": there is no recording to listen to yet')
        before = min(pointed.start_s, _CONTEXT_S)
        wave = listen(pointed.start_s - before, pointed.end_s + _CONTEXT_S)
        if len(wave) <= before * SAMPLE_RATE:
            raise PointingError(f'"{pointed.words}" lies behind the end of the recording')
        encoding = self.model.encode(wave[None])
        span = (before, before + pointed.end_s - pointed.start_s)
        return self.model.of_span(encoding, *span)

    def _vector(self, thing: NamedThing) -> tuple[Tensor, Thresholds]:
        """The query vector of a thing, and from which logit on it counts as there."""
        model, sure = self.model, self.model.thresholds
        if thing.kind == "all_speech" or (thing.kind == "voice" and not thing.styles):
            return model.of_style("all_speech"), sure.get("scope", Thresholds())
        if thing.kind == "all_sounds":
            return model.of_style("all_audio"), sure.get("scope", Thresholds())
        if thing.kind == "voice":
            told = [f"{name}={value}" for name, value in thing.styles.items()]
            return model.of_style("speech", *told), sure.get("style", Thresholds())
        if thing.hypernym is not None:
            return model.of_kind(thing.hypernym), sure.get("kind", Thresholds())
        if thing.sound is not None:
            recorded = model.is_recorded(thing.sound.name)
            way = "recorded" if recorded else "unrecorded"
            return model.of_name(thing.sound.name), sure.get(way, Thresholds())
        assert thing.attributes is not None
        return model.of_attributes(thing.attributes), sure.get("unrecorded", Thresholds())

    def _chunk(self, audio: Audio, request: _Request) -> Audio:
        """(channels, samples) at 16 kHz, one channel after another, so that memory stays small."""
        if request.is_whole:
            return (audio * np.float32(request.reading.rest_gain)).astype(np.float32)
        if not request.asked or float(np.sqrt(np.mean(np.square(audio)))) < _SILENCE:
            return audio
        encodings = [self.model.encode(channel[None]) for channel in audio]
        vectors = torch.stack([one.vector for one in request.asked])
        logits = torch.stack([self.model.presence(e, vectors) for e in encodings]).amax(0).tolist()
        items = []
        for one, logit in zip(request.asked, logits, strict=True):
            one.logit = max(one.logit, logit)
            if logit >= one.thresholds.absent:
                items.append((one.thing.gain, one.thing.wins, one.vector))
        if not items and request.reading.rest_gain == 1:
            return audio
        z = self.model.filter(request.reading.rest_gain, items)
        return np.concatenate([self.model.remix(e, z) for e in encodings])

    def _outcome(self, request: _Request) -> RequestOutcome:
        understood = [
            Understood(
                words=one.thing.words,
                presence=one.presence,
                action=action_of(one.thing.gain),
                gain_db=20 * math.log10(one.thing.gain) if one.thing.gain > 0 else None,
            )
            for one in request.asked
        ]
        unread = [Understood(words=w, presence="not understood") for w in request.not_understood]
        return RequestOutcome(
            unchanged=request.changes_nothing,
            understood=(*understood, *unread),
            warnings=tuple(_warnings(request)),
        )


def excerpt(mixture: Audio, sample_rate: int, start_s: float, end_s: float) -> NDArray[np.float32]:
    """What sounds from `start_s` to `end_s` of (channels, samples): (samples,) mono at 16 kHz."""
    part = mixture[:, round(start_s * sample_rate) : round(end_s * sample_rate)]
    return mono_16k(part, sample_rate)


def _has_vector(thing: NamedThing) -> bool:
    """Whether there is any idea of how it sounds."""
    known = (thing.sound, thing.hypernym, thing.attributes)
    return thing.kind != "sound" or any(one is not None for one in known)


def _warnings(request: _Request) -> list[str]:
    """In plain English, what was not understood, is not there, or is not sure."""
    found = [f'I did not understand "{words}".' for words in request.not_understood]
    for one in request.asked:
        thing = one.thing
        name = f'"{thing.words}"'
        if one.presence == "absent":
            found.append(f"I do not hear {name}; I changed nothing for it.")
        elif one.presence == "not sure":
            found.append(f"I am not sure that {name} is there; I changed what fits it best.")
        if thing.kind == "sound" and thing.sound is None and thing.hypernym is None:
            near = ", ".join(thing.nearest[:3])
            found.append(f"I do not know {name}; I took it for something like {near}.")
    if request.changes_nothing:
        found.append("Nothing that was asked for is there: the recording is as it was.")
    return found


def action_of(gain: float) -> Asked:
    """What a linear gain asks for."""
    if gain <= 0:
        return "remove"
    level = 20 * math.log10(gain)
    if abs(level) < _NEAR_UNITY_DB:
        return "keep"
    return "turn up" if level > 0 else "turn down"


def describe(thing: NamedThing) -> str:
    """What happens to a thing, for a person: "remove the dog", "turn up the piano by 6.0 dB"."""
    action = action_of(thing.gain)
    by = "" if action in ("remove", "keep") else f" by {abs(20 * math.log10(thing.gain)):.1f} dB"
    return f"{action} {thing.words}{by}"


def load(*, weights: str = "lcr-q", name: str = "lcr-q") -> OpenRemixer:
    """The system `lcr-q`: the shipped checkpoint, or any folder given as `weights`. Raises
    MissingWeightsError or WeightsError."""
    return OpenRemixer.from_checkpoint(find_checkpoint(weights), OpenReader.load(), name=name)
