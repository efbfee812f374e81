"""The network of the open reader in torch: MiniLM with LoRA and heads (see
`lcr.prompts.reading.pieces` for what they say)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from lcr.base_weights import MINILM, find_base
from lcr.checkpoints import Checkpoint, load_tensors, must_fit, no_larger_than
from lcr.nn.reader.config import LoraConfig
from lcr.nn.reader.light_bert import TOKENIZER, LightBert
from lcr.prompts.reading.pieces import (
    ACTIONS,
    STYLE_SIZES,
    TAGS,
    Ids,
    Pieces,
    PieceTagger,
    PieceTokenizer,
    Said,
)
from lcr.prompts.reading.things import RESTS

_LAYERS = ("query", "value", "intermediate.dense", "output.dense")


@dataclass(frozen=True, kw_only=True)
class TaggerConfig:
    """`base` as in `lcr.base_weights`; LoRA is of every linear layer
    but the keys', from layer `adapted_from` on."""

    base: str = MINILM
    lora_rank: int = 16
    adapted_from: int = 0
    """The first layer with LoRA."""
    lora_alpha: float = 32.0
    max_tokens: int = 96


@dataclass(frozen=True)
class Logits:
    """Of each piece `border` (texts, pieces, 3), `tag` (…, len(TAGS)) and `action` (…, 4); its
    `state` (…, width), from which `style` reads; of each text `rest` (texts, 3), `request`
    (texts,) and its vector `mean` (texts, width)."""

    border: Tensor
    tag: Tensor
    action: Tensor
    state: Tensor
    rest: Tensor
    request: Tensor
    mean: Tensor


class SpanTagger(nn.Module):
    """Raises MissingWeightsError without its base."""

    def __init__(self, config: TaggerConfig) -> None:
        super().__init__()
        self.config = config
        folder = find_base(config.base)
        lora = LoraConfig(
            rank=config.lora_rank, alpha=config.lora_alpha, dropout=0.0, targets=_LAYERS
        )
        self.bert = LightBert(folder, lora, adapted_from=config.adapted_from)
        for name, parameter in self.bert.named_parameters():
            parameter.requires_grad_("lora_" in name)
        self.tokenizer = PieceTokenizer(folder / TOKENIZER, config.max_tokens)
        width = self.bert.width
        self.border = nn.Linear(width, 3)
        self.tag_head = nn.Linear(width, len(TAGS))
        self.action = nn.Linear(width, len(ACTIONS))
        self.style = nn.Linear(width, sum(STYLE_SIZES))
        self.rest = nn.Linear(width, len(RESTS))
        self.request = nn.Linear(width, 1)

    def pieces(self, texts: Sequence[str]) -> Pieces:
        """Cut texts into word pieces, as many as are read."""
        return self.tokenizer.cut(texts)

    def forward(self, pieces: Pieces) -> Logits:
        return self.logits(torch.from_numpy(pieces.ids), torch.from_numpy(pieces.mask))

    def logits(self, ids: Tensor, mask: Tensor) -> Logits:
        """Score the tags of word pieces: `ids` and `mask` are (texts, pieces)."""
        h = self.bert(ids, mask).last_hidden_state
        weight = mask.unsqueeze(-1).to(h)
        mean = (h * weight).sum(1) / weight.sum(1)
        first = h[:, 0]
        return Logits(
            border=self.border(h).float(),
            tag=self.tag_head(h).float(),
            action=self.action(h).float(),
            state=h,
            rest=self.rest(first + mean).float(),
            request=self.request(first + mean).float().squeeze(-1),
            mean=mean,
        )

    def said(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """The fields of `lcr.prompts.reading.pieces.Said`, in order."""
        read = self.logits(ids, mask)
        style = self.style(read.state).float()
        mean = read.mean.float()
        return read.border, read.tag, read.action, style, read.rest, read.request, mean

    @torch.no_grad()
    def _say(self, ids: Ids, mask: Ids, *, adapted: bool = True) -> Said:
        """A `PieceNetwork`."""
        self.bert.adapt(adapted)
        try:
            found = self.said(torch.from_numpy(ids), torch.from_numpy(mask))
        finally:
            self.bert.adapt(True)
        return Said(*(one.numpy() for one in found))

    def reader(self) -> PieceTagger:
        """What reads prompts by these weights, as they are whenever it does."""
        return PieceTagger(self.tokenizer, self._say)

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
