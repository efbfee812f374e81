"""The paper's SoundRemixer (section IV-B): learned encoder and decoder, one remixing mask h_m from
remix blocks that the semantic filter z steers.

    h_x = E(x),  h_m = M(h_x, z),  h_y = h_m * h_x,  y^ = D(h_y)          (eq. 1-2)

LCR-C, LCR-T and LCR-M differ in their blocks (`lcr.nn.paper.mask_networks`), the rows of Table VII
in values of the config and of training (`variant`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from lcr.nn.film import FiLM
from lcr.nn.paper.mask_networks import Scale, block_kind
from lcr.nn.paper.pointwise import Linear


@dataclass(frozen=True, kw_only=True)
class SoundRemixerConfig:
    """`block` is the letter of the remix blocks and `network` their config (`TcnConfig` for C,
    `DualPathConfig` for T, `MambaConfig` for M); `channels` is C of the encoder, whose stride is
    half its `kernel`. Where `masks` is more than one, each remixes a part and the parts are added.
    """

    block: str
    network: Any
    channels: int = 512
    kernel: int = 16
    masks: int = 1
    z_dim: int = 4096

    def __post_init__(self) -> None:
        if self.kernel % 2 or self.kernel < 2:
            raise ValueError(f"kernel must be even and positive, got {self.kernel}")
        if self.masks < 1:
            raise ValueError(f"masks must be 1 or more, got {self.masks}")
        expected = block_kind(self.block).config
        if not isinstance(self.network, expected):
            raise ValueError(
                f"block {self.block} needs a {expected.__name__}, got {self.network!r}"
            )

    @property
    def stride(self) -> int:
        return self.kernel // 2

    @property
    def is_causal(self) -> bool:
        """Whether no output needs input later than itself by `kernel` samples or more."""
        return block_kind(self.block).is_causal(self.network)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SoundRemixerConfig:
        """Raises ValueError for an unknown block, TypeError or KeyError for unknown or missing
        keys."""
        rest = dict(values)
        network = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in rest.pop("network").items()
        }
        return cls(network=block_kind(rest["block"]).config(**network), **rest)


def configuration(block: str, scale: Scale = "paper", *, z_dim: int = 4096) -> SoundRemixerConfig:
    """LCR-C, -T or -M as the paper has it, or for a desk (a CPU; encoder stride 32); LCR-C also
    "small", for many trainings on a desk.

    Raises ValueError for an unknown block or scale.
    """
    scales = block_kind(block).scales
    if scale not in scales:
        raise ValueError(f"no scale {scale!r}; there are {', '.join(scales)}")
    return SoundRemixerConfig(block=block, z_dim=z_dim, **scales[scale])


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A row of Table VII: a model and two things about its training. With
    `permutation_invariant`, what `SoundRemixer.parts` gives is also held against the remixed
    sources (`lcr.losses.pit`); with `fixed_prompts` prompts are not rephrased."""

    config: SoundRemixerConfig
    permutation_invariant: bool = False
    fixed_prompts: bool = False


VARIANTS = ("default", "fixed-prompts", "multi-mask", "multi-mask-pit", "kernel-x4", "causal")


def variant(name: str, config: SoundRemixerConfig, *, sources: int = 4) -> Variant:
    """`config` changed as the row `name` of Table VII says; `sources` is how many masks
    "multi-mask" estimates. Raises ValueError for an unknown name and for blocks without a causal
    form."""
    if name not in VARIANTS:
        raise ValueError(f"no variant {name!r}; there are {', '.join(VARIANTS)}")
    if name.startswith("multi-mask"):
        config = replace(config, masks=sources)
    elif name == "kernel-x4":
        config = replace(config, kernel=4 * config.kernel)
    elif name == "causal":
        config = replace(config, network=block_kind(config.block).causal(config.network))
    return Variant(
        config=config,
        permutation_invariant=name == "multi-mask-pit",
        fixed_prompts=name == "fixed-prompts",
    )


class SoundRemixer(nn.Module):
    """Mixture and semantic filters to remixed mixtures (eq. 1-4)."""

    def __init__(self, config: SoundRemixerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Linear(config.kernel, config.channels, bias=False)
        self.decoder = Linear(config.channels, config.kernel, bias=False)
        # As a transposed convolution starts: by its kernel, not by its many inputs.
        nn.init.uniform_(self.decoder.weight, -(config.kernel**-0.5), config.kernel**-0.5)
        kind = block_kind(config.block)
        self.network = kind.build(config.network, config.channels, config.masks)
        width = self.network.width
        self.films = nn.ModuleList(
            FiLM(config.z_dim, width, width, plain=True) for _ in self.network.blocks
        )

    def forward(self, mixture: Tensor, z: Tensor) -> Tensor:
        """`mixture` (batch, samples), `z` (batch, instructions, z_dim) -> (batch, instructions,
        samples); any number of samples from 1."""
        h, masks = self._encode_and_mask(mixture, z)
        return self._decode(h.unsqueeze(1) * masks.sum(2), mixture.shape[-1])

    def parts(self, mixture: Tensor, z: Tensor) -> Tensor:
        """What each mask makes of the mixture, (batch, instructions, masks, samples); `forward` is
        their sum."""
        h, masks = self._encode_and_mask(mixture, z)
        return self._decode(h[:, None, None] * masks, mixture.shape[-1])

    def _encode_and_mask(self, mixture: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """h_x (batch, frames, channels) and h_m (batch, instructions, masks, frames, channels)."""
        x = self._encode(mixture)
        # What comes before z is the same for all instructions.
        h = self.network.enter(x).repeat_interleave(z.shape[1], 0)
        flat = z.flatten(0, 1)
        for film, block in zip(self.films, self.network.blocks, strict=True):
            h = block(film(h, flat))
        masks = self.network.leave(h, x.shape[1])
        return x, masks.reshape(*z.shape[:2], *masks.shape[1:]).transpose(2, 3)

    def _encode(self, mixture: Tensor) -> Tensor:
        """E, a convolution with ReLU; silence fills up the last frame, so that every sample is in
        one."""
        kernel, stride = self.config.kernel, self.config.stride
        frames = max(1, -(-(mixture.shape[-1] - kernel) // stride) + 1)
        missing = (frames - 1) * stride + kernel - mixture.shape[-1]
        h: Tensor = self.encoder(functional.pad(mixture, (0, missing)).unfold(-1, kernel, stride))
        return h.relu()

    def _decode(self, h: Tensor, samples: int) -> Tensor:
        """D, a transposed convolution: (..., frames, channels) -> (..., samples)."""
        first, second = self.decoder(h).chunk(2, -1)
        out = functional.pad(first, (0, 0, 0, 1)) + functional.pad(second, (0, 0, 1, 0))
        return out.flatten(-2)[..., :samples]
