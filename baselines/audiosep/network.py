"""ResUNet30, AudioSep's separator: a residual U-Net over the spectrogram that a query steers.

Modules are named as in the public checkpoint, so that its tensors fit name by name (see
`baselines.audiosep.checkpoint`). The query shifts what every batch norm puts out by a linear map
of its embedding: FiLM of beta alone (section III of arXiv 2308.05037).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

LEVEL = 0.1
"""Root mean square that the network hears (-20 dBFS); its batch norm makes it level-dependent, and
the input's level is restored behind it."""
_MOMENTUM = 0.01
_HALVINGS = 5
"""Of time; of frequency there is one more."""


@dataclass(frozen=True, kw_only=True)
class ResUNetConfig:
    """Sizes; the defaults are the public ones. `widths` are the channels of the six encoder blocks.

    A frame lasts 64 ms with a hop of 10 ms as in the public model, so that a checkpoint's shapes
    say its rate. Raises ValueError for sizes that do not fit.
    """

    n_fft: int = 2048
    widths: tuple[int, ...] = (32, 64, 128, 256, 384, 384)
    z_dim: int = 512

    def __post_init__(self) -> None:
        if self.n_fft < 128 or self.n_fft % 128:
            raise ValueError(f"n_fft must be a multiple of 128; got {self.n_fft}")
        if len(self.widths) != _HALVINGS + 1 or min(self.widths) < 1 or self.z_dim < 1:
            raise ValueError(f"six widths and a z_dim are needed; got {self.widths}, {self.z_dim}")

    @property
    def hop(self) -> int:
        """Samples: 320 at 32 kHz."""
        return self.n_fft * 5 // 32

    @property
    def sample_rate(self) -> int:
        """Hz: 32,000 for frames of 2048."""
        return self.n_fft * 125 // 8


class ConvBlock(nn.Module):
    """Two convolutions, each behind a shifted batch norm, beside a shortcut."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.path = ""
        self.bn1 = nn.BatchNorm2d(into, momentum=_MOMENTUM)
        self.bn2 = nn.BatchNorm2d(out, momentum=_MOMENTUM)
        self.conv1 = nn.Conv2d(into, out, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(into, out, 1) if into != out else nn.Identity()

    def forward(self, h: Tensor, betas: Mapping[str, Tensor]) -> Tensor:
        """Map (batch, into, frames, bins) to (batch, out, frames, bins)."""
        x = self.conv1(functional.leaky_relu(self.bn1(h) + betas[f"{self.path}->beta1"]))
        x = self.conv2(functional.leaky_relu(self.bn2(x) + betas[f"{self.path}->beta2"]))
        out: Tensor = self.shortcut(h) + x
        return out


class EncoderBlock(nn.Module):
    """A convolution block, whose output is also averaged over `pool` (frames, bins)."""

    def __init__(self, into: int, out: int, pool: tuple[int, int]) -> None:
        super().__init__()
        self.pool = pool
        self.conv_block1 = ConvBlock(into, out)

    def forward(self, h: Tensor, betas: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The pooled output and the output itself."""
        out = self.conv_block1(h, betas)
        return functional.avg_pool2d(out, self.pool), out


class DecoderBlock(nn.Module):
    """Upsamples what comes from below, then joins the encoder block of the same resolution."""

    def __init__(self, into: int, out: int, pool: tuple[int, int]) -> None:
        super().__init__()
        self.path = ""
        self.conv1 = nn.ConvTranspose2d(into, out, pool, stride=pool, bias=False)
        self.bn1 = nn.BatchNorm2d(into, momentum=_MOMENTUM)
        self.conv_block2 = ConvBlock(2 * out, out)
        # In the checkpoint, with a FiLM of its own, and never heard.
        self.bn2 = nn.BatchNorm2d(into, momentum=_MOMENTUM).requires_grad_(False)

    def forward(self, h: Tensor, skip: Tensor, betas: Mapping[str, Tensor]) -> Tensor:
        x = self.conv1(functional.leaky_relu(self.bn1(h) + betas[f"{self.path}->beta1"]))
        out: Tensor = self.conv_block2(torch.cat([x, skip], 1), betas)
        return out


class ResUNet(nn.Module):
    """The U-Net without FiLM, which the checkpoint calls `base`."""

    def __init__(self, config: ResUNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        pools = [(2, 2)] * _HALVINGS + [(1, 2)]
        self.bn0 = nn.BatchNorm2d(config.n_fft // 2 + 1, momentum=_MOMENTUM)
        self.pre_conv = nn.Conv2d(1, widths[0], 1)
        for i, (into, out) in enumerate(zip((widths[0], *widths), widths, strict=False)):
            self.add_module(f"encoder_block{i + 1}", EncoderBlock(into, out, pools[i]))
        self.conv_block7a = EncoderBlock(widths[-1], widths[-1], (1, 1))
        upwards = widths[::-1]
        for i, (into, out) in enumerate(zip((upwards[0], *upwards), upwards, strict=False)):
            self.add_module(f"decoder_block{i + 1}", DecoderBlock(into, out, pools[-1 - i]))
        self.after_conv = nn.Conv2d(widths[0], 3, 1)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                initialise(module)
        window = torch.hann_window(config.n_fft)
        self.register_buffer("_window", window, persistent=False)

    def forward(self, mixture: Tensor, betas: Mapping[str, Tensor]) -> Tensor:
        """(batch, samples) to the same. Raises ValueError for less than half a frame."""
        n_fft, hop, samples = self.config.n_fft, self.config.hop, mixture.shape[-1]
        if samples <= n_fft // 2:
            raise ValueError(f"{samples} samples; more than {n_fft // 2} are needed")
        window = self.get_buffer("_window")
        spectrum = torch.stft(
            mixture, n_fft, hop, window=window, pad_mode="reflect", return_complex=True
        )
        magnitude = (spectrum.real.square() + spectrum.imag.square()).clamp_min(1e-10).sqrt()
        h = self.bn0(magnitude.unsqueeze(-1)).permute(0, 3, 2, 1)  # (batch, 1, frames, bins)
        frames = h.shape[2]
        # The highest bin is left out, so that bins halve evenly, and is silent in the output.
        logits = self._logits(functional.pad(h[..., :-1], (0, 0, 0, -frames % 2**_HALVINGS)), betas)
        mask = complex_mask(logits[:, :, :frames].float()).transpose(1, 2)
        estimate = functional.pad(mask * spectrum[:, :-1], (0, 0, 0, 1))
        return torch.istft(estimate, n_fft, hop, window=window, length=samples)

    def _logits(self, h: Tensor, betas: Mapping[str, Tensor]) -> Tensor:
        """(batch, 1, frames, bins), whole multiples of all pools, to (batch, 3, frames, bins)."""
        h = self.pre_conv(h)
        skips = []
        count = len(self.config.widths)
        for i in range(count):
            h, skip = self.get_submodule(f"encoder_block{i + 1}")(h, betas)
            skips.append(skip)
        h, _ = self.conv_block7a(h, betas)
        for i in range(count):
            h = self.get_submodule(f"decoder_block{i + 1}")(h, skips.pop(), betas)
        out: Tensor = self.after_conv(h)
        return out


class ResUNet30(nn.Module):
    """The separator: mixtures (batch, samples) at the config's rate and the embedding of a query
    (batch, z_dim) to the sounds that the query means, (batch, samples)."""

    def __init__(self, config: ResUNetConfig | None = None) -> None:
        super().__init__()
        self.config = config or ResUNetConfig()
        self.base = ResUNet(self.config)
        self.film = nn.ModuleDict()
        for name, module in self.base.named_modules():
            if isinstance(module, (ConvBlock, DecoderBlock)):
                module.path = name.replace(".", "->")
                for beta, norm in (("beta1", module.bn1), ("beta2", module.bn2)):
                    layer = nn.Linear(self.config.z_dim, norm.num_features)
                    initialise(layer)
                    layer.requires_grad_(norm.weight.requires_grad)
                    self.film[f"{module.path}->{beta}"] = layer

    def forward(self, mixture: Tensor, z: Tensor) -> Tensor:
        betas = {name: layer(z)[:, :, None, None] for name, layer in self.film.items()}
        out: Tensor = self.base(mixture, betas)
        return out


def complex_mask(logits: Tensor) -> Tensor:
    """(batch, 3, frames, bins) to complex (batch, frames, bins): the first is the magnitude's, a
    sigmoid; the others' hyperbolic tangents point where the phase is turned to."""
    turn = torch.complex(logits[:, 1].tanh(), logits[:, 2].tanh())
    return logits[:, 0].sigmoid() * turn / turn.abs().clamp_min(1e-10)


def separate(network: ResUNet30, mixture: Tensor, z: Tensor) -> Tensor:
    """Run the network at the level it was trained at, and give the output the input's level."""
    level = mixture.square().mean(-1, keepdim=True).add(1e-20).sqrt() / LEVEL
    out: Tensor = network(mixture / level, z) * level
    return out


def initialise(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> None:
    """Initialise as AudioSep does: Glorot's uniform weights, biases of zero."""
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
