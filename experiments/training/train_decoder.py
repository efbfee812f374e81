"""Train a small decoder of GPT-2's or LLaMA's architecture, for the desk's rows of Table II:
`python experiments/training/train_decoder.py llama --run DIR --out FOLDER`.

It stands where the paper has a pretrained language model, and has read nothing but instructions as
our grammar words them: documents of two wordings of one instruction, each ended by EOS, told by
the next token. So what it makes of EOS is what was asked for. Stop it at any time: the same
command goes on where it was. FOLDER is in the format of transformers, weights of 16-bit floats.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from torch import Tensor, nn
from torch.nn import functional

from experiments.command import command, option
from experiments.training.text_models import RUN_OPTIONS, train
from lcr.data.mixtures import Example
from lcr.prompts.generator import write_prompt
from lcr.prompts.generator.examples import random_instruction
from lcr.training.config import LoopConfig
from lcr.training.loop import Loop
from lcr.training.precision import cpu_products
from lcr.training.stages import Scores

Kind = Literal["gpt2", "llama"]
EOS = "<|endoftext|>"
_POSITIONS, _TOKENIZER_TEXTS = 128, 20_000
_IGNORED = -100


def draw_document(rng: np.random.Generator) -> tuple[str, str]:
    """Two wordings of one instruction."""
    instruction = random_instruction(rng, unknown=0.1)
    return write_prompt(instruction, rng).text, write_prompt(instruction, rng).text


def train_tokenizer(texts: Iterator[str], size: int) -> Any:  # noqa: ANN401 (transformers' own)
    """Byte-level BPE, so that every text can be read."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=size,
        special_tokens=[EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    kind: Any = PreTrainedTokenizerFast
    return kind(tokenizer_object=tokenizer, eos_token=EOS, model_max_length=_POSITIONS)


def build_decoder(kind: Kind, *, vocabulary: int, width: int, layers: int, heads: int) -> Any:  # noqa: ANN401
    """The architecture alone, untrained, its embeddings tied; token 0 is EOS."""
    import transformers

    ends: dict[str, Any] = {"vocab_size": vocabulary, "bos_token_id": 0, "eos_token_id": 0}
    build: Any = transformers.AutoModelForCausalLM.from_config
    if kind == "gpt2":
        sizes: dict[str, Any] = {
            "n_embd": width,
            "n_layer": layers,
            "n_head": heads,
            "n_positions": _POSITIONS,
        }
        drops: dict[str, Any] = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
        return build(transformers.GPT2Config(**ends, **sizes, **drops))
    return build(
        transformers.LlamaConfig(
            **ends,
            hidden_size=width,
            intermediate_size=8 * width // 3,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            max_position_embeddings=_POSITIONS,
            tie_word_embeddings=True,
        )
    )


class DecoderStage:
    """Cross-entropy of every token of documents drawn anew each step. It validates on documents of
    a seed of its own, whatever examples come."""

    def __init__(self, decoder: nn.Module, tokenizer: Any, *, batch: int) -> None:  # noqa: ANN401
        self.modules = nn.ModuleDict({"decoder": decoder})
        self.decoder, self.tokenizer, self.batch = decoder, tokenizer, batch
        held_out = np.random.default_rng(20_240_203)
        self._held_out = [draw_document(held_out) for _ in range(256)]

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        """Nats a token."""
        loss = self.nats([draw_document(rng) for _ in range(self.batch)])
        return loss, {"nats": float(loss.detach())}

    def validate(self, examples: Sequence[Example]) -> Scores:
        return Scores({"nats": float(self.nats(self._held_out)) * 256}, 256)

    def nats(self, documents: Sequence[tuple[str, str]]) -> Tensor:
        rows = self.tokenizer([EOS.join((*document, "")) for document in documents])["input_ids"]
        ids = nn.utils.rnn.pad_sequence(
            [torch.tensor(row[:_POSITIONS]) for row in rows],
            batch_first=True,
            padding_value=_IGNORED,
        )
        with cpu_products(bfloat16=True):
            logits = self.decoder(input_ids=ids.clamp_min(0)).logits[:, :-1].float()
        return functional.cross_entropy(
            logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=_IGNORED
        )


@command(
    __doc__,
    option("kind", choices=("gpt2", "llama")),
    *RUN_OPTIONS,
    option("--out", type=Path, metavar="FOLDER", help="for the finished decoder"),
    option("--steps", type=int, default=3000),
    option("--width", type=int, default=128),
    option("--layers", type=int, default=4),
    option("--heads", type=int, default=4),
    option("--vocabulary", type=int, default=1024),
    option("--batch", type=int, default=32, help="documents a step"),
    resumes=True,
)
def main(options: argparse.Namespace) -> None:
    """Train on; write the decoder when its time is over."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    texts = (text for _ in range(_TOKENIZER_TEXTS) for text in draw_document(rng))
    tokenizer = train_tokenizer(texts, options.vocabulary)
    decoder = build_decoder(
        options.kind,
        vocabulary=len(tokenizer),
        width=options.width,
        layers=options.layers,
        heads=options.heads,
    )
    config = LoopConfig(
        steps=options.steps,
        minutes=options.processor_minutes,
        optimiser="adamw",
        rate=2e-3,
        betas=(0.9, 0.98),
        warmup_steps=100,
        decay_share=0.7,
        clip_norm=1.0,
        validate_every=500,
    )
    loop = Loop(
        DecoderStage(decoder, tokenizer, batch=options.batch), config, options.run, {"held-out": ()}
    )
    for name, value in train(loop, options.minutes).items():
        print(f"{name:24} {value:.4f}")
    if loop.done < 1:
        print("not over yet: the same command goes on")
    elif options.out:
        loop.averaged()
        decoder.half().save_pretrained(options.out)
        tokenizer.save_pretrained(options.out)
        print(f"decoder in {options.out} after {loop.step} steps, {loop.seconds:.0f} s")


if __name__ == "__main__":
    raise SystemExit(main())
