"""Training recipes: TOML in, the stage, its mixtures and its validation examples out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from baselines.composite.stem import load_stem
from baselines.lass.network import BandExtractor
from baselines.llm_tse.training import SpeakerMixtures
from baselines.pit.separation import BandSplitSeparator
from experiments.command import option
from experiments.comparison.errors import ConfigError
from experiments.training import baseline_stages
from experiments.training.schema import Recipe
from lcr.base_weights import find_base
from lcr.checkpoints import WEIGHTS_FILE, WeightsError, load_tensors
from lcr.data.authors.files import DataRoots
from lcr.data.authors.mixtures import Examples, PaperMixtures
from lcr.data.authors.set import read_paper_set
from lcr.data.bank import Bank, Split
from lcr.data.classes import label_of
from lcr.data.folder import FolderBank
from lcr.data.mixtures import Example, MixtureConfig, MixtureSet
from lcr.data.studio.bank import StudioBank
from lcr.data.studio.classes import LABELS
from lcr.data.studio.pack import PackedBank, packed
from lcr.instruction import STYLE_ATTRIBUTES
from lcr.lexicon import load_lexicon
from lcr.nn.grounded.causal import CausalRemixer
from lcr.nn.grounded.remixer import GroundedConfig, GroundedRemixer
from lcr.nn.paper.sound_remixer import SoundRemixer
from lcr.nn.query.names import STYLE_COLUMNS, NameVectors, StyleVectors
from lcr.nn.query.remixer import QueryRemixer
from lcr.nn.reader.config import ReaderConfig
from lcr.nn.reader.prompt_reader import PromptReader
from lcr.nn.reader.slots import SlotVocabulary
from lcr.training.data import Blend, TrainingMixtures
from lcr.training.loader import LoadedMixtures
from lcr.training.on_device import DeviceMixtures
from lcr.training.queries.mixtures import QueryMixtures
from lcr.training.queries.stage import QueryStage
from lcr.training.stages import (
    JointStage,
    ReaderStage,
    RemixerStage,
    RemixNetwork,
    Stage,
    StageConfig,
)

_FREE = (
    *("steps", "minutes", "validate_every", "save_every", "samples", "accumulate"),
    *("recompute", "shard"),
)
"""Of [loop]: what a run may go on with otherwise than it began."""
_LATER = (
    ("reader", "slots"),
    ("training", "distinct"),
    ("training", "manifest"),
    ("objective", "capped"),
)
"""Settings that came after runs which still go on: told only where they are not the usual ones."""
_FROM_MANIFESTS = ("joint", "separator", "clap", "lass", "audiosep")
"""Stages that learn from whole mixtures."""
_EARS = "ears"
"""Of [init]: features, stem and norm of an LCR-G, for a baseline to listen with."""
_BLOCKS_OF: Mapping[type[torch.nn.Module], str] = {
    BandSplitSeparator: "stem",
    BandExtractor: "blocks",
    QueryRemixer: "stem",
}
"""Which of a network's parts has the place of LCR-G's stem."""


BANK_OPTIONS = (
    option("--field", help="folder with the field recordings' manifest.csv"),
    option("--real", help="folder with the real sounds' manifest.csv"),
    option("--corpus", help="folder with a manifest.csv of the paper's corpora"),
    option("--studio", help="folder written by python -m lcr.data.studio.pack"),
)
"""Where the banks lie that recipes name; `bank_paths` reads them."""


def bank_paths(options: argparse.Namespace) -> dict[str, Path]:
    """The folders that were given, by the name of their bank."""
    given = {name: getattr(options, name) for name in ("field", "real", "corpus", "studio")}
    return {name: Path(folder) for name, folder in given.items() if folder}


def open_bank(name: str, recipe: Recipe, paths: Mapping[str, Path], split: Split) -> Bank:
    """Open a bank, recordings in memory that all processes share; see `_source`."""
    bank = _source(name, recipe, paths, split)
    return packed(bank, split, Path(".cache/packs")) if isinstance(bank, FolderBank) else bank


def about(recipe: Recipe) -> dict[str, Any]:
    """What a run's weights depend on beside its banks, as plain values: the recipe, but for how
    long it trains and how often it tells."""
    told = settings(**asdict(recipe))
    del told["validation"]
    if not recipe.validation_manifest:
        del told["validation_manifest"]  # a later setting, as those of _LATER
    usual = asdict(Recipe(name="", stage="joint"))
    for table, key in _LATER:
        if told[table].get(key) == usual[table][key]:
            told[table].pop(key, None)
    return told


def settings(**parts: object) -> dict[str, Any]:
    """A run's settings as plain values for its state; of `loop` those that must stay as they
    were."""
    told: dict[str, Any] = json.loads(json.dumps(parts))
    for key in _FREE:
        told["loop"].pop(key)
    return told


def bank_digests(recipe: Recipe, paths: Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 of what a recipe trains on, by bank, or of its manifest and the sizes of the files
    that it names."""
    if recipe.training.manifest:
        return {"manifest": _given(recipe, recipe.training.manifest, paths).digest}
    return {name: _source(name, recipe, paths, "train").digest for name in recipe.banks}


def _given(recipe: Recipe, manifest: str, paths: Mapping[str, Path]) -> PaperMixtures:
    """The mixtures of a manifest, of recordings below --corpus where it has no shards. Raises
    PaperSetError, LcrError where none can be made, ConfigError where some cannot."""
    found = PaperMixtures(
        read_paper_set(Path(manifest)),
        DataRoots(paths.get("corpus")),
        config=MixtureConfig(duration_s=recipe.training.duration_s),
        per_task=sys.maxsize,
        name=Path(manifest).name,
    )
    if found.missing:
        raise ConfigError(
            f"{found.left_out} of the {found.total} mixtures of {manifest} lack recordings, the "
            f"first {found.missing[0]}: give the folder of the corpora with --corpus DIR"
        )
    return found


def _source(name: str, recipe: Recipe, paths: Mapping[str, Path], split: Split) -> Bank:
    """Open a bank: "field" needs --field DIR; "studio" uses the pack of --studio DIR or renders
    anew."""
    attributes = {
        "field": recipe.field_attributes,
        "real": recipe.real_attributes,
        "corpus": STYLE_ATTRIBUTES,
    }
    if name in attributes:
        if name not in paths:
            raise ConfigError(f"this recipe trains on {name} recordings: give --{name} DIR")
        return FolderBank(paths[name], attributes=attributes[name])
    if name != "studio":
        known = ", ".join((*attributes, "studio"))
        raise ConfigError(f"unknown bank {name!r} in a blend; there are: {known}")
    if split == "train" and "studio" in paths:
        return PackedBank(paths["studio"])
    return StudioBank(cache_dir=Path(".cache/studio"))


def build_stage(recipe: Recipe, mixtures: TrainingMixtures | QueryMixtures) -> Stage:
    """Build the recipe's stage on `mixtures`, which `open_mixtures` makes. Raises ConfigError."""
    torch.manual_seed(recipe.loop.seed)
    vocabulary = SlotVocabulary(LABELS)
    if isinstance(mixtures, QueryMixtures):
        stage: Stage = _query_stage(recipe, mixtures)
    elif recipe.stage in baseline_stages.SYSTEMS:
        stage = baseline_stages.build(recipe, mixtures)
    else:
        stage = _remixing_stage(recipe, vocabulary, mixtures)
    for name in recipe.init:
        if name not in (_EARS, *stage.modules):
            raise ConfigError(
                f"[init] {name}: a {recipe.stage} stage trains {', '.join(stage.modules)}"
            )
        path, tensors = _initial(recipe, name)
        if name == _EARS:
            _give_ears(stage.modules, path, tensors)
        else:
            _initialise(stage.modules[name], name, path, tensors)
    apart = recipe.init.get("reader") != recipe.init.get("remixer")
    if apart and isinstance(stage, JointStage) and isinstance(stage.remixer, GroundedRemixer):
        # A remixer that never met this reader knows nothing of its embedding.
        stage.remixer.ignore_embedding(vocabulary.size)
    return stage


def _remixing_stage(
    recipe: Recipe, vocabulary: SlotVocabulary, mixtures: TrainingMixtures
) -> Stage:
    if recipe.system:
        raise ConfigError(f"a {recipe.stage} stage has no [system]; that is for baselines")
    without_slots = recipe.reader.slots == 0
    if without_slots and (recipe.stage != "joint" or recipe.sound is None):
        raise ConfigError("reader.slots = 0 is for joint stages of a [sound] remixer")
    if recipe.stage == "reader":
        reader = PromptReader(recipe.reader.build())
        return ReaderStage(reader, vocabulary, mixtures, recipe.objective)
    remixer, objective = build_remixer(recipe)
    if recipe.stage == "remixer":
        return RemixerStage(remixer, vocabulary, mixtures, objective)
    reader = PromptReader(recipe.reader.build())
    return JointStage(reader, remixer, vocabulary, mixtures, objective)


def _query_stage(recipe: Recipe, mixtures: QueryMixtures) -> QueryStage:
    assert recipe.query is not None
    model = recipe.query.model
    attributes = torch.from_numpy(load_lexicon().attributes(mixtures.names))
    return QueryStage(
        QueryRemixer(model),
        mixtures,
        NameVectors(attributes, model.query_dim),
        StyleVectors(len(STYLE_COLUMNS), recipe.query.style_hidden, model.query_dim),
        recipe.query.objective,
    )


def _give_ears(modules: torch.nn.ModuleDict, path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Copy LCR-G's features and stem into a band-split network of the same sizes. Raises
    ConfigError."""
    for module in modules.values():
        blocks = _BLOCKS_OF.get(type(module))
        if blocks is None:
            continue
        try:
            load_stem(module, tensors, stem=blocks)
        except ValueError as error:
            raise ConfigError(f"[init] {_EARS}: {path} has {error}") from error
        except RuntimeError as error:
            raise ConfigError(f"[init] {_EARS}: {path} has a stem of other sizes") from error
        return
    raise ConfigError(f"[init] {_EARS}: only band-split networks have such a stem")


def filter_width(reader: ReaderConfig) -> int:
    """How wide the z of a reader is, by its base's config.json alone. Raises
    MissingWeightsError."""
    from transformers import AutoConfig

    width = reader.project
    if width is None:
        config: Any = AutoConfig.from_pretrained(find_base(reader.base), local_files_only=True)
        width = config.hidden_size
    return reader.slots + (width if reader.embed else 0)


def build_remixer(recipe: Recipe) -> tuple[RemixNetwork, StageConfig]:
    """Build the recipe's remixer, untrained, for the z of its reader, and its objective. Raises
    ConfigError, MissingWeightsError."""
    if recipe.sound is None:
        columns = len(SlotVocabulary(LABELS).columns)
        model = recipe.live or recipe.model
        if model.columns != columns:
            where = "live" if recipe.live else "model"
            raise ConfigError(f"{where}.columns is {model.columns}; the slots have {columns}")
        if recipe.live:
            return CausalRemixer(recipe.live), recipe.objective
        return GroundedRemixer(_grounded(recipe)), recipe.objective
    found = recipe.sound.build(filter_width(recipe.reader.build()))
    if found.fixed_prompts and not recipe.training.fixed_prompts:
        raise ConfigError("sound: the variant 'fixed-prompts' needs training.fixed_prompts = true")
    objective = recipe.objective
    if found.permutation_invariant and not objective.permutation_weight:
        objective = replace(objective, permutation_weight=1.0)
    return SoundRemixer(found.config), objective


def _grounded(recipe: Recipe) -> GroundedConfig:
    return replace(recipe.model, z_dim=filter_width(recipe.reader.build()))


def remixer_settings(recipe: Recipe) -> dict[str, Any]:
    """Describe the remixer as `lcr.joint.remixer` reads it back from a checkpoint's config.json."""
    if recipe.query is not None:
        return {"kind": "query", **asdict(recipe.query.model)}
    if recipe.sound is None:
        if recipe.live:
            return {"kind": "causal", **asdict(recipe.live)}
        return {"kind": "grounded", **asdict(_grounded(recipe))}
    return recipe.sound.build(filter_width(recipe.reader.build())).config.to_dict()


def _initialise(
    module: torch.nn.Module, name: str, path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    try:
        prefix = f"{name}."
        own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        if isinstance(module, GroundedRemixer):  # the recipe may deepen the stem
            own = module.grow_from(own)
        elif isinstance(module, StyleVectors):
            own = module.padded(own)
        tensors = {prefix + key: value for key, value in own.items()}
        load_tensors(module, tensors, f"{name}.")
    except (RuntimeError, WeightsError) as error:
        raise ConfigError(f"[init] {name}: {path} does not fit: {error}") from error


def _initial(recipe: Recipe, name: str) -> tuple[Path, dict[str, torch.Tensor]]:
    """Load the file that [init] names, of a run or of what ships."""
    folder = Path(recipe.init[name])
    choices = (folder / "weights.safetensors", folder / WEIGHTS_FILE)
    path = next((choice for choice in choices if choice.exists()), None)
    if path is None:
        raise ConfigError(f"[init] {name}: no {choices[0]}; finish that stage first")
    try:
        return path, load_file(path)
    except Exception as error:  # safetensors raises its own type for a damaged file
        raise ConfigError(f"[init] {name}: {path} cannot be read: {error}") from error


def open_mixtures(
    recipe: Recipe,
    paths: Mapping[str, Path],
    *,
    workers: int = 0,
    device: torch.device | None = None,
    on_device: bool = False,
) -> TrainingMixtures | QueryMixtures:
    """Open what the recipe's stage learns from; each bank is opened once. With `on_device` the
    sources of its manifest lie on the device and are mixed anew there."""
    if on_device:
        if not recipe.training.manifest or recipe.stage not in ("remixer", *_FROM_MANIFESTS):
            raise ConfigError("--on-device takes sources from a set: give training.manifest")
        given = _given(recipe, recipe.training.manifest, paths)
        return DeviceMixtures(given, recipe.training, device=device or torch.device("cpu"))
    if recipe.training.manifest:
        if recipe.stage not in _FROM_MANIFESTS:
            raise ConfigError(f"a {recipe.stage} stage draws its own: leave training.manifest out")
        if recipe.stage == "joint" and recipe.reader.slots != 0:
            raise ConfigError("a manifest's prompts tell no slots: set reader.slots = 0")
        given = _given(recipe, recipe.training.manifest, paths)
        return LoadedMixtures([], recipe.training, given, workers=workers, device=device)
    banks = {name: open_bank(name, recipe, paths, "train") for name in recipe.banks}
    if recipe.query is not None:
        labels = {label_of(e) for bank in banks.values() for e in bank.entries("train")} - {""}
        return QueryMixtures(
            banks, recipe.query.shares, recipe.query.mixtures, sorted(labels), load_lexicon()
        )
    blends = [Blend(banks[b.speech], banks[b.audio], b.share) for b in recipe.blends]
    if recipe.stage == "llm-tse":
        if recipe.training.distinct:
            raise ConfigError("an llm-tse stage draws ever new mixtures: set training.distinct = 0")
        return SpeakerMixtures(blends, recipe.training)
    return LoadedMixtures(blends, recipe.training, workers=workers, device=device)


def validation(recipe: Recipe, paths: Mapping[str, Path]) -> dict[str, Sequence[Example]]:
    """Draw validation examples by bank, or open those of the recipe's own manifest, the same in
    every run."""
    if recipe.validation_manifest:
        return {"manifest": Examples(_given(recipe, recipe.validation_manifest, paths))}
    n_audio = 0 if recipe.stage == "llm-tse" else recipe.training.n_audio
    config = MixtureConfig(n_speech=recipe.training.n_speech, n_audio=n_audio)
    found: dict[str, Sequence[Example]] = {}
    for name in recipe.banks:
        bank = open_bank(name, recipe, paths, "valid")
        mixtures = MixtureSet(bank, split="valid", config=config, seed=0, name=f"{name}-valid")
        found[name] = [mixtures.example(i) for i in range(recipe.validation)]
    return found
