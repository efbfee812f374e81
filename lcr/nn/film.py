"""Feature-wise linear modulation by the semantic filter (section IV-B, eq. 3-4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FiLM(nn.Module):
    """h~ = gamma * h + beta with gamma = F(z), beta = G(z), two 2-layer perceptrons (eq. 3-4).

    gamma is read as 1 + F(z) and both last layers start at zero, so that an untrained FiLM is
    the identity. With `plain` gamma is F(z) itself, its last bias starting at one, and the
    perceptrons have ReLU: the form of the authors' checkpoints.
    """

    def __init__(self, z_dim: int, channels: int, hidden: int, *, plain: bool = False) -> None:
        super().__init__()
        activation = nn.ReLU if plain else nn.SiLU
        self.gamma = _perceptron(z_dim, hidden, channels, activation, start=float(plain))
        self.beta = _perceptron(z_dim, hidden, channels, activation, start=0.0)
        self.offset = 0 if plain else 1

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        """`h` (batch, ..., channels) and `z` (batch, z_dim) -> the shape of `h`."""
        shape = (h.shape[0],) + (1,) * (h.dim() - 2) + (h.shape[-1],)
        gamma, beta = (part.view(shape) for part in self.modulation(z))
        return torch.addcmul(beta, h, self.offset + gamma)

    def modulation(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """gamma (less 1 unless `plain`) and beta, (batch, channels) each."""
        return self.gamma(z), self.beta(z)


def _perceptron(
    z_dim: int, hidden: int, channels: int, activation: type[nn.Module], *, start: float
) -> nn.Sequential:
    last = nn.Linear(hidden, channels)
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, start)
    return nn.Sequential(nn.Linear(z_dim, hidden), activation(), last)
