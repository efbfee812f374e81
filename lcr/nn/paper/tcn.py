"""Temporal convolutional networks: the remix block of LCR-C (section IV-B; Luo & Mesgarani,
"Conv-TasNet", 2019).

A layer is written as one autograd function in (batch, frames, channels): a training step at desk
scale takes 6.0 to 7.1 s on one core, and 9.7 to 10.2 s where autograd goes through the same forward
pass. It keeps two wide tensors for backward instead of a dozen, and what PyTorch is slow at on CPUs
is put in other terms: depthwise convolutions run on oneDNN without padding, backward too; norms are
a few passes over whole tensors; PReLU's backward is leaky ReLU's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from lcr.nn.paper.pointwise import linear, weight_gradient

EPS = 1e-8
"""Conv-TasNet's, in SpeechBrain too: added to the variance of every normalisation."""

Norm = Literal["gln", "cln"]


@dataclass(frozen=True, kw_only=True)
class TcnConfig:
    """Sizes of LCR-C's blocks: `repeats` TCNs of `layers` depthwise layers, whose dilation doubles
    from 1. The defaults are the paper's.

    `norm` is over frames and channels ("gln") or over the channels of each frame ("cln"). The
    authors' causal model has causal convolutions and "gln", which looks at the whole recording;
    only `causal` with "cln" keeps the future out (`is_causal`).
    """

    bottleneck: int = 128
    hidden: int = 512
    kernel: int = 3
    layers: int = 8
    repeats: int = 3
    norm: Norm = "gln"
    causal: bool = False

    def __post_init__(self) -> None:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, got {self.kernel}")
        if self.norm not in ("gln", "cln"):
            raise ValueError(f'norm must be "gln" or "cln", got {self.norm!r}')

    @property
    def is_causal(self) -> bool:
        """Whether no output depends on later input."""
        return self.causal and self.norm == "cln"


def tcn_blocks(config: TcnConfig) -> nn.ModuleList:
    """`repeats` TCNs, each (batch, frames, bottleneck) -> the same."""
    return nn.ModuleList(
        nn.Sequential(*(TcnLayer(config, 2**layer) for layer in range(config.layers)))
        for _ in range(config.repeats)
    )


class TcnLayer(nn.Module):
    """1x1 convolution, PReLU, norm, depthwise convolution, PReLU, norm, 1x1 convolution; residual.

    As SpeechBrain's `TemporalBlock` has it: without `causal` frames beyond the ends are reflected
    (here any number of times, so that one frame is enough); with it the taps lie at frames
    t - 3d, t - 2d and t - d, one dilation d earlier than needed, and what precedes is zero.
    """

    def __init__(self, config: TcnConfig, dilation: int) -> None:
        super().__init__()
        hidden = config.hidden
        self.expand = nn.Linear(config.bottleneck, hidden, bias=False)
        self.slope_in = nn.Parameter(torch.full((1,), 0.25))
        self.scale_in = nn.Parameter(torch.ones(hidden))
        self.shift_in = nn.Parameter(torch.zeros(hidden))
        # Drawn as nn.Conv1d draws them, kept a tap a row: the speed needs rows to be contiguous.
        bound = config.kernel**-0.5
        self.taps = nn.Parameter(torch.empty(config.kernel, hidden).uniform_(-bound, bound))
        self.slope_out = nn.Parameter(torch.full((1,), 0.25))
        self.scale_out = nn.Parameter(torch.ones(hidden))
        self.shift_out = nn.Parameter(torch.zeros(hidden))
        self.reduce = nn.Linear(hidden, config.bottleneck, bias=False)
        reach = (config.kernel - 1) * dilation
        self.geometry = _Geometry(
            dilation=dilation,
            reach=reach,
            before=3 * reach // 2 if config.causal else reach // 2,
            reflect=not config.causal,
            over=(1, 2) if config.norm == "gln" else (2,),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, frames, bottleneck) -> the same. In float32 under autocast: "gln" sums over whole
        recordings."""
        device = x.device.type
        if not torch.amp.autocast_mode.is_autocast_available(device):  # such as "meta"
            return self._remix(x)
        with torch.autocast(device, enabled=False):
            return self._remix(x.to(self.taps.dtype))

    def _remix(self, x: Tensor) -> Tensor:
        y: Tensor = _Layer.apply(  # type: ignore[no-untyped-call]
            x,
            *(self.expand.weight, self.slope_in, self.scale_in, self.shift_in, self.taps),
            *(self.slope_out, self.scale_out, self.shift_out, self.reduce.weight),
            self.geometry,
        )
        return y


@dataclass(frozen=True)
class _Geometry:
    """What a layer's depthwise convolution sees: `reach` frames more than it puts out, `before` of
    them ahead of the first; `over` are the dimensions of the norms."""

    dilation: int
    reach: int
    before: int
    reflect: bool
    over: tuple[int, ...]

    def pad(self, n: Tensor) -> Tensor:
        """(batch, frames, channels) -> (batch, reach + frames, channels)."""
        batch, frames, channels = n.shape
        padded = n.new_empty(batch, frames + self.reach, channels)
        seen = self._seen(frames)
        before = frames + self.reach - seen if not self.reflect else self.before
        padded[:, before : before + seen] = n[:, :seen]
        if self.reflect:
            left, right = self._edges(frames, n.device)
            padded[:, :before] = n[:, left]
            padded[:, before + frames :] = n[:, right]
        else:
            padded[:, :before] = 0
        return padded

    def unpad(self, grad: Tensor) -> Tensor:
        """The gradient of `pad`: (batch, reach + frames, channels) -> (batch, frames, channels)."""
        frames = grad.shape[1] - self.reach
        if self.reflect:
            n = grad[:, self.before : self.before + frames].contiguous()
            left, right = self._edges(frames, grad.device)
            n.index_add_(1, left, grad[:, : self.before])
            return n.index_add_(1, right, grad[:, self.before + frames :])
        seen = self._seen(frames)
        n = grad.new_zeros(len(grad), frames, grad.shape[2])
        n[:, :seen] = grad[:, grad.shape[1] - seen :]
        return n

    def _seen(self, frames: int) -> int:
        """How many of the frames any tap reaches."""
        return max(0, min(frames, frames + self.reach - self.before))

    def _edges(self, frames: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Which frames stand before the first and after the last."""
        after = self.reach - self.before
        left = torch.arange(-self.before, 0, device=device)
        right = torch.arange(frames, frames + after, device=device)
        period = max(1, 2 * (frames - 1))

        def reflected(index: Tensor) -> Tensor:
            wrapped = index.remainder(period)
            return torch.minimum(wrapped, period - wrapped).clamp_max(frames - 1)

        return reflected(left), reflected(right)


class _Context(Protocol):
    """What the forward pass keeps for the backward pass."""

    geometry: _Geometry
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _Layer(torch.autograd.Function):
    """The layer, with a backward pass of its own: forward and backward together take 0.7 (desk
    size) and 0.6 (the paper's) of autograd's time on one core of a Xeon with AMX.

    In what follows `u` and `d` come before the two PReLUs, `c` is centred, `rate` is one over the
    deviation, and `q` a gradient.
    """

    @staticmethod
    def forward(
        ctx: _Context,
        x: Tensor,
        expand: Tensor,
        slope_in: Tensor,
        scale_in: Tensor,
        shift_in: Tensor,
        taps: Tensor,
        slope_out: Tensor,
        scale_out: Tensor,
        shift_out: Tensor,
        reduce: Tensor,
        geometry: _Geometry,
    ) -> Tensor:
        u = linear(x, expand)
        c, rate_in = _centre(torch.prelu(u, slope_in), geometry.over)
        n = torch.addcmul(shift_in, c, scale_in * rate_in)
        d = _depthwise(geometry.pad(n), taps, geometry.dilation)
        c, rate_out = _centre(torch.prelu(d, slope_out), geometry.over)
        y = torch.addcmul(x, linear(c, reduce * scale_out), rate_out) + reduce @ shift_out
        ctx.save_for_backward(
            x, expand, slope_in, scale_in, shift_in, taps, slope_out, scale_out, shift_out, reduce,
            u, d,
        )  # fmt: skip
        ctx.geometry = geometry
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: _Context, g: Tensor) -> tuple[Tensor | None, ...]:
        (
            x, expand, slope_in, scale_in, shift_in, taps, slope_out, scale_out, shift_out, reduce,
            u, d,
        ) = ctx.saved_tensors  # fmt: skip
        geometry = ctx.geometry
        total = g.sum((0, 1))
        # The last 1x1 convolution reads the second norm as c * rate * scale_out + shift_out.
        c, rate = _centre(torch.prelu(d, slope_out), geometry.over)
        g_folded = weight_gradient(c, g * rate)
        q = _centre_gradient(linear(g, (reduce * scale_out).t()), c, rate, geometry.over)
        q, g_slope_out = _prelu_gradient(q, d, slope_out)
        # Back through the depthwise convolution: the same one with its taps reversed.
        c, rate = _centre(torch.prelu(u, slope_in), geometry.over)
        padded = geometry.pad(torch.addcmul(shift_in, c, scale_in * rate))
        g_taps = _taps_gradient(padded, q, geometry)
        q = functional.pad(q, (0, 0, geometry.reach, geometry.reach))
        q = geometry.unpad(_depthwise(q, taps.flip(0), geometry.dilation))
        g_shift_in = _over_frames(q)
        g_scale_in = _over_frames(q * (c * rate))
        q = _centre_gradient(q * scale_in, c, rate, geometry.over)
        q, g_slope_in = _prelu_gradient(q, u, slope_in)
        return (
            g + linear(q, expand.t()),
            weight_gradient(x, q),
            g_slope_in,
            g_scale_in,
            g_shift_in,
            g_taps,
            g_slope_out,
            (g_folded * reduce).sum(0),
            reduce.t() @ total,
            g_folded * scale_out + torch.outer(total, shift_out),
            None,
        )


def _image(x: Tensor) -> Tensor:
    """(batch, frames, channels) -> (batch, channels, 1, frames), channels last in memory."""
    return x.transpose(1, 2).unsqueeze(2)


def _depthwise(padded: Tensor, taps: Tensor, dilation: int) -> Tensor:
    """(batch, frames + reach, channels) by (kernel, channels) -> (batch, frames, channels). The
    padding is the caller's: with padding of its own oneDNN takes a path 100 times as slow."""
    weight = taps.t()[:, None, None, :]
    y = functional.conv2d(_image(padded), weight, dilation=(1, dilation), groups=len(weight))
    return y.squeeze(2).transpose(1, 2)


def _taps_gradient(padded: Tensor, g: Tensor, geometry: _Geometry) -> Tensor:
    starts = range(0, geometry.reach + 1, geometry.dilation)
    product = torch.empty_like(g)
    rows = [
        _over_frames(torch.mul(padded[:, start : start + g.shape[1]], g, out=product))
        for start in starts
    ]
    return torch.stack(rows)


def _over_frames(x: Tensor) -> Tensor:
    """(batch, frames, channels) -> (channels,); in two steps, as one over both is slow."""
    return x.sum(1).sum(0)


def _centre(h: Tensor, over: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """`h`, overwritten, less its mean, and one over its standard deviation."""
    h = h.sub_(h.mean(over, keepdim=True))
    # A frame at a time: vector_norm loses digits over a million values.
    variance = torch.linalg.vector_norm(h, dim=2, keepdim=True).square() / h.shape[2]
    if len(over) == 2:
        variance = variance.mean(1, keepdim=True)
    return h, (variance + EPS).rsqrt()


def _centre_gradient(q: Tensor, c: Tensor, rate: Tensor, over: tuple[int, ...]) -> Tensor:
    """Through a norm: `q` of its output c * rate -> of its input."""
    slope = (q * c).mean(over, keepdim=True) * rate.square()
    return torch.addcmul(q.sub_(q.mean(over, keepdim=True)), c, -slope).mul_(rate)


def _prelu_gradient(q: Tensor, h: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """`q` of PReLU's output -> of its input `h` and of its slope."""
    g_slope = torch.dot(q.flatten(), h.clamp_max(0).flatten()).view(1)
    return torch.ops.aten.leaky_relu_backward(q, h, float(slope), False), g_slope
