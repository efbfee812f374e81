"""Our word pieces are those of the Hugging Face tokenizers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcr.prompts.reading.word_pieces import WordPieces
from tests.tiny_bert import WORDS, tiny_bert

MORE = [
    *"abcdeimnorstuv",
    *(f"##{c}" for c in "abcdegimnoprstuvwxy"),
    "rem",
    "##ove",
    "中",
    "-",
    "##in",
]
CHARACTERS = (
    "abcdegimnoprstuvwxy ABCDEX 0129 .,;:!?'\"()-–—…$%&+<=>^`|~éÀüñßİıΣς中文字한글かなカナ"
    "\u00a0\u2009\u200b\ufeff\t\n\r\x00\x07\x1c\x85\ufffd🙂👩‍👧𝔘ﬁ½²\u0301\u0308"
)
TEXTS = st.lists(st.sampled_from([*CHARACTERS, "remove", "dog", "raining"]), max_size=40).map(
    "".join
)
MOST = 12


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory):
    tokenizers = pytest.importorskip("tokenizers")
    path = tiny_bert(tmp_path_factory.mktemp("bert")) / "tokenizer.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    told["model"]["vocab"] = {word: i for i, word in enumerate([*WORDS, *MORE])}
    path.write_text(json.dumps(told), encoding="utf-8")
    theirs = tokenizers.Tokenizer.from_file(str(path))
    theirs.no_padding()
    theirs.enable_truncation(MOST)
    return theirs, WordPieces.read(path)


@given(TEXTS)
def test_a_text_is_cut_as_theirs(both, text: str) -> None:
    theirs, ours = both
    expected, cut = theirs.encode(text), ours.cut(text, MOST)
    assert cut.ids == expected.ids
    assert cut.offsets == expected.offsets
    assert cut.words == expected.word_ids


def test_long_words_and_marks(both) -> None:
    theirs, ours = both
    for text in ("a" * 100, "a" * 101, "rem" * 34):
        assert ours.cut(text, MOST).ids == theirs.encode(text).ids
    assert WORDS.index("[MASK]") not in ours.cut("[MASK]", MOST).ids
    assert len(ours.cut("\ud800", MOST).ids) == 2


def test_another_kind_of_tokenizer_is_refused(tmp_path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({"model": {"type": "BPE", "vocab": {}}, "normalizer": {}}))
    with pytest.raises(ValueError, match="word pieces"):
        WordPieces.read(path)
