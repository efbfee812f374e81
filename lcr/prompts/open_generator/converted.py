"""Prompts of the structured generator as prompts with tags."""

from __future__ import annotations

import re

from lcr.prompts import lexicon
from lcr.prompts.generator import Phrase, Prompt
from lcr.prompts.generator.writer import ISOLATING_FORMS
from lcr.prompts.open_generator.writer import TaggedPrompt, wrapping
from lcr.prompts.reading.things import Kind, Span, Tagging

_EXCEPT = re.compile(rf" (?:{'|'.join(sorted(lexicon.EXCEPT, key=len, reverse=True))}) ")
_NOT_ONE = frozenset({"the speech", "the talking", "the spoken words"})
_SCOPES: dict[str, Kind] = {
    "all_speech": "all_speech",
    "all_audio": "all_sounds",
    "everything": "everything",
    "everything_else": "everything_else",
}


def tagged(prompt: Prompt) -> TaggedPrompt | None:
    """The prompt with the places of its phrases; None where some cannot be found in its text."""
    lower = prompt.text.lower()
    spans: list[Span] = []
    for phrase in sorted(prompt.phrases, key=lambda p: -len(p.words)):
        words, kind = phrase.words.lower(), _kind(phrase)
        if kind == "everything_else" and (cut := _EXCEPT.search(words)) is not None:
            words, kind = words[: cut.start()], "everything"
        place = _free(lower, words, spans)
        if place is None:
            return None
        start = place + wrapping(words, kind)
        styles = dict(phrase.attributes) if kind == "voice" else {}
        spans.append(Span(start, place + len(words), kind, phrase.action, styles))
    spans.sort(key=lambda span: span.start)
    rest = "goes" if prompt.form in ISOLATING_FORMS else "stays"
    return TaggedPrompt(prompt.text, Tagging(tuple(spans), rest))  # type: ignore[arg-type]


def _kind(phrase: Phrase) -> Kind:
    if phrase.scope != "one":
        return _SCOPES[phrase.scope]
    if phrase.words in _NOT_ONE:
        return "all_speech"
    return "voice" if phrase.label is None else "sound"


def _free(text: str, words: str, spans: list[Span]) -> int | None:
    """Where `words` stand outside all spans; the words of a thing may stand there twice."""
    at = text.find(words)
    while at >= 0:
        stop = at + len(words)
        if all(stop <= s.start or at >= s.stop for s in spans):
            return at
        at = text.find(words, at + 1)
    return None
