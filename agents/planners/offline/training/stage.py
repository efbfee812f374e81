"""The training stage of the offline planner: fresh prompts every step, cross-entropy a source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from agents.planners.offline.network import ACTIONS, PlannerNetwork, Question
from agents.planners.offline.planner import keyword_hints
from agents.planners.offline.training.prompts import PlannerExample, draw_example
from lcr.data.mixtures import Example
from lcr.instruction import Action
from lcr.training.precision import cpu_products
from lcr.training.stages import Scores


@dataclass(frozen=True, kw_only=True)
class PlannerStageConfig:
    """`batch` examples a step, read in `chunks` of like length; a question comes without hints
    with probability `hint_dropout`. `rest_weight` is that of the action on all else."""

    batch: int = 64
    chunks: int = 4
    hint_dropout: float = 0.5
    rest_weight: float = 0.5
    cpu_bfloat16: bool = False


class PlannerStage:
    """What does a prompt ask of each source of an inventory, and of all else?"""

    def __init__(
        self, network: PlannerNetwork, config: PlannerStageConfig = PlannerStageConfig()
    ) -> None:
        self.modules = nn.ModuleDict({"planner": network})
        self.network, self.config = network, config

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        config = self.config
        examples = [draw_example(rng) for _ in range(config.batch)]
        hinted = rng.random(config.batch) >= config.hint_dropout
        pairs = sorted(zip(examples, hinted, strict=True), key=lambda pair: _length(pair[0]))
        size = -(-len(pairs) // config.chunks)
        total, exact = torch.zeros(()), 0.0
        for start in range(0, len(pairs), size):
            chunk = pairs[start : start + size]
            questions = [self._question(example, hint) for example, hint in chunk]
            with cpu_products(bfloat16=config.cpu_bfloat16):
                logits, there = self.network(questions)
            nats, right = _score(logits.float(), there, [e for e, _ in chunk], config.rest_weight)
            total = total + nats
            exact += right
        loss = total / len(pairs)
        return loss, {"loss": float(loss.detach()), "exact": exact / len(pairs)}

    def validate(self, examples: Sequence[Example]) -> Scores:
        """The share of prompts whose whole pattern is right, of mixtures of any bank."""
        questions = [Question(e.prompt, e.instruction.descriptions) for e in examples]
        logits, _ = self.network(questions)
        found = logits.argmax(-1).tolist()
        exact = sum(
            all(ACTIONS[a] is true for a, true in zip(row, e.instruction.actions, strict=False))
            for row, e in zip(found, examples, strict=True)
        )
        return Scores({"exact_share": float(exact)}, len(examples))

    def _question(self, example: PlannerExample, hinted: bool) -> Question:
        hints: tuple[Action, ...] | None = None
        if hinted and self.network.config.hints:
            hints = keyword_hints(example.prompt, example.descriptions)
        return Question(example.prompt, example.descriptions, hints)


def _length(example: PlannerExample) -> int:
    return len(example.prompt.split()) + 3 * len(example.descriptions)


def _score(
    logits: Tensor, there: Tensor, examples: Sequence[PlannerExample], rest_weight: float
) -> tuple[Tensor, int]:
    """Summed nats, a mean over the sources of each example, and how many are right in all."""
    true = torch.zeros(there.shape, dtype=torch.long)
    weight = torch.zeros(there.shape)
    for row, example in enumerate(examples):
        n = len(example.actions)
        wanted = (*example.actions, example.rest)
        true[row, : n + 1] = torch.tensor([ACTIONS.index(a) for a in wanted])
        weight[row, :n] = 1 / n
        weight[row, n] = rest_weight
    true, weight = true.to(logits.device), weight.to(logits.device)
    nats = functional.cross_entropy(logits.transpose(1, 2), true, reduction="none")
    right = (logits.argmax(-1) == true) | (weight == 0)
    return (nats * weight).sum(), int(right.all(1).sum())
