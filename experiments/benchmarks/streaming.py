"""Does live remixing keep up, and for how long? `python -m experiments.benchmarks.streaming`.

10 ms chunks on one thread: the real-time factor and the longest chunks, against the same network
run anew on a window that slides along (what remixes live where a network keeps no state). Then
minutes of audio, as fast as it goes, by chunks of 1 s: the process's memory, and whether a sound
that repeats comes out at the end as near the beginning (drift).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from experiments.command import command, option
from experiments.comparison.environment import machine_line
from lcr.joint.live import RatedRemixer, StreamingRemixer, load_live
from lcr.remixer import Audio

PROMPT = "Turn down the excited man and remove the dog barking."
_PERIOD_S = 10
"""Length of the sound that repeats; whole hops, so that frames repeat too."""


def percentiles(seconds: Sequence[float]) -> str:
    """Median, 99th percentile and maximum in ms."""
    p50, p99, most = (1000 * np.quantile(seconds, q) for q in (0.5, 0.99, 1.0))
    return f"median {p50:.2f} ms, p99 {p99:.2f} ms, longest {most:.2f} ms"


@dataclass(frozen=True)
class Taken:
    """Seconds that each chunk took, by the clock and of the processor's time: other work on the
    machine is in the first and hardly in the second."""

    wall: list[float]
    processor: list[float]


def by_chunks(step: Callable[[Audio], object], audio: Audio, chunk: int) -> Taken:
    """Feed the audio chunk by chunk, and time each."""
    taken = Taken([], [])
    for start in range(0, audio.shape[1] - chunk + 1, chunk):
        began, used = time.perf_counter(), time.thread_time()
        step(audio[:, start : start + chunk])
        taken.wall.append(time.perf_counter() - began)
        taken.processor.append(time.thread_time() - used)
    return taken


def resident_bytes() -> int:
    """What the process holds in memory now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


class SlidingWindow:
    """The peer: all of a window anew for each chunk, of which the newest part is kept."""

    def __init__(self, rated: RatedRemixer, z: torch.Tensor, samples: int) -> None:
        self._rated, self._z = rated, z
        self._window = np.zeros((1, samples), np.float32)

    def __call__(self, chunk: Audio) -> Audio:
        samples = chunk.shape[1]
        self._window = np.concatenate([self._window[:, samples:], chunk], 1)
        return self._rated.remix(self._window, self._z)[:, -samples:]


def race(options: argparse.Namespace) -> None:
    """Time a chunk in our streaming remixer and in the peer."""
    rate, seconds = options.rate, options.seconds
    chunk = round(options.chunk_ms * rate / 1000)
    audio = _sound(rate, seconds)
    model = load_live(options.model)
    ours = StreamingRemixer(model, PROMPT, sample_rate=rate)
    rated = RatedRemixer(model.network, rate)  # type: ignore[arg-type]
    window = SlidingWindow(rated, ours.read(PROMPT), round(options.window_s * rate))
    print(f"\n{seconds:g} s at {rate} Hz by chunks of {options.chunk_ms:g} ms, one thread")
    print(f"  latency of the algorithm: {1000 * ours.latency_s:.2f} ms")
    by_chunks(ours.push, audio[:, : 50 * chunk], chunk)  # warm up
    by_chunks(window, audio[:, : 5 * chunk], chunk)
    few = audio[:, : round(min(seconds, 5.0) * rate)]
    for name, step, given in (
        ("ours", ours.push, audio),
        (f"the same network on a window of {options.window_s:g} s", window, few),
    ):
        taken = by_chunks(step, given, chunk)
        for clock, times in (("clock", taken.wall), ("processor time", taken.processor)):
            factor = sum(times) / (len(times) * chunk / rate)
            print(f"  {name}, by {clock}: real-time factor {factor:.3f}, {percentiles(times)}")


def endure(options: argparse.Namespace) -> None:
    """Measure memory and drift over minutes of audio."""
    rate = options.rate
    stream = StreamingRemixer(load_live(options.model), PROMPT, sample_rate=rate)
    period = _sound(rate, _PERIOD_S)
    periods = round(options.minutes * 60 / _PERIOD_S)
    settled = min(6, periods - 1)  # the level has found its own by then
    early = np.zeros_like(period)
    memory = [0]
    began = time.perf_counter()
    drift = 0.0
    for index in range(periods):
        parts = [stream.push(period[:, i : i + rate]) for i in range(0, period.shape[1], rate)]
        out = np.concatenate(parts, 1)
        if index == settled:
            early, memory = out, [resident_bytes()]
        elif index > settled:
            drift = max(drift, float(np.abs(out - early).max()))
            memory.append(resident_bytes())
    took = time.perf_counter() - began
    print(f"\n{options.minutes:g} minutes of audio in {took:.0f} s, after the first minute:")
    print(f"  the same sound differs from its first remix by {drift:.1e} at most")
    print(f"  memory grew by {(memory[-1] - memory[0]) / 2**20:.2f} MiB of {memory[-1] >> 20} MiB")


def _sound(rate: int, seconds: float) -> Audio:
    """Make bursts of noise over a chord, equal in every run."""
    rng = np.random.default_rng(0)
    t = np.arange(round(seconds * rate)) / rate
    chord = sum(np.sin(2 * np.pi * f * t) for f in (200.0, 300.0, 500.0))
    bursts = rng.standard_normal(len(t)) * (np.sin(2 * np.pi * 0.7 * t) > 0.6)
    return (0.03 * chord + 0.1 * bursts).astype(np.float32)[None]


@command(
    __doc__,
    option("--model", default="lcr-live", help="shipped weights or a folder"),
    option("--rate", type=int, default=48_000),
    option("--chunk-ms", type=float, default=10.0),
    option("--seconds", type=float, default=60.0),
    option("--window-s", type=float, default=1.0),
    option("--minutes", type=float, default=30.0),
)
def main(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    print(machine_line())
    race(options)
    endure(options)


if __name__ == "__main__":
    raise SystemExit(main())
