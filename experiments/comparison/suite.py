"""Suites: the sources, mixtures, prompts and systems of a comparison; TOML in, frozen out."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from experiments.comparison.config import build, read_config, suggestion
from experiments.comparison.errors import ConfigError
from lcr.data.bank import Split
from lcr.data.mixtures import MixtureConfig

SUITES = Path(__file__).parents[1] / "suites"
_MOST_PER_TASK = 100_000
DEFAULT_SYSTEMS = (
    *("mixture", "ideal-ratio-mask", "ideal-binary-mask"),
    *("lcr", "lcr-c", "lcr-t", "lcr-m"),
    *("cascade", "agent-query", "agent-offline", "agent-tools"),
)
"""The bounds, the joint systems, and the composite ones that are told no truth."""


@dataclass(frozen=True, kw_only=True)
class BankConfig:
    """Where the sources come from: `path` and `attributes` are for folders, `manifest` and `roots`
    for the authors' own mixtures, the rest for studio."""

    kind: Literal["studio", "folder", "paper", "public"] = "studio"
    layout: str = ""
    """Which published set is in `path`: one of `lcr.data.public.LAYOUTS`."""
    path: str = ""
    seed: int = 0
    unseen: bool = False
    """Only the classes of sounds kept out of training."""
    attributes: tuple[str, ...] | None = None
    """Style attributes a folder's manifest is trusted for; None for the bank's own default."""
    exclude: tuple[str, ...] = ()
    """Classes of sounds that are left out."""
    manifest: str = ""
    """The authors' manifest, or a folder of them."""
    roots: tuple[str, ...] = ()
    """Folders of the corpora: DIR with all of them, or NAME=DIR (see `lcr.data.authors.files`)."""


@dataclass(frozen=True, kw_only=True)
class SuiteConfig:
    """One comparison, resolved. `per_task` examples of each task the mixtures allow."""

    name: str = "suite"
    about: str = ""
    """What its sounds are, in one sentence: where real ones come from, what made the others."""
    corpora: tuple[str, ...] = ()
    """Names of the corpora its recordings are from; a system that was trained on one is marked."""
    bank: BankConfig = field(default_factory=BankConfig)
    mixture: MixtureConfig = field(default_factory=MixtureConfig)
    split: Split = "test"
    seed: int = 0
    per_task: int = 12
    systems: tuple[str, ...] = DEFAULT_SYSTEMS
    compare_to: str = "lcr"
    """The system the others are tested against; the best-placed one if it does not take part."""
    timeout_s: float = 0.0
    """Seconds one example may take; 0 for any. Best effort: a long call into C ends first."""
    front_door: bool = False
    """Whether prompts reach the systems as users' do, read and mended (`lcr.api.LoadedRemixer`),
    and not as they were written."""
    metrics: tuple[str, ...] = ()
    """Further measures: names in `experiments.comparison.measures.MEASURES`."""
    examples: int = 6
    """Examples whose audio is kept and shown in the report."""
    options: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """System name -> what it is built with."""

    def __post_init__(self) -> None:
        if self.per_task < 1:
            raise ConfigError(f"per_task must be at least 1; got {self.per_task}")
        if self.per_task > _MOST_PER_TASK:
            raise ConfigError(f"per_task must be at most {_MOST_PER_TASK}; got {self.per_task}")
        if self.examples < 0:
            raise ConfigError(f"examples must be 0 or more; got {self.examples}")
        if self.seed < 0:
            raise ConfigError(f"seed must be 0 or more; got {self.seed}")
        if not 0 <= self.timeout_s < math.inf:
            raise ConfigError(f"timeout_s must be 0 (none) or more; got {self.timeout_s}")
        if not self.name or set(self.name) & set("/\\\0") or self.name.startswith("."):
            raise ConfigError(f"a suite's name must do as a folder's name; got {self.name!r}")
        if not self.systems:
            raise ConfigError("no system to compare; name at least one, or 'all'")
        twice = sorted({name for name in self.systems if self.systems.count(name) > 1})
        if twice:
            raise ConfigError(f"system named twice: {', '.join(twice)}")


def digest_of(value: object) -> str:
    """Compute the sha256 (hex) of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def as_table(config: object) -> dict[str, Any]:
    """Turn a config into plain JSON values."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))  # type: ignore[call-overload]
    return plain


def suite_names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in SUITES.glob("*.toml")))


def load_suite(
    name: str, *, overrides: Sequence[str] = (), changes: Mapping[str, object] | None = None
) -> SuiteConfig:
    """Load the suite of that name, or that TOML file.

    `changes` maps keys such as "bank.path" to values, of which None changes nothing; `overrides`,
    "key.sub=value" each, go on top of them.

    Raises ConfigError on an unknown suite or key (with a suggestion), or a value of a wrong type.
    """
    path = Path(name) if name.endswith(".toml") else SUITES / f"{name}.toml"
    if not name.endswith(".toml") and name not in suite_names():
        raise ConfigError(f"unknown suite {name!r}{suggestion(name, suite_names())}")
    table = read_config(path, overrides, what="suite", changes=changes)
    table.setdefault("name", path.stem)
    config = build(SuiteConfig, table, where=str(path))
    given = {override.partition("=")[0].strip() for override in overrides}
    given |= {key for key, value in (changes or {}).items() if value is not None}
    if config.bank.path and "bank.path" not in given:  # beside the file that names it
        folder = str(path.resolve().parent / config.bank.path)
        config = dataclasses.replace(config, bank=dataclasses.replace(config.bank, path=folder))
    return config
