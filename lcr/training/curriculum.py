"""How much each of the paper's 16 tasks counts in the loss, over the course of training.

Tasks differ in how much error they leave: overall volume control (OVC) is nearly free of it, and
without a weight of its own takes gradient from the tasks that need separation.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lcr.instruction import Task

TaskWeights = Mapping[Task, float]


@dataclass(frozen=True, kw_only=True)
class CurriculumConfig:
    """Loss weights by task name ("OVC", "TA↓"), 1 for tasks not named, from `early` to `late`.

    The early ones hold until `begin` (share of the steps done), the late ones from `finish` on,
    and between the two they change linearly. Only proportions matter: weights are scaled to mean
    1 over the 16 tasks.
    """

    early: Mapping[str, float] = field(default_factory=dict)
    late: Mapping[str, float] = field(default_factory=dict)
    begin: float = 0.0
    finish: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.begin <= self.finish <= 1:
            raise ValueError(
                "a curriculum needs 0 <= begin <= finish <= 1; got "
                f"begin {self.begin} and finish {self.finish}"
            )
        for weights in (self.early, self.late):
            _table(weights)

    def weights_at(self, progress: float) -> dict[Task, float]:
        """Weights of all tasks when `progress` (0 to 1) of the steps are done; their mean is 1."""
        if progress >= self.finish:
            share = 1.0
        elif progress <= self.begin:
            share = 0.0
        else:
            share = (progress - self.begin) / (self.finish - self.begin)
        early, late = _table(self.early), _table(self.late)
        mixed = {task: (1 - share) * early[task] + share * late[task] for task in Task}
        mean = sum(mixed.values()) / len(mixed)
        return {task: weight / mean for task, weight in mixed.items()}


def weighted_task_mean(
    losses: Tensor, tasks: Sequence[Sequence[Task]], weights: TaskWeights
) -> Tensor:
    """Mean of `losses` (mixtures, instructions), each times its task's weight; `tasks` alike.

    Divided by the number of losses, not by the sum of the weights drawn: a batch that happens to
    hold light tasks alone counts for less, and a task's pull never depends on its neighbours.
    """
    factors = torch.tensor([[weights[task] for task in row] for row in tasks])
    if factors.shape != losses.shape:
        raise ValueError(
            f"losses {tuple(losses.shape)} and tasks {tuple(factors.shape)} must be of one shape"
        )
    return (losses * factors.to(losses)).mean()


def _table(weights: Mapping[str, float]) -> dict[Task, float]:
    names = [task.value for task in Task]
    for name, weight in weights.items():
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names)}"
            raise ValueError(f"unknown task {name!r}; {hint}")
        if not (weight >= 0 and math.isfinite(weight)):
            raise ValueError(f"a task's weight must be at least 0; {name} has {weight}")
    table = {task: float(weights.get(task.value, 1.0)) for task in Task}
    if not any(table.values()):
        raise ValueError("every task has weight 0: nothing would be learnt")
    return table
