"""Ears: what LCR-G listens with (its features, stem and norm), for a band-split network of the same
sizes to begin with, or to borrow. Borrowed ears stay as they are: they are not trained, and a
checkpoint names them in place of holding them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from lcr.checkpoints import Checkpoint, find_checkpoint, must_be

_PARTS = ("features", "stem", "norm")
_OWNER = "remixer"


@dataclass(frozen=True)
class Ears:
    """The `tensors` of a checkpoint of LCR-G, its name and the SHA-256 of its weights."""

    name: str
    sha256: str
    tensors: Mapping[str, Tensor]

    @property
    def settings(self) -> dict[str, str]:
        """For the config.json of who borrows them; `load_ears` takes it."""
        return {"weights": self.name, "sha256": self.sha256}


def load_ears(settings: Mapping[str, Any]) -> Ears:
    """{"weights": an LCR-G that ships or the folder of another}. Where `settings` have the `sha256`
    that a network was trained with, other weights raise WeightsError, as do damaged ones.

    Raises MissingWeightsError where they are absent.
    """
    name = str(settings.get("weights"))
    checkpoint = Checkpoint.read(find_checkpoint(name))
    must_be(
        checkpoint.sha256,
        settings.get("sha256"),
        f"the ears {name} are not those that the network was trained with",
    )
    return Ears(name, checkpoint.sha256, checkpoint.tensors)


def give_ears(module: nn.Module, tensors: Mapping[str, Tensor], *, stem: str = "blocks") -> None:
    """Copy the ears among the `tensors` of an LCR-G into `module`, which calls LCR-G's stem `stem`
    and may do without the norm.

    Raises ValueError for ears of another depth, RuntimeError for other sizes.
    """
    own: dict[str, Tensor] = {}
    wanted = [key for key in module.state_dict() if is_ear(key, stem=stem)]
    for key, value in tensors.items():
        owner, part, *rest = key.split(".")
        name = stem if part == "stem" else part
        if owner == _OWNER and part in _PARTS and hasattr(module, name):
            own[".".join([name, *rest])] = value.float()
    if set(wanted) != set(own):
        raise ValueError("another stem (blocks)")
    module.load_state_dict(own, strict=False)


def borrow_ears(module: nn.Module, ears: Ears, *, stem: str = "blocks") -> None:
    """`give_ears`, and training leaves them alone. Raises as that does."""
    give_ears(module, ears.tensors, stem=stem)
    for key, parameter in module.named_parameters():
        if is_ear(key, stem=stem):
            parameter.requires_grad_(False)


def is_ear(key: str, *, stem: str = "blocks") -> bool:
    """Whether a tensor of a network's state is part of its ears."""
    return key.split(".")[0] in ("features", stem, "norm")
