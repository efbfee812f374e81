"""To which words of a prompt a PromptReader attends (Figure 7, section VI-D).

The paper shows the last layer's attention at the final token, whose state is z. Readers whose z is
the mean over tokens have no such token: for them it is the mean over the positions that z is the
mean of. Heads are averaged; tokens that begin or end a prompt count neither way; the pieces of a
word are added up, and a prompt's words share 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from experiments.comparison.errors import ConfigError
from lcr.checkpoints import Checkpoint, find_checkpoint, load_tensors
from lcr.evaluation.statistics import Interval, bootstrap_mean
from lcr.nn.reader.config import ReaderConfig
from lcr.nn.reader.prompt_reader import PromptReader
from lcr.prompts.generator import Prompt, write_prompt
from lcr.prompts.generator.examples import random_instruction

_ARTICLES = frozenset({"a", "an", "the", "of", "in", "at", "with", "their"})
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Attended:
    """The words of a prompt in order, and the share of the attention that each gets."""

    words: tuple[str, ...]
    shares: tuple[float, ...]


def readers_of(weights: str = "lcr-g") -> tuple[PromptReader, PromptReader]:
    """Load the reader of a checkpoint (its name, or a folder) twice: before training, and as
    shipped. Raises ConfigError where LoRA did not adapt it."""
    checkpoint = Checkpoint.read(find_checkpoint(weights))
    config = ReaderConfig.from_dict(checkpoint.config["reader"])
    if config.lora is None:
        raise ConfigError(f"{weights}: its reader has no LoRA to be compared with a frozen one")
    trained = PromptReader(config, cache=None)
    load_tensors(trained, checkpoint.tensors, "reader.")
    frozen = PromptReader(replace(config, mode="frozen", lora=None), cache=None)
    return frozen.eval(), trained.eval()


@torch.inference_mode()
def attend(reader: PromptReader, prompt: str) -> Attended:
    """Measure which words a reader attends to. Raises ConfigError for a prompt of which it sees
    no word."""
    model: Any = reader.encoder
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    base.set_attn_implementation("eager")  # others do not give weights
    ids, mask = reader.tokens([prompt])
    found = model(input_ids=ids, attention_mask=mask, output_attentions=True)
    weights = found.attentions[-1][0].mean(0).double().numpy()  # (queries, keys)
    spans = reader.tokens.tokenizer(
        prompt, return_offsets_mapping=True, truncation=True, max_length=len(ids[0])
    )["offset_mapping"]
    text = [i for i, (start, end) in enumerate(spans) if end > start]
    if not text:
        raise ConfigError("the reader sees no word of this prompt")
    last = int(mask.sum()) - 1
    queries = text if reader.tokens.pooling == "mean" else [last]
    row = weights[queries].mean(0)
    words = list(_WORD.finditer(prompt))
    shares = np.zeros(len(words))
    for i in text:
        middle = sum(spans[i]) / 2
        at = next((n for n, w in enumerate(words) if w.start() <= middle <= w.end()), None)
        if at is not None:
            shares[at] += row[i]
    shares /= shares.sum()
    return Attended(tuple(w[0] for w in words), tuple(shares.tolist()))


def named_words(prompt: Prompt) -> list[bool]:
    """Say of each word of the prompt whether it names a source; articles and the like do not."""
    marks = np.zeros(len(prompt.text), bool)
    for phrase in prompt.phrases:
        start = prompt.text.lower().find(phrase.words.lower())
        if start >= 0:
            marks[start : start + len(phrase.words)] = True
    return [
        bool(marks[w.start()]) and w[0].strip(".,;:!?").lower() not in _ARTICLES
        for w in _WORD.finditer(prompt.text)
    ]


@dataclass(frozen=True, kw_only=True)
class Shares:
    """The share of the attention on words that name sources, and what evenly spread attention would
    give them; `gain` is trained less frozen, prompt by prompt."""

    frozen: Interval
    trained: Interval
    even: Interval
    gain: Interval


def compare(readers: tuple[PromptReader, PromptReader], prompts: Sequence[Prompt]) -> Shares:
    rows = []
    for prompt in prompts:
        named = np.array(named_words(prompt))
        shares = [float(np.dot(attend(one, prompt.text).shares, named)) for one in readers]
        rows.append((*shares, float(named.mean())))
    frozen, trained, even = np.array(rows).T
    return Shares(
        frozen=bootstrap_mean(frozen),
        trained=bootstrap_mean(trained),
        even=bootstrap_mean(even),
        gain=bootstrap_mean(trained - frozen),
    )


def own_prompts(count: int, seed: int) -> list[Prompt]:
    rng = np.random.default_rng(seed)
    return [write_prompt(random_instruction(rng), rng) for _ in range(count)]
