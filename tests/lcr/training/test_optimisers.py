"""Every trained parameter has one optimiser, at the rate told."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from lcr.training.config import LoopConfig, OptimiserName
from lcr.training.muon import Muon, orthogonalised
from lcr.training.optimisers import build_optimisers


class Part(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(3, 3)])
        self.heads = nn.ModuleDict({"named": nn.Linear(3, 2, bias=False), "out": nn.Linear(3, 2)})
        self.film = nn.Linear(4, 4)


def modules() -> nn.ModuleDict:
    found = nn.ModuleDict({"remixer": Part(), "reader": nn.Linear(5, 5)})
    found["reader"].bias.requires_grad_(False)
    return found


def owners(found: nn.ModuleDict, config: LoopConfig) -> dict[str, tuple[str, float]]:
    """Parameter name -> (optimiser, full rate)."""
    names = {id(p): name for name, p in found.named_parameters()}
    return {
        names[id(p)]: (type(optimiser).__name__, group["base"])
        for optimiser in build_optimisers(found, config)
        for group in optimiser.param_groups
        for p in group["params"]
    }


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_one_optimiser_for_all(name: OptimiserName) -> None:
    found = modules()
    config = LoopConfig(optimiser=name, rate=2.0, module_rates={"reader": 0.5})
    told = owners(found, config)
    assert set(told) == {n for n, p in found.named_parameters() if p.requires_grad}
    assert {kind.lower() for kind, _ in told.values()} == {name}
    assert told["reader.weight"][1] == 0.5
    assert told["remixer.film.bias"][1] == 2.0


def test_muon_takes_the_matrices_of_the_declared_parts() -> None:
    config = LoopConfig(muon_rate=3.0, rate=2.0)
    told = owners(modules(), config)
    muon = {name for name, (kind, _) in told.items() if kind == "Muon"}
    assert muon == {"remixer.blocks.0.weight", "remixer.heads.out.weight"}
    assert {rate for name, (_, rate) in told.items() if name in muon} == {3.0}
    told = owners(modules(), replace(config, muon_parts=("film",), muon_except=()))
    assert {n for n, (kind, _) in told.items() if kind == "Muon"} == {"remixer.film.weight"}


def test_adam_is_the_paper_s() -> None:
    """Not AdamW: with betas and no decay as told, an update is torch's Adam update."""
    found = modules()
    config = LoopConfig(optimiser="adam", rate=1e-3, betas=(0.9, 0.999), weight_decay=0.0)
    (ours,) = build_optimisers(found, config)
    assert type(ours) is torch.optim.Adam
    assert ours.defaults["betas"] == (0.9, 0.999)
    assert ours.defaults["weight_decay"] == 0


@pytest.mark.parametrize("shape", [(6, 6), (4, 16), (24, 8)])
def test_muon_steps_as_torch_does_without_bfloat16(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    start = torch.randn(3, *shape)
    gradients = torch.randn(4, 3, *shape)

    def trained(bfloat16: bool) -> list[torch.Tensor]:
        monkeypatch.setattr("lcr.training.muon.has_bfloat16", lambda: bfloat16)
        parameters = [nn.Parameter(value.clone()) for value in start]
        optimiser = Muon(parameters, lr=0.1, weight_decay=0.1)
        for step in gradients:
            for parameter, gradient in zip(parameters, step, strict=True):
                parameter.grad = gradient.clone()
            optimiser.step()
        buffers = [optimiser.state[p]["momentum_buffer"] for p in parameters]
        return [*(p.detach() for p in parameters), *buffers]

    for ours, theirs in zip(trained(False), trained(True), strict=True):
        moved = float(theirs.norm())
        assert float((ours - theirs).norm()) < 0.02 * moved


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    made = orthogonalised(torch.randn(2, 5, 40), (3.4445, -4.7750, 2.0315), 5, 1e-7)
    values = torch.linalg.svdvals(made)
    assert float(values.min()) > 0.6
    assert float(values.max()) < 1.3
