"""What the benchmarks share: interleaved timing, ratios to ours, and the machine they ran on."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import torch


def interleaved(peers: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Time each peer once a round, in turns, after one warm-up; seconds by peer."""
    times: dict[str, list[float]] = {name: [] for name in peers}
    for run in peers.values():
        run()
    for _ in range(rounds):
        for name, run in peers.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return times


def print_race(title: str, times: Mapping[str, Sequence[float]], ours: str) -> None:
    """Print each peer's time and its ratio to `ours`: medians, with the range over the rounds."""
    rounds = len(times[ours])
    print(
        f"\n{title}, {torch.get_num_threads()} thread(s), {rounds} interleaved rounds: "
        "median (range)"
    )
    width = max(len(name) for name in times)
    for name, seconds in times.items():
        ratios = [s / mine for s, mine in zip(seconds, times[ours], strict=True)]
        print(
            f"  {name:{width}} {summary([1000 * s for s in seconds], '.1f')} ms"
            f"   {summary(ratios, '.2f')} x ours"
        )


def summary(values: Sequence[float], form: str) -> str:
    """Median (least-most) of `values`, each in the format `form`."""
    return f"{statistics.median(values):{form}} ({min(values):{form}}-{max(values):{form}})"
