"""Query vectors of names: from what was recorded under a name, and from how it is said to sound.

The space of queries is learnt from sounds. A name gets its place in it by a linear map from the
lexicon's acoustic attributes (how tonal, how low, made of metal...), fitted by ridge regression to
the mean vectors of the names that were recorded; so a name that nobody recorded has a place too. A
recorded name's own mean counts the more, the more recordings there were.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lcr.instruction import RELATIONS, STYLE_VALUES
from lcr.nn.query.remixer import unit_variance

STYLE_COLUMNS: tuple[str, ...] = (
    *(f"{name}={value}" for name, values in STYLE_VALUES.items() for value in values),
    "speech",
    "all_speech",
    "all_audio",
    *(f"relation={name}" for name in RELATIONS),
)
"""What the vector of a voice is made from: stated styles, the scopes, and how it relates to the
other voices."""


@dataclass(frozen=True)
class Ridge:
    """`vectors = attributes @ weight + bias`, (attributes, dim) and (dim,)."""

    weight: Tensor
    bias: Tensor

    def __call__(self, attributes: Tensor) -> Tensor:
        return unit_variance(attributes @ self.weight + self.bias)


class NameVectors(nn.Module):
    """Mean sound vectors of recorded names, and the ridge regression on their attributes.

    `attributes` (names, attributes) are the lexicon's, 0 to 1. `means` follow the sounds heard in
    training; `heard` counts them.
    """

    attributes: Tensor
    means: Tensor
    heard: Tensor

    def __init__(self, attributes: Tensor, dim: int, *, momentum: float = 0.03) -> None:
        super().__init__()
        self.register_buffer("attributes", attributes.float())
        self.register_buffer("means", torch.zeros(len(attributes), dim))
        self.register_buffer("heard", torch.zeros(len(attributes)))
        self.momentum = momentum

    @torch.no_grad()
    def update(self, names: Tensor, vectors: Tensor) -> None:
        """Move the running means of `names` (sounds,) towards the `vectors` (sounds, dim) heard."""
        for name, vector in zip(names.tolist(), vectors, strict=True):
            rate = max(1 / (1 + float(self.heard[name])), self.momentum)
            self.means[name].lerp_(vector.to(self.means), rate)
            self.heard[name] += 1

    def recorded(self, names: Tensor) -> Tensor:
        """Vectors (names, dim) of `names`: the mean of what was heard under each, and by `unheard`
        where nothing was."""
        own = unit_variance(self.means[names])
        return torch.where((self.heard[names] > 0).unsqueeze(-1), own, self.unheard(names))

    @torch.no_grad()
    def unheard(self, names: Tensor, ridge: float = 1.0) -> Tensor:
        """Vectors (names, dim) as they would be had nobody recorded the name: each from a
        regression on all others (the closed form of leave-one-out)."""
        hat, weight, mean = self._solve(ridge)
        known = self.heard > 0
        predicted = (self.attributes - mean[0]) @ weight + mean[1]
        leverage = torch.zeros(len(known), device=weight.device)
        leverage[known] = hat
        residual = (self.means - predicted) * known.unsqueeze(-1)
        alone = predicted - residual * (leverage / (1 - leverage).clamp_min(0.05)).unsqueeze(-1)
        return unit_variance(alone[names])

    def mean_of(self, names: Tensor) -> Tensor:
        """The vector (dim,) of a hypernym: the mean of its names'."""
        return unit_variance(self.recorded(names).mean(0))

    def regression(self, ridge: float = 1.0) -> Ridge:
        """The map from attributes to vectors, from all recorded names."""
        _, weight, mean = self._solve(ridge)
        return Ridge(weight, mean[1] - mean[0] @ weight)

    def _solve(self, ridge: float) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """Leverage (recorded names,), weight (attributes, dim) and the means it is about."""
        known = self.heard > 0
        if not known.any():
            zeros = torch.zeros(self.attributes.shape[1], self.means.shape[1])
            mean = (torch.zeros(self.attributes.shape[1]), torch.zeros(self.means.shape[1]))
            return torch.zeros(0), zeros, mean
        x, y = self.attributes[known], self.means[known]
        mean = (x.mean(0), y.mean(0))
        x, y = x - mean[0], y - mean[1]
        gram = x.T @ x + ridge * torch.eye(x.shape[1])
        solved = torch.linalg.solve(gram, x.T)  # (attributes, names)
        hat = (x * solved.T).sum(-1) + 1 / len(x)
        return hat, solved @ y, mean


class StyleVectors(nn.Module):
    """Query vectors of voices by speaking style and of the scopes "speech" and "all sounds"."""

    def __init__(self, columns: int, hidden: int, dim: int) -> None:
        super().__init__()
        self.columns = columns
        self.layers = nn.Sequential(nn.Linear(columns, hidden), nn.SiLU(), nn.Linear(hidden, dim))

    def padded(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Complete the tensors of a table that has fewer columns than this one, with zeros."""
        key = "layers.0.weight"
        missing = self.columns - tensors[key].shape[1]
        return {**tensors, key: functional.pad(tensors[key], (0, missing))}

    def forward(self, styles: Tensor) -> Tensor:
        """`styles` (queries, columns) of 0 and 1 -> (queries, dim)."""
        return unit_variance(self.layers(styles).float())
