"""The per-band layers of a network in a few products, for a frame at a time.

`BandFeatures` and `MaskHead` take a handful of small operations a band. In training their number is
nothing beside the frames; on one frame they are most of the time. Here the layers of all bands lie
in one tensor, narrow bands filled up with zeros: the same values by an order of magnitude fewer
calls.
Made from trained layers, for inference only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lcr.nn.grounded.bands import BandFeatures, MaskHead


class PackedFeatures:
    """`BandFeatures` by one product over all bands."""

    def __init__(self, features: BandFeatures) -> None:
        sizes = features.band_bins
        self._bins, present = _places(sizes)
        self._present = present.repeat(1, 3)  # (bands, 3 widest)
        self._count = 3 * torch.tensor(sizes).view(-1, 1)
        widest = max(sizes)
        normed, plain, biases = [], [], []
        self._eps = 0.0
        for n, layers, loudness in zip(sizes, features.split, features.loudness, strict=True):
            assert isinstance(layers, nn.Sequential)
            norm, linear = layers
            assert isinstance(norm, nn.LayerNorm)
            assert isinstance(linear, nn.Linear)
            assert isinstance(loudness, nn.Linear)
            self._eps = norm.eps
            shape = (linear.out_features, 3, n)
            # The norm's scale and shift go into the map; loudness reads the third part as it is.
            scaled = (linear.weight * norm.weight).view(shape)
            normed.append(functional.pad(scaled, (0, widest - n)).flatten(1))
            plain.append(functional.pad(loudness.weight, (0, widest - n)))
            biases.append(linear.bias + linear.weight @ norm.bias + loudness.bias)
        self._normed = torch.stack(normed).transpose(1, 2).detach()
        self._loudness = torch.stack(plain).transpose(1, 2).detach()
        self._bias = (torch.stack(biases) + features.place).unsqueeze(1).detach()

    def __call__(self, spectrum: Tensor) -> Tensor:
        """Real and imaginary parts (batch, bins, frames, 2) -> (batch, bands, frames, channels)."""
        batch, _, frames, _ = spectrum.shape
        magnitude = spectrum.square().sum(-1).sqrt().clamp_min(1e-5)
        compressed = spectrum * magnitude.pow(-0.7).unsqueeze(-1)
        parts = torch.cat([compressed, 0.3 * magnitude.log().unsqueeze(-1)], -1)
        rows = parts.permute(0, 2, 3, 1).flatten(0, 1)[..., self._bins]  # (rows, 3, bands, widest)
        rows = rows.permute(2, 0, 1, 3)
        loud = rows[:, :, 2]
        flat = rows.flatten(2) * self._present.unsqueeze(1)
        count = self._count.unsqueeze(1)
        centred = (flat - flat.sum(-1, keepdim=True) / count) * self._present.unsqueeze(1)
        variance = centred.square().sum(-1, keepdim=True) / count
        normed = centred * (variance + self._eps).rsqrt()
        h = torch.baddbmm(self._bias, normed, self._normed).baddbmm(loud, self._loudness)
        return h.view(len(h), batch, frames, -1).transpose(0, 1)


class PackedHeads:
    """The `MaskHead`s of all bands by two products."""

    def __init__(self, heads: nn.ModuleList, sizes: tuple[int, ...]) -> None:
        widest = max(sizes)
        into: list[Tensor] = []
        bias_in: list[Tensor] = []
        out: list[Tensor] = []
        bias_out: list[Tensor] = []
        for n, head in zip(sizes, heads, strict=True):
            assert isinstance(head, MaskHead)
            into.append(head.hidden.weight.t())
            bias_in.append(head.hidden.bias)
            out.append(functional.pad(head.out.weight.t(), (0, widest - n)))
            bias_out.append(functional.pad(head.out.bias, (0, widest - n)))
        self._into, self._out = torch.stack(into).detach(), torch.stack(out).detach()
        self._bias_in = torch.stack(bias_in).unsqueeze(1).detach()
        self._bias_out = torch.stack(bias_out).unsqueeze(1).detach()
        _, present = _places(sizes)
        self._cells = present.flatten().nonzero().squeeze(1)

    def __call__(self, x: Tensor) -> Tensor:
        """Map (groups, bands, frames, channels) to mask logits (groups, frames, bins)."""
        groups, bands, frames, _ = x.shape
        rows = x.transpose(0, 1).reshape(bands, groups * frames, -1)
        hidden = functional.silu(torch.baddbmm(self._bias_in, rows, self._into))
        logits = torch.baddbmm(self._bias_out, hidden, self._out)
        flat = logits.transpose(0, 1).flatten(1)[:, self._cells]
        return flat.view(groups, frames, -1)


def _places(sizes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Two tables (bands, widest): the bin at each place of a band, and 1 where there is a bin."""
    widest = max(sizes)
    within = torch.arange(widest)
    size = torch.tensor(sizes).unsqueeze(1)
    first = size.cumsum(0) - size
    present = within < size
    return torch.where(present, first + within, 0), present.float()
