"""How fast does LCR-C learn? `python -m experiments.benchmarks.tcn [--threads 1]`.

A training step (forward, backward, Adam) on the same audio and filters, against the same network
put together from SpeechBrain's Conv-TasNet modules and the same FiLM, all interleaved in one
process: in the paper's sizes, then with a kernel of 64 (stride 32) as at a desk. The two of a size
hold the same weights, and their outputs' difference is told.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from experiments.benchmarks.timing import interleaved, print_race
from experiments.command import command, option
from experiments.comparison.environment import machine_line
from lcr.joint.authors import read_remixer
from lcr.losses.snr import negative_snr
from lcr.nn.cost import describe
from lcr.nn.film import FiLM
from lcr.nn.paper.sound_remixer import SoundRemixer, SoundRemixerConfig, configuration, variant

Z_DIM = 4096
OURS, THEIRS = "lcr LCR-C", "SpeechBrain LCR-C"
DESK_OURS, DESK_THEIRS = "lcr LCR-C desk, stride 32", "SpeechBrain LCR-C, stride 32"
CAUSAL = "lcr LCR-C causal (cLN)"


class SpeechBrainRemixer(nn.Module):
    """SpeechBrain's encoder, MaskNet and decoder with FiLM before each repeat, without a line of
    ours on the way but FiLM's."""

    def __init__(self, config: SoundRemixerConfig) -> None:
        super().__init__()
        dual_path: Any = import_module("speechbrain.lobes.models.dual_path")
        conv_tasnet: Any = import_module("speechbrain.lobes.models.conv_tasnet")
        sizes, n = config.network, config.channels
        self.layers = sizes.layers
        self.encoder = dual_path.Encoder(kernel_size=config.kernel, out_channels=n)
        self.masknet = conv_tasnet.MaskNet(
            *(n, sizes.bottleneck, sizes.hidden, sizes.kernel, sizes.layers, sizes.repeats, 1),
            norm_type="gLN",
        )
        self.films = nn.ModuleList(
            FiLM(config.z_dim, sizes.bottleneck, sizes.bottleneck, plain=True)
            for _ in range(sizes.repeats)
        )
        self.decoder = dual_path.Decoder(
            n, 1, kernel_size=config.kernel, stride=config.stride, bias=False
        )

    def forward(self, mixture: Tensor, z: Tensor) -> Tensor:
        """(batch, samples), (batch, 1, z_dim) -> (batch, 1, samples); frames must fit."""
        h = self.encoder(mixture)
        net = self.masknet
        y = net.bottleneck_conv1x1(net.layer_norm(h.permute(0, 2, 1)))
        for i, block in enumerate(net.temporal_conv_net.values()):
            repeat, first = divmod(i, self.layers)
            y = block(self.films[repeat](y, z[:, 0]) if first == 0 else y)
        mask = net.mask_conv1x1(y).permute(0, 2, 1).relu()
        out: Tensor = self.decoder(h * mask)
        return out.view(len(mixture), 1, -1)

    def ours(self) -> SoundRemixer:
        """lcr's network with these weights, through the authors' format."""
        masks = {
            name.replace("temporalblock", "filmtemporalblock"): value
            for name, value in self.masknet.state_dict().items()
        }
        for i, film in enumerate(self.films):
            for name, value in film.state_dict().items():
                part = name.replace("gamma", "scaler").replace("beta", "shifter")
                masks[f"temporal_conv_net.filmtemporalblock_{i}_0.film.{part}"] = value
        with tempfile.TemporaryDirectory() as folder:
            torch.save(self.encoder.state_dict(), Path(folder) / "encoder.ckpt")
            torch.save(self.decoder.state_dict(), Path(folder) / "decoder.ckpt")
            torch.save(masks, Path(folder) / "masknet.ckpt")
            return read_remixer(Path(folder), causal=False)


def training_step(model: nn.Module, mixture: Tensor, z: Tensor) -> Callable[[], None]:
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-4)
    target = mixture.roll(1, 0).unsqueeze(1)

    def step() -> None:
        optimiser.zero_grad()
        loss = negative_snr(estimate=model(mixture, z), reference=target).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def _difference(ours: nn.Module, theirs: nn.Module, mixture: Tensor, z: Tensor) -> float:
    with torch.no_grad():
        expected = theirs(mixture, z)
        return float((ours(mixture, z) - expected).abs().max() / expected.abs().max())


def _race(batch: int, seconds: float, rounds: int) -> None:
    paper, desk = configuration("C", z_dim=Z_DIM), configuration("C", "desk", z_dim=Z_DIM)
    torch.manual_seed(0)
    samples = int(seconds * 16_000) // desk.stride * desk.stride
    mixture, z = torch.randn(batch, samples), torch.randn(batch, 1, Z_DIM)
    theirs, desk_theirs = SpeechBrainRemixer(paper), SpeechBrainRemixer(desk)
    ours, desk_ours = theirs.ours(), desk_theirs.ours()
    assert (ours.config, desk_ours.config) == (paper, desk)
    causal = SoundRemixer(variant("causal", paper).config)
    title = f"training step, {batch} x {samples / 16_000:.2f} s"
    print(
        f"\n{batch} x {samples / 16_000:.2f} s: outputs differ from SpeechBrain's by "
        f"{_difference(ours, theirs, mixture, z):.1e} of their peak, at stride 32 by "
        f"{_difference(desk_ours, desk_theirs, mixture, z):.1e}"
    )
    models = {THEIRS: theirs, OURS: ours, CAUSAL: causal}
    models |= {DESK_THEIRS: desk_theirs, DESK_OURS: desk_ours}
    times = interleaved(
        {name: training_step(model, mixture, z) for name, model in models.items()}, rounds
    )
    print_race(title, times, OURS)
    print_race(title, {name: times[name] for name in (THEIRS, DESK_THEIRS, DESK_OURS)}, DESK_OURS)


@command(
    __doc__,
    option("--threads", type=int, nargs="+", default=[1]),
    option("--rounds", type=int, default=5),
    option(
        "--sizes",
        nargs="+",
        default=["2x1", "16x0.27"],
        help="batch x seconds (SpeechBrain needs 0.27 s at stride 32, and 3 GB of memory for every "
        "second); from 16 items on its convolutions run on oneDNN on one thread as well",
    ),
)
def main(options: argparse.Namespace) -> None:
    torch.set_flush_denormal(True)
    print(machine_line())
    for scale in ("paper", "desk"):
        print(f"LCR-C {scale}: {describe(configuration('C', scale, z_dim=Z_DIM))}")
    for threads in options.threads:
        torch.set_num_threads(threads)
        for size in options.sizes:
            batch, seconds = size.split("x")
            _race(int(batch), float(seconds), options.rounds)


if __name__ == "__main__":
    raise SystemExit(main())
