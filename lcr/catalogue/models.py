"""Which remixers and readers there are, and what each costs on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from statistics import median

import torch

from lcr.catalogue.machine import cpu_model
from lcr.catalogue.readers import Reader, find_reader
from lcr.checkpoints import (
    CONFIG_FILE,
    WEIGHTS,
    Checkpoint,
    below,
    load_tensors,
    must_fit,
    no_larger_than,
    read_config,
)
from lcr.instruction import Action
from lcr.joint.authors import checkpoint_folder, read_remixer
from lcr.joint.remixer import SAMPLE_RATE, build_network
from lcr.nn.cost import Description, describe, describe_network
from lcr.nn.grounded.causal import CausalConfig, CausalRemixer
from lcr.nn.grounded.remixer import GroundedConfig, GroundedRemixer
from lcr.nn.paper.mamba import MambaConfig
from lcr.nn.paper.mask_networks import BLOCKS, Scale
from lcr.nn.paper.sound_remixer import (
    VARIANTS,
    SoundRemixer,
    SoundRemixerConfig,
    configuration,
    variant,
)
from lcr.nn.query.remixer import QueryConfig, QueryRemixer
from lcr.nn.reader.config import PRESETS

SCHEMA = 1
COUNTED_S = 4
"""Seconds of audio that multiply-accumulates are counted on."""
Z_DIMS: dict[Scale, int] = {"paper": 4096, "desk": 384}
"""Values of z at each scale: LLaMA-2-7B's embedding, MiniLM's."""
DEFAULT = VARIANTS[0]

Config = SoundRemixerConfig | GroundedConfig | QueryConfig


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How real-time factors are measured: rounds on noise of `seconds`, after one that warms up."""

    seconds: float = 2.0
    rounds: int = 3


@dataclass(frozen=True, kw_only=True)
class RealTimeFactor:
    """Seconds of computing for a second of audio, over the rounds."""

    median: float
    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class Model:
    """A remixer. `variants` are rows of Table VII that this network serves (some change training
    only); `reader_parameters` is what a checkpoint holds of its reader."""

    name: str
    scale: str | None
    variants: tuple[str, ...]
    folder: str | None
    z_dim: int
    parameters: int
    film_parameters: int
    reader_parameters: int | None
    macs_per_s: int
    causal: bool
    real_time_factor: RealTimeFactor | None


@dataclass(frozen=True, kw_only=True)
class ModelListing:
    """What `lcr models` shows; `timing` is None where nothing was timed."""

    schema: int
    models: tuple[Model, ...]
    readers: tuple[Reader, ...]
    timing: Timing | None
    cpu: str
    torch: str
    threads: int


@dataclass(frozen=True, kw_only=True)
class _Network:
    name: str
    config: Config
    scale: str | None = None
    variants: tuple[str, ...] = ()
    folder: str | None = None
    reader_parameters: int | None = None


def list_models(
    *,
    folders: Sequence[Path] = (),
    variants: bool = False,
    timing: Timing | None = None,
    tell: Callable[[str], object] = lambda doing: None,
) -> ModelListing:
    """All remixers, those in `folders` too, and all reader presets; nothing is downloaded.

    `tell` hears what is being worked on. Raises LcrError for a folder that is no checkpoint.
    """
    networks = [*_architectures(variants), *map(_checkpoint, [*_shipped(), *folders])]
    factors: dict[Config, RealTimeFactor] = {}
    for network in networks if timing else ():
        if timing and network.config not in factors:
            tell(f"timing {network.name}")
            factors[network.config] = _measure(network.config, timing)
    models: list[Model] = []
    for network in networks:
        tell(f"counting {network.name}")
        models.append(_model(network, factors.get(network.config)))
    tell("looking for language models")
    return ModelListing(
        schema=SCHEMA,
        models=tuple(models),
        readers=tuple(find_reader(name) for name in PRESETS),
        timing=timing,
        cpu=cpu_model(),
        torch=version("torch"),
        threads=torch.get_num_threads(),
    )


def _architectures(variants: bool) -> Iterator[_Network]:
    for block in BLOCKS:
        for scale, z_dim in Z_DIMS.items():
            default = configuration(block, scale, z_dim=z_dim)
            rows: dict[SoundRemixerConfig, list[str]] = {}
            for row in VARIANTS if variants else (DEFAULT,):
                try:
                    rows.setdefault(variant(row, default).config, []).append(row)
                except ValueError:  # the blocks of LCR-T have no causal form
                    continue
            for config, names in rows.items():
                yield _Network(
                    name=f"LCR-{block}", config=config, scale=scale, variants=tuple(names)
                )
            if isinstance(default.network, MambaConfig) and scale == "paper":
                large = replace(default, network=MambaConfig.paper(width=512))
                yield _Network(
                    name="LCR-M (512 wide)", config=large, scale=scale, variants=(DEFAULT,)
                )
    yield _Network(name="LCR-G", config=GroundedConfig(), scale="desk", variants=(DEFAULT,))


def _shipped() -> list[Path]:
    """Remixers; a reader by itself is none."""
    found = sorted(path.parent for path in WEIGHTS.glob(f"*/{CONFIG_FILE}"))
    return [folder for folder in found if "remixer" in read_config(folder)]


def _checkpoint(folder: Path) -> _Network:
    """A folder of ours or of the paper's authors. Raises MissingWeightsError, WeightsError."""
    theirs = checkpoint_folder(folder)
    if theirs is not None:
        config: Config = read_remixer(theirs).config
        return _Network(name=folder.resolve().name, config=config, folder=str(folder))
    checkpoint = Checkpoint.read(folder)
    with must_fit(folder, "does not fit this version of lcr"):
        settings = checkpoint.config["remixer"]
        with no_larger_than(below(checkpoint.tensors, "remixer.")):
            remixer = (
                QueryRemixer(QueryConfig.from_dict(settings))
                if settings.get("kind") == "query"
                else build_network(settings)
            )
        load_tensors(remixer, checkpoint.tensors, "remixer.")
    read = (v.numel() for k, v in checkpoint.tensors.items() if k.startswith("reader."))
    return _Network(
        name=folder.resolve().name,
        config=remixer.config,
        folder=str(folder),
        reader_parameters=sum(read),
    )


def _model(network: _Network, factor: RealTimeFactor | None) -> Model:
    cost = _describe(network.config)
    return Model(
        name=network.name,
        scale=network.scale,
        variants=network.variants,
        folder=network.folder,
        z_dim=network.config.z_dim,
        parameters=cost.parameters,
        film_parameters=cost.film_parameters,
        reader_parameters=network.reader_parameters,
        macs_per_s=cost.macs_per_s,
        causal=cost.is_causal,
        real_time_factor=factor,
    )


@cache
def _describe(config: Config) -> Description:
    if isinstance(config, SoundRemixerConfig):
        return describe(config, seconds=COUNTED_S)
    # Which passes LCR-G and LCR-Q make depends on the values of z: they have to run.
    mixture = _noise(COUNTED_S)
    causal = isinstance(config, CausalConfig)
    return describe_network(_build(config), mixture, _filter(config), is_causal=causal)


def _build(config: Config) -> torch.nn.Module:
    if isinstance(config, CausalConfig):
        return CausalRemixer(config).eval()
    if isinstance(config, GroundedConfig):
        return GroundedRemixer(config).eval()
    if isinstance(config, QueryConfig):
        return QueryRemixer(config).eval()
    return SoundRemixer(config).eval()


def _noise(seconds: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return 0.05 * torch.randn(1, round(seconds * SAMPLE_RATE), generator=generator)


def _filter(config: Config) -> torch.Tensor:
    """One instruction, (1, 1, z_dim): LCR-G's turns up what its first column names, LCR-Q's removes
    one thing."""
    z = torch.zeros(1, 1, config.z_dim)
    if isinstance(config, GroundedConfig):
        z[..., tuple(Action).index(Action.UP) * config.columns] = 1
    if isinstance(config, QueryConfig):
        z[..., :2] = 1
    return z


@torch.inference_mode()
def _measure(config: Config, timing: Timing) -> RealTimeFactor:
    """Of the network alone with random weights, whose values cost no time."""
    model, mixture, z = _build(config), _noise(timing.seconds), _filter(config)
    model(mixture, z)
    taken: list[float] = []
    for _ in range(timing.rounds):
        start = time.perf_counter()
        model(mixture, z)
        taken.append((time.perf_counter() - start) / timing.seconds)
    return RealTimeFactor(median=median(taken), least=min(taken), most=max(taken))
