from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lcr.lexicon import Lexicon, Sound
from lcr.nn.reader.meanings import (
    NameMeanings,
    NameTableError,
    Vectors,
    embed_names,
    load_names,
    save_names,
)

_PLACES = {
    "dog": (1.0, 0.0, 0.0),
    "hound": (0.9, 0.1, 0.0),
    "cat": (0.7, 0.7, 0.0),
    "drum": (0.0, 0.0, 1.0),
    "tom": (0.0, 0.1, 0.9),
}
LEXICON = Lexicon(
    ("tonal", "low"),
    (
        Sound("dog", ("hound",), ("animals",), {"low": 2}),
        Sound("cat", (), ("animals",), {"tonal": 3}),
        Sound("drum", (), ("instruments",), {"low": 3}),
    ),
)


def embed(texts: Sequence[str]) -> Vectors:
    rows = np.array([_PLACES[text] for text in texts], np.float32)
    found: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


@pytest.fixture
def meanings() -> NameMeanings:
    vectors, basis = embed_names(LEXICON, embed)
    return NameMeanings(LEXICON, vectors, basis, embed)


def test_nearest(meanings: NameMeanings):
    assert meanings.nearest(["hound", "tom"], 2)[0][0] == "dog"
    assert meanings.nearest(["tom"], 5) == [("drum", "dog", "cat")]
    assert meanings.nearest([]) == []


def test_attributes_stay_in_their_range_and_follow_the_nearest(meanings: NameMeanings):
    rows = meanings.predict(["tom", "cat"])
    assert rows.shape == (2, 2)
    assert rows.dtype == np.float32
    assert rows.min() >= 0
    assert rows.max() <= 3
    assert rows[0, 1] > rows[1, 1]
    assert meanings.predict([]).shape == (0, 2)


def test_words_far_from_all_names_are_not_known():
    vectors, basis = embed_names(LEXICON, embed)
    few = NameMeanings(LEXICON, vectors, basis, embed, {"far"}).without(["drum"])
    assert few.known(["hound", "tom"]) == ["hound"]
    few.vocabulary = {"tom"}
    assert few.known(["hound", "tom"]) == ["hound", "tom"]


def test_without(meanings: NameMeanings):
    rest = meanings.without(["drum"])
    assert rest.names == ("dog", "cat")
    assert rest.nearest(["hound"], 1) == [("dog",)]


def test_likeness(meanings: NameMeanings):
    assert meanings.likeness("dog", "dog") == pytest.approx(1, abs=1e-5)
    assert meanings.likeness("dog", "hound") > meanings.likeness("dog", "drum")


def test_round_trip(meanings: NameMeanings, tmp_path: Path):
    path = tmp_path / "names.safetensors"
    save_names(path, LEXICON, meanings.vectors, meanings.basis)
    again = load_names(path, LEXICON, embed)
    np.testing.assert_allclose(again.vectors, meanings.vectors, atol=0.01)
    np.testing.assert_allclose(again.basis, meanings.basis, atol=1e-3)
    assert again.nearest(["tom"], 1) == [("drum",)]


def test_a_table_of_another_lexicon_is_refused(meanings: NameMeanings, tmp_path: Path):
    path = tmp_path / "names.safetensors"
    with pytest.raises(NameTableError, match="no table"):
        load_names(path, LEXICON, embed)
    save_names(path, LEXICON, meanings.vectors, meanings.basis)
    other = Lexicon(LEXICON.attribute_names, LEXICON.sounds[:2])
    with pytest.raises(NameTableError, match="another lexicon"):
        load_names(path, other, embed)
