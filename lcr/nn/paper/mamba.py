"""The M block of SoundRemixer: bidirectional Mamba (section IV-B).

The mixer is Mamba's (Gu & Dao, "Mamba", 2024, figure 3); both directions share the projections in
and out and are averaged (Zhu et al., "Vision Mamba", 2024; Jiang et al., "Speech Slytherin",
2025). Names and shapes of the parameters are those of the public implementations, so that their
weights load: `mixer.in_proj`, `conv1d`, `x_proj`, `dt_proj`, `A_log`, `D`, `out_proj`, and `*_b`
for the direction back in time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from lcr.nn.paper.scan import selective_scan


@dataclass(frozen=True, kw_only=True)
class MambaConfig:
    """Sizes of a stack of Mamba blocks; all but `width` and `layers` as in Mamba itself."""

    width: int
    layers: int
    bidirectional: bool = True
    """False: only forward in time, for a causal remixer."""
    state: int = 16
    expand: int = 2
    conv_kernel: int = 4
    step_range: tuple[float, float] = (1e-3, 0.1)
    """The scan's steps delta at the start of training, log-uniform over channels."""
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("width", "layers", "state", "expand", "conv_kernel"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, not {getattr(self, name)}")
        low, high = self.step_range
        if not 0 < low <= high:
            raise ValueError(f"step_range must be 0 < low <= high, not {self.step_range}")

    @classmethod
    def paper(cls, *, width: Literal[256, 512] = 256, bidirectional: bool = True) -> MambaConfig:
        """LCR-M: C = 256 (section V); the Mamba-TasNet (L) that it names has 512 (appendix A)."""
        return cls(width=width, layers=32, bidirectional=bidirectional)

    @classmethod
    def desk(cls, *, bidirectional: bool = True) -> MambaConfig:
        """Small enough to train on a desk CPU behind an encoder of stride 32."""
        return cls(width=96, layers=6, bidirectional=bidirectional)

    @property
    def inner(self) -> int:
        """Channels inside a mixer."""
        return self.expand * self.width

    @property
    def step_rank(self) -> int:
        return math.ceil(self.width / 16)


def mamba_blocks(config: MambaConfig) -> nn.ModuleList:
    """`config.layers` blocks, each (batch, frames, width) -> the same, any frames >= 1."""
    return nn.ModuleList(MambaBlock(config) for _ in range(config.layers))


class MambaBlock(nn.Module):
    """A residual block: h + mixer(norm(h))."""

    def __init__(self, config: MambaConfig) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(config.width, eps=config.norm_eps)
        self.mixer = MambaMixer(config)

    def forward(self, h: Tensor) -> Tensor:
        """`h` (batch, frames, width) -> the same."""
        mixed: Tensor = self.mixer(self.norm(h))
        return h + mixed


class MambaMixer(nn.Module):
    """Causal convolution and selective scan, in one or both directions, gated."""

    def __init__(self, config: MambaConfig) -> None:
        super().__init__()
        self.bidirectional = config.bidirectional
        self.in_proj = nn.Linear(config.width, 2 * config.inner, bias=False)
        self.conv1d, self.x_proj, self.dt_proj, self.A_log, self.D = _direction(config)
        if config.bidirectional:
            (self.conv1d_b, self.x_proj_b, self.dt_proj_b, self.A_b_log, self.D_b) = _direction(
                config
            )
        self.out_proj = nn.Linear(config.inner, config.width, bias=False)
        with torch.no_grad():  # keeps the level of the residual sum over all layers, as in GPT-2
            self.out_proj.weight /= math.sqrt(config.layers)

    def forward(self, h: Tensor) -> Tensor:
        """`h` (batch, frames, width) -> the same."""
        x, gate = self.in_proj(h).chunk(2, -1)
        y = _Direction(self.conv1d, self.x_proj, self.dt_proj, self.A_log, self.D).scan(x)
        if self.bidirectional:
            back = _Direction(self.conv1d_b, self.x_proj_b, self.dt_proj_b, self.A_b_log, self.D_b)
            y = (y + back.scan(x.flip(1)).flip(1)) / 2
        out: Tensor = self.out_proj(y * functional.silu(gate))
        return out


class _Direction(NamedTuple):
    """The layers of one direction in time."""

    conv1d: nn.Conv1d
    x_proj: nn.Linear
    dt_proj: nn.Linear
    A_log: nn.Parameter
    D: nn.Parameter

    def scan(self, x: Tensor) -> Tensor:
        """`x` (batch, frames, inner) -> the same, causal."""
        x = functional.silu(self._convolve(x))
        state = self.A_log.shape[1]
        step, B, C = self.x_proj(x).split([self.dt_proj.in_features, state, state], -1)
        # The bias apart, in its own precision: under bf16 it would be rounded by up to 3 %.
        delta = functional.softplus(
            functional.linear(step, self.dt_proj.weight) + self.dt_proj.bias
        )
        return selective_scan(x, delta, -torch.exp(self.A_log.float()), B, C, self.D.float())

    def _convolve(self, x: Tensor) -> Tensor:
        """`conv1d` on the past only: its 4 taps as 4 shifted sums, which with channels last are
        faster than torch's depthwise convolution."""
        weight, bias = self.conv1d.weight[:, 0], self.conv1d.bias
        assert bias is not None
        frames, taps = x.shape[1], weight.shape[1]
        padded = functional.pad(x, (0, 0, taps - 1, 0))
        y = bias
        for k in range(taps):
            y = torch.addcmul(y, padded[:, k : k + frames], weight[:, k])
        return y


def _direction(config: MambaConfig) -> _Direction:
    """Initialised as in Mamba, section 3.6: A = -1 ... -N, D = 1, and a bias that makes the
    steps log-uniform over `step_range`."""
    inner, rank = config.inner, config.step_rank
    dt_proj = nn.Linear(rank, inner)
    nn.init.uniform_(dt_proj.weight, -(rank**-0.5), rank**-0.5)
    low, high = (math.log(step) for step in config.step_range)
    step = torch.exp(torch.empty(inner).uniform_(low, high))
    with torch.no_grad():
        dt_proj.bias.copy_(step + torch.log(-torch.expm1(-step)))  # softplus(bias) = step
    return _Direction(
        nn.Conv1d(inner, inner, config.conv_kernel, groups=inner),
        nn.Linear(inner, rank + 2 * config.state, bias=False),
        dt_proj,
        nn.Parameter(torch.arange(1.0, config.state + 1).log().repeat(inner, 1)),
        nn.Parameter(torch.ones(inner)),
    )
