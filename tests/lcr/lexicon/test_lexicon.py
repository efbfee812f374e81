"""The lexicon that ships, and what is refused of a damaged one."""

from __future__ import annotations

import numpy as np
import pytest

from lcr.data.studio.classes import LABELS
from lcr.lexicon import load_lexicon
from lcr.lexicon.lexicon import LexiconError, read_lexicon

HEADER = "name,synonyms,hypernyms,attributes\n"


def test_it_holds_everyday_names_with_attributes_and_kinds():
    lexicon = load_lexicon()
    assert len(lexicon.sounds) >= 1500
    assert 40 <= len(lexicon.attribute_names) <= 80
    assert all(sound.hypernyms and len(sound.attributes) >= 10 for sound in lexicon.sounds)
    for word in ("tuba", "helicopter", "elephant", "dog", "rain", "lawn mower", "police siren"):
        assert word in lexicon.by_word


def test_every_class_of_the_studio_bank_has_attributes():
    table = load_lexicon().attributes(LABELS)
    assert table.shape == (len(LABELS), len(load_lexicon().attribute_names))
    assert (table.max(1) > 0).all()
    assert set(np.unique(table)) <= {0, 1, 2, 3}


def test_a_synonym_names_one_sound_and_is_no_other_name():
    lexicon = load_lexicon()
    synonyms = [word for sound in lexicon.sounds for word in sound.synonyms]
    assert len(synonyms) == len(set(synonyms))
    assert not set(synonyms) & set(lexicon.by_name)


def test_an_unknown_name_is_an_error():
    with pytest.raises(LexiconError):
        load_lexicon().attributes(["no such sound"])


@pytest.mark.parametrize(
    "row",
    [
        "a,,animals,low=4",
        "a,,animals,low",
        "a,,animals,odd=1",
        "a,,animals",
        "a,,animals,low=1\na,,animals,low=1",
    ],
)
def test_a_damaged_row_is_named_by_its_line(tmp_path, row):
    path = tmp_path / "sounds.csv"
    path.write_text(HEADER + row + "\n", encoding="utf-8")
    with pytest.raises(LexiconError, match=r"line [23]"):
        read_lexicon(path, ("low", "tonal"))
