"""The live network in torch."""

from __future__ import annotations

from pathlib import Path

import torch

from lcr.checkpoints import Checkpoint, below, load_tensors, must_fit, no_larger_than
from lcr.joint.query import Floats
from lcr.joint.remixer import build_network
from lcr.nn.grounded.causal import CausalRemixer


class TorchLive:
    """A CausalRemixer as `lcr.joint.live.LiveNetwork`."""

    def __init__(self, remixer: CausalRemixer) -> None:
        self.remixer = remixer.eval().pack()

    @torch.inference_mode()
    def __call__(self, spectrum: Floats, asked: Floats, state: Floats) -> tuple[Floats, Floats]:
        given = (torch.from_numpy(one) for one in (spectrum, asked, state))
        parts, after = self.remixer.advance(*given)
        return parts.numpy(), after.numpy()


def read_network(folder: Path) -> TorchLive:
    """From a live checkpoint. Raises MissingWeightsError or WeightsError."""
    checkpoint = Checkpoint.read(folder)
    with must_fit(folder, "does not fit this version of lcr"):
        with no_larger_than(below(checkpoint.tensors, "remixer.")):
            remixer = build_network(checkpoint.config["remixer"])
        load_tensors(remixer, checkpoint.tensors, "remixer.")
        assert isinstance(remixer, CausalRemixer)
    return TorchLive(remixer)
