"""What a remixing network costs: its trained values, and its multiply-accumulates, counted.

`FlopCounterMode` sees matrix products, convolutions and attention, and a GRU's products too, as
PyTorch runs those by matrix products. What Mamba does elementwise (scan, causal convolution) and
the CPU's fused attention it does not see: they are counted by their closed forms here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from lcr.nn.film import FiLM
from lcr.nn.paper import mamba
from lcr.nn.paper.mamba import MambaMixer
from lcr.nn.paper.sound_remixer import SoundRemixer, SoundRemixerConfig


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a model costs: trained values in all and in FiLM, and multiply-accumulates (see
    `count_macs`) for a second of audio, one instruction."""

    parameters: int
    film_parameters: int
    macs_per_s: int
    is_causal: bool


def describe_network(
    model: nn.Module, mixture: Tensor, z: Tensor, *, is_causal: bool, sample_rate: int = 16_000
) -> Description:
    """Count a remixer by running it once on `mixture` (1, samples) with `z` (1, 1, z_dim).
    Transformers across chunks cost more a second the longer the audio, and padding less."""
    films = [module for module in model.modules() if isinstance(module, FiLM)]
    return Description(
        parameters=_values(model),
        film_parameters=sum(_values(film) for film in films),
        macs_per_s=count_macs(model, mixture, z) * sample_rate // mixture.shape[-1],
        is_causal=is_causal,
    )


def describe(config: SoundRemixerConfig, *, seconds: int = 4) -> Description:
    """What the model of `config` costs, counted on `seconds` of 16 kHz audio without values:
    nothing is allocated."""
    with torch.device("meta"):
        model = SoundRemixer(config).eval()
        mixture, z = torch.empty(1, seconds * 16_000), torch.empty(1, 1, config.z_dim)
    return describe_network(model, mixture, z, is_causal=config.is_causal)


def count_macs(model: nn.Module, *inputs: Tensor) -> int:
    """Multiply-accumulates of `model(*inputs)`: matrix products, convolutions, attention, the
    products of GRUs and selective scans.

    Not counted: Fourier transforms, norms, activations, gates, FiLM's one product a value and
    sums. On the device "meta" nothing is computed or allocated.
    """
    by_hand = 0

    def add(mixer: nn.Module, given: tuple[Any, ...], _: object) -> None:
        nonlocal by_hand
        assert isinstance(mixer, MambaMixer)
        by_hand += given[0].shape[:-1].numel() * _elementwise_macs(mixer)

    hooks = [
        module.register_forward_hook(add)
        for module in model.modules()
        if isinstance(module, MambaMixer)
    ]
    fused: Any = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops}
    counter = FlopCounterMode(display=False, custom_mapping=fused)
    try:
        with _without_scans(), counter, torch.no_grad():
            model(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return counter.get_total_flops() // 2 + by_hand


def _elementwise_macs(mixer: MambaMixer) -> int:
    """A frame's, outside of matrix products: the taps of the convolution, and of the scan
    delta A, decay h + ..., (delta u) B and C h a state, delta u and D u a channel."""
    inner, state = mixer.A_log.shape
    directions = 2 if mixer.bidirectional else 1
    return directions * inner * (mixer.conv1d.kernel_size[0] + 4 * state + 2)


@contextmanager
def _without_scans() -> Iterator[None]:
    """Mamba without its scans: they are counted by hand, and run operation by operation under a
    counter one of the paper's LCR-M takes 40 s."""
    names = vars(mamba)
    scan = names["selective_scan"]
    names["selective_scan"] = lambda u, *rest: torch.zeros_like(u)
    try:
        yield
    finally:
        names["selective_scan"] = scan


def _attention_flops(
    query: torch.Size, key: torch.Size, value: torch.Size, *_: object, **__: object
) -> int:
    flops: int = sdpa_flop_count(query, key, value)  # type: ignore[no-untyped-call]
    return flops


def _values(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
