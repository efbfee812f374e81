"""Suites: the sources, mixtures, prompts and systems of a comparison; TOML in, frozen out."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import hashlib
import json
import sys
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from experiments.comparison.errors import ConfigError
from lcr.data.bank import SPLITS, Split
from lcr.data.mixtures import MixtureConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SUITES = Path(__file__).parents[1] / "suites"
DEFAULT_SYSTEMS = ("mixture", "ideal-ratio-mask", "ideal-binary-mask", "lcr")

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class BankConfig:
    """Where the sources come from: `path` and `attributes` are for folders, `manifest` and `roots`
    for the authors' own mixtures, the rest for studio."""

    kind: Literal["studio", "folder", "paper"] = "studio"
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
    examples: int = 6
    """Examples whose audio is kept and shown in the report."""
    options: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """System name -> what it is built with."""

    def __post_init__(self) -> None:
        if self.per_task < 1:
            raise ConfigError(f"per_task must be at least 1; got {self.per_task}")
        if self.examples < 0:
            raise ConfigError(f"examples must be 0 or more; got {self.examples}")
        if self.seed < 0:
            raise ConfigError(f"seed must be 0 or more; got {self.seed}")
        if not self.timeout_s >= 0:
            raise ConfigError(f"timeout_s must be 0 (none) or more; got {self.timeout_s}")
        if not self.name or set(self.name) & set("/\\\0") or self.name.startswith("."):
            raise ConfigError(f"a suite's name must do as a folder's name; got {self.name!r}")
        if not self.systems:
            raise ConfigError("no system to compare; name at least one, or 'all'")
        twice = sorted({name for name in self.systems if self.systems.count(name) > 1})
        if twice:
            raise ConfigError(f"system named twice: {', '.join(twice)}")


def digest_of(value: object) -> str:
    """sha256 hex of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def as_table(config: object) -> dict[str, Any]:
    """A config as plain JSON values."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))  # type: ignore[call-overload]
    return plain


def suggestion(name: str, known: Iterable[str]) -> str:
    """Words to put after "unknown x": the closest name, or the names there are."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(names)}"


def suite_names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in SUITES.glob("*.toml")))


def load_suite(name: str, *, overrides: Sequence[str] = ()) -> SuiteConfig:
    """The suite of that name, or of that TOML file, with `key.sub=value` overrides put on top.

    Raises ConfigError on an unknown suite or key (with a suggestion), or a value of a wrong type.
    """
    path = Path(name) if name.endswith(".toml") else SUITES / f"{name}.toml"
    if not name.endswith(".toml") and name not in suite_names():
        raise ConfigError(f"unknown suite {name!r}{suggestion(name, suite_names())}")
    table = read_toml(path, overrides, what="suite")
    table.setdefault("name", path.stem)
    config = build(SuiteConfig, table, where=str(path))
    folder = config.bank.path
    if folder and "bank.path" not in {o.partition("=")[0].strip() for o in overrides}:
        resolved = dataclasses.replace(config.bank, path=str(path.resolve().parent / folder))
        config = dataclasses.replace(config, bank=resolved)
    return config


def read_toml(path: Path, overrides: Sequence[str] = (), *, what: str = "file") -> dict[str, Any]:
    """A TOML file's table with `key.sub=value` overrides on top. Raises ConfigError."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {what} {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{what} {path} is not TOML: {error}") from error
    for override in overrides:
        _override(table, override)
    return table


def _override(table: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(f"--set takes key=value, such as mixture.level_db=6; got {override!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string
    for depth, part in enumerate(parts[:-1], start=1):
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise ConfigError(f"--set {override}: {'.'.join(parts[:depth])} is not a table")
    table[parts[-1]] = value


def build(cls: type[T], table: Mapping[str, object], *, where: str) -> T:
    """A dataclass from a table of the same keys.

    Raises ConfigError on an unknown key (with a suggestion) and on a value of a wrong type.
    """
    hints = get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    values: dict[str, object] = {}
    for name, value in table.items():
        if name not in names:
            raise ConfigError(f"{where}: unknown key {name!r}{suggestion(name, names)}")
        values[name] = _coerce(value, hints[name], where=f"{where}: {name}")
    try:
        return cls(**values)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def _coerce(value: object, hint: Any, *, where: str) -> object:  # noqa: ANN401 (a type hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return build(hint, value, where=where)  # type: ignore[arg-type]
    if origin is Literal:
        if value in arguments:
            return value
        raise ConfigError(f"{where} is {value!r}{suggestion(str(value), map(str, arguments))}")
    if origin in (Union, types.UnionType):
        for option in arguments:
            if option is not type(None):
                return _coerce(value, option, where=where)
    if origin is tuple and isinstance(value, (list, tuple)):
        items = [arguments[0]] * len(value) if Ellipsis in arguments else list(arguments)
        if len(items) == len(value):
            pairs = zip(value, items, strict=True)
            return tuple(_coerce(item, kind, where=where) for item, kind in pairs)
    elif origin is not None and origin is not tuple and isinstance(value, dict):
        inner = arguments[-1]
        if get_origin(inner) is None and not dataclasses.is_dataclass(inner):
            return dict(value)
        return {name: _coerce(v, inner, where=f"{where}.{name}") for name, v in value.items()}
    elif hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    elif hint in (int, str, bool) and type(value) is hint:
        return value
    words = {int: "an integer", str: "text", bool: "true or false", float: "a number"}
    expected = words.get(hint, "a list" if origin is tuple else "a table")
    raise ConfigError(f"{where} must be {expected}; got {value!r}")


def add_mixture_options(p: argparse.ArgumentParser, *, per_task: int) -> None:
    """Which mixtures a program measures on; `suite_of` reads these options."""
    p.add_argument("--suite", default="studio", metavar="NAME|FILE.toml", help="default: studio")
    p.add_argument("--bank", metavar="DIR", help="folder with manifest.csv, for folder suites")
    p.add_argument("--split", choices=SPLITS, default="valid", help="default: valid")
    p.add_argument(
        "--per-task", type=int, default=per_task, metavar="N", help="examples of each task"
    )
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")


def suite_of(options: argparse.Namespace) -> SuiteConfig:
    """The suite with these options on top. Raises ConfigError."""
    given = {"split": options.split, "per_task": options.per_task}
    if options.bank is not None:
        given["bank.path"] = options.bank
    # JSON's strings and integers are TOML's.
    overrides = [f"{key}={json.dumps(value)}" for key, value in given.items()]
    return load_suite(options.suite, overrides=[*overrides, *options.overrides])
