"""How fast and how lean is the selective scan?
`python -m experiments.benchmarks.scan [--threads 1 2]`.

Forward + backward of one layer (batch 1, d_inner 512, N 16, float32) against the direct form of
public Mamba code and against mambapy's parallel scan (`pip install mambapy`), all interleaved in
one process; then what is kept for backward and what the process grows by, as time gets longer.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec

import torch
from torch import Tensor
from torch.nn import functional

from experiments.benchmarks.timing import interleaved, print_race
from experiments.comparison.environment import MemoryMeter, machine_line
from lcr.nn.paper.scan import selective_scan

Scan = Callable[..., Tensor]

CHANNELS, STATE = 512, 16
OURS, DIRECT, PSCAN = "lcr.nn.paper.scan", "direct, one slice a step", "mambapy pscan"


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


def _peers(frames: int, direct: bool) -> dict[str, Scan]:
    peers: dict[str, Scan] = {OURS: selective_scan}
    if direct:
        peers[DIRECT] = direct_scan
        peers["transformers, slow path"] = _transformers_scan
    peers["direct, unbound slices"] = unbound_scan
    if find_spec("mambapy") is not None:
        block = import_module("mambapy.mamba").MambaBlock
        peers[PSCAN] = lambda *inputs: block.selective_scan(None, *inputs)
    return peers


def _transformers_scan(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor
) -> Tensor:
    scan = import_module("transformers.models.mamba.modeling_mamba").mamba_selective_scan
    y: Tensor = scan(*(x.mT for x in (u, delta)), A, *(x.mT for x in (B, C)), D)
    return y.mT


def _race(frames: int, rounds: int, direct: bool) -> None:
    """Print each peer's time and its ratio to ours."""
    inputs = scan_inputs(frames)
    weight = torch.randn(1, frames, CHANNELS, generator=torch.Generator().manual_seed(1))
    peers = _peers(frames, direct)
    steps = {name: partial(_step, scan, inputs, weight) for name, scan in peers.items()}
    print_race(f"forward + backward, L {frames}", interleaved(steps, rounds), OURS)
    if PSCAN not in peers:
        print(f"  {PSCAN}: NOT MEASURED, mambapy is not installed (pip install mambapy)")


def _step(scan: Scan, inputs: tuple[Tensor, ...], weight: Tensor) -> None:
    for x in inputs:
        x.grad = None
    torch.autograd.backward(scan(*inputs), weight)


def _memory(lengths: Sequence[int]) -> None:
    print(f"\nmemory of {OURS}, MiB (and in units of the input u)")
    print("       L    chunk states kept   all kept for backward   growth of the process")
    for frames in (64, *lengths):  # the first is a warm-up: the process grows once by libraries
        inputs = scan_inputs(frames)
        kept: dict[int, Tensor] = {}

        def keep(x: Tensor, kept: dict[int, Tensor] = kept) -> Tensor:
            kept[x.untyped_storage().data_ptr()] = x
            return x

        _return_freed_memory()
        meter = MemoryMeter("cpu")
        meter.start()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
            y = selective_scan(*inputs)
        torch.autograd.backward(y, torch.ones_like(y))
        states = sum(x.nbytes for x in kept.values() if x.dim() == 4)
        columns = (states, sum(x.nbytes for x in kept.values()), meter.growth_bytes())
        if frames in lengths:
            cells = [f"{n / 2**20:8.2f} ({n / inputs[0].nbytes:5.2f})" for n in columns]
            print(f"  {frames:6}     {'         '.join(cells)}")


def _return_freed_memory() -> None:
    """Else glibc would serve the scan from what making its inputs has left behind."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=3, help="with the direct forms, L 1000")
    parser.add_argument("--long-rounds", type=int, default=15, help="without them, L 2000")
    parser.add_argument("--lengths", type=int, nargs="+", default=[1000, 5000, 20000])
    options = parser.parse_args(arguments)
    print(f"{machine_line()}\nfloat32, batch 1, d_inner {CHANNELS}, N {STATE}")
    _memory(options.lengths)  # first: later the process holds freed memory that hides growth
    for threads in options.threads:
        torch.set_num_threads(threads)
        _race(1000, options.rounds, direct=True)
        _race(2000, options.long_rounds, direct=False)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
