"""The records that recipes are read into. Which stages there are is not checked here: see
`recipe`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from experiments.comparison.config import build, read_config
from experiments.comparison.errors import ConfigError
from lcr.data.studio.classes import LABELS
from lcr.nn.grounded.causal import CausalConfig
from lcr.nn.grounded.remixer import GroundedConfig
from lcr.nn.paper.mask_networks import Scale
from lcr.nn.paper.sound_remixer import Variant, configuration, variant
from lcr.nn.query.remixer import QueryConfig
from lcr.nn.reader.config import LoraConfig, ReaderConfig, preset
from lcr.nn.reader.slots import SlotVocabulary
from lcr.training.config import LoopConfig
from lcr.training.data import TrainingConfig
from lcr.training.queries.mixtures import QueryMixtureConfig, Share
from lcr.training.queries.stage import QueryObjective
from lcr.training.stages import StageConfig, StageName


@dataclass(frozen=True, kw_only=True)
class BlendRecipe:
    """Names of banks ("studio", "field") for the speech and the audio of a share of mixtures."""

    speech: str
    audio: str
    share: float


@dataclass(frozen=True, kw_only=True)
class ReaderRecipe:
    """A reader by the name of a preset, with another base, another part of it trained, or low-rank
    adaptation of another rank. With `slots` 0 z is the embedding alone, as in the paper."""

    preset: str = "minilm"
    base: str | None = None
    mode: Literal["frozen", "lora", "all"] | None = None
    rank: int | None = None
    slots: Literal[0] | None = None

    def build(self) -> ReaderConfig:
        """The reader's config; unless it has no slots, with one slot for every label. Raises
        ConfigError."""
        try:
            found = preset(self.preset)
            lora = found.lora
            if self.rank is not None:
                lora = replace(lora or LoraConfig(), rank=self.rank)
            return replace(
                found,
                slots=SlotVocabulary(LABELS).size if self.slots is None else 0,
                base=self.base or found.base,
                mode=self.mode or found.mode,
                lora=lora,
            )
        except ValueError as error:
            raise ConfigError(f"reader: {error}") from error


@dataclass(frozen=True, kw_only=True)
class SoundRecipe:
    """A remixer of the paper instead of the grounded one: LCR-C, -T or -M at a scale, and the row
    of Table VII that it is. z is as wide as the reader makes it."""

    block: Literal["C", "T", "M"]
    scale: Scale = "desk"
    variant: str = "default"
    channels: int | None = None
    kernel: int | None = None
    network: Mapping[str, int] = field(default_factory=dict)
    """Sizes of the blocks, where they are not the scale's; so are `channels` and `kernel`."""

    def build(self, z_dim: int) -> Variant:
        """Raises ConfigError for a variant that is unknown or that the block does not have, and
        for sizes that make no network."""
        try:
            usual = configuration(self.block, self.scale, z_dim=z_dim)
            own = replace(
                usual,
                network=replace(usual.network, **self.network),
                channels=self.channels or usual.channels,
                kernel=self.kernel or usual.kernel,
            )
            return variant(self.variant, own)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"sound: {error}") from error


@dataclass(frozen=True, kw_only=True)
class QueryRecipe:
    """LCR-Q: its sizes, the mixtures it learns from and what its loss is made of."""

    shares: tuple[Share, ...]
    model: QueryConfig = field(default_factory=QueryConfig)
    mixtures: QueryMixtureConfig = field(default_factory=QueryMixtureConfig)
    objective: QueryObjective = field(default_factory=QueryObjective)
    style_hidden: int = 128


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training stage. `init` maps a module ("reader", "remixer", "separator") to the folder of
    an earlier run or of a shipped checkpoint."""

    name: str
    stage: StageName
    blends: tuple[BlendRecipe, ...] = ()
    field_attributes: tuple[str, ...] = ("gender", "pitch", "tempo")
    """What the field recordings' manifest is trusted for: the mixer overrides recorded level."""
    real_attributes: tuple[str, ...] = ("gender", "pitch", "tempo", "emotion")
    """The same of the real sounds' manifest."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    model: GroundedConfig = field(default_factory=GroundedConfig)
    reader: ReaderRecipe = field(default_factory=ReaderRecipe)
    sound: SoundRecipe | None = None
    """Where given, it takes the place of `model`."""
    live: CausalConfig | None = None
    """The live model, in the place of `model` too."""
    reader_from: str = ""
    """Shipped weights whose reader a remixer stage ships with."""
    query: QueryRecipe | None = None
    """What a stage "queries" trains, in the place of `model`, `blends` and `training`."""
    system: Mapping[str, Any] = field(default_factory=dict)
    """A baseline's own settings, in place of `model`: see
    `experiments.training.baseline_stages`."""
    objective: StageConfig = field(default_factory=StageConfig)
    init: Mapping[str, str] = field(default_factory=dict)
    validation_manifest: str = ""
    """A set of mixtures, as `training.manifest`, to validate on in place of drawn ones."""
    validation: int = 96
    """Validation mixtures a bank, of 5 s."""

    @property
    def banks(self) -> tuple[str, ...]:
        if self.query is not None:
            return tuple(sorted(share.bank for share in self.query.shares))
        return tuple(sorted({name for b in self.blends for name in (b.speech, b.audio)}))


def load_recipe(path: Path, overrides: Sequence[str]) -> Recipe:
    """Read a recipe. Raises ConfigError."""
    return build(Recipe, read_config(path, overrides, what="recipe"), where=str(path))
