"""How words that no lexicon has may sound: from the names nearest in meaning.

Names of the lexicon lie where MiniLM puts them and their synonyms (the mean), in `DIMENSIONS`
principal axes. Attributes of other words come from a kernel regression on all names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lcr.errors import LcrError
from lcr.lexicon import Lexicon

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]
"""Texts to vectors (texts, width) of length 1."""
DIMENSIONS = 128
_WIDTH, _RIDGE = 0.3, 0.3
_SOUND_WEIGHT = 1.0
"""Of likeness in predicted sound beside likeness in meaning, for the nearest names."""
_NEAR = 0.6
"""The cosine to some name from which on a word of no vocabulary is thought to mean that."""
NAMES_FILE = "names.safetensors"


class NameTableError(LcrError):
    """The table of names is missing, damaged or of another lexicon."""


class NameMeanings:
    """Predicts how a thing sounds from what its name means, and finds names of like meaning.

    `embed` turns names into sentence embeddings of some width, `basis` (width, DIMENSIONS) reduces
    these, and `vectors` (names, DIMENSIONS) are those of the lexicon's names, of length 1.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        vectors: Vectors,
        basis: Vectors,
        embed: Embed,
        vocabulary: Collection[str] = (),
    ) -> None:
        self.lexicon, self.basis, self.embed = lexicon, basis, embed
        self.vocabulary = vocabulary
        self.names = tuple(sound.name for sound in lexicon.sounds)
        if len(vectors) != len(self.names):
            raise NameTableError(f"{len(vectors)} vectors for {len(self.names)} names")
        self.vectors = _unit(vectors)

    def known(self, words: Sequence[str]) -> list[str]:
        """Those of which any word is a whole word of the encoder's `vocabulary`, or that are near
        some name: of the others, rare or made up, nothing can be told."""
        rare = [w for w in words if not any(part in self.vocabulary for part in w.split())]
        if not rare:
            return list(words)
        best = (self.place(rare) @ self.vectors.T).max(1)
        gone = {w for w, likeness in zip(rare, best, strict=True) if likeness < _NEAR}
        return [w for w in words if w not in gone]

    def predict(self, words: Sequence[str]) -> Vectors:
        """Attributes (words, attributes), 0 to 3, of how the words would sound."""
        if not words:
            return np.zeros((0, len(self.lexicon.attribute_names)), np.float32)
        rows: Vectors = self._deviations(self.place(words)) + self._mean
        return rows.clip(0, 3).astype(np.float32)

    def nearest(self, words: Sequence[str], count: int = 5) -> list[tuple[str, ...]]:
        """The `count` names nearest in meaning and predicted sound, nearest first."""
        if not words:
            return []
        places = self.place(words)
        centred = self._attributes - self._mean
        alike = places @ self.vectors.T
        alike = alike + _SOUND_WEIGHT * (_unit(self._deviations(places)) @ _unit(centred).T)
        order = np.argsort(-alike, axis=1)[:, :count]
        return [tuple(self.names[i] for i in row) for row in order]

    def place(self, words: Sequence[str]) -> Vectors:
        """(words, DIMENSIONS), of length 1."""
        return _unit(self.embed(list(words)) @ self.basis)

    def likeness(self, one: str, other: str) -> float:
        """The cosine between two names, -1 to 1."""
        a, b = self.place([one, other])
        return float(a @ b)

    def without(self, names: Sequence[str]) -> NameMeanings:
        """These meanings made anew without `names`, to test what they predict for such names."""
        gone = set(names)
        kept = [i for i, name in enumerate(self.names) if name not in gone]
        lexicon = Lexicon(self.lexicon.attribute_names, tuple(self.lexicon.sounds[i] for i in kept))
        return NameMeanings(lexicon, self.vectors[kept], self.basis, self.embed, self.vocabulary)

    def _deviations(self, places: Vectors) -> Vectors:
        found: Vectors = (_kernel(places, self.vectors) @ self._dual).astype(np.float32)
        return found

    @cached_property
    def _attributes(self) -> Vectors:
        return self.lexicon.attributes(self.names)

    @cached_property
    def _mean(self) -> Vectors:
        mean: Vectors = self._attributes.mean(0)
        return mean

    @cached_property
    def _dual(self) -> Vectors:
        gram = _kernel(self.vectors, self.vectors)
        gram += _RIDGE * np.eye(len(gram), dtype=np.float32)
        found: Vectors = np.linalg.solve(gram, self._attributes - self._mean)
        return found


def embed_names(lexicon: Lexicon, embed: Embed) -> tuple[Vectors, Vectors]:
    """Vectors (names, DIMENSIONS) and the basis (width, DIMENSIONS), from names and synonyms."""
    texts = [word for sound in lexicon.sounds for word in (sound.name, *sound.synonyms)]
    owner = [i for i, sound in enumerate(lexicon.sounds) for _ in range(1 + len(sound.synonyms))]
    rows = embed(texts)
    means = np.zeros((len(lexicon.sounds), rows.shape[1]), np.float32)
    np.add.at(means, np.array(owner), rows)
    means = _unit(means)
    _, _, axes = np.linalg.svd(means - means.mean(0), full_matrices=False)
    basis = axes[:DIMENSIONS].T.astype(np.float32)
    return _unit(means @ basis), basis


def save_names(path: Path, lexicon: Lexicon, vectors: Vectors, basis: Vectors) -> None:
    """Write a table that `load_names` reads: vectors in 8 bits, the basis in 16."""
    from safetensors.numpy import save

    from lcr.files import write_whole

    tensors = {
        "vectors": np.ascontiguousarray(
            np.round(vectors * (127 / np.abs(vectors).max())).astype(np.int8)
        ),
        "basis": np.ascontiguousarray(basis.astype(np.float16)),
    }
    data = save(tensors, {"names": digest(lexicon)})
    write_whole(path, data)


def load_names(
    path: Path, lexicon: Lexicon, embed: Embed, vocabulary: Collection[str] = ()
) -> NameMeanings:
    """Raises NameTableError for a table that is missing, damaged or of other names."""
    from safetensors import safe_open

    try:
        with safe_open(path, "numpy") as file:
            known = (file.metadata() or {}).get("names")
            vectors, basis = file.get_tensor("vectors"), file.get_tensor("basis")
    except Exception as error:  # safetensors raises a type of its own
        raise NameTableError(f"{path} holds no table of names: {error}") from error
    if known != digest(lexicon):
        raise NameTableError(f"{path} was made of another lexicon; make it anew")
    return NameMeanings(
        lexicon, vectors.astype(np.float32), basis.astype(np.float32), embed, vocabulary
    )


def digest(lexicon: Lexicon) -> str:
    """SHA-256 of the lexicon's names and synonyms."""
    text = "\n".join(";".join((s.name, *s.synonyms)) for s in lexicon.sounds)
    return hashlib.sha256(text.encode()).hexdigest()


def _kernel(a: Vectors, b: Vectors) -> Vectors:
    found: Vectors = np.exp((a @ b.T - 1) / _WIDTH).astype(np.float32)
    return found


def _unit(rows: Vectors) -> Vectors:
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    found: Vectors = (rows / np.maximum(lengths, 1e-9)).astype(np.float32)
    return found
