"""Mask networks M (eq. 2): the ends around the remix blocks, and the register of blocks by letter.

LCR-C, LCR-T and LCR-M are a letter, a config and two ends each; FiLM stands in `SoundRemixer`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lcr.nn.paper.dual_path import DualPathBlock, DualPathConfig, GlobalNorm, cut, overlap_add
from lcr.nn.paper.pointwise import Linear, linear
from lcr.nn.paper.tcn import EPS, TcnConfig, tcn_blocks

Scale = Literal["paper", "desk", "small"]
_MAMBA_BLOCKS = 2
"""Remix blocks (stacks that FiLM stands before) of LCR-M: as many as LCR-T has, whose number of
layers the paper gives it; how many it has of its own the paper does not say."""


class MaskNetwork(nn.Module, ABC):
    """`enter` maps what the encoder made, (batch, frames, channels), to what the `blocks` work on,
    (batch, ..., width); `leave` maps that to masks, (batch, frames, masks, channels)."""

    def __init__(self, width: int, blocks: nn.ModuleList) -> None:
        super().__init__()
        self.width = width
        self.blocks = blocks

    @abstractmethod
    def enter(self, x: Tensor) -> Tensor: ...

    @abstractmethod
    def leave(self, h: Tensor, frames: int) -> Tensor: ...


class SinglePathNetwork(MaskNetwork):
    """Conv-TasNet's ends: a norm and a bottleneck before the blocks, ReLU masks after."""

    def __init__(self, width: int, blocks: nn.ModuleList, channels: int, masks: int) -> None:
        super().__init__(width, blocks)
        self.masks = masks
        self.norm = nn.LayerNorm(channels, eps=EPS)
        self.bottleneck = Linear(channels, width, bias=False)
        self.mask = Linear(width, masks * channels, bias=False)

    def enter(self, x: Tensor) -> Tensor:
        h: Tensor = self.bottleneck(self.norm(x))
        return h

    def leave(self, h: Tensor, frames: int) -> Tensor:
        mask: Tensor = self.mask(h).relu()
        return mask.reshape(*mask.shape[:-1], self.masks, -1)


class DualPathNetwork(MaskNetwork):
    """SepFormer's ends: chunks are cut before the blocks, added up and gated after."""

    def __init__(self, config: DualPathConfig, channels: int, masks: int) -> None:
        width = config.channels
        super().__init__(width, nn.ModuleList(DualPathBlock(config) for _ in range(config.blocks)))
        self.masks = masks
        self.chunk = config.chunk
        self.norm = GlobalNorm(channels)
        self.bottleneck = Linear(channels, width, bias=False)
        self.slope = nn.Parameter(torch.full((1,), 0.25))
        self.split = Linear(width, masks * width)
        self.value = Linear(width, width)
        self.gate = Linear(width, width)
        self.mask = Linear(width, channels, bias=False)

    def enter(self, x: Tensor) -> Tensor:
        return cut(self.bottleneck(self.norm(x)), self.chunk)

    def leave(self, h: Tensor, frames: int) -> Tensor:
        h = overlap_add(torch.prelu(h, self.slope), frames)
        # SepFormer splits before it adds up the two chunks of a frame: the bias counts twice.
        h = linear(h, self.split.weight, 2 * self.split.bias)
        h = h.reshape(*h.shape[:-1], self.masks, self.width)
        mask: Tensor = self.mask(self.value(h).tanh() * self.gate(h).sigmoid())
        return mask.relu()


@dataclass(frozen=True, kw_only=True)
class BlockKind:
    """A letter's blocks: the class of their config, how a mask network of them is made from it and
    the numbers of the encoder's channels and of masks, whether such blocks keep the future out and
    the config that does (ValueError where there is none), and by scale the `SoundRemixerConfig`
    but for the letter."""

    config: type[Any]
    build: Callable[[Any, int, int], MaskNetwork]
    is_causal: Callable[[Any], bool]
    causal: Callable[[Any], Any]
    scales: Mapping[Scale, Mapping[str, Any]]


def _convolutional() -> BlockKind:
    return BlockKind(
        config=TcnConfig,
        build=lambda config, channels, masks: SinglePathNetwork(
            config.bottleneck, tcn_blocks(config), channels, masks
        ),
        is_causal=lambda config: config.is_causal,
        causal=lambda config: replace(config, causal=True, norm="cln"),
        scales={
            "paper": {"network": TcnConfig(), "channels": 512},
            "desk": {"network": TcnConfig(), "channels": 512, "kernel": 64},
            # For many trainings: a quarter of the desk's widths, half of its frames.
            "small": {
                "network": TcnConfig(bottleneck=64, hidden=128, repeats=2),
                "channels": 128,
                "kernel": 128,
            },
        },
    )


def _transformer() -> BlockKind:
    desk = DualPathConfig(channels=128, layers=2, heads=4, feed_forward=512, chunk=64)

    def no_causal_form(config: DualPathConfig) -> DualPathConfig:
        raise ValueError("LCR-T has no causal form: its chunks attend to the whole recording")

    return BlockKind(
        config=DualPathConfig,
        build=DualPathNetwork,
        is_causal=lambda config: False,
        causal=no_causal_form,
        scales={
            "paper": {"network": DualPathConfig(), "channels": 256},
            "desk": {"network": desk, "channels": 256, "kernel": 64},
        },
    )


def _mamba() -> BlockKind:
    # Imported only when asked for: it looks for CUDA kernels.
    from lcr.nn.paper.mamba import MambaConfig, mamba_blocks

    def build(config: MambaConfig, channels: int, masks: int) -> MaskNetwork:
        layers = mamba_blocks(config)
        size = -(-len(layers) // _MAMBA_BLOCKS)
        stacks = [nn.Sequential(*layers[i : i + size]) for i in range(0, len(layers), size)]
        return SinglePathNetwork(config.width, nn.ModuleList(stacks), channels, masks)

    return BlockKind(
        config=MambaConfig,
        build=build,
        is_causal=lambda config: not config.bidirectional,
        causal=lambda config: replace(config, bidirectional=False),
        scales={
            "paper": {"network": MambaConfig.paper(), "channels": 256},
            "desk": {"network": MambaConfig.desk(), "channels": 256, "kernel": 64},
        },
    )


_KINDS: dict[str, Callable[[], BlockKind]] = {"C": _convolutional, "T": _transformer, "M": _mamba}
BLOCKS = tuple(_KINDS)


def block_kind(letter: str) -> BlockKind:
    """The kind of remix block of LCR-`letter`. Raises ValueError for an unknown letter."""
    if letter not in _KINDS:
        raise ValueError(f"no remix block {letter!r}; there are {', '.join(BLOCKS)}")
    return _KINDS[letter]()
