from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcr.lexicon import load_lexicon
from lcr.prompts.reading.names import content_words, look_up, stem


@pytest.mark.parametrize("kind", ["name", "synonym"])
def test_every_name_and_synonym_finds_its_row(kind: str):
    lexicon = load_lexicon()
    words = lexicon.by_name if kind == "name" else lexicon.by_word
    wrong = [w for w, sound in words.items() if look_up(w).sound not in (sound, lexicon.by_word[w])]
    # Names that differ in capitals or hyphens alone may share a row.
    assert len(wrong) <= 6, wrong


@pytest.mark.parametrize(
    "words",
    [
        "dog barking",
        "the barking dog",
        "that annoying dog barking outside",
        "the sound of a dog barking",
        "a dog barking in the distance",
    ],
)
def test_forms_of_one_name(words: str):
    found = look_up(words)
    assert found.sound is not None
    assert found.sound.name == "dog barking"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("the animals", "animals"),
        ("all vehicles", "vehicles"),
        ("wildlife", "wild animals"),
        ("the brass section", "brass instruments"),
    ],
)
def test_broader_kinds(words: str, kind: str):
    assert look_up(words).hypernym == kind


def test_the_head_noun_stands_for_words_that_are_not_there():
    found = look_up("the gold-plated tuba")
    assert found.sound is not None
    assert found.sound.name == "tuba"
    assert not found.whole


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("the pup's whimpering", "dog whining"),
        ("the guest's telephone", "telephone ringing"),
        ("bovine vocalizations", "cow mooing"),
        ("coughing from the gallery", "person coughing"),
    ],
)
def test_whose_it_is_and_where_is_left_out(words: str, name: str):
    found = look_up(words)
    assert found.sound is not None
    assert found.sound.name == name


def test_unknown_words_name_nothing():
    found = look_up("the flurbish")
    assert found.sound is None
    assert found.hypernym is None


def test_word_forms_share_a_stem():
    assert stem("barking") == stem("barks") == stem("bark")
    assert stem("waves") == stem("wave")
    assert stem("cries") == stem("crying") == stem("cry")
    assert content_words("the sound of the Dog's barking") == ("dog", "barking")


@pytest.mark.parametrize("words", ["story", "lady", "the story"])
def test_a_shared_stem_is_not_enough(words: str):
    assert look_up(words).sound is None


@given(st.text(max_size=40))
def test_any_text_can_be_looked_up(words: str):
    look_up(words)
