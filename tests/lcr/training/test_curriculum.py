"""Task weights: proportions as told, mean 1, no pull from a task of weight 0."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lcr.instruction import Task
from lcr.training.curriculum import CurriculumConfig, weighted_task_mean

NAMES = st.sampled_from([task.value for task in Task])
TABLES = st.dictionaries(NAMES, st.floats(0.01, 10), max_size=16)


@given(TABLES, TABLES, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_weights_have_mean_one_and_the_stated_ends(
    early: dict[str, float], late: dict[str, float], a: float, b: float, progress: float
) -> None:
    config = CurriculumConfig(early=early, late=late, begin=min(a, b), finish=max(a, b))
    weights = config.weights_at(progress)
    assert list(weights) == list(Task)
    assert sum(weights.values()) == pytest.approx(16)
    told = late if progress >= config.finish else early
    if progress >= config.finish or progress <= config.begin:
        for task in Task:
            ratio = told.get(task.value, 1.0) / told.get("TSE", 1.0)
            assert weights[task] / weights[Task.TSE] == pytest.approx(ratio)


def test_half_way_lies_in_the_middle() -> None:
    config = CurriculumConfig(early={"OVC": 0.0}, late={"OVC": 1.0}, begin=0.2, finish=0.6)
    weights = config.weights_at(0.4)
    assert weights[Task.OVC] / weights[Task.SE] == pytest.approx(0.5)


def test_equal_weights_are_the_plain_mean_bitwise() -> None:
    losses = torch.randn(3, 4)
    tasks = [list(Task)[i : i + 4] for i in (0, 4, 12)]
    weighted = weighted_task_mean(losses, tasks, CurriculumConfig().weights_at(0.3))
    assert torch.equal(weighted, losses.mean())


def test_a_task_of_weight_zero_has_no_pull_and_ovc_pulls_as_told() -> None:
    losses = torch.zeros(2, 2, requires_grad=True)
    tasks = [[Task.TSE, Task.OVC], [Task.SR, Task.OVC]]
    config = CurriculumConfig(late={"OVC": 0.25, "SR": 0.0})
    weighted_task_mean(losses, tasks, config.weights_at(1.0)).backward()  # type: ignore[no-untyped-call]
    assert losses.grad is not None
    assert losses.grad[1, 0] == 0
    assert float(losses.grad[0, 1] / losses.grad[0, 0]) == pytest.approx(0.25)
    # A light batch counts for less: nothing is scaled up to make up for it.
    assert float(losses.grad[0, 0]) == pytest.approx(16 / 14.25 / 4)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"late": {"OVCC": 1.0}}, "did you mean 'OVC'"),
        ({"late": {"zz": 1.0}}, "there are: TSE"),
        ({"early": {"OVC": -1.0}}, "at least 0"),
        ({"early": {"OVC": float("nan")}}, "at least 0"),
        ({"early": {task.value: 0.0 for task in Task}}, "nothing would be learnt"),
        ({"begin": 0.6, "finish": 0.5}, "begin <= finish"),
    ],
)
def test_mistakes_are_named(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        CurriculumConfig(**settings)  # type: ignore[arg-type]


def test_shapes_must_fit() -> None:
    weights = CurriculumConfig().weights_at(0)
    with pytest.raises(ValueError, match="one shape"):
        weighted_task_mean(torch.zeros(2, 3), [[Task.SE, Task.SR]], weights)
