"""Words of relations."""

from __future__ import annotations

import pytest

from lcr.instruction import RELATIONS
from lcr.prompts.reading.relations import _WORDS, relation_of


def test_every_relation_has_words():
    assert tuple(sorted(_WORDS)) == tuple(sorted(RELATIONS))


@pytest.mark.parametrize(
    ("words", "relation"),
    [
        ("second to speak", "second"),
        ("deepest", "lower"),
        ("softer", "quieter"),
        ("Louder", "louder"),
        ("last", "last"),
        ("other", None),
        ("nearer", None),
        ("lasting", None),
    ],
)
def test_relation_of(words, relation):
    assert relation_of(words) == relation
