"""Recomputed layers and sharded frozen weights change what a step takes, not what it learns."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.multiprocessing.spawn import start_processes

from experiments.train import ended_at_once, join_processes
from lcr.data.mixtures import Example, MixtureConfig, MixtureSet
from lcr.errors import LcrError
from lcr.nn.grounded.remixer import GroundedRemixer
from lcr.training.config import LoopConfig
from lcr.training.data import Blend, TrainingConfig, TrainingMixtures
from lcr.training.loop import Loop
from lcr.training.stages import JointStage
from tests.lcr.data.test_mixtures import ToyBank
from tests.lcr.training import test_loop
from tests.tiny_models import reader, tiny_llama

pytestmark = pytest.mark.filterwarnings(  # tokens are bytes here
    "ignore::lcr.nn.reader.text_encoder.PromptTruncatedWarning"
)
MIXTURES = TrainingConfig(mixtures=2, instructions=2, duration_s=0.5)


def loop(folder: Path, base: Path, *, accumulate: int, recompute: bool, shard: bool) -> Loop:
    """Three steps of a tiny Llama with LoRA and a tiny remixer; one example is validated on, so
    that of two processes one has none."""
    bank = ToyBank()
    language_model = reader(base, "lora", slots=test_loop.VOCABULARY.size, embed=False)
    remixer = GroundedRemixer(test_loop.TINY)
    mixtures = TrainingMixtures([Blend(bank, bank, 1.0)], MIXTURES)
    stage = JointStage(language_model, remixer, test_loop.VOCABULARY, mixtures)
    config = LoopConfig(
        steps=3, optimiser="adam", accumulate=accumulate, recompute=recompute, shard=shard,
        validate_every=2,
    )  # fmt: skip
    valid = MixtureSet(bank, split="valid", config=MixtureConfig(duration_s=0.5), seed=0, name="v")
    examples: dict[str, list[Example]] = {"toy": [valid.example(0)]}
    return Loop(stage, config, folder, examples)


def trained(one: Loop) -> tuple[list[dict[str, float]], list[Tensor]]:
    """The figures of each step, and the weights after the last."""
    told: list[dict[str, float]] = []
    one.run(budget_s=1e9, report=lambda step, total, figures: told.append(figures))
    return told, [p.detach().clone() for p in one.state.trained]


def one_of_two(rank: int, folder: Path, base: Path, port: int) -> None:
    join_processes(rank, 2, port, 1)
    torch.set_num_threads(1)
    made = loop(folder, base, accumulate=1, recompute=True, shard=True)
    parts = [p for p in made.stage.modules.parameters() if isinstance(p, DTensor)]
    assert parts
    assert all(p.to_local().numel() < p.numel() and not p.requires_grad for p in parts)
    with ended_at_once():
        torch.save(trained(made), folder / f"{rank}.pt")
        made.accelerator.end_training()


@pytest.mark.slow
def test_recomputed_layers_learn_the_same_and_keep_less(tmp_path: Path) -> None:
    base, found, kept = tiny_llama(tmp_path / "llama"), [], []
    for recompute in (False, True):
        made = loop(tmp_path / str(recompute), base, accumulate=1, recompute=recompute, shard=False)
        sizes: list[int] = []

        def noted(tensor: Tensor, sizes: list[int] = sizes) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(noted, lambda tensor: tensor):
            made.stage.modules.train()
            made.stage.reader(["remove the dog and turn the rain down"] * 4)  # type: ignore[attr-defined]
        kept.append(sum(sizes))
        found.append(trained(made))
    assert kept[1] < 0.6 * kept[0]
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-6)


@pytest.mark.rehearsal
def test_two_processes_with_parts_of_the_weights_learn_what_one_learns(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "llama")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path / "two"
    folder.mkdir()
    start: Any = start_processes
    start(one_of_two, (folder, base, port), nprocs=2, start_method="spawn")
    made = loop(tmp_path / "one", base, accumulate=2, recompute=False, shard=False)
    told, weights = trained(made)
    (one, first), (other, second) = (
        torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)
    )
    for step, mine, theirs in zip(told, one, other, strict=True):
        means = {key: (mine[key] + theirs[key]) / 2 for key in step}
        assert means == pytest.approx(step, abs=1e-5, rel=1e-5)
    torch.testing.assert_close(first, weights, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(second, weights, rtol=1e-5, atol=1e-5)


def test_without_a_language_model_that_learns_they_are_refused(tmp_path: Path) -> None:
    config = LoopConfig(recompute=True)
    with pytest.raises(LcrError):
        test_loop.loop(tmp_path, config)
