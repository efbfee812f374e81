"""How fast is the permutation-invariant loss?
`python -m experiments.benchmarks.pit [--threads 1 2]`.

Forward + backward of 2 mixtures of 2 s at 16 kHz (float32, SNR with zero mean) with 2 to 12 sources
against asteroid's PITLossWrapper, and how far the two are apart. The wrapper tries all orders of up
to 3 sources, uses the Hungarian method from 4 on and refuses 10 and more; there its own parts are
timed without that check. Besides the time by the clock it prints the processor time of all threads,
in which other work on the machine does not count.

The two take turns, each in a process of its own: within one, what asteroid frees (a waveform for
every pair, tens of megabytes a step) is at times given back to the system in the other's step. Its
own time still depends on whether its allocator keeps that memory, fourfold at 8 sources: mind the
range.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import torch
from torch import Tensor

from experiments.benchmarks.timing import print_race
from experiments.comparison.environment import machine_line
from lcr.losses.pit import pit_loss

Loss = Callable[[Tensor, Tensor], Tensor]

BATCH, SAMPLES = 2, 32_000
REFUSED = 10
"""Sources from which on asteroid's wrapper raises an error."""
WARM_UP = 3
OURS, WRAPPER, UNCHECKED = "lcr.losses.pit", "asteroid PITLossWrapper", "asteroid, unchecked"


def pit_inputs(sources: int, *, batch: int = BATCH, samples: int = SAMPLES) -> tuple[Tensor, ...]:
    """Estimates (a leaf that requires gradients) about 10 dB from references in another order."""
    random = torch.Generator().manual_seed(sources)
    reference = 0.1 * torch.randn(batch, sources, samples, generator=random)
    noise = 0.03 * torch.randn(batch, sources, samples, generator=random)
    order = torch.randperm(sources, generator=random)
    return (reference[:, order] + noise).requires_grad_(), reference


def our_loss(estimate: Tensor, reference: Tensor) -> Tensor:
    found = pit_loss(estimate=estimate, reference=reference, zero_mean=True, ceiling_db=math.inf)
    return found.loss.mean()


def asteroid_loss(sources: int) -> Loss:
    """asteroid's wrapper, or what it does apart from refusing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        losses: Any = import_module("asteroid.losses")
    wrapper = losses.PITLossWrapper(losses.pairwise_neg_snr, pit_from="pw_mtx")
    if sources < REFUSED:
        found: Loss = wrapper
        return found

    def unchecked(estimate: Tensor, reference: Tensor) -> Tensor:
        best: Tensor = wrapper.find_best_perm(losses.pairwise_neg_snr(estimate, reference))[0]
        return best.mean()

    return unchecked


def _step(loss: Loss, estimate: Tensor, reference: Tensor) -> Tensor:
    estimate.grad = None
    found = loss(estimate, reference)
    found.backward()  # type: ignore[no-untyped-call]
    return found.detach()


def _work(peer: str, sources: int, threads: int, orders: Connection) -> None:
    """A peer's own process: the value and gradient of a first step, then for every order the
    seconds by the clock and of the processor that another one takes."""
    # asteroid makes a tensor of a list of arrays, which torch calls slow; it is what it does.
    warnings.filterwarnings("ignore", message="Creating a tensor from a list of numpy")
    torch.set_num_threads(threads)
    estimate, reference = pit_inputs(sources)
    loss = our_loss if peer == OURS else asteroid_loss(sources)
    value = _step(loss, estimate, reference).item()
    assert estimate.grad is not None
    orders.send((value, estimate.grad.numpy()))
    while orders.recv():
        clock, processor = time.perf_counter(), time.process_time()
        _step(loss, estimate, reference)
        orders.send((time.perf_counter() - clock, time.process_time() - processor))


def _race(sources: int, rounds: int, threads: int) -> None:
    spawn = get_context("spawn")
    started: dict[str, tuple[BaseProcess, Connection]] = {}
    for peer in (OURS, WRAPPER if sources < REFUSED else UNCHECKED):
        here, there = spawn.Pipe()
        process: BaseProcess = spawn.Process(target=_work, args=(peer, sources, threads, there))
        process.start()
        there.close()  # so that one that fails is an end of file here
        started[peer] = process, here
    first = {peer: orders.recv() for peer, (_, orders) in started.items()}
    clock: dict[str, list[float]] = {peer: [] for peer in started}
    processor: dict[str, list[float]] = {peer: [] for peer in started}
    for number in range(WARM_UP + rounds):
        for peer, (_, orders) in started.items():
            orders.send(True)
            times = orders.recv()
            if number >= WARM_UP:
                clock[peer].append(times[0])
                processor[peer].append(times[1])
    for worker, orders in started.values():
        orders.send(False)
        worker.join()
    title = f"forward + backward, {sources} sources"
    print_race(title, clock, OURS)
    print_race(f"{title}, processor time", processor, OURS)
    (mine, gradient), (theirs, other) = first.values()
    apart = abs(gradient - other).max() / abs(other).max()
    print(f"  apart by {abs(mine - theirs):.1e} dB; gradients by {apart:.1e} of the largest")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sources", type=int, nargs="+", default=list(range(2, 13)))
    options = parser.parse_args(arguments)
    print(f"{machine_line()}\nfloat32, batch {BATCH}, {SAMPLES} samples", flush=True)
    for threads in options.threads:
        torch.set_num_threads(threads)
        for sources in options.sources:
            _race(sources, options.rounds, threads)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
