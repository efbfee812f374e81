"""Matrix products over channels, through the faster of PyTorch's two CPU libraries.

PyTorch multiplies matrices with MKL, which on AMD processors with AVX-512 reaches about half of
what oneDNN does. Convolutions may run on oneDNN, and a channels-last 1x1 convolution is the same
product.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_weight

# A 1x1 convolution without dilation goes to MKL as well when there is one thread and a small batch;
# for one tap a dilation changes nothing but the library.
_TO_ONEDNN = 2


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`functional.linear`: (..., in) by (out, in), plus (out,) -> (..., out)."""
    if not _convolves(x):
        return functional.linear(x, weight, bias)
    y = functional.conv2d(_image(x), weight[:, :, None, None], bias, dilation=_TO_ONEDNN)
    return y.permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(weight))


def weight_gradient(x: Tensor, g: Tensor) -> Tensor:
    """The gradient of `linear`'s weight (out, in), from its input (..., in) and the gradient of its
    output (..., out)."""
    if not _convolves(x):
        return g.flatten(0, -2).t() @ x.flatten(0, -2)
    shape = (g.shape[-1], x.shape[-1], 1, 1)
    weight: Tensor = conv2d_weight(  # type: ignore[no-untyped-call]
        _image(x), shape, _image(g), dilation=_TO_ONEDNN
    )
    return weight[:, :, 0, 0]


class Linear(nn.Linear):
    """`nn.Linear` through `linear`."""

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)


def _convolves(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() > 0


def _image(x: Tensor) -> Tensor:
    """(..., channels) -> (1, channels, 1, positions), channels last in memory."""
    return x.reshape(1, 1, -1, x.shape[-1]).permute(0, 3, 1, 2)
