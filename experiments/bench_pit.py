"""How fast is the permutation-invariant loss? `python -m experiments.bench_pit [--threads 1 2]`.

Forward + backward of 2 mixtures of 2 s at 16 kHz (float32, SNR with zero mean) with 2 to 12 sources
against asteroid's PITLossWrapper, interleaved in one process, and how far the two are apart. The
wrapper tries all orders of up to 3 sources, uses the Hungarian method from 4 on and refuses 10 and
more; there its own parts are timed without that check. Besides the time by the clock it prints the
processor time of all threads, in which other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from experiments.bench import interleaved, machine_line, print_race
from lcr.nn.permutation import pit_loss

Loss = Callable[[Tensor, Tensor], Tensor]

BATCH, SAMPLES = 2, 32_000
OURS, WRAPPER, UNCHECKED = "lcr.nn.permutation", "asteroid PITLossWrapper", "asteroid, unchecked"


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


def asteroid_losses(sources: int) -> dict[str, Loss]:
    """asteroid's wrapper, or what it does apart from refusing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        losses: Any = import_module("asteroid.losses")
    wrapper = losses.PITLossWrapper(losses.pairwise_neg_snr, pit_from="pw_mtx")
    if sources < 10:
        return {WRAPPER: wrapper}

    def unchecked(estimate: Tensor, reference: Tensor) -> Tensor:
        best: Tensor = wrapper.find_best_perm(losses.pairwise_neg_snr(estimate, reference))[0]
        return best.mean()

    return {UNCHECKED: unchecked}


def _step(loss: Loss, estimate: Tensor, reference: Tensor) -> Tensor:
    estimate.grad = None
    found = loss(estimate, reference)
    found.backward()  # type: ignore[no-untyped-call]
    return found.detach()


def _watched(step: Callable[[], Tensor], spent: list[float]) -> None:
    start = time.process_time()
    step()
    spent.append(time.process_time() - start)


def _race(sources: int, rounds: int) -> None:
    estimate, reference = pit_inputs(sources)
    peers: dict[str, Loss] = {OURS: our_loss, **asteroid_losses(sources)}
    steps = {name: partial(_step, loss, estimate, reference) for name, loss in peers.items()}
    values, gradients = [], []
    for step in steps.values():
        values.append(step().item())
        assert estimate.grad is not None
        gradients.append(estimate.grad.clone())
    spent: dict[str, list[float]] = {name: [] for name in peers}
    watched = {name: partial(_watched, step, spent[name]) for name, step in steps.items()}
    title = f"forward + backward, {sources} sources"
    print_race(title, interleaved(watched, rounds), OURS)
    # Without the warm-up.
    print_race(f"{title}, processor time", {k: v[1:] for k, v in spent.items()}, OURS)
    apart = (gradients[0] - gradients[1]).abs().max() / gradients[1].abs().max()
    print(
        f"  apart by {abs(values[0] - values[1]):.1e} dB; gradients by {float(apart):.1e} of "
        "the largest"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sources", type=int, nargs="+", default=list(range(2, 13)))
    options = parser.parse_args(arguments)
    print(f"{machine_line()}\nfloat32, batch {BATCH}, {SAMPLES} samples")
    # asteroid makes a tensor of a list of arrays, which torch calls slow; it is what it does.
    warnings.filterwarnings("ignore", message="Creating a tensor from a list of numpy")
    for threads in options.threads:
        torch.set_num_threads(threads)
        for sources in options.sources:
            _race(sources, options.rounds)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
