"""How a CLAP is trained: on the sources of training mixtures, each with a caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from torch import Tensor, nn

from baselines.clap.assign import best_assignment
from baselines.clap.contrast import contrastive_loss, retrieval
from baselines.clap.model import Clap
from baselines.clap.wording import caption, embed_descriptions, relation
from lcr.data.mixtures import Example
from lcr.training.data import TrainingMixtures
from lcr.training.stages import Scores

_AT_ONCE = 16
"""Clips embedded together in validation."""


@dataclass(frozen=True, kw_only=True)
class ClapStageConfig:
    """What clips and captions a CLAP learns from."""

    whole: float = 0.5
    """Chance that a caption states all that is known of a speaker, and not a part of it."""
    residue: float = 0.5
    """Chance that a clip holds some of another source of its mixture, as separated ones do."""
    residue_db: tuple[float, float] = (-30.0, -6.0)
    """Of that source, against its level in the mixture."""
    others: bool = True
    """Clips of the other kind are heard too, as what no caption fits: a separator's outputs are
    compared with descriptions of both kinds."""

    def __post_init__(self) -> None:
        if not (0 <= self.whole <= 1 and 0 <= self.residue <= 1):
            raise ValueError(
                f"whole and residue are chances, 0 to 1; got {self.whole} and {self.residue}"
            )
        if self.residue_db[0] > self.residue_db[1]:
            raise ValueError(f"residue_db is (least, most); got {self.residue_db}")


class ClapStage:
    """Symmetric InfoNCE between clips and captions (see `contrastive_loss`).

    A batch's clips are the sources of `mixtures.batch`, augmented and levelled as for every other
    system. A caption may fit several clips, and those are all its positives.
    """

    def __init__(
        self, clap: Clap, mixtures: TrainingMixtures, config: ClapStageConfig | None = None
    ) -> None:
        self.clap, self.mixtures = clap, mixtures
        self.config = config or ClapStageConfig()
        self.kind = clap.config.kind
        # Apart, so that what is exported of the reader is what training changed of it.
        self.modules = nn.ModuleDict({"reader": clap.reader, "towers": clap.towers})

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        batch = self.mixtures.batch(rng)
        described = [d for row in batch.descriptions for d in row]
        heard = [self.config.others or d.kind == self.kind for d in described]
        clips = self._with_residue(batch.sources, rng).flatten(0, 1)[torch.tensor(heard)]
        described = [d for d, kept in zip(described, heard, strict=True) if kept]
        captions = [
            caption(d, rng, whole=self.config.whole) for d in described if d.kind == self.kind
        ]
        relations = [[relation(c.states, d) for d in described] for c in captions]
        audio = self.clap.embed_audio(clips.to(self._device))
        text = self.clap.embed_text([c.text for c in captions])
        logits = self.clap.scale * text @ audio.T
        fits = _where(relations, "fits").to(logits.device)
        unknown = _where(relations, "unknown").to(logits.device)
        loss = contrastive_loss(logits=logits, fits=fits, unknown=unknown)
        nearest = logits.detach().masked_fill(unknown, -torch.inf).argmax(1, keepdim=True)
        return loss, {
            "contrastive": float(loss.detach()),
            "batch_recall": float(fits.gather(1, nearest).float().mean()),
            "scale": float(self.clap.scale.detach()),
        }

    def validate(self, examples: Sequence[Example]) -> Scores:
        """Sums over the examples' clips of this kind:

        - `top1`, and `chance` of it: the clip's description is the nearest of all distinct ones;
        - `recall1`, `recall5`: a clip of its description is among the 1 or 5 nearest to that;
        - `assigned`: it gets its own description when its mixture's sources of this kind are
          assigned theirs; `assigned_with_residue`: the same with as much of the next source in it
          as training ever adds.

        Candidates are those of all processes, so their number changes no figure.
        """
        clean, leaky = self._embed(examples, leak=False), self._embed(examples, leak=True)
        described = [d for e in examples for d in e.instruction.descriptions if d.kind == self.kind]
        gathered = gather_object([(clean, described)])
        everyone = [d for _, part in gathered for d in part]
        distinct = list(dict.fromkeys(everyone))
        texts = embed_descriptions(self.clap, distinct).float().cpu()
        before = sum(len(part) for _, part in gathered[: PartialState().process_index])
        found = retrieval(
            clips=torch.cat([part for part, _ in gathered]),
            described=everyone,
            texts=texts,
            distinct=distinct,
            own=range(before, before + len(described)),
        )
        at = {d: i for i, d in enumerate(distinct)}
        own = texts[[at[d] for d in described]]
        values = {
            "top1": float(found.top1),
            "recall1": float(found.recall1),
            "recall5": float(found.recall5),
            "chance": found.chance,
            "assigned": float(self._assigned(examples, clean, own)),
            "assigned_with_residue": float(self._assigned(examples, leaky, own)),
        }
        return Scores(values, found.count)

    @property
    def _device(self) -> torch.device:
        return self.clap.towers.log_scale.device

    def _with_residue(self, sources: Tensor, rng: np.random.Generator) -> Tensor:
        """(mixtures, sources, samples), into some of which another one of the mixture leaks."""
        mixtures, count = sources.shape[:2]
        mixing = np.tile(np.eye(count, dtype=np.float32), (mixtures, 1, 1))
        low, high = self.config.residue_db
        for matrix in mixing:
            for i in range(count):
                if count > 1 and rng.random() < self.config.residue:
                    other = (i + 1 + int(rng.integers(count - 1))) % count
                    matrix[i, other] = 10 ** (rng.uniform(low, high) / 20)
        return torch.from_numpy(mixing).to(sources) @ sources

    def _embed(self, examples: Sequence[Example], *, leak: bool) -> Tensor:
        """(clips, width) on the CPU: every source of this kind, in order."""
        gain = np.float32(10 ** (self.config.residue_db[1] / 20)) if leak else np.float32(0)
        waves = [
            source + gain * e.sources[(i + 1) % len(e.sources)]
            for e in examples
            for i, source in enumerate(e.sources)
            if e.instruction.descriptions[i].kind == self.kind
        ]
        found = [torch.empty(0, self.clap.width)]
        for start in range(0, len(waves), _AT_ONCE):
            clips = torch.from_numpy(np.stack(waves[start : start + _AT_ONCE])).to(self._device)
            found.append(self.clap.embed_audio(clips).float().cpu())
        return torch.cat(found)

    def _assigned(self, examples: Sequence[Example], clips: Tensor, texts: Tensor) -> int:
        """How many clips get their own text, (clips, width) each, within their mixture."""
        right, start = 0, 0
        for example in examples:
            count = sum(d.kind == self.kind for d in example.instruction.descriptions)
            mine = slice(start, start + count)
            chosen = best_assignment((clips[mine] @ texts[mine].T).double().numpy())
            right += int((chosen == np.arange(count)).sum())
            start += count
        return right


def _where(relations: Sequence[Sequence[str]], name: str) -> Tensor:
    return torch.tensor([[found == name for found in row] for row in relations])
