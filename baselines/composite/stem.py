"""The part of LCR-G that listens (its features, stem and norm), shared with a band-split network of
the same sizes: copied to begin with, or borrowed. A borrowed stem is not trained, and a checkpoint
names it in place of holding it again. Recipes and checkpoints call it `ears`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from lcr.checkpoints import Checkpoint, find_checkpoint, must_be

_PARTS = ("features", "stem", "norm")
_OWNER = "remixer"


@dataclass(frozen=True)
class SharedStem:
    """The `tensors` of a checkpoint of LCR-G, its name and the SHA-256 of its weights."""

    name: str
    sha256: str
    tensors: Mapping[str, Tensor]

    @property
    def settings(self) -> dict[str, str]:
        """What a checkpoint that borrows this stem writes into its config.json, for `read_stem`."""
        return {"weights": self.name, "sha256": self.sha256}


def read_stem(settings: Mapping[str, Any]) -> SharedStem:
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
    return SharedStem(name, checkpoint.sha256, checkpoint.tensors)


def load_stem(module: nn.Module, tensors: Mapping[str, Tensor], *, stem: str = "blocks") -> None:
    """Copy the stem of an LCR-G, whose `tensors` are given, into `module`, which calls the blocks
    `stem` and may do without the norm.

    Raises ValueError for a stem of another depth, RuntimeError for other sizes.
    """
    own: dict[str, Tensor] = {}
    wanted = [key for key in module.state_dict() if is_in_stem(key, stem=stem)]
    for key, value in tensors.items():
        owner, part, *rest = key.split(".")
        name = stem if part == "stem" else part
        if owner == _OWNER and part in _PARTS and hasattr(module, name):
            own[".".join([name, *rest])] = value.float()
    if set(wanted) != set(own):
        raise ValueError("another stem (blocks)")
    module.load_state_dict(own, strict=False)


def borrow_stem(module: nn.Module, shared: SharedStem, *, stem: str = "blocks") -> None:
    """Load the stem as `load_stem` does, and freeze it. Raises as that does."""
    load_stem(module, shared.tensors, stem=stem)
    for key, parameter in module.named_parameters():
        if is_in_stem(key, stem=stem):
            parameter.requires_grad_(False)


def is_in_stem(key: str, *, stem: str = "blocks") -> bool:
    """Whether a tensor of a network's state belongs to what it shares with LCR-G."""
    return key.split(".")[0] in ("features", stem, "norm")
