"""Reading TOML files into dataclasses: every key known, every value of its type."""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from experiments.comparison.errors import ConfigError
from lcr.identity import leaves

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")

_EXPECTED = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "string_type": "text",
    "bool_type": "true or false",
    "float_type": "a number",
    "tuple_type": "a list",
    "dict_type": "a table",
    "dataclass_type": "a table",
    "mapping_type": "a table",
}
"""What pydantic's errors of a wrong type say in the words of TOML."""


def read_config(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    what: str = "file",
    changes: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """Read a TOML file into a table. Raises ConfigError.

    `extends` in it names another file, relative to it, whose tables it adds to and whose other
    values it replaces. `changes` maps keys such as "bank.path" to values, of which None changes
    nothing; `overrides`, "key.sub=value" each, go on top of them.
    """
    table = _read(path, what)
    for key, value in (changes or {}).items():
        if value is not None:
            _put(table, key, value, f"{key}={value}")
    for override in overrides:
        _override(table, override)
    for key, value in leaves(table):
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{what} {path}: {key} must be a finite number; got {value}")
    return table


def _read(path: Path, what: str, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {what} {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{what} {path} is not TOML: {error}") from error
    if "extends" not in table:
        return table
    base = (path.parent / str(table.pop("extends"))).resolve()
    if base in above:
        raise ConfigError(f"{what} {path} extends itself")
    return _merged(_read(base, what, (*above, base)), table)


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    found = dict(base)
    for key, value in own.items():
        below = base.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            value = _merged(below, value)
        found[key] = value
    return found


def _override(table: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not all(key.strip().split(".")):
        raise ConfigError(f"--set takes key=value, such as mixture.level_db=6; got {override!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string
    _put(table, key.strip(), value, override)


def _put(table: dict[str, Any], key: str, value: object, override: str) -> None:
    *parts, last = key.split(".")
    for depth, part in enumerate(parts, start=1):
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise ConfigError(f"--set {override}: {'.'.join(parts[:depth])} is not a table")
    table[last] = value


def build(cls: type[T], table: Mapping[str, object], *, where: str) -> T:
    """Make a dataclass of a table with the same keys.

    Raises ConfigError on an unknown key (with a suggestion), a value of a wrong type, and values
    that the dataclass refuses.
    """
    # A list of one, because pydantic takes settings for what holds dataclasses only; and as JSON,
    # where a list may become a tuple.
    adapter = TypeAdapter(list[cls], config=ConfigDict(extra="forbid", strict=True))  # type: ignore[valid-type]
    try:
        return adapter.validate_json(json.dumps([table], default=str))[0]
    except ValidationError as error:
        raise ConfigError(f"{where}: {_words(cls, error)}") from error


def _words(cls: type, error: ValidationError) -> str:
    """Describe the first problem in the words of TOML."""
    problems = error.errors(include_url=False)
    unknown = [one for one in problems if one["type"] == "unexpected_keyword_argument"]
    first = (unknown or problems)[0]
    *path, last = first["loc"][1:] or ("",)
    place = ": ".join(map(str, [*path, last]))
    if first["type"] == "unexpected_keyword_argument":
        prefix = "".join(f"{part}: " for part in path)
        return f"{prefix}unknown key {last!r}{suggestion(str(last), _keys(cls, path))}"
    if first["type"] == "literal_error":
        known = get_args(_type_at(cls, [*path, last]))
        return f"{place} is {first['input']!r}{suggestion(str(first['input']), map(str, known))}"
    if first["type"] in _EXPECTED:
        return f"{place} must be {_EXPECTED[first['type']]}; got {first['input']!r}"
    problem = first.get("ctx", {}).get("error") or first["msg"].lower()
    return f"{place}: {problem}" if place else str(problem)


def _keys(cls: type, path: Sequence[int | str]) -> list[str]:
    found = _type_at(cls, path)
    return [field.name for field in dataclasses.fields(found)]


def _type_at(cls: type, path: Sequence[int | str]) -> Any:  # noqa: ANN401 (a type hint)
    """Find the type of a field, an item or a mapping's value, by its path."""
    found: Any = cls
    for part in path:
        if dataclasses.is_dataclass(found):
            found = get_type_hints(found)[str(part)]
        else:
            found = next(a for a in reversed(get_args(found)) if a is not Ellipsis)
        if type(None) in get_args(found):
            found = next(a for a in get_args(found) if a is not type(None))
    return found


def suggestion(name: str, known: Iterable[str]) -> str:
    """Text to put after "unknown x": the closest name, or all names."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(names)}"
