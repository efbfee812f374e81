"""How fast does the default `lcr` remix?
`python -m experiments.benchmarks.real_time [--threads 2]`.

60 s of 16 kHz mono through the whole system, prompt reading and overlap-add included, against one
forward pass of SpeechBrain's Conv-TasNet of the paper's size (section V-B) over the same samples:
the separation network alone, which a composite system would run before anything else.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch

from experiments.benchmarks.timing import interleaved, print_race, summary
from experiments.command import command, option
from experiments.comparison.environment import machine_line
from lcr import registry

OURS, PEER = "lcr, whole system", "SpeechBrain Conv-TasNet, network alone"
RATE = 16_000
PROMPT = "Turn down the excited man and remove the traffic."


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


@command(
    __doc__,
    option("--threads", type=int, default=2),
    option("--seconds", type=float, default=60.0),
    option("--rounds", type=int, default=5),
)
def main(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    print(machine_line())
    rng = np.random.default_rng(0)
    audio = (0.05 * rng.standard_normal((1, round(options.seconds * RATE)))).astype(np.float32)
    system = registry.create("lcr")
    separate = conv_tasnet()

    @torch.inference_mode()
    def peer() -> None:
        for start in range(0, audio.shape[1], 20 * RATE):  # the chunks that ours takes
            separate(torch.from_numpy(audio[:, start : start + 20 * RATE]))

    times = interleaved(
        {OURS: lambda: system.remix(audio, RATE, PROMPT), PEER: peer}, options.rounds
    )
    print_race(f"{options.seconds:g} s of 16 kHz mono", times, OURS)
    for name, seconds in times.items():
        factor = summary([s / options.seconds for s in seconds], ".4f")
        print(f"  {name}: real-time factor {factor}")


if __name__ == "__main__":
    raise SystemExit(main())
