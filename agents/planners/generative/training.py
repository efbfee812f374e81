"""How the generative planner is trained: cross-entropy of a plan's tokens, given its request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from agents.planners.generative.data import Lesson, LessonConfig, draw_lesson
from agents.planners.generative.text import plan_text, request
from agents.planners.generative.tokenizer import END, PLAN, USER
from lcr.data.mixtures import Example
from lcr.training.precision import cpu_products
from lcr.training.stages import Scores

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

MOST_TOKENS = 96
"""Of a plan; one that is longer is cut and thereby malformed."""
_IGNORED = -100
_EMBEDDING_SCALE = 0.05
"""Of a value; GPT-2's own start is 0.02, and positions have it too."""


@dataclass(frozen=True, kw_only=True)
class GenerativeConfig:
    """The network's size and what a step sees of the lessons."""

    vocabulary: int = 1280
    width: int = 88
    layers: int = 4
    heads: int = 4
    positions: int = 256
    batch: int = 64
    """Lessons a step."""
    parts: int = 2
    """A step's lessons, in order of length, are padded to one length within each of these."""
    cpu_bfloat16: bool = True
    """Matrix products on the CPU in bfloat16: faster on processors with AVX-512 BF16 or AMX."""
    held_out: int = 256
    """Lessons that are validated on, drawn from a seed of their own."""
    lessons: LessonConfig = field(default_factory=LessonConfig)


def build_model(config: GenerativeConfig, tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """GPT-2's architecture, untrained, with tied embeddings."""
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=config.vocabulary,
            n_positions=config.positions,
            n_embd=config.width,
            n_layer=config.layers,
            n_head=config.heads,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=_id(tokenizer, USER),
            eos_token_id=_id(tokenizer, END),
            pad_token_id=tokenizer.pad_token_id,
        )
    )


class GenerativeStage:
    """A stage of `lcr.training.loop`. It validates on lessons of its own, whatever examples come:
    reading prompts takes no audio."""

    def __init__(
        self,
        model: GPT2LMHeadModel,
        tokenizer: PreTrainedTokenizerFast,
        words: Sequence[str],
        config: GenerativeConfig,
    ) -> None:
        self.modules = nn.ModuleDict({"planner": model})
        self.model, self.tokenizer, self.words, self.config = model, tokenizer, words, config
        held_out = np.random.default_rng([config.vocabulary, 1])
        self._held_out = [self._draw(held_out) for _ in range(config.held_out)]

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        """Nats a plan's token."""
        nats, right, count = self._read([self._draw(rng) for _ in range(self.config.batch)])
        loss = nats / count
        return loss, {"nats": float(loss.detach()), "tokens_right": float(right) / count}

    def validate(self, examples: Sequence[Example]) -> Scores:
        """`plan_right`: the share of plans whose every token is the likeliest one, which is what
        greedy decoding would then write."""
        nats, whole, tokens = 0.0, 0, 0
        for start in range(0, len(self._held_out), self.config.batch):
            some = self._held_out[start : start + self.config.batch]
            ids, labels = self.batch(some)
            with cpu_products(bfloat16=self.config.cpu_bfloat16):
                logits = self.model(input_ids=ids).logits[:, :-1].float()
            targets = labels[:, 1:]
            kept = targets != _IGNORED
            nats += float(functional.cross_entropy(logits[kept], targets[kept], reduction="sum"))
            tokens += int(kept.sum())
            whole += int(((logits.argmax(-1) == targets) | ~kept).all(-1).sum())
        count = len(self._held_out)
        return Scores({"nats": nats / tokens * count, "plan_right": float(whole)}, count)

    def batch(self, lessons: Sequence[Lesson]) -> tuple[Tensor, Tensor]:
        """Ids and labels (lessons, longest) int64, padded on the right; only plans have labels."""
        heads = [USER + request(one.prompt, one.inventory) + PLAN for one in lessons]
        tails = [plan_text(one.plan) + END for one in lessons]
        read = self.tokenizer(heads, add_special_tokens=False)["input_ids"]
        written = self.tokenizer(tails, add_special_tokens=False)["input_ids"]
        longest = max(len(a) + len(b) for a, b in zip(read, written, strict=True))
        end = _id(self.tokenizer, END)  # what follows a plan is not looked at
        ids = torch.full((len(lessons), longest), end)
        labels = torch.full((len(lessons), longest), _IGNORED)
        for row, (a, b) in enumerate(zip(read, written, strict=True)):
            ids[row, : len(a) + len(b)] = torch.tensor(a + b)
            labels[row, len(a) : len(a) + len(b)] = torch.tensor(b)
        return ids, labels

    def _draw(self, rng: np.random.Generator) -> Lesson:
        return draw_lesson(rng, self.words, self.config.lessons)

    def _read(self, lessons: Sequence[Lesson]) -> tuple[Tensor, int, int]:
        """Summed loss, tokens that are the likeliest, and tokens, of plans."""
        ordered = sorted(lessons, key=lambda one: len(request(one.prompt, one.inventory)))
        size = -(-len(ordered) // self.config.parts)
        total, right, count = torch.zeros(()), 0, 0
        for start in range(0, len(ordered), size):
            ids, labels = self.batch(ordered[start : start + size])
            targets = labels[:, 1:]
            kept = targets != _IGNORED
            with cpu_products(bfloat16=self.config.cpu_bfloat16):
                hidden = self.model.transformer(input_ids=ids).last_hidden_state[:, :-1]
                # The vocabulary's scores are only needed where a plan is written.
                logits = self.model.lm_head(hidden[kept]).float()
            total = total + functional.cross_entropy(logits, targets[kept], reduction="sum")
            right += int((logits.detach().argmax(-1) == targets[kept]).sum())
            count += len(logits)
        return total, right, count


def _id(tokenizer: PreTrainedTokenizerFast, token: str) -> int:
    found = tokenizer.convert_tokens_to_ids(token)
    assert isinstance(found, int)
    return found


def start_from_words(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Put the embeddings where MiniLM's sentence vectors of the tokens' texts lie, in the principal
    components that they have room for: words of like meaning begin alike.

    Raises MissingWeightsError without MiniLM.
    """
    from lcr.nn.reader.config import preset
    from lcr.nn.reader.prompt_reader import PromptReader

    table = model.transformer.wte.weight
    texts = {
        token: text
        for token in range(len(tokenizer))
        if re.fullmatch("[a-z]{2,}", text := str(tokenizer.decode([token])).strip())
    }
    reader = PromptReader(replace(preset("minilm"), mode="frozen")).eval()
    some = list(texts.values())
    with torch.no_grad():
        found = torch.cat([reader(some[i : i + 64]) for i in range(0, len(some), 64)])
        found = found - found.mean(0)
        _, _, components = torch.linalg.svd(found, full_matrices=False)
        placed = found @ components[: table.shape[1]].T
        table[list(texts)] = _EMBEDDING_SCALE * placed / placed.std()


def save_planner(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """In the format of transformers, weights as 16-bit floats; `model` is one itself then."""
    from transformers import GenerationConfig

    model.half()  # type: ignore[no-untyped-call]
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False,
        max_new_tokens=MOST_TOKENS,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
        bos_token_id=model.config.bos_token_id,
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
