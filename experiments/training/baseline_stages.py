"""The baselines' stages: built from a recipe to be trained, and shipped as their own loaders read.

A recipe's [system] holds, by stage:

- `separator`: what `build_separator` takes;
- `clap`: the fields of `ClapConfig`, and in `clips` those of `ClapStageConfig`;
- `lass`: `LassSettings`;
- `audiosep`: `AudioSepSettings`;
- `llm-tse`: `LlmTseSettings`; the language model is the recipe's [reader], without slots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from baselines.audiosep.checkpoint import save_audiosep
from baselines.audiosep.network import ResUNet30
from baselines.audiosep.training import AudioSepStage, desk_config
from baselines.clap.checkpoint import save_clap
from baselines.clap.model import Clap, ClapConfig
from baselines.clap.training import ClapStage, ClapStageConfig
from baselines.composite.stem import read_stem
from baselines.lass.network import Extractor, build_extractor
from baselines.lass.query import load_encoder
from baselines.lass.remixer import save_lass
from baselines.lass.training import LassStage
from baselines.llm_tse.remixer import Clues, CluesConfig, borrow, save_llm_tse
from baselines.llm_tse.training import LlmTseStage, SpeakerMixtures
from baselines.pit.separation import build_separator, save_separator
from experiments.comparison import config as tables
from experiments.comparison.errors import ConfigError
from experiments.training.schema import Recipe
from lcr.checkpoints import WeightsError, load_tensors
from lcr.data.bank import SAMPLE_RATE
from lcr.data.mixtures import MixtureConfig
from lcr.instruction import Kind
from lcr.nn.reader.prompt_reader import PromptReader
from lcr.training.data import TrainingMixtures
from lcr.training.separation import SeparatorStage
from lcr.training.stages import Stage

Tensors = dict[str, Tensor]
About = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class LassSettings:
    """What `load_encoder` and `build_extractor` take; the extractor's z_dim is the encoder's."""

    kind: Kind
    encoder: Mapping[str, Any] = field(default_factory=lambda: {"kind": "sentence"})
    extractor: Mapping[str, Any] = field(default_factory=lambda: {"kind": "band-split"})


@dataclass(frozen=True, kw_only=True)
class AudioSepSettings:
    """What `load_encoder` takes, and the network's widths, where they are not `desk_config`'s."""

    encoder: Mapping[str, Any] = field(default_factory=lambda: {"kind": "sentence"})
    widths: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class LlmTseSettings:
    """Fields of `CluesConfig`, where text_dim is the reader's, and what `build_extractor` takes,
    where z_dim is the clues' dim. `ears` names an LCR-G whose ears both borrow."""

    clues: Mapping[str, Any] = field(default_factory=dict)
    extractor: Mapping[str, Any] = field(default_factory=lambda: {"kind": "band-split"})
    ears: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """A baseline as a recipe describes it, untrained: the `modules` that training exports, by name,
    the `stage` that trains them, and `save(folder, **about)` for its own loader."""

    modules: Mapping[str, nn.Module]
    stage: Callable[[TrainingMixtures], Stage]
    save: Callable[..., None]


def build(recipe: Recipe, mixtures: TrainingMixtures) -> Stage:
    """Build the recipe's stage, untrained. Raises ConfigError for settings that make none,
    MissingWeightsError for weights that it builds on."""
    with _settings():
        return SYSTEMS[recipe.stage](recipe).stage(mixtures)


def ship(recipe: Recipe, tensors: Tensors, out: Path, about: About) -> None:
    """Write what training exported as a folder of 16-bit floats that the baseline's loader reads;
    `about` goes into its config.json.

    Raises ConfigError for tensors that are not of this recipe or too large, OSError.
    """
    large = [k for k, v in tensors.items() if v.is_floating_point() and not _fits_half(v)]
    if large:
        raise ConfigError(f"{large[0]} has values that a 16-bit float cannot hold")
    with _settings():
        parts = SYSTEMS[recipe.stage](recipe)
        for name, module in parts.modules.items():
            _fill(module, tensors, name)
        parts.save(out, **about)


@contextmanager
def _settings() -> Iterator[None]:
    """Turn what the builders say of wrong settings into a ConfigError of one line."""
    try:
        yield
    except KeyError as error:
        raise ConfigError(f"system: {error} is missing") from error
    except (ModuleNotFoundError, RuntimeError, TypeError, ValueError, WeightsError) as error:
        raise ConfigError(f"system: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _fits_half(value: Tensor) -> bool:
    return bool(value.half().isfinite().all())


def _fill(module: nn.Module, tensors: Tensors, name: str) -> None:
    """Load what training exported under `name` into a module, as 16-bit floats."""
    try:
        load_tensors(module, tensors, f"{name}.")
    except (ValueError, RuntimeError) as error:
        raise ConfigError(
            f"the run's {name} is not of this recipe ({_first_line(error)}); repeat the --set of "
            "its training"
        ) from error
    module.half()


def _separator(recipe: Recipe) -> _Parts:
    separator = build_separator(recipe.system)
    drawn = MixtureConfig()
    expected = (drawn.n_speech + drawn.n_audio, SAMPLE_RATE)
    if (separator.sources, separator.sample_rate) != expected:
        raise ValueError(
            f"mixtures have {expected[0]} sources at {expected[1]} Hz, and the separator gives "
            f"{separator.sources} at {separator.sample_rate} Hz"
        )
    kinds: dict[str, Any] = {}
    if recipe.objective.pit_groups == (drawn.n_speech, drawn.n_audio):
        kinds = {"kinds": ["speech"] * drawn.n_speech + ["audio"] * drawn.n_audio}
    return _Parts(
        modules={"separator": separator},
        stage=lambda mixtures: SeparatorStage(separator, mixtures, recipe.objective),
        save=lambda out, **about: save_separator(separator, out, **kinds, **about),
    )


def _clap(recipe: Recipe) -> _Parts:
    settings = dict(recipe.system)
    clips = settings.pop("clips", {})
    if not isinstance(clips, dict):
        raise ValueError(f"clips must be a table; got {clips!r}")
    config = tables.build(ClapStageConfig, clips, where="system: clips")
    clap = Clap(tables.build(ClapConfig, settings, where="system"))
    return _Parts(
        modules={"towers": clap.towers, "reader": clap.reader},
        stage=lambda mixtures: ClapStage(clap, mixtures, config),
        save=partial(save_clap, clap),
    )


def _extractor(settings: Mapping[str, Any], width: int) -> Extractor:
    extractor = build_extractor({"z_dim": width, **settings})
    if extractor.z_dim != width:
        raise ValueError(
            f"the extractor's z_dim is {extractor.z_dim}; what steers it is {width} wide"
        )
    return extractor


def _lass(recipe: Recipe) -> _Parts:
    settings = tables.build(LassSettings, recipe.system, where="system")
    query, kind = load_encoder(settings.encoder), settings.kind
    extractor = _extractor(settings.extractor, query.encoder.width)
    return _Parts(
        modules={"extractor": extractor},
        stage=lambda mixtures: LassStage(
            extractor, query.encoder, mixtures, kind, recipe.objective
        ),
        save=partial(save_lass, extractor, query, kind),
    )


def _audiosep(recipe: Recipe) -> _Parts:
    settings = tables.build(AudioSepSettings, recipe.system, where="system")
    query = load_encoder(settings.encoder)
    config = desk_config(query.encoder.width)
    network = ResUNet30(replace(config, widths=settings.widths or config.widths))
    return _Parts(
        modules={"ss_model": network},
        stage=lambda mixtures: AudioSepStage(network, query.encoder, mixtures, recipe.objective),
        save=partial(save_audiosep, network, query),
    )


def _llm_tse(recipe: Recipe) -> _Parts:
    settings = tables.build(LlmTseSettings, recipe.system, where="system")
    reader = PromptReader(replace(recipe.reader.build(), slots=0))
    table = {"text_dim": reader.z_dim, **settings.clues}
    clues = Clues(tables.build(CluesConfig, table, where="system: clues"))
    extractor = _extractor(settings.extractor, clues.config.dim)
    ears = None if settings.ears is None else read_stem({"weights": settings.ears})
    if ears is not None:
        borrow(clues, extractor, ears)

    def stage(mixtures: TrainingMixtures) -> Stage:
        assert isinstance(mixtures, SpeakerMixtures)
        return LlmTseStage(reader, clues, extractor, mixtures, recipe.objective)

    return _Parts(
        modules={"reader": reader, "clues": clues, "extractor": extractor},
        stage=stage,
        save=partial(save_llm_tse, reader, clues, extractor, ears=ears),
    )


SYSTEMS: Mapping[str, Callable[[Recipe], _Parts]] = {
    "separator": _separator,
    "clap": _clap,
    "lass": _lass,
    "audiosep": _audiosep,
    "llm-tse": _llm_tse,
}
"""The stages of the baselines, by their names in recipes."""
