"""The desk's decoders: of the architecture that is asked for, readable by PromptReader, and taught
that EOS holds what was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.training import train_decoder
from experiments.training.train_decoder import EOS, DecoderStage, build_decoder, draw_document
from lcr.nn.reader.prompt_reader import PromptReader, ReaderConfig
from tests.tiny_models import tiny_llama

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_trained_decoder_is_a_reader_s_base(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_decoder, "_TOKENIZER_TEXTS", 200)
    out = tmp_path / "decoder"
    words = [kind, "--run", str(tmp_path / "run"), "--out", str(out), "--steps", "3"]
    words += ["--batch", "2", "--width", "16", "--layers", "1", "--heads", "2"]
    words += ["--vocabulary", "300"]
    assert train_decoder.main(words) == 0
    reader = PromptReader(ReaderConfig(base=str(out), slots=0, lora=None), cache=None)
    assert type(reader.encoder).__name__ == {"gpt2": "GPT2Model", "llama": "LlamaModel"}[kind]
    assert (reader.tokens.pooling, reader.tokens.eos, reader.z_dim) == ("final", 0, 16)
    z = reader(["Mute the dog.", "Дождь 😀"])
    assert bool(z.isfinite().all())
    assert not torch.equal(z[0], z[1])


def test_a_document_is_one_instruction_in_two_wordings() -> None:
    documents = [draw_document(np.random.default_rng(seed)) for seed in range(20)]
    assert sum(first != second for first, second in documents) > 15
    assert documents == [draw_document(np.random.default_rng(seed)) for seed in range(20)]


def test_the_loss_is_that_of_every_token_and_of_no_padding(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_llama(tmp_path))
    decoder = build_decoder("llama", vocabulary=258, width=16, layers=1, heads=2).eval()
    stage = DecoderStage(decoder, tokenizer, batch=2)
    documents = [("a", "b"), ("a longer one", "and another")]
    with torch.no_grad():
        together = stage.nats(documents)
        apart = [stage.nats([one]) for one in documents]
    counts = [len(tokenizer(EOS.join((*one, "")))["input_ids"]) - 1 for one in documents]
    mean = sum(n * float(v) for n, v in zip(counts, apart, strict=True)) / sum(counts)
    assert float(together) == pytest.approx(mean, rel=2e-2)
