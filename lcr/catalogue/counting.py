"""What systems and remixers cost: networks found inside any Remixer and counted from outside, and
every architecture there is built, counted and timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from types import FunctionType, MethodType
from typing import Any, NamedTuple

import torch
from torch import nn

from lcr.catalogue.records import DEFAULT, Model, RealTimeFactor, Tell, Timing
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
from lcr.nn.cost import count_macs, describe, describe_network
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
from lcr.remixer import Remixer
from lcr.sample_case import PROMPT, Case, make_case, oracle_for

SECONDS = (4, 8)
"""Mixtures that multiply-accumulates are counted on; what a call costs once cancels out."""
_PLAIN = (str, bytes, int, float, complex, type(None), type, torch.Tensor)


class Cost(NamedTuple):
    """Values of all networks, language models included, and multiply-accumulates a second of mono
    audio (see `lcr.nn.cost` for what counts); None where a number is unknown, `reason` says why."""

    parameters: int | None
    macs_per_s: int | None
    reason: str | None = None


def cost_of(remixer: Remixer) -> Cost:
    """Take a system's cost from its card, or count it as it remixes noise of two lengths. Only
    PyTorch networks that can be reached from `remixer` by its attributes are counted."""
    told = Cost(remixer.card.parameters, remixer.card.macs_per_s)
    if None not in told[:2]:
        return told
    networks = list(networks_of(remixer))
    if not networks:
        return told._replace(reason="no network seen")
    unique = {id(p): p.numel() for network in networks for p in network.parameters()}
    if told.parameters is None:
        told = told._replace(parameters=sum(unique.values()))
    try:
        macs = _macs_per_s(remixer, networks)
    except Exception as error:  # a third party's, of any type: the other columns still tell
        return told._replace(reason=f"cannot be counted: {type(error).__name__}: {error}")
    return told._replace(macs_per_s=macs if told.macs_per_s is None else told.macs_per_s)


def networks_of(thing: object) -> Iterator[nn.Module]:
    """The outermost modules reachable by attributes, items and bound methods, each once."""
    seen: set[int] = set()
    waiting = [thing]
    while waiting:
        one = waiting.pop()
        if isinstance(one, _PLAIN) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, nn.Module):
            yield one
        else:
            waiting.extend(_parts(one))


def _parts(one: object) -> Iterator[object]:
    if isinstance(one, Mapping):
        yield from one.values()
    elif isinstance(one, (list, tuple, set, frozenset)):
        yield from one
    elif isinstance(one, partial):
        yield from (one.func, *one.args, *one.keywords.values())
    elif isinstance(one, MethodType):
        yield one.__self__
    elif isinstance(one, FunctionType):
        yield from (cell.cell_contents for cell in one.__closure__ or ())
    else:
        yield from getattr(one, "__dict__", {}).values()


class _Whole(nn.Module):
    """A remixer on one mixture, as a module of the networks in it."""

    def __init__(self, networks: list[nn.Module], run: Callable[[], object]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self._run = run

    def forward(self) -> Any:  # noqa: ANN401 (not looked at)
        return self._run()


def _macs_per_s(remixer: Remixer, networks: list[nn.Module]) -> int:
    rate = remixer.card.sample_rate or 16_000

    def answer(case: Case) -> object:
        oracle = oracle_for(case, remixer.card)
        return remixer.remix(case.mixture, case.sample_rate, PROMPT, oracle=oracle)

    answer(make_case(rate // 4, sample_rate=rate))  # what is only done or remembered once
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # the counter knows no fused layers
    try:
        short, long = (
            count_macs(_Whole(networks, partial(answer, make_case(s * rate, sample_rate=rate))))
            for s in SECONDS
        )
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return (long - short) // (SECONDS[1] - SECONDS[0])


COUNTED_S = 4
"""Seconds of audio that a remixer's multiply-accumulates are counted on."""
Z_DIMS: dict[Scale, int] = {"paper": 4096, "desk": 384}
"""Values of z at each scale: LLaMA-2-7B's embedding, MiniLM's."""

Config = SoundRemixerConfig | GroundedConfig | QueryConfig


@dataclass(frozen=True, kw_only=True)
class Network:
    """A remixer to be counted; the fields are those of `Model`."""

    name: str
    config: Config
    scale: str | None = None
    variants: tuple[str, ...] = ()
    folder: str | None = None
    reader_parameters: int | None = None


def networks() -> list[Network]:
    """Every architecture in every row of Table VII, and every checkpoint that ships."""
    found = []
    for block in BLOCKS:
        for scale, z_dim in Z_DIMS.items():
            default = configuration(block, scale, z_dim=z_dim)
            rows: dict[SoundRemixerConfig, list[str]] = {}
            for row in VARIANTS:
                try:
                    rows.setdefault(variant(row, default).config, []).append(row)
                except ValueError:  # the blocks of LCR-T have no causal form
                    continue
            name = f"LCR-{block}"
            found += [
                Network(name=name, config=config, scale=scale, variants=tuple(names))
                for config, names in rows.items()
            ]
            if isinstance(default.network, MambaConfig) and scale == "paper":
                large = replace(default, network=MambaConfig.paper(width=512))
                name = "LCR-M (512 wide)"
                found.append(Network(name=name, config=large, scale=scale, variants=(DEFAULT,)))
    found.append(Network(name="LCR-G", config=GroundedConfig(), scale="desk", variants=(DEFAULT,)))
    shipped = sorted(path.parent for path in WEIGHTS.glob(f"*/{CONFIG_FILE}"))
    return [*found, *(open_folder(f) for f in shipped if "remixer" in read_config(f))]


def open_folder(folder: Path) -> Network:
    """A checkpoint of ours or of the paper's authors. Raises MissingWeightsError, WeightsError."""
    shown = folder.name if folder.parent == WEIGHTS else str(folder)
    theirs = checkpoint_folder(folder)
    if theirs is not None:
        config: Config = read_remixer(theirs).config
        return Network(name=folder.resolve().name, config=config, folder=shown)
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
    return Network(
        name=folder.resolve().name, config=remixer.config, folder=shown, reader_parameters=sum(read)
    )


def count_models(networks: Sequence[Network], tell: Tell = lambda doing: None) -> list[Model]:
    """What each costs."""
    found = []
    for network in networks:
        tell(f"counting {network.name}")
        config = network.config
        if isinstance(config, SoundRemixerConfig):
            cost = describe(config, seconds=COUNTED_S)
        else:  # which passes LCR-G and LCR-Q make depends on the values of z: they have to run
            causal = isinstance(config, CausalConfig)
            noise, z = _noise(COUNTED_S), _filter(config)
            cost = describe_network(_build(config), noise, z, is_causal=causal)
        found.append(
            Model(
                name=network.name,
                scale=network.scale,
                variants=network.variants,
                folder=network.folder,
                z_dim=config.z_dim,
                parameters=cost.parameters,
                film_parameters=cost.film_parameters,
                reader_parameters=network.reader_parameters,
                macs_per_s=cost.macs_per_s,
                causal=cost.is_causal,
            )
        )
    return found


def time_models(models: Sequence[Model], timing: Timing, tell: Tell) -> list[Model]:
    """Return `models` with their real-time factors; networks of equal config are timed once."""
    configs = {(n.name, n.scale, n.folder, v): n.config for n in networks() for v in n.variants}
    factors: dict[Config, RealTimeFactor] = {}
    found = []
    for model in models:
        config = configs.get((model.name, model.scale, model.folder, (*model.variants, "")[0]))
        if config is None:
            assert model.folder is not None
            path = WEIGHTS / model.folder
            config = open_folder(path if path.is_dir() else Path(model.folder)).config
        if config not in factors:
            tell(f"timing {model.name}")
            factors[config] = _measure(config, timing)
        found.append(replace(model, real_time_factor=factors[config]))
    return found


def _build(config: Config) -> nn.Module:
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
