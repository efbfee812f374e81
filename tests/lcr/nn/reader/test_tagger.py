from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import WeightsError, write_checkpoint
from lcr.instruction import Action
from lcr.nn.reader.tagger import SpanTagger, TaggerConfig, load_tagger
from lcr.prompts.reading.pieces import TAGS, runs
from lcr.prompts.reading.things import Span, Tagging
from lcr.training.open_reader import targets
from tests.tiny_bert import tiny_bert


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_bert(tmp_path_factory.mktemp("bert")))


def make(base: str) -> SpanTagger:
    torch.manual_seed(0)
    return SpanTagger(TaggerConfig(base=base, adapted_from=0)).eval()


def test_runs_follow_words():
    words = [None, 0, 1, 1, 2, 3, 4, None]
    borders = [1, 0, 1, 0, 2, 0, 2, 1]
    # Word 1 begins a thing, both of its pieces belong to it, word 2 goes on; word 4 stands alone.
    assert runs(borders, words) == [(2, 4), (6, 6)]
    assert runs([0, 1, 1], [0, 1, 2]) == [(1, 1), (2, 2)]
    assert runs([], []) == []


def test_targets_are_read_back(base: str):
    """What the targets say, taken for the tagger's output, is the tagging they were made of."""
    tagger = make(base)
    text = "mute the dog the rain."
    tagging = Tagging(
        (Span(9, 12, "sound", Action.REMOVE), Span(17, 21, "all_sounds", Action.DOWN)), "goes"
    )
    pieces = tagger.pieces([text])
    wanted = targets(pieces, [tagging])
    found = runs(wanted.border[0].tolist(), pieces.words[0])
    offsets = pieces.offsets[0]
    assert [(offsets[a][0], offsets[b][1]) for a, b in found] == [(9, 12), (17, 21)]
    assert [TAGS[int(wanted.tag[0, a])] for a, _ in found] == ["sound", "all_sounds"]
    assert int(wanted.rest[0]) == 1


def test_texts_of_any_kind(base: str):
    tagger = make(base).reader()
    texts = ["mute the dog", "", "   ", "🙂", "x" * 1000, "mute " * 300, "\ud800"]
    found = tagger.tag(texts)
    assert len(found) == len(texts)
    assert not found[1].is_request
    for text, tagging in zip(texts, found, strict=True):
        assert all(0 <= s.start < s.stop <= len(text) for s in tagging.spans)
    assert tagger.tag([]) == []


def test_a_batch_reads_as_one_by_one(base: str):
    tagger = make(base).reader()
    texts = ["mute the dog", "the rain the dog the rain .", "dog"]
    assert tagger.tag(texts) == [tagger.tag([text])[0] for text in texts]


def test_embedding_knows_nothing_of_lora(base: str):
    tagger = make(base)
    before = tagger.reader().embed(["the dog", "rain"])
    np.testing.assert_allclose(np.linalg.norm(before, axis=-1), 1, rtol=1e-5)
    with torch.no_grad():
        for name, parameter in tagger.named_parameters():
            if "lora_B" in name:
                parameter.add_(1.0)
    np.testing.assert_allclose(tagger.reader().embed(["the dog", "rain"]), before, rtol=1e-5)
    assert not torch.equal(tagger.bert(*_ids(tagger)).last_hidden_state, _plain(tagger))


def _ids(tagger: SpanTagger) -> tuple[torch.Tensor, torch.Tensor]:
    pieces = tagger.pieces(["the dog"])
    return torch.from_numpy(pieces.ids), torch.from_numpy(pieces.mask)


def _plain(tagger: SpanTagger) -> torch.Tensor:
    tagger.bert.adapt(False)
    try:
        return tagger.bert(*_ids(tagger)).last_hidden_state
    finally:
        tagger.bert.adapt(True)


def test_checkpoint_round_trip(base: str, tmp_path: Path):
    tagger = make(base)
    config = {"tagger": {"base": base, "adapted_from": 0}}
    write_checkpoint(tmp_path, tagger.trained_state(), config)
    again = load_tagger(tmp_path)
    assert again.reader().tag(["mute the dog"]) == tagger.reader().tag(["mute the dog"])
    assert not any(p.requires_grad for p in again.parameters())


def test_what_is_no_checkpoint(base: str, tmp_path: Path):
    with pytest.raises(MissingWeightsError):
        load_tagger(tmp_path)
    write_checkpoint(tmp_path, {"x": torch.zeros(1)}, {"tagger": {"base": base}})
    with pytest.raises(WeightsError, match="missing or unknown"):
        load_tagger(tmp_path)
    write_checkpoint(tmp_path, {"x": torch.zeros(1)}, {})
    with pytest.raises(WeightsError, match="open reader"):
        load_tagger(tmp_path)
