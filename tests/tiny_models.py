"""Tiny random language models in transformers' own folder format, made on the spot, and readers
of them. Their tokens are bytes, so any text is in their vocabulary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lcr.nn.reader.config import Mode, ReaderConfig
from lcr.nn.reader.prompt_reader import PromptReader
from tests.tiny_bert import tiny_bert

EOS = "<|endoftext|>"
EOS_ID = 256
BOS_ID = 257
WIDTH = 16
PROMPTS = ["Mute the dog.", "", "Дождь 😀 louder\n", "keep only the woman and the rain " * 2]
KINDS = ("bert", "gpt2", "llama", "llama that ends prompts", "t5")


def tiny_bases(root: Path) -> dict[str, Path]:
    """A folder for each of KINDS."""
    return {
        "bert": tiny_bert(root / "bert"),
        "gpt2": tiny_gpt2(root / "gpt2"),
        "llama": tiny_llama(root / "llama"),
        "llama that ends prompts": tiny_llama(root / "llama-eos", ends_prompts=True),
        "t5": tiny_t5(root / "t5"),
    }


def reader(folder: Path, mode: Mode = "frozen", **changes: Any) -> PromptReader:
    """In eval mode, without slots and cache unless `changes` say so; always the same heads."""
    torch.manual_seed(0)
    config = ReaderConfig(base=str(folder), slots=0, mode=mode)
    return PromptReader(replace(config, **changes), cache=None).eval()


def tiny_gpt2(folder: Path) -> Path:
    """Two layers, 128 positions; its tokeniser adds nothing and has no padding token."""
    transformers: Any = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=258,
        n_positions=128,
        n_embd=WIDTH,
        n_layer=2,
        n_head=2,
        bos_token_id=BOS_ID,
        eos_token_id=EOS_ID,
    )
    return _write(folder, transformers.GPT2LMHeadModel, config, _byte_tokenizer())


def tiny_llama(folder: Path, *, ends_prompts: bool = False, width: int = WIDTH) -> Path:
    """Two layers; its tokeniser begins prompts with BOS and, if told, ends them with EOS."""
    transformers: Any = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        vocab_size=258,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=128,
    )
    tokenizer = _byte_tokenizer()
    processors: Any = pytest.importorskip("tokenizers.processors")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"<s> $A {EOS}" if ends_prompts else "<s> $A",
        special_tokens=[("<s>", BOS_ID), (EOS, EOS_ID)],
    )
    return _write(folder, transformers.LlamaForCausalLM, config, tokenizer)


def tiny_t5(folder: Path) -> Path:
    """An encoder-decoder, of which only the encoder reads; its tokeniser adds nothing at all."""
    transformers: Any = pytest.importorskip("transformers")
    config = transformers.T5Config(
        vocab_size=258, d_model=WIDTH, d_kv=8, d_ff=32, num_layers=2, num_heads=2
    )
    return _write(folder, transformers.T5ForConditionalGeneration, config, _byte_tokenizer())


def _byte_tokenizer() -> Any:
    tokenizers: Any = pytest.importorskip("tokenizers")
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: i for i, letter in enumerate(letters)}
    vocabulary |= {EOS: EOS_ID, "<s>": BOS_ID}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    return tokenizer


def _write(folder: Path, kind: Any, config: Any, tokenizer: Any) -> Path:
    transformers: Any = pytest.importorskip("transformers")
    folder.mkdir(parents=True, exist_ok=True)
    state = torch.get_rng_state()
    torch.manual_seed(0)
    model = kind(config)
    with torch.no_grad():
        for parameter in model.parameters():  # fresh ones are so small that texts hardly differ
            parameter.add_(0.3 * torch.randn_like(parameter))
    torch.set_rng_state(state)
    model.save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=EOS, bos_token="<s>"
    ).save_pretrained(folder)
    return folder
