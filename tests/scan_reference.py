"""The selective scan as its definition says, and inputs for it: what the scan is tested by."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

CHANNELS, STATE = 512, 16


def direct_scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """`selective_scan` as its definition says, in the direct form of the public Mamba code
    (`selective_scan_ref`): a Python loop over frames under autograd. Its backward is quadratic in
    time, because the gradient of each step's slice is a tensor as large as the whole."""
    decay, inputs = _discretize(u, delta, A, B)
    h = u.new_zeros(len(u), *A.shape)
    y = []
    for t in range(u.shape[1]):
        h = decay[:, t] * h + inputs[:, t]
        y.append(torch.einsum("bdn,bn->bd", h, C[:, t]))
    return torch.stack(y, 1) + D * u


def unbound_scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """`direct_scan` at its best: all slices taken at once, which makes backward linear, and the
    output read from all states at once."""
    decay, inputs = _discretize(u, delta, A, B)
    h = u.new_zeros(len(u), *A.shape)
    states = []
    for a, x in zip(decay.unbind(1), inputs.unbind(1), strict=True):
        h = a * h + x
        states.append(h)
    return torch.einsum("bldn,bln->bld", torch.stack(states, 1), C) + D * u


def _discretize(u: Tensor, delta: Tensor, A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:
    """Decay and input of each step's state, (batch, frames, channels, state)."""
    decay = torch.exp(torch.einsum("bld,dn->bldn", delta, A))
    return decay, torch.einsum("bld,bln,bld->bldn", delta, B, u)


def scan_inputs(
    frames: int,
    *,
    batch: int = 1,
    channels: int = CHANNELS,
    state: int = STATE,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> tuple[Tensor, ...]:
    """u, delta, A, B, C, D as Mamba's initialisation makes them, leaves that require gradients:
    A = -1 ... -state, delta log-uniform in 0.001 ... 0.1 before the input moves it."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    step = 10 ** (torch.rand(channels, generator=random, dtype=torch.float64) * 2 - 3)
    delta = functional.softplus(torch.log(torch.expm1(step)) + normal(batch, frames, channels))
    A = -torch.arange(1, state + 1, dtype=torch.float64).expand(channels, state)
    u, D = normal(batch, frames, channels), normal(channels)
    B, C = normal(batch, frames, state), normal(batch, frames, state)
    return tuple(x.to(dtype).clone().requires_grad_() for x in (u, delta, A, B, C, D))
