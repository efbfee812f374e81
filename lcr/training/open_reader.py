"""The training stage of the open reader's tagger: fresh prompts every step, cross-entropy of every
word piece, every voice and every prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from lcr.data.mixtures import Example
from lcr.instruction import STYLE_VALUES
from lcr.nn.reader.tagger import Logits, SpanTagger
from lcr.prompts.open_generator import TaggedPrompt
from lcr.prompts.reading.pieces import (
    ACTIONS,
    BEGIN,
    INSIDE,
    OUTSIDE,
    STYLE_NAMES,
    STYLE_SIZES,
    TAGS,
    Pieces,
)
from lcr.prompts.reading.things import RESTS, Tagging
from lcr.training.precision import cpu_products, has_bfloat16
from lcr.training.stages import Scores

Draw = Callable[[np.random.Generator], TaggedPrompt]
_IGNORED = -100


@dataclass(frozen=True, kw_only=True)
class OpenReaderConfig:
    """`batch` prompts a step, of like length: a block of them among `pool`, in order of length.
    Raises ValueError where the pool is no whole number of blocks."""

    batch: int = 24
    pool: int = 72
    style_weight: float = 0.5
    rest_weight: float = 0.3
    request_weight: float = 0.3
    cpu_bfloat16: bool = False

    def __post_init__(self) -> None:
        if self.batch < 1 or self.pool < self.batch or self.pool % self.batch:
            raise ValueError(f"pool is {self.pool}; it must be a multiple of batch, {self.batch}")


@dataclass(frozen=True)
class Wanted:
    """What a tagger should say: classes of pieces (texts, pieces), of texts (texts,), and of voices
    the first and last piece with their styles (text, first, last, styles)."""

    border: Tensor
    tag: Tensor
    action: Tensor
    rest: Tensor
    request: Tensor
    voices: list[tuple[int, int, int, list[int]]]


class OpenReaderStage:
    """Which words of a prompt name what, and what is to happen to it?"""

    def __init__(
        self, tagger: SpanTagger, draw: Draw, config: OpenReaderConfig = OpenReaderConfig()
    ) -> None:
        self.modules = nn.ModuleDict({"tagger": tagger})
        self.tagger, self.draw, self.config = tagger, draw, config
        if config.cpu_bfloat16 and has_bfloat16():
            for module in tagger.bert.modules():  # what is frozen need not be rounded every step
                frozen = isinstance(module, nn.Linear) and not module.weight.requires_grad
                if frozen:
                    module.to(torch.bfloat16)

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        config = self.config
        drawn = sorted((self.draw(rng) for _ in range(config.pool)), key=lambda p: len(p.text))
        # Any of the blocks, so that no length is drawn more than others.
        start = config.batch * int(rng.integers(config.pool // config.batch))
        prompts = drawn[start : start + config.batch]
        pieces = self.tagger.pieces([p.text for p in prompts])
        wanted = targets(pieces, [p.tagging for p in prompts])
        # Attention over so few pieces is far quicker in plain products than in a fused kernel.
        plain = sdpa_kernel(SDPBackend.MATH)
        with cpu_products(bfloat16=config.cpu_bfloat16), plain:
            logits = self.tagger(pieces)
            styles = self._styles(logits, wanted)
        loss = self._nats(logits, styles, wanted)
        exact = float(_exact(logits, wanted).float().mean())
        return loss, {"loss": float(loss.detach()), "exact": exact}

    def validate(self, examples: Sequence[Example]) -> Scores:
        """The tagger is judged on prompts of its own, not on mixtures."""
        return Scores({}, len(examples))

    def _styles(self, logits: Logits, wanted: Wanted) -> Tensor:
        """Score the styles of each voice: (voices, classes of all styles)."""
        means = [
            logits.state[row, first : last + 1].mean(0) for row, first, last, _ in wanted.voices
        ]
        if not means:
            return torch.zeros(0, sum(STYLE_SIZES))
        found: Tensor = self.tagger.style(torch.stack(means)).float()
        return found

    def _nats(self, logits: Logits, styles: Tensor, wanted: Wanted) -> Tensor:
        config = self.config
        nats = _entropy(logits.border, wanted.border)
        if (wanted.tag >= 0).any():
            nats = nats + _entropy(logits.tag, wanted.tag)
        if (wanted.action >= 0).any():
            nats = nats + _entropy(logits.action, wanted.action)
        nats = nats + config.rest_weight * functional.cross_entropy(
            logits.rest, wanted.rest, ignore_index=_IGNORED
        ).nan_to_num(0.0)
        nats = nats + config.request_weight * functional.binary_cross_entropy_with_logits(
            logits.request, wanted.request
        )
        if len(styles):
            true = torch.tensor([found for *_, found in wanted.voices])
            for part, values in zip(torch.split(styles, STYLE_SIZES, -1), true.T, strict=True):
                nats = nats + config.style_weight * functional.cross_entropy(part, values)
        return nats


def targets(pieces: Pieces, taggings: Sequence[Tagging]) -> Wanted:
    """What should be said of `pieces`; pieces of no character, and what is no request, count for
    nothing but whether it is one."""
    shape = pieces.ids.shape
    border = torch.full(shape, _IGNORED)
    tag, action = torch.full(shape, _IGNORED), torch.full(shape, _IGNORED)
    voices: list[tuple[int, int, int, list[int]]] = []
    for row, (offsets, tagging) in enumerate(zip(pieces.offsets, taggings, strict=True)):
        real = [i for i, word in enumerate(pieces.words[row]) if word is not None]
        border[row, real] = OUTSIDE
        named = [(s.start, s.stop, s.kind, s) for s in tagging.spans]
        for start, stop, kind, span in [*named, *((a, b, "odd", None) for a, b in tagging.odd)]:
            inside = [i for i in real if offsets[i][0] < stop and offsets[i][1] > start]
            if not inside:
                continue
            border[row, inside] = INSIDE
            border[row, inside[0]] = BEGIN
            tag[row, inside] = TAGS.index(kind)
            if span is not None:
                action[row, inside] = ACTIONS.index(span.action)
                if kind == "voice":
                    said = [
                        1 + STYLE_VALUES[n].index(span.styles[n]) if n in span.styles else 0
                        for n in STYLE_NAMES
                    ]
                    voices.append((row, inside[0], inside[-1], said))
    rests = [RESTS.index(t.rest) if t.is_request else _IGNORED for t in taggings]
    request = torch.tensor([float(t.is_request) for t in taggings])
    return Wanted(border, tag, action, torch.tensor(rests), request, voices)


def _entropy(logits: Tensor, wanted: Tensor) -> Tensor:
    return functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=_IGNORED)


def _exact(logits: Logits, wanted: Wanted) -> Tensor:
    """(texts,) whether all pieces, the rest and the request are right; styles apart."""
    right = (logits.request > 0) == (wanted.request > 0.5)
    for said, true in (
        (logits.border, wanted.border),
        (logits.tag, wanted.tag),
        (logits.action, wanted.action),
    ):
        right = right & ((said.argmax(-1) == true) | (true == _IGNORED)).all(-1)
    return right & ((logits.rest.argmax(-1) == wanted.rest) | (wanted.rest == _IGNORED))
