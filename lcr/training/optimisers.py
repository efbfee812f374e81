"""Which optimiser trains which parameter, at which rate."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from lcr.training.config import LoopConfig
from lcr.training.muon import Muon


def build_optimisers(modules: nn.ModuleDict, config: LoopConfig) -> list[torch.optim.Optimizer]:
    """Adam or AdamW for everything, or Muon for the matrices inside `config.muon_parts` and AdamW
    for the rest (embeddings, FiLM, biases, the reader), at rates that move both alike.

    Every parameter group holds its full rate as "base". Adam's weight decay is its L2 penalty.
    """
    adam: list[dict[str, Any]] = []
    muon: list[nn.Parameter] = []
    for name, module in modules.items():
        rate = float((config.module_rates or {}).get(name, config.rate))
        rest = []
        for key, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            if config.optimiser == "muon" and _is_inner_matrix(key, parameter, config):
                muon.append(parameter)
            else:
                rest.append(parameter)
        adam.append({"params": rest, "base": rate})
    kind = torch.optim.Adam if config.optimiser == "adam" else torch.optim.AdamW
    found: list[torch.optim.Optimizer] = [
        kind(adam, lr=config.rate, betas=config.betas, weight_decay=config.weight_decay)
    ]
    if muon:
        found.append(
            Muon(
                [{"params": muon, "base": config.muon_rate}],
                lr=config.muon_rate,
                weight_decay=config.weight_decay,
            )
        )
    return found


def _is_inner_matrix(key: str, parameter: nn.Parameter, config: LoopConfig) -> bool:
    path = key.split(".")
    return (
        parameter.dim() == 2
        and path[0] in config.muon_parts
        and not set(path) & set(config.muon_except)
    )
