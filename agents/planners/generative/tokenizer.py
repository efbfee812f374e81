"""The generative planner's tokenizer: byte-level BPE for requests, and a token for each piece of a
plan's JSON that always comes whole, so that a plan is a few tokens long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from agents.planners.generative.text import MOST_SOURCES, source_id

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, USER, PLAN, END = "<|pad|>", "<|user|>", "<|plan|>", "<|end|>"
_ACTIONS = ("remove", "keep", "up", "down")
PIECES: tuple[str, ...] = (
    '{"changes":[{"source":"',
    *(f'","action":"{action}"' for action in _ACTIONS),
    '},{"source":"',
    *(f'}}],"others":"{action}"}}' for action in _ACTIONS),
    *(f'{{"changes":[],"others":"{action}"}}' for action in _ACTIONS),
)
"""What plans are made of, apart from sources."""
IDS = tuple(source_id(number) for number in range(MOST_SOURCES))

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'user' -%}" + USER + "{{- message['content'] -}}"
    "{%- elif message['role'] == 'assistant' -%}" + PLAN + "{{- message['content'] -}}" + END + ""
    "{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}" + PLAN + "{%- endif -%}"
)
"""System messages are left out: this model knows one task only."""


def train_tokenizer(
    texts: Iterable[str], words: Sequence[str], *, size: int
) -> PreTrainedTokenizerFast:
    """Learn `size` tokens from requests, and from `words`, the commonest first, of which the first
    count the more; they are for labels that no request holds.

    Text is read in lower case.
    """
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    own = [PAD, USER, PLAN, END]
    trainer = BpeTrainer(
        vocab_size=size - len(PIECES) - len(IDS),
        special_tokens=own,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(texts, words), trainer)
    tokenizer.add_tokens([AddedToken(piece, normalized=False) for piece in PIECES])
    tokenizer.add_tokens([AddedToken(one, single_word=True, normalized=False) for one in IDS])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        bos_token=USER,
        additional_special_tokens=[PLAN],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
    )


def _corpus(texts: Iterable[str], words: Sequence[str]) -> Iterator[str]:
    yield from texts
    for rank, word in enumerate(words):
        yield " ".join([word] * max(1, 200 // (1 + rank // 40)))
