"""Separators: a mixture in, all its sources out, in no particular order. Cascades build on them.

Two networks, so that the strength of a block is not confused with that of an approach: asteroid's
Conv-TasNet, as in the paper, and the band-split network that LCR-G listens with. Both load from a
folder of ours; Conv-TasNet also from a checkpoint of asteroid's.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import (
    Checkpoint,
    WeightsError,
    load_tensors,
    must_fit,
    no_larger_than,
    read_pickled,
    states_of,
    write_checkpoint,
)
from lcr.files import sha256_of
from lcr.instruction import Kind
from lcr.nn.grounded.bands import (
    BAND_BINS,
    BandBlock,
    BandConfig,
    BandFeatures,
    BandTransform,
    MaskHead,
)

PREFIX = "separator."
"""Of the names of a separator's tensors in model.safetensors, and in what training exports."""


class Separator(nn.Module, ABC):
    """Mixtures (batch, samples) at `sample_rate` Hz to estimates (batch, sources, samples) of all
    sources at their level, aligned; any length of at least one sample.

    Where `mixture_consistent`, the estimates sum to the mixture.
    """

    sources: int
    sample_rate: int
    mixture_consistent: bool

    def forward(self, mixture: Tensor) -> Tensor:
        level = mixture.square().mean(-1, keepdim=True).add(1e-12).sqrt()
        return self.separate(mixture / level) * level.unsqueeze(1)

    @abstractmethod
    def separate(self, mixture: Tensor) -> Tensor:
        """As `forward`, for mixtures that have been scaled to a mean square of 1."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What `build_separator` makes it from again, ready for JSON."""


@dataclass(frozen=True, kw_only=True)
class BandSplitConfig(BandConfig):
    """Sizes of the band-split separator; the defaults are LCR-G's stem.

    With `softmax` the masks of a bin share it, and the estimates sum to the mixture; with
    `sigmoid` each is free.
    """

    sources: int = 4
    sample_rate: int = 16_000
    mask_hidden: int = 128
    masks: Literal["softmax", "sigmoid"] = "softmax"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.masks not in ("softmax", "sigmoid"):
            raise ValueError(f"masks must be 'softmax' or 'sigmoid'; got {self.masks!r}")
        if self.sources < 1:
            raise ValueError(f"a separator needs at least one source; got {self.sources}")


class BandSplitSeparator(Separator):
    """LCR-G's stem with a mask for each source in place of prompts."""

    def __init__(self, config: BandSplitConfig) -> None:
        super().__init__()
        self.config = config
        self.sources, self.sample_rate = config.sources, config.sample_rate
        self.mixture_consistent = config.masks == "softmax"
        c = config.channels
        self.transform = BandTransform(config.n_fft, config.hop, config.band_bins)
        self.features = BandFeatures(config.band_bins, c)
        self.stem = nn.ModuleList(BandBlock(c) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(c)
        self.heads = nn.ModuleList(
            MaskHead(c, config.mask_hidden, config.sources * n) for n in config.band_bins
        )
        for head in self.heads:
            # Masks that begin alike would all be taught alike.
            assert isinstance(head, MaskHead)
            nn.init.normal_(head.out.weight, std=0.05)

    def separate(self, mixture: Tensor) -> Tensor:
        spectrum = self.transform(mixture)
        return self.mask(spectrum, self.encode(spectrum), mixture.shape[-1])

    def encode(self, spectrum: Tensor) -> Tensor:
        """What the stem makes of (batch, bins, frames): (batch, bands, frames, channels)."""
        h = self.features(spectrum)
        for block in self.stem:
            h = block(h)
        encoded: Tensor = self.norm(h)
        return encoded

    def mask(self, spectrum: Tensor, h: Tensor, samples: int) -> Tensor:
        """Mask what `encode` gave and decode it: the sources (batch, sources, samples)."""
        parts = [
            head(h[:, i]).unflatten(-1, (self.sources, -1)) for i, head in enumerate(self.heads)
        ]
        logits = torch.cat(parts, -1).float()  # (batch, frames, sources, bins)
        masks = logits.softmax(2) if self.mixture_consistent else logits.sigmoid()
        estimates = masks.permute(0, 2, 3, 1) * spectrum.unsqueeze(1)
        return self.transform.inverse(estimates, samples)

    def settings(self) -> dict[str, Any]:
        return {"kind": "band-split", **asdict(self.config)}


class ConvTasNetSeparator(Separator):
    """asteroid's ConvTasNet by its own `model_args` (n_src, sample_rate, ...).

    Its output is neither rescaled (as asteroid's `separate` does) nor cut at a partial frame.
    Raises ModuleNotFoundError without asteroid, ValueError for arguments that it refuses.
    """

    mixture_consistent = False

    def __init__(self, model_args: Mapping[str, Any]) -> None:
        super().__init__()
        lacking = {"n_src", "sample_rate"} - set(model_args)
        if lacking:
            raise ValueError(f"model_args of ConvTasNet lack {', '.join(sorted(lacking))}")
        try:
            self.network = _conv_tasnet()(**model_args)
        except (TypeError, AssertionError) as error:
            raise ValueError(f"asteroid's ConvTasNet refuses its model_args: {error}") from error
        ignored = set(model_args) - set(self.network.get_model_args())
        if ignored:  # asteroid would say nothing
            raise ValueError(f"asteroid's ConvTasNet knows no {', '.join(sorted(ignored))}")
        self.sources, self.sample_rate = int(model_args["n_src"]), int(model_args["sample_rate"])

    def separate(self, mixture: Tensor) -> Tensor:
        frames = self.network.encoder.filterbank
        samples, kernel, stride = mixture.shape[-1], frames.kernel_size, frames.stride
        spare = kernel - samples if samples < kernel else -(samples - kernel) % stride
        estimates: Tensor = self.network(functional.pad(mixture, (0, spare)))
        return estimates[..., :samples]

    def settings(self) -> dict[str, Any]:
        return {"kind": "conv-tasnet", **self.network.get_model_args()}


def _conv_tasnet() -> Any:  # noqa: ANN401 (asteroid has no types)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own imports
            from asteroid.models import ConvTasNet
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"ConvTasNet is asteroid's, and {error.name} is missing: pip install '.[asteroid]' "
            "(its dependency pesq needs a C compiler)",
            name=error.name,
        ) from error
    return ConvTasNet


def build_separator(settings: Mapping[str, Any]) -> Separator:
    """The untrained separator of `Separator.settings`. Raises ValueError or TypeError for others,
    ModuleNotFoundError as `ConvTasNetSeparator` does."""
    sizes = {key: value for key, value in settings.items() if key != "kind"}
    kind = settings.get("kind")
    if kind == "conv-tasnet":
        return ConvTasNetSeparator(sizes)
    if kind == "band-split":
        bands = tuple(sizes.pop("band_bins", BAND_BINS))
        return BandSplitSeparator(BandSplitConfig(**sizes, band_bins=bands))
    raise ValueError(f"no separator is of kind {kind!r}; there are band-split, conv-tasnet")


@dataclass(frozen=True)
class LoadedSeparator:
    """A separator in eval mode, and the name and sha256 of its weights, as cards hold them.

    `kinds` says which kind of source each output is for, where its training kept kinds apart
    (`pit_groups`); else it is empty. `made` says which network it is and how it was trained."""

    separator: Separator
    weights: Mapping[str, str]
    kinds: tuple[Kind, ...] = ()
    made: str = ""
    trained_on: frozenset[str] = frozenset()


def load_separator(path: Path) -> LoadedSeparator:
    """From a folder of ours (config.json, model.safetensors) or a file of asteroid's.

    No code in a checkpoint is ever run. Raises MissingWeightsError where there is none,
    WeightsError for one that is damaged or does not fit, ModuleNotFoundError without asteroid.
    """
    if path.is_dir():
        checkpoint = Checkpoint.read(path)
        settings = checkpoint.section("separator", "separator")
        tensors, digest = checkpoint.tensors, checkpoint.sha256
        kinds, made = tuple(checkpoint.config.get("kinds", ())), checkpoint.made
        trained_on = checkpoint.trained_on
    elif path.is_file():
        content = _read_asteroid(path)
        settings = {"kind": "conv-tasnet", **content["model_args"]}
        tensors = {f"{PREFIX}network.{k}": v for k, v in content["state_dict"].items()}
        digest = sha256_of(path)
        kinds, made, trained_on = (), "trained elsewhere", frozenset()
    else:
        raise MissingWeightsError(
            f"no checkpoint of a separator at {path}; give weights=FOLDER, or train it "
            "(docs/training.md)"
        )
    with must_fit(path):
        with no_larger_than(tensors):
            separator = build_separator(settings)
        load_tensors(separator, tensors, PREFIX)
        if kinds and (len(kinds) != separator.sources or not set(kinds) <= {"speech", "audio"}):
            raise ValueError(f"kinds {kinds} are not those of {separator.sources} outputs")
    size = sum(p.numel() for p in separator.parameters())
    made = f"{settings['kind']} separator of {size / 1e6:.2f} M, {made}"
    return LoadedSeparator(separator.eval(), {path.name: digest}, kinds, made, trained_on)


def save_separator(separator: Separator, folder: Path, **about: object) -> None:
    """Write what `load_separator` reads, in the separator's precision; `about` goes into
    config.json. Raises OSError."""
    config = {"schema": 1, **about, "separator": separator.settings()}
    write_checkpoint(folder, states_of(separator=separator), config)


def _read_asteroid(path: Path) -> dict[str, Any]:
    """Read what asteroid's `serialize` saved; only tensors and plain values are accepted. Raises
    WeightsError for anything else."""
    content = read_pickled(path)
    keys = sorted(map(str, content)) if isinstance(content, dict) else [type(content).__name__]
    parts = [content.get(k) if isinstance(content, dict) else None for k in _ASTEROID_KEYS]
    if not all(isinstance(part, dict) for part in parts):
        raise WeightsError(
            f"{path} is no model of asteroid's: {' and '.join(_ASTEROID_KEYS)} are needed; it "
            f"holds {', '.join(keys[:5])}"
        )
    name = content.get("model_name", "ConvTasNet")
    if name != "ConvTasNet":
        raise WeightsError(f"{path} is a {name}; only asteroid's ConvTasNet is loaded here")
    if not all(isinstance(value, Tensor) for value in content["state_dict"].values()):
        raise WeightsError(f"{path}: its state_dict holds other things than tensors")
    found: dict[str, Any] = content
    return found


_ASTEROID_KEYS = ("model_args", "state_dict")
