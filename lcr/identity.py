"""What a result depends on, and in what two of them differ."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution
from pathlib import Path

from lcr.files import sha256_of

_ABSENT = "nothing"
_COMPILED = {".pyc", ".pyo"}


def differences(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """Name what differs between two tables, such as "loop.rate: 0.002, now 0.009"."""
    old, new = dict(leaves(before)), dict(leaves(now))
    return [
        f"{key}: {old.get(key, _ABSENT)}, now {new.get(key, _ABSENT)}"
        for key in {**old, **new}
        if old.get(key, _ABSENT) != new.get(key, _ABSENT)
    ]


def leaves(value: object, key: str = "") -> Iterator[tuple[str, object]]:
    """Walk nested tables and lists: each plain value with its key, such as "blends.0.share"."""
    if isinstance(value, Mapping):
        parts: Iterable[tuple[object, object]] = value.items()
    elif isinstance(value, (list, tuple)):
        parts = enumerate(value)
    else:
        yield key, value
        return
    for name, part in parts:
        yield from leaves(part, f"{key}.{name}" if key else str(name))


def source_sha256(target: str, distribution: Distribution | None) -> str:
    """Hex SHA-256 over the names and contents of a plug-in's files: those of the package or module
    that its entry point `target` ("module:object") lies in, which is not imported, and those that
    its distribution lists. Compiled code and pip's own notes are left out. Raises OSError."""
    found = set(_files_of(target.partition(":")[0].partition(".")[0]))
    if distribution is not None:
        listed = (f for f in distribution.files or () if ".dist-info" not in str(f))
        found |= {Path(str(distribution.locate_file(f))) for f in listed if ".." not in f.parts}
    digest = hashlib.sha256()
    for path in sorted({path.resolve() for path in found}):
        if path.is_file() and path.suffix not in _COMPILED:
            digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    return digest.hexdigest()


def _files_of(module: str) -> Iterator[Path]:
    spec = importlib.util.find_spec(module)
    if spec is None:
        return
    if spec.submodule_search_locations is None:
        if spec.origin is not None:
            yield Path(spec.origin)
        return
    for folder in spec.submodule_search_locations:
        yield from Path(folder).rglob("*")
