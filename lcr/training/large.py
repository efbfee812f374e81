"""Language models that are large for one device: layers that are computed again in the backward
pass, and frozen weights that lie in parts on all processes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from transformers.modeling_layers import GradientCheckpointingLayer

from lcr.errors import LcrError
from lcr.nn.reader.prompt_reader import PromptReader


def recompute(modules: nn.Module) -> None:
    """Keep no activations of language models that learn; compute a layer's again when its gradient
    is due. Raises LcrError where there is no such model."""
    for encoder in _learning(modules):
        enable: Any = encoder.gradient_checkpointing_enable
        with warnings.catch_warnings():  # of a new name, which not all of transformers 5 have
            warnings.simplefilter("ignore", FutureWarning)
            enable(gradient_checkpointing_kwargs={"use_reentrant": False})


def shard(modules: nn.Module, device: torch.device, processes: int) -> None:
    """Give each of the `processes` its part of the frozen weights of language models that learn by
    LoRA; a layer's are gathered while it is at work (FSDP). What is trained stays whole. Raises
    LcrError where there is no such model."""
    mesh = init_device_mesh(device.type, (processes,))
    for encoder in _learning(modules):
        for layer in _layers(encoder):
            trained = {one for one in layer.parameters() if one.requires_grad}
            fully_shard(layer, mesh=mesh, reshard_after_forward=True, ignored_params=trained)


def hide_parts(objective: nn.Module) -> None:
    """Let DistributedDataParallel leave alone what is sharded in `objective`."""
    parts = [name for name, one in objective.named_parameters() if isinstance(one, DTensor)]
    ignore: Any = DistributedDataParallel._set_params_and_buffers_to_ignore_for_model
    ignore(objective, parts)


@contextmanager
def whole(modules: nn.Module) -> Iterator[None]:
    """Every process has all weights, and may use them as often as it likes, whatever the others
    do: in a validation they work on unequal shares."""
    layers = [one for one in modules.modules() if isinstance(one, FSDPModule)]
    for layer in layers:
        layer.unshard()
        layer.set_reshard_after_forward(False)
    yield
    for layer in layers:
        layer.set_reshard_after_forward(True)
        layer.reshard()


def _learning(modules: nn.Module) -> list[nn.Module]:
    readers = [one for one in modules.modules() if isinstance(one, PromptReader)]
    found = [one.encoder for one in readers if one.config.trains != "frozen"]
    if not any(_layers(encoder) for encoder in found):
        raise LcrError("loop.recompute and loop.shard are for language models that learn; none is")
    return found


def _layers(encoder: nn.Module) -> list[nn.Module]:
    return [one for one in encoder.modules() if isinstance(one, GradientCheckpointingLayer)]
