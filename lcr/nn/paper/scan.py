"""The selective scan of Mamba (Gu & Dao, "Mamba", 2024, eq. 2-3), the core of the M block.

    h_t = exp(delta_t A) h_{t-1} + delta_t B_t u_t,    y_t = C_t h_t + D u_t

Time runs in chunks. Forward keeps only the state at the start of each chunk; backward computes a
chunk's states again from there. So memory is linear in time, and the (frames, state, channels)
tensors, N times as large as the input, exist for one chunk only, small enough to stay in cache.
Only the decay of a single step, exp(delta A) <= 1, is ever computed: sums over time inside exp
are what makes the cumulative-sum forms of this scan overflow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_GPU_CHUNK = 128
_CPU_STATES = 2**15
"""States that one step updates on CPU, at most: a batch beyond that is scanned in groups, one
below it has more overhead than work."""
_CPU_BUFFER = 2**19
"""States of a chunk on CPU, at most: the three buffers of this size should stay in cache."""


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    *,
    chunk: int | None = None,
) -> Tensor:
    """Scan over frames, in time and memory linear in their number.

    `u` and `delta` (batch, frames, channels), `A` (channels, state), `B` and `C` (batch, frames,
    state), `D` (channels) -> (batch, frames, channels) of the dtype of `u`. `delta` is the step
    after bias and softplus, >= 0; `A` <= 0. Any number of frames >= 1; `chunk` frames are worked
    on at a time (default: by device), which changes speed and memory only. float64 is computed in
    float64, any other dtype in float32. On CUDA the kernel of `mamba_ssm` is used if installed.
    Raises ValueError if shapes do not fit or `chunk` < 1.
    """
    _check(u, delta, A, B, C, D, chunk)
    if u.is_cuda and u.dtype != torch.float64 and (kernel := mamba_ssm_kernel()) is not None:
        return scan_by_kernel(kernel, u, delta, A, B, C, D)
    dtype = torch.promote_types(u.dtype, torch.float32)
    on_cpu = u.device.type == "cpu"
    recurrence: Recurrence = step_by_step if on_cpu else by_doubling
    group = min(len(u), max(1, _CPU_STATES // A.numel())) if on_cpu else len(u)
    if chunk is None:
        fitting = _CPU_BUFFER // max(1, group * A.numel())
        chunk = max(16, min(64, fitting)) if on_cpu else _GPU_CHUNK
    decay = A.to(dtype).t().contiguous()
    inputs = [x.to(dtype) for x in (u, delta, B, C)]
    splits = zip(*(torch.split(x, group) for x in inputs), strict=True)
    parts = splits if group < len(u) else [inputs]
    scanned = [
        # Time first: what one step touches lies together.
        _SelectiveScan.apply(  # type: ignore[no-untyped-call]
            *(x.transpose(0, 1).contiguous() for x in part), decay, chunk, recurrence
        ).transpose(0, 1)
        for part in parts
    ]
    y = scanned[0] if len(scanned) == 1 else torch.cat(scanned)
    return (y if D is None else torch.addcmul(y, u.to(dtype), D.to(dtype))).to(u.dtype)


class Recurrence(Protocol):
    """x_{t+1} += decay_t x_t in place, t ascending; in reverse x_t += decay_t x_{t+1}, descending.

    `decay` (T, ...) and `x` (T + 1, ...); `decay` stays as it is.
    """

    def __call__(self, decay: Tensor, x: Tensor, *, reverse: bool = False) -> None: ...


def step_by_step(decay: Tensor, x: Tensor, *, reverse: bool = False) -> None:
    """T operations on one step each: the fewest passes over memory, best on CPU."""
    decays, states = decay.unbind(), x.unbind()
    if reverse:
        decays, states = decays[::-1], states[::-1]
    for a, before, now in zip(decays, states, states[1:], strict=False):
        now.addcmul_(a, before)


def by_doubling(decay: Tensor, x: Tensor, *, reverse: bool = False) -> None:
    """log2(T) operations on all steps at once (Hillis & Steele, 1986): few kernel launches."""
    none = torch.zeros_like(decay[:1])
    a = torch.cat([decay, none] if reverse else [none, decay])
    span = 1
    while span < len(x):
        early, late = slice(None, -span), slice(span, None)
        now, before = (early, late) if reverse else (late, early)
        x[now] += a[now] * x[before]
        a[now] = a[now] * a[before]
        span *= 2


class _Context(Protocol):
    """What the forward pass keeps for the backward pass."""

    chunk: int
    recurrence: Recurrence
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _SelectiveScan(torch.autograd.Function):
    """`u`, `delta` (frames, batch, channels), `B`, `C` (frames, batch, state), `A` (state,
    channels), all contiguous and of one dtype -> y as `u`, without the skip D."""

    @staticmethod
    def forward(
        ctx: _Context,
        u: Tensor,
        delta: Tensor,
        B: Tensor,
        C: Tensor,
        A: Tensor,
        chunk: int,
        recurrence: Recurrence,
    ) -> Tensor:
        frames, batch, _ = u.shape
        work = _Workspace(A, min(chunk, frames), batch, recurrence)
        starts = u.new_zeros(-(-frames // chunk), batch, *A.shape)
        y = torch.empty_like(u)
        for i, now in enumerate(_chunks(frames, chunk)):
            _, h = work.states(u[now], delta[now], B[now], starts[i])
            _contract(C[now], h[1:], out=y[now])
            if i + 1 < len(starts):
                starts[i + 1] = h[-1]
        ctx.save_for_backward(u, delta, B, C, A, starts)
        ctx.chunk, ctx.recurrence = chunk, recurrence
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: _Context, dy: Tensor) -> tuple[Tensor | None, ...]:
        u, delta, B, C, A, starts = ctx.saved_tensors
        frames, batch, _ = u.shape
        dy = dy.contiguous()
        work = _Workspace(A, min(ctx.chunk, frames), batch, ctx.recurrence)
        du, ddelta, dB, dC = (torch.empty_like(x) for x in (u, delta, B, C))
        dA = torch.zeros_like(A)
        carry = torch.zeros_like(starts[0])  # what later chunks add to the last state's gradient
        for i, now in reversed(list(enumerate(_chunks(frames, ctx.chunk)))):
            a, h = work.states(u[now], delta[now], B[now], starts[i])
            dh = work.state_gradients(a, C[now], dy[now], carry)
            torch.mul(a[0], dh[0], out=carry)
            _contract(dy[now], h[1:].mT, out=dC[now])
            _contract(u[now] * delta[now], dh.mT, out=dB[now])
            dinput = du[now]  # first the gradient of delta u, then of u
            _contract(B[now], dh, out=dinput)
            exponent = a.mul_(h[:-1]).mul_(dh)  # the gradient of delta A
            product = torch.mul(exponent, A, out=dh)
            torch.sum(product, -2, out=ddelta[now])
            ddelta[now].addcmul_(dinput, u[now])
            dinput.mul_(delta[now])
            dA += exponent.mul_(delta[now].unsqueeze(-2)).sum((0, 1))
        return du, ddelta, dB, dC, dA, None, None


class _Workspace:
    """Buffers (frames, batch, state, channels) shared by all chunks."""

    def __init__(self, A: Tensor, frames: int, batch: int, recurrence: Recurrence) -> None:
        # exp2 is 4 times as fast as exp where exp is MKL's and the CPU is AMD's.
        self._log2_decay = A * math.log2(math.e)
        self._recurrence = recurrence
        self._a, self._dh = (A.new_empty(frames, batch, *A.shape) for _ in range(2))
        self._h = A.new_empty(frames + 1, batch, *A.shape)

    def states(self, u: Tensor, delta: Tensor, B: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        """Decays (frames, ...) and states (frames + 1, ...), of which the first is `start`."""
        frames = len(u)
        a, h = self._a[:frames], self._h[: frames + 1]
        torch.mul(delta.unsqueeze(-2), self._log2_decay, out=a).exp2_()
        h[0] = start
        torch.mul(B.unsqueeze(-1), (u * delta).unsqueeze(-2), out=h[1:])
        self._recurrence(a, h)
        return a, h

    def state_gradients(self, a: Tensor, C: Tensor, dy: Tensor, carry: Tensor) -> Tensor:
        """The loss's gradient by every state after the first (frames, ...)."""
        dh = torch.mul(C.unsqueeze(-1), dy.unsqueeze(-2), out=self._dh[: len(dy)])
        dh[-1] += carry
        self._recurrence(a[1:], dh, reverse=True)
        return dh


def _chunks(frames: int, chunk: int) -> Iterator[slice]:
    return (slice(start, start + chunk) for start in range(0, frames, chunk))


def _contract(rows: Tensor, matrices: Tensor, *, out: Tensor) -> None:
    """(frames, batch, i) by (frames, batch, i, j) -> (frames, batch, j). As row times matrix: the
    same product as matrix times column is up to 13 times as slow on CPU."""
    rows, matrices, out = (x.flatten(0, 1) for x in (rows, matrices, out))
    torch.bmm(rows.unsqueeze(1), matrices, out=out.unsqueeze(1))


@cache
def mamba_ssm_kernel() -> Callable[..., Tensor] | None:
    """`mamba_ssm`'s fused CUDA scan, or None where the package is not installed."""
    try:
        module = import_module("mamba_ssm.ops.selective_scan_interface")
    except ImportError:
        return None
    kernel: Callable[..., Tensor] = module.selective_scan_fn
    return kernel


def scan_by_kernel(
    kernel: Callable[..., Tensor],
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
) -> Tensor:
    """Run the scan by a kernel of `mamba_ssm`, which takes time as the last axis, A and D in
    float32 and all else in one dtype."""
    u_, delta_, B_, C_ = (x.to(u.dtype).transpose(1, 2).contiguous() for x in (u, delta, B, C))
    return kernel(u_, delta_, A.float(), B_, C_, None if D is None else D.float()).transpose(1, 2)


def _check(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, chunk: int | None
) -> None:
    if u.dim() != 3 or u.shape[1] < 1 or A.dim() != 2 or A.shape[0] != u.shape[-1]:
        raise ValueError(
            f"u must be (batch, frames >= 1, channels) and A (channels, state), "
            f"not {tuple(u.shape)} and {tuple(A.shape)}"
        )
    by_state = (*u.shape[:2], A.shape[1])
    expected = {"delta": (delta, tuple(u.shape)), "B": (B, by_state), "C": (C, by_state)}
    if D is not None:
        expected["D"] = (D, (u.shape[-1],))
    for name, (tensor, shape) in expected.items():
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} must be {shape} to fit u and A, not {tuple(tensor.shape)}")
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk must be >= 1 frames, not {chunk}")
