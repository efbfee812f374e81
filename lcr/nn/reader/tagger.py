"""The open reader's tagger: MiniLM with LoRA says of every word piece whether it begins, continues
or is outside a named thing, of what kind that is and under which action; of every voice the styles
stated; of the whole prompt what happens to the rest and whether it asks for a remix at all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lcr.base_weights import MINILM, find_base
from lcr.checkpoints import Checkpoint, load_tensors, must_fit, no_larger_than
from lcr.instruction import STYLE_VALUES, Action
from lcr.nn.reader.config import LoraConfig
from lcr.nn.reader.light_bert import TOKENIZER, LightBert
from lcr.prompts.reading.things import KINDS, RESTS, Kind, Span, Tagging

ACTIONS = tuple(Action)
TAGS: tuple[str, ...] = (*KINDS, "odd")
"""Kinds of things, and what is asked that is no matter of levels."""
OUTSIDE, BEGIN, INSIDE = 0, 1, 2
STYLE_NAMES = tuple(STYLE_VALUES)
STYLE_SIZES = [1 + len(values) for values in STYLE_VALUES.values()]
"""Classes of each style: not stated, then its values."""
_LAYERS = ("query", "value", "intermediate.dense", "output.dense")
_BATCH = 64
_DOUBT = -2.0
"""Logit above which a prompt that names things for an action is a request, whatever else speaks
against it: of what is none, the tagger should name nothing."""


@dataclass(frozen=True, kw_only=True)
class TaggerConfig:
    """`base` as in `lcr.base_weights`; LoRA is of every linear layer
    but the keys', from layer `adapted_from` on."""

    base: str = MINILM
    lora_rank: int = 8
    adapted_from: int = 2
    """The first layer with LoRA."""
    lora_alpha: float = 16.0
    max_tokens: int = 96


@dataclass(frozen=True)
class Pieces:
    """Word pieces of some texts: `ids` and `mask` (texts, pieces) int64, and of each text the
    character `offsets` and the word of each piece (None for marks such as [CLS])."""

    ids: Tensor
    mask: Tensor
    offsets: list[list[tuple[int, int]]]
    words: list[list[int | None]]


@dataclass(frozen=True)
class Logits:
    """Of each piece `border` (texts, pieces, 3), `tag` (…, len(TAGS)) and `action` (…, 4); its
    `state` (…, width), from which `style` reads; of each text `rest` (texts, 3), `request`
    (texts,)."""

    border: Tensor
    tag: Tensor
    action: Tensor
    state: Tensor
    rest: Tensor
    request: Tensor


class SpanTagger(nn.Module):
    """Raises MissingWeightsError without its base."""

    def __init__(self, config: TaggerConfig) -> None:
        super().__init__()
        from tokenizers import Tokenizer

        self.config = config
        folder = find_base(config.base)
        lora = LoraConfig(
            rank=config.lora_rank, alpha=config.lora_alpha, dropout=0.0, targets=_LAYERS
        )
        self.bert = LightBert(folder, lora, adapted_from=config.adapted_from)
        for name, parameter in self.bert.named_parameters():
            parameter.requires_grad_("lora_" in name)
        self._tokenizer: Any = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(config.max_tokens)
        width = self.bert.width
        self.border = nn.Linear(width, 3)
        self.tag_head = nn.Linear(width, len(TAGS))
        self.action = nn.Linear(width, len(ACTIONS))
        self.style = nn.Linear(width, sum(STYLE_SIZES))
        self.rest = nn.Linear(width, len(RESTS))
        self.request = nn.Linear(width, 1)

    @property
    def vocabulary(self) -> Collection[str]:
        """The word pieces of the base; those that begin a word are whole words."""
        found: dict[str, int] = self._tokenizer.get_vocab()
        return found.keys()

    def pieces(self, texts: Sequence[str]) -> Pieces:
        """Cut texts into word pieces, as many as are read."""
        rows = self._tokenizer.encode_batch(
            [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        )
        longest = max((len(row.ids) for row in rows), default=0)
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for i, row in enumerate(rows):
            ids[i, : len(row.ids)] = torch.tensor(row.ids)
            mask[i, : len(row.ids)] = 1
        return Pieces(ids, mask, [row.offsets for row in rows], [row.word_ids for row in rows])

    def forward(self, pieces: Pieces) -> Logits:
        h = self.bert(pieces.ids, pieces.mask).last_hidden_state
        weight = pieces.mask.unsqueeze(-1).to(h)
        mean = (h * weight).sum(1) / weight.sum(1)
        first = h[:, 0]
        return Logits(
            border=self.border(h).float(),
            tag=self.tag_head(h).float(),
            action=self.action(h).float(),
            state=h,
            rest=self.rest(first + mean).float(),
            request=self.request(first + mean).float().squeeze(-1),
        )

    @torch.no_grad()
    def tag(self, texts: list[str]) -> list[Tagging]:
        """What some prompts name and ask."""
        found: list[Tagging] = [Tagging(())] * len(texts)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), _BATCH):
            some = order[start : start + _BATCH]
            for i, tagging in zip(some, self._tag([texts[i] for i in some]), strict=True):
                found[i] = tagging
        return found

    def _tag(self, texts: list[str]) -> list[Tagging]:
        pieces = self.pieces(texts)
        if not pieces.ids.numel():
            return [Tagging((), is_request=False) for _ in texts]
        logits = self(pieces)
        return [
            self._one(text, pieces, logits, row) if text.strip() else Tagging((), is_request=False)
            for row, text in enumerate(texts)
        ]

    def _one(self, text: str, pieces: Pieces, logits: Logits, row: int) -> Tagging:
        spans: list[Span] = []
        odd: list[tuple[int, int]] = []
        offsets = pieces.offsets[row]
        for first, last in _runs(logits.border[row].argmax(-1).tolist(), pieces.words[row]):
            inside = slice(first, last + 1)
            start, stop = offsets[first][0], offsets[last][1]
            tag = TAGS[int(logits.tag[row, inside].sum(0).argmax())]
            if tag == "odd":
                odd.append((start, stop))
                continue
            kind: Kind = next(k for k in KINDS if k == tag)
            action = ACTIONS[int(logits.action[row, inside].sum(0).argmax())]
            styles: dict[str, str] = {}
            if kind == "voice":
                styles = _styles(self.style(logits.state[row, inside].mean(0)).float())
            spans.append(Span(start, stop, kind, action, styles))
        read_to = max((stop for _, stop in offsets), default=0)
        if text[read_to:].strip():  # longer than is read
            odd.append((read_to, len(text)))
        return Tagging(
            tuple(spans),
            RESTS[int(logits.rest[row].argmax())],
            bool(logits.request[row] > (_DOUBT if spans else 0.0)),
            tuple(odd),
        )

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> Tensor:
        """(texts, width) of length 1: what the published model, without LoRA, makes of texts."""
        self.bert.adapt(False)
        try:
            rows = []
            for start in range(0, len(texts), _BATCH):
                pieces = self.pieces(texts[start : start + _BATCH])
                h = self.bert(pieces.ids, pieces.mask).last_hidden_state.float()
                weight = pieces.mask.unsqueeze(-1).to(h)
                rows.append((h * weight).sum(1) / weight.sum(1))
            return nn.functional.normalize(torch.cat(rows), dim=-1)
        finally:
            self.bert.adapt(True)

    def trained_state(self) -> dict[str, Tensor]:
        """What training changes: LoRA and the heads."""
        return {k: v for k, v in self.state_dict().items() if is_trained(k)}


def is_trained(name: str) -> bool:
    return "lora_" in name or not name.startswith("bert.")


def load_tagger(folder: Path) -> SpanTagger:
    """The tagger of a checkpoint folder, ready to read. Raises MissingWeightsError where it or its
    base is absent, WeightsError where it is damaged or of another kind."""
    checkpoint = Checkpoint.read(folder)
    config = checkpoint.section("tagger", "open reader")
    with must_fit(folder):
        settings = TaggerConfig(**config)
        with no_larger_than(checkpoint.tensors, settings.base):
            tagger = SpanTagger(settings)
        load_tensors(tagger, checkpoint.tensors)
    return tagger.requires_grad_(False).eval()


def _runs(borders: Sequence[int], words: Sequence[int | None]) -> list[tuple[int, int]]:
    """First and last piece of each thing. What begins a word says what it is: pieces that continue
    a word belong to whatever that belongs to."""
    runs: list[tuple[int, int]] = []
    last_word, open_run = -1, False
    for i, word in enumerate(words):
        if word is None:
            open_run = False
            continue
        border = borders[i]
        if word == last_word:
            if open_run:
                runs[-1] = (runs[-1][0], i)
            continue
        last_word = word
        if border == OUTSIDE:
            open_run = False
        elif border == INSIDE and open_run:
            runs[-1] = (runs[-1][0], i)
        else:
            runs.append((i, i))
            open_run = True
    return runs


def _styles(logits: Tensor) -> dict[str, str]:
    found = {}
    for name, part in zip(STYLE_NAMES, torch.split(logits, STYLE_SIZES), strict=True):
        if (value := int(part.argmax())) > 0:
            found[name] = STYLE_VALUES[name][value - 1]
    return found
