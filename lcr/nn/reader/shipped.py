"""The trained halves of the open reader that ships."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lcr.checkpoints import WEIGHTS
from lcr.lexicon import load_lexicon
from lcr.nn.reader.meanings import NAMES_FILE, NameMeanings, Vectors, load_names
from lcr.nn.reader.tagger import SpanTagger, load_tagger

OPEN_READER = WEIGHTS / "open-reader"


@dataclass(frozen=True)
class Halves:
    """What finds the things of a prompt, and what knows how strange names sound."""

    tagger: SpanTagger
    meanings: NameMeanings


def load_halves(folder: Path = OPEN_READER) -> Halves:
    """Raises MissingWeightsError, WeightsError or NameTableError."""
    tagger = load_tagger(folder)

    def embed(texts: Sequence[str]) -> Vectors:
        vectors: Vectors = tagger.embed(texts).numpy()
        return vectors

    names = load_names(folder / NAMES_FILE, load_lexicon(), embed, tagger.vocabulary)
    return Halves(tagger, names)
