"""The trained halves of the open reader that ships."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lcr.checkpoints import WEIGHTS, Checkpoint
from lcr.files import sha256_of
from lcr.lexicon import load_lexicon
from lcr.nn.reader.meanings import NAMES_FILE, NameMeanings, load_names
from lcr.prompts.reading.pieces import PieceTagger
from lcr.runtime import VARIABLE, exported, read_made_of

OPEN_READER = WEIGHTS / "open-reader"


@dataclass(frozen=True)
class Halves:
    """The networks of the open reader: `tagger` finds the things that a prompt names, `meanings`
    tells how a thing sounds whose name is in no lexicon."""

    tagger: PieceTagger
    meanings: NameMeanings


def load_halves(folder: Path = OPEN_READER) -> Halves:
    """Load a reader, in onnxruntime where it is exported (see `lcr.runtime`), else in torch. Raises
    MissingWeightsError, WeightsError, NameTableError or RuntimeChoiceError."""
    tagger = _tagger(folder)
    names = load_names(folder / NAMES_FILE, load_lexicon(), tagger.embed, tagger.vocabulary)
    return Halves(tagger, names)


def shipped_halves() -> Halves:
    """Load the reader that ships, once for each value of LCR_RUNTIME. Raises as `load_halves`."""
    return _loaded(os.environ.get(VARIABLE))


@lru_cache(maxsize=2)
def _loaded(runtime: str | None) -> Halves:
    return load_halves()


def weights_of(folder: Path = OPEN_READER) -> dict[str, str]:
    """Names and SHA-256 of a reader's files, for a system's card. Raises as `load_halves`."""
    found = exported(folder)
    if found is not None:
        weights = dict(read_made_of(found)["weights"])
    else:
        checkpoint = Checkpoint.read(folder)
        weights = checkpoint.weights(checkpoint.config["tagger"]["base"])
    return weights | {f"{folder.name}/{NAMES_FILE}": sha256_of(folder / NAMES_FILE)}


def _tagger(folder: Path) -> PieceTagger:
    found = exported(folder)
    if found is not None:
        from lcr.nn.reader.onnx_tagger import read_tagger

        return read_tagger(folder, found)
    from lcr.nn.reader.tagger import load_tagger

    return load_tagger(folder).reader()
