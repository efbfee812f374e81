"""The open reader: prompts in, named things with gains out."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lcr.prompts.reading.finish import finished
from lcr.prompts.reading.keywords import KeywordTagger
from lcr.prompts.reading.known import known_way
from lcr.prompts.reading.names import content_words, look_up
from lcr.prompts.reading.plain import other_work, plainly_meant
from lcr.prompts.reading.rules.mend import mended
from lcr.prompts.reading.things import NamedThing, Reading, Tagging

_PLAIN_VERB = re.compile(
    r"(?:please |can you |could you |would you |try (?:to )?)*"
    r"(?:remove|delete|mute|silence|get rid of|turn(?:ing)? (?:up|down)|ton(?:e|ing) down|"
    r"lower|raise|boost|isolate|reduce|cut|drop|kill|take out|no|no more|less|more|"
    r"louder|quieter|put|push|move)\b"
    r"|\w+(?: \w+)? (?:out|off|gone|up|down|louder|quieter|softer)(?: please)?[.!]*$"
)
_GONE_VERB = re.compile(r"(?:please |can you )*(?:remove|delete|mute|silence|get rid of)\b")
_SHORT = 5
"""Words."""


class Tagger(Protocol):
    """Finds the spans of some prompts."""

    def tag(self, texts: list[str]) -> list[Tagging]: ...


class Meanings(Protocol):
    """What is known of the sound of words that the lexicon lacks."""

    def known(self, words: Sequence[str]) -> list[str]:
        """Those of `words` that have a meaning vector."""
        ...

    def predict(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Attributes (words, attributes), 0 to 3."""
        ...

    def nearest(self, words: Sequence[str], count: int = 5) -> list[tuple[str, ...]]:
        """The names of the lexicon that are nearest in meaning, nearest first."""
        ...

    def place(self, words: Sequence[str]) -> NDArray[np.float32]:
        """The meaning vector of each word, (words, dimensions), of length 1."""
        ...


@dataclass(frozen=True)
class OpenReader:
    """Reads prompts with a `tagger` and, for words outside the lexicon, `meanings`; without
    these, such words have neither attributes nor nearest names."""

    tagger: Tagger
    meanings: Meanings | None = None

    @classmethod
    def load(cls) -> OpenReader:
        """The reader that ships, loaded once: the trained tagger, or rules where nothing is
        installed that could run it. Raises MissingWeightsError without MiniLM, and other LcrErrors
        for damaged files."""
        return _shipped()

    def read(self, prompts: Sequence[str]) -> list[Reading]:
        """One reading for each prompt, in order; any text is read, none raises."""
        others = [other_work(prompt) for prompt in prompts]
        texts = [_without(prompt, other) for prompt, other in zip(prompts, others, strict=True)]
        taggings = self.tagger.tag(texts)
        found = [
            finished(text, plainly_meant(text) or known_way(text) or _surely(text, tagging))
            for text, tagging in zip(texts, taggings, strict=True)
        ]
        found = [
            replace(
                r, text=text, not_understood=(*(text[a:b] for a, b in other), *r.not_understood)
            )
            for text, other, r in zip(prompts, others, found, strict=True)
        ]
        return self._with_meanings(found)

    def _with_meanings(self, readings: list[Reading]) -> list[Reading]:
        if self.meanings is None:
            return readings
        strange = sorted(
            {
                " ".join(content_words(thing.words)) or thing.words
                for reading in readings
                for thing in reading.things
                if _is_strange(thing)
            }
        )
        if not strange:
            return readings
        strange = self.meanings.known(strange)
        rows = self.meanings.predict(strange)
        names = self.meanings.nearest(strange)
        known = dict(zip(strange, zip(rows, names, strict=True), strict=True))

        def told(thing: NamedThing) -> NamedThing:
            if not _is_strange(thing):
                return thing
            words = " ".join(content_words(thing.words)) or thing.words
            if words not in known:
                return thing
            row, near = known[words]
            row = row if thing.attributes is None else thing.attributes
            return replace(thing, attributes=row, nearest=near)

        return [replace(r, things=tuple(map(told, r.things))) for r in readings]


def read(prompts: Sequence[str]) -> list[Reading]:
    """Read prompts with the reader that ships."""
    return OpenReader.load().read(prompts)


def _shipped() -> OpenReader:
    """By name, since this package needs no deep-learning library; without one, rules read."""
    if not any(importlib.util.find_spec(name) for name in ("torch", "onnxruntime")):
        return OpenReader(KeywordTagger())
    halves = importlib.import_module("lcr.nn.reader.shipped").shipped_halves()
    return OpenReader(halves.tagger, halves.meanings)


def _is_strange(thing: NamedThing) -> bool:
    return (
        thing.kind == "sound"
        and not thing.nearest
        and (thing.attributes is None or thing.sound is None)
        and thing.hypernym is None
    )


def _without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """With spaces for what stands in `spans`, so that the rest keeps its place."""
    for start, stop in spans:
        text = text[:start] + " " * (stop - start) + text[stop:]
    return text


def _surely(text: str, tagging: Tagging) -> Tagging:
    """The tagging, or what rules read where it is empty: where every thing is a sound of the
    lexicon, or a few words say what shall go, "remove the tuba" is a request all the same."""
    if (tagging.is_request and tagging.spans) or not _PLAIN_VERB.match(text.lower()):
        return tagging
    (found,) = KeywordTagger().tag([text])
    short = len(text.split()) <= _SHORT and _GONE_VERB.match(text.lower()) is not None
    plain = all(
        span.kind in ("voice", "all_speech")
        or (span.kind == "sound" and (short or look_up(text[span.start : span.stop]).whole))
        for span in mended(text, found.spans).spans
    )
    return found if found.is_request and plain else tagging
