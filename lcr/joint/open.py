"""LCR-Q as a Remixer: prompts name things in any words, and each is heard, not sure, or absent.

The reader turns a prompt into things with gains; each becomes a query vector (see
`lcr.joint.query`). Chunk by chunk the network tells which of them are there. What is absent changes
nothing; where nothing that was asked for is there, the recording comes back as it was, bit for bit.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lcr.audio.core import check_audio
from lcr.joint.finding import draw, find_kind
from lcr.joint.listening import listen as listen_to
from lcr.joint.outcome import describe, outcome_of
from lcr.joint.query import SAMPLE_RATE, Encoding, Floats, QueryModel, Thresholds
from lcr.joint.requests import ALWAYS_THERE, Asked, Found, Request
from lcr.prompts.pointing import (
    Pointed,
    PointingError,
    find_pointing,
    stand_in_for_example,
)
from lcr.prompts.reading import NamedThing, Reading
from lcr.prompts.reading.relations import relation_of
from lcr.prompts.reading.words import checked
from lcr.prompts.time_range import limit
from lcr.prompts.time_words import parse_range
from lcr.remixer import (
    Audio,
    Oracle,
    Remix,
    RemixRequest,
    Step,
    SystemCard,
)
from lcr.running.chunked import AdapterConfig, Listen, Prepared, mono_16k, run_core

if TYPE_CHECKING:
    from torch import Tensor


_SILENCE = 1e-5
"""RMS (-100 dBFS) below which a chunk holds nothing to find."""
_PERSON = re.compile(
    r"voice|speak|speech|talk|said|say|person|people|\b(?:wo)?m[ae]n\b|male|\bguy|lad(?:y|ies)|girl|boy"
    r"|child|kid|narrator|host|presenter|teacher|\b(?:he|him|his|she|her|they|them|everyone)\b"
    r"|dialog|conversation|gentlem[ae]n|\bone\b|singer|announcer|commentator|interview",
    re.IGNORECASE,
)
"""Words of which one is part of what names a voice."""
_CONTEXT_S = 3.0
"""Heard before and after a stretch that is pointed at."""
_LONGEST_EXAMPLE_S = 20.0
_LEAST_RECALL = 0.3
"""What is found of less than this is too unsure to be changed the more for it."""
_LEAST_FACTOR = -0.25
"""Below 0 the places that are sure come back inverted: at most 12 dB below what they were."""
_UNTOLD = ("second", "last")
"""Relations that the weights know and get wrong (`experiments/analysis/voice_choice.py`)."""


class Reader(Protocol):
    """Reads prompts."""

    def read(self, prompts: Sequence[str]) -> list[Reading]: ...


class OpenRemixer:
    """Reads a prompt once, finds each thing it names, remixes in one pass."""

    def __init__(
        self,
        model: QueryModel,
        reader: Reader,
        card: SystemCard,
        *,
        config: dict[str, Any] | None = None,
        model_card: str = "",
    ) -> None:
        self.model, self.reader = model, reader
        self._card = card
        self.config, self.model_card = config, model_card
        """As `JointRemixer` has them: the config.json that describes it, and the card beside it."""
        self._adapter = AdapterConfig(native_rate=SAMPLE_RATE, chunk_s=20.0, overlap_s=2.0)

    @property
    def card(self) -> SystemCard:
        return self._card

    def state(self) -> dict[str, Tensor]:
        """Its weights as a checkpoint names them."""
        return self.model.network.state()

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
        PointingError for a time or an example that points at nothing, TimeRangeError for a range
        that is none."""
        check_audio(mixture, sample_rate)
        timed = parse_range(prompt)
        listen = partial(excerpt, mixture, sample_rate)
        ready = self.prepare(timed.prompt, listen=listen, like=like)
        audio = run_core(ready.core, mixture, sample_rate, ready.config)
        outcome = ready.finish()
        if outcome.unchanged:
            audio = mixture.copy()
        elif timed.only is not None:
            audio = limit(mixture, audio, sample_rate, timed.only)
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
            core=core,
            config=self._adapter,
            trace=trace,
            finish=lambda: outcome_of(request, self.model),
        )

    def request(
        self,
        prompt: str,
        *,
        listen: Listen | None = None,
        like: NDArray[np.float32] | None = None,
    ) -> Request:
        """A prompt read, its things as vectors. Raises as `remix` does."""
        text, pointed = find_pointing(prompt)
        if like is not None:
            text, example = stand_in_for_example(text)
            pointed = (example, *pointed)
        reading = checked(self.reader.read([text])[0])
        things = [thing for thing in reading.listed if self._has_vector(thing)]
        things = things[: self.model.network.items]
        unread = [thing.words for thing in reading.listed if thing not in things]
        left = list(pointed)
        asked = []
        for thing in things:
            one = next((p for p in left if thing.sound and thing.sound.name == p.stand_in), None)
            if one is not None:
                left.remove(one)
                vector = self._pointed_vector(one, listen, like)
                asked.append(Asked(replace(thing, words=one.words), vector, vector, ALWAYS_THERE))
            else:
                vector, sure = self._vector(thing)
                evidence = self._evidence(thing, vector)
                asked.append(Asked(thing, vector, evidence, sure, self._names(thing)))
        unread += [one.words for one in left]
        return Request(reading, asked, (*reading.not_understood, *unread))

    def _pointed_vector(
        self, pointed: Pointed, listen: Listen | None, like: NDArray[np.float32] | None
    ) -> Floats:
        """The query vector of a stretch of the recording, or of an example."""
        if pointed.start_s is None or pointed.end_s is None:
            assert like is not None
            return self.model.of_sound(_checked_example(like))
        if listen is None:
            raise PointingError(f'"{pointed.words}": there is no recording to listen to yet')
        before = min(pointed.start_s, _CONTEXT_S)
        end = min(pointed.end_s, pointed.start_s + _LONGEST_EXAMPLE_S)
        wave = listen(pointed.start_s - before, end + _CONTEXT_S)
        if len(wave) <= before * SAMPLE_RATE:
            raise PointingError(f'"{pointed.words}" lies behind the end of the recording')
        encoding = self.model.encode(wave)
        span = (before, before + end - pointed.start_s)
        heard = wave[round(before * SAMPLE_RATE) : round(span[1] * SAMPLE_RATE)]
        if float(np.sqrt(np.mean(np.square(heard, dtype=np.float64)))) < _SILENCE:
            raise PointingError(f'"{pointed.words}": nothing sounds there')
        return self.model.of_span(encoding, *span)

    def _has_vector(self, thing: NamedThing) -> bool:
        """Whether there is any idea of how it sounds."""
        if thing.kind == "voice":
            if thing.relation is not None:
                relation = relation_of(thing.relation)
                if relation is None or relation in _UNTOLD:
                    return False
                return self.model.knows_style(f"relation={relation}")
            return bool(thing.styles) or bool(_PERSON.search(thing.words))
        known = (thing.sound, thing.hypernym, thing.attributes)
        return thing.kind != "sound" or any(one is not None for one in known)

    def _vector(self, thing: NamedThing) -> tuple[Floats, Thresholds]:
        """The query vector of a thing, and from which logit on it counts as there."""
        model, sure = self.model, self.model.thresholds
        stated = [f"{name}={value}" for name, value in thing.styles.items()]
        if thing.relation is not None:
            stated.append(f"relation={relation_of(thing.relation)}")
        if thing.kind == "all_speech" or (thing.kind == "voice" and not stated):
            return model.of_style("all_speech"), sure.get("scope", Thresholds())
        if thing.kind == "all_sounds":
            return model.of_style("all_audio"), sure.get("scope", Thresholds())
        if thing.kind == "voice":
            sort = "style" if "gender" in thing.styles else "scope"
            return model.of_style("speech", *stated), sure.get(sort, Thresholds())
        if thing.hypernym is not None:
            return model.of_kind(thing.hypernym), sure.get("kind", Thresholds())
        if thing.sound is not None:
            recorded = model.is_recorded(thing.sound.name)
            way = "recorded" if recorded else "unrecorded"
            return model.of_name(thing.sound.name), sure.get(way, Thresholds())
        assert thing.attributes is not None
        return model.of_attributes(thing.attributes), sure.get("unrecorded", Thresholds())

    def _names(self, thing: NamedThing) -> tuple[str, ...]:
        kind = self.model.lexicon.by_hypernym.get(thing.hypernym or "", ())
        sounds = kind if thing.sound is None else (thing.sound,)
        return tuple(one.name for one in sounds if self.model.is_recorded(one.name))

    def _evidence(self, thing: NamedThing, vector: Floats) -> Floats:
        """What tells that a thing is there: of a voice its gender alone, or that there is speech at
        all, for every further style makes any voice seem likelier."""
        if thing.kind != "voice":
            return vector
        if "gender" in thing.styles:
            return self.model.of_style("speech", f"gender={thing.styles['gender']}")
        return self.model.of_style("all_speech")

    def _chunk(self, audio: Audio, request: Request) -> Audio:
        """(channels, samples) at 16 kHz, one channel after another, so that memory stays small."""
        if request.is_whole:
            return (audio * np.float32(request.reading.rest_gain)).astype(np.float32)
        if not request.asked and request.says_whole:
            return (audio * np.float32(request.reading.rest_gain)).astype(np.float32)
        if not request.asked or float(np.sqrt(np.mean(np.square(audio)))) < _SILENCE:
            return audio
        encodings = [self.model.encode(channel) for channel in audio]
        channels = [self._find(e, request.asked) for e in encodings]
        there: list[tuple[Asked, float, list[list[Floats]]]] = []
        for i, one in enumerate(request.asked):
            here = [found[i] for found in channels]
            logit = max(found.logit for found in here)
            one.logit = max(one.logit, logit)
            if logit >= one.thresholds.absent:
                for found in here:
                    one.add_sound(found.sound)
                vectors = [found.vectors for found in here]
                gain = one.thing.gain
                if one.thing.is_stated and gain > 0 and logit >= one.thresholds.heard:
                    gain = self._further(gain, request.reading.rest_gain, encodings, vectors)
                there.append((one, gain, vectors))
        if len(there) < len(request.asked):
            for sound in (sound for e in encodings for sound in listen_to(self.model, e)):
                surest = max(request.heard.get(sound.name, -math.inf), sound.logit)
                request.heard[sound.name] = surest
        rest = request.reading.rest_gain
        if not there and rest == 1:
            return audio
        out = np.empty_like(audio)
        for c, encoding in enumerate(encodings):
            items = [
                (one, (gain, one.thing.wins, vector))
                for one, gain, vectors in there
                for vector in vectors[c]
            ]
            part = self.model.remix(encoding, rest, [item for _, item in items])
            all_reached = (*(one.reached for one, _ in items), request.rest)
            for reached, *energies in zip(all_reached, part.before, part.after, strict=True):
                reached.add(*energies)
            out[c] = part.wave
        request.energy_in += float(np.square(audio, dtype=np.float64).sum())
        request.energy_out += float(np.square(out, dtype=np.float64).sum())
        return out

    def _find(self, encoding: Encoding, asked: Sequence[Asked]) -> list[Found]:
        """Each thing in one channel."""
        model = self.model
        answer = model.answer(encoding, [one.evidence for one in asked])
        every = []
        for one, logit, part in zip(asked, answer.presence.tolist(), answer.parts, strict=True):
            vectors, sound = [one.vector], None
            if one.is_named_sound:
                if one.thing.hypernym is not None:
                    most = model.network.items // len(asked)
                    logit, vectors, part = find_kind(model, encoding, one.thing.hypernym, most)
                energy = part.T * encoding.energy
                sound = model.of_part(encoding, energy)
                if one.thing.hypernym is None:
                    name = one.thing.sound.name if one.thing.sound else ""
                    vectors = [draw(one.vector, sound, model.recordings.get(name, 0))]
                sound = sound * np.float32(energy.sum() * encoding.level**2)
            every.append(Found(logit, vectors, sound))
        return every

    def _further(
        self,
        gain: float,
        rest: float,
        encodings: Sequence[Encoding],
        vectors: Sequence[Sequence[Floats]],
    ) -> float:
        """The gain to put into the filter so that "by 10 dB" is 10 dB. Masks hedge: what is unsure
        is changed in part. So the gain goes as much further as the mask is expected to miss."""
        pairs = zip(encodings, vectors, strict=True)
        found = np.mean([self.model.recall(e, one) for e, many in pairs for one in many])
        further = (gain - rest) / max(float(found), _LEAST_RECALL)
        return max(_LEAST_FACTOR, rest + further)


def excerpt(mixture: Audio, sample_rate: int, start_s: float, end_s: float) -> NDArray[np.float32]:
    """What sounds from `start_s` to `end_s` of (channels, samples): (samples,) mono at 16 kHz."""
    part = mixture[:, round(start_s * sample_rate) : round(end_s * sample_rate)]
    return mono_16k(part, sample_rate)


def _checked_example(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """An example, its first `_LONGEST_EXAMPLE_S`. Raises PointingError for none, or silence."""
    wave = np.asarray(wave, dtype=np.float32)
    if wave.ndim != 1 or wave.size < SAMPLE_RATE // 20 or not np.isfinite(wave).all():
        raise PointingError("an example is (samples,) of sound, 0.05 s or more of it at 16 kHz")
    wave = wave[: round(_LONGEST_EXAMPLE_S * SAMPLE_RATE)]
    if float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) < _SILENCE:
        raise PointingError("the example is silent")
    return wave
