"""Frozen readers with a cache: read once, the same values, nothing shared that may differ."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lcr.nn.reader.embedding_cache import CacheError, EmbeddingCache
from lcr.nn.reader.prompt_reader import PromptReader, ReaderConfig
from tests.tiny_models import tiny_gpt2

PROMPTS = ["mute the dog", "", "rain louder, please", "mute the dog", "😀"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gpt2(tmp_path_factory.mktemp("base") / "gpt2")


def reader(base: Path, cache: EmbeddingCache | None, slots: int = 0) -> PromptReader:
    torch.manual_seed(0)
    config = ReaderConfig(base=str(base), slots=slots, mode="frozen")
    return PromptReader(config, cache=cache).eval()


@pytest.mark.parametrize("slots", [0, 5])
def test_a_frozen_reader_reads_each_prompt_once(base: Path, tmp_path: Path, slots: int) -> None:
    cache = EmbeddingCache(tmp_path / "c.sqlite")
    plain, one = reader(base, None, slots), reader(base, cache, slots)
    with torch.no_grad():
        expected, first = plain(PROMPTS), one(PROMPTS)
    torch.testing.assert_close(first, expected, rtol=1e-5, atol=1e-5)
    assert len(cache) == 4  # one prompt came twice
    two = reader(base, cache, slots)
    seen = count_reads(two)
    with torch.no_grad():
        again = two(PROMPTS)
        torch.testing.assert_close(two(["dog", PROMPTS[2]])[1], expected[2], rtol=1e-5, atol=1e-5)
    assert torch.equal(again, first)
    assert seen == [["dog"]]


def count_reads(model: PromptReader) -> list[list[str]]:
    """What the language model itself is asked to read from now on."""
    seen: list[list[str]] = []
    encode = model._encode

    def counted(texts):
        seen.append(list(texts))
        return encode(texts)

    model._encode = counted  # type: ignore[method-assign]
    return seen


def test_heads_on_a_cached_base_learn(base: Path, tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "c.sqlite")
    grads = []
    for place in (None, cache, cache):
        model = reader(base, place, slots=5).train()
        model(PROMPTS).square().sum().backward()
        grads.append({n: p.grad for n, p in model.named_parameters() if p.requires_grad})
    for name, grad in grads[0].items():
        torch.testing.assert_close(grads[1][name], grad, rtol=1e-4, atol=1e-5)
        assert torch.equal(grads[1][name], grads[2][name])


def test_other_weights_settings_or_tokenisers_share_nothing(base: Path, tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "c.sqlite")
    with torch.no_grad():
        model = reader(base, cache)
        model(["dog"])
        state = {name: value + 1 for name, value in model.state_dict().items()}
        before = model(["dog"])
        model.load_state_dict(state)
        assert not torch.equal(model(["dog"]), before)
        assert len(cache) == 2
        reader(base, cache, slots=5)(["dog"])
        short = ReaderConfig(base=str(base), slots=0, mode="frozen", max_tokens=9)
        PromptReader(short, cache=cache)(["dog"])
        half = ReaderConfig(base=str(base), slots=0, mode="frozen", dtype="bfloat16")
        PromptReader(half, cache=cache)(["dog"])
        mean = ReaderConfig(base=str(base), slots=0, mode="frozen", pooling="mean")
        PromptReader(mean, cache=cache)(["dog"])
        assert len(cache) == 6
        spelt = json_copy(base, tmp_path / "other")
        PromptReader(ReaderConfig(base=str(spelt), slots=0, mode="frozen"), cache=cache)(["dog"])
    assert len(cache) == 7


def json_copy(base: Path, folder: Path) -> Path:
    """The same weights under a tokeniser file that differs."""
    folder.mkdir()
    for path in base.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    tokenizer = folder / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text() + "\n")
    return folder


def test_trained_readers_are_not_cached(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCR_CACHE", str(tmp_path))
    with torch.no_grad():
        PromptReader(ReaderConfig(base=str(base), slots=0))(["dog"])
        assert not list(tmp_path.iterdir())
        frozen = PromptReader(ReaderConfig(base=str(base), slots=0, lora=None))
        frozen(["dog"])
    assert (tmp_path / "embeddings.sqlite").is_file()
    with pytest.raises(ValueError, match="no cache"):
        PromptReader(
            ReaderConfig(base=str(base), slots=0, mode="all"),
            cache=EmbeddingCache(tmp_path / "c.sqlite"),
        )
    monkeypatch.setenv("LCR_CACHE", "")
    assert PromptReader(ReaderConfig(base=str(base), slots=0, lora=None))._cache is None


@pytest.mark.parametrize("breaks", ["get", "put"])
def test_a_broken_cache_costs_time_not_the_run(
    base: Path, tmp_path: Path, breaks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = EmbeddingCache(tmp_path / "c.sqlite")
    model = reader(base, cache)

    def broken(*_: object) -> None:
        raise CacheError("the disk is full")

    monkeypatch.setattr(cache, breaks, broken)
    with torch.no_grad():
        with pytest.warns(RuntimeWarning, match="without a cache: the disk is full"):
            z = model(PROMPTS)
        torch.testing.assert_close(z, reader(base, None)(PROMPTS))
        torch.testing.assert_close(model(PROMPTS), z)  # and it is told once
