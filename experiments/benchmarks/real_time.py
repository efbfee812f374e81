"""How fast does the default `lcr` remix?
`python -m experiments.benchmarks.real_time [--threads 2] [--systems lcr,lcr-g]`.

60 s of 16 kHz mono, a mixture of the studio suite again and again, through whole systems, prompt
reading and overlap-add included, against one forward pass of SpeechBrain's Conv-TasNet of the
paper's size (section V-B) over the same samples: the separation network alone, which a composite
system would run before anything else.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch

from experiments.command import command, option
from experiments.comparison.environment import machine_line
from experiments.comparison.suite import load_suite
from lcr import registry
from lcr.data.mixtures import MixtureSet
from lcr.data.studio.bank import StudioBank

PEER = "SpeechBrain Conv-TasNet, network alone"
RATE = 16_000


def conv_tasnet() -> Callable[[torch.Tensor], torch.Tensor]:
    """(1, samples) -> four masked latents, random weights: their values cost no time."""
    from speechbrain.lobes.models.conv_tasnet import MaskNet
    from speechbrain.lobes.models.dual_path import Encoder

    torch.manual_seed(0)
    encoder = Encoder(kernel_size=16, out_channels=512).eval()
    masks = MaskNet(
        N=512,
        B=128,
        H=512,
        P=3,
        X=8,
        R=3,
        C=4,
        norm_type="gLN",
        causal=False,
        mask_nonlinear="relu",
    ).eval()

    def separate(mixture: torch.Tensor) -> torch.Tensor:
        latent = encoder(mixture)
        found: torch.Tensor = masks(latent) * latent  # (sources, batch, latent, frames)
        return found

    return separate


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


@command(
    __doc__,
    option("--threads", type=int, default=2),
    option("--seconds", type=float, default=60.0),
    option("--rounds", type=int, default=5),
    option("--systems", default="lcr,lcr-g", metavar="A,B,…", help="default: lcr,lcr-g"),
)
def main(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    print(machine_line())
    suite = load_suite("studio")
    example = MixtureSet(
        StudioBank(), split="test", config=suite.mixture, seed=0, name=suite.name
    ).example(0)
    samples = round(options.seconds * RATE)
    audio = np.resize(example.mixture, (1, samples)).astype(np.float32)
    separate = conv_tasnet()

    @torch.inference_mode()
    def peer() -> None:
        for start in range(0, samples, 20 * RATE):  # the chunks that ours takes
            separate(torch.from_numpy(audio[:, start : start + 20 * RATE]))

    runs: dict[str, Callable[[], object]] = {
        name: partial(registry.create(name).remix, audio, RATE, example.prompt)
        for name in options.systems.split(",")
    }
    ours = next(iter(runs))
    times = interleaved({**runs, PEER: peer}, options.rounds)
    print_race(f"{options.seconds:g} s of 16 kHz mono", times, ours)
    for name, seconds in times.items():
        factor = summary([s / options.seconds for s in seconds], ".4f")
        print(f"  {name}: real-time factor {factor}")


if __name__ == "__main__":
    raise SystemExit(main())
