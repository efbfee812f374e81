"""Which systems exist: names -> entry points of the group `lcr.remixers`, loaded when asked for.

A system registers in its package's pyproject.toml, with no change here:

    [project.entry-points."lcr.remixers"]
    my-system = "my_package.module:make_remixer"

The object is called with keyword options only and returns a `Remixer`. Where it has a `card` (see
`with_card`), that tells of the system before it is built, on machines too that lack its weights.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import Any, TypeVar

from lcr.errors import LcrError, words_of
from lcr.extras import mending
from lcr.remixer import Remixer, SystemCard

GROUP = "lcr.remixers"
Factory = TypeVar("Factory", bound=Callable[..., Any])


class RegistryError(LcrError):
    """Something is wrong with a system's registration."""


class UnknownSystemError(RegistryError):
    """No system has this name; `suggestions` holds the closest ones that exist."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known
        self.suggestions = tuple(difflib.get_close_matches(name, known, n=3))

    def __str__(self) -> str:
        if not self.known:
            hint = "no system is registered at all; run: pip install -e . in the project's folder"
        elif self.suggestions:
            hint = f"did you mean {' or '.join(self.suggestions)}?"
        else:
            hint = f"there are {', '.join(self.known)}"
        return f"unknown system {self.name!r}; {hint}"


class DuplicateSystemError(RegistryError):
    """Two packages register one name."""


class BrokenSystemError(RegistryError):
    """A registered system cannot be loaded or built; the cause is chained."""


class SystemOptionError(RegistryError):
    """A system was given options that its factory does not take."""


@dataclass(frozen=True, kw_only=True)
class RegisteredSystem:
    """A name, the distribution that brings it, and its target "module:object"."""

    name: str
    distribution: str
    target: str

    def __str__(self) -> str:
        return f"{self.name} (entry point {self.target!r} of {self.distribution})"


def available() -> tuple[RegisteredSystem, ...]:
    """Every registered system, sorted by name; nothing is imported.

    Raises DuplicateSystemError when two packages claim one name.
    """
    found: dict[str, RegisteredSystem] = {}
    for point in entry_points(group=GROUP):
        system = RegisteredSystem(
            name=point.name, distribution=_name_of(point.dist), target=point.value
        )
        # One package seen twice on the path (a checkout and its installed metadata) is one.
        other = found.setdefault(system.name, system)
        if other != system:
            raise DuplicateSystemError(
                f"two packages register the system {system.name!r}: {other} and {system}; "
                "rename or uninstall one of them"
            )
    return tuple(found[name] for name in sorted(found))


def find(name: str) -> RegisteredSystem:
    """The registered system `name`. Raises UnknownSystemError, DuplicateSystemError."""
    systems = {system.name: system for system in available()}
    if name not in systems:
        raise UnknownSystemError(name, tuple(systems))
    return systems[name]


def create(name: str, **options: object) -> Remixer:
    """Import and build the system `name` with its factory's keyword `options`.

    Raises UnknownSystemError, SystemOptionError, or BrokenSystemError (naming package and entry
    point) when it cannot be imported or built or is no Remixer. An LcrError of the factory
    itself passes unchanged.
    """
    system = find(name)
    factory = _load(system)
    _bound(system, factory, options)
    with _breaking(system, "built"):
        remixer = factory(**options)
        if not isinstance(remixer, Remixer):  # asks for its card, which may be any code
            raise BrokenSystemError(
                f"{system} built {type(remixer).__name__}, which has no `card` and `remix`"
            )
    return remixer


def resolved_options(name: str, options: Mapping[str, object]) -> dict[str, object]:
    """Every option of the system `name`: those given, and the defaults of the others. Raises as
    `create` does before it builds."""
    system = find(name)
    return _bound(system, _load(system), options)


@contextmanager
def _breaking(system: RegisteredSystem, done: str) -> Iterator[None]:
    """Turn whatever a plug-in raises into BrokenSystemError, but for an LcrError and Ctrl-C."""
    try:
        yield
    except (LcrError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit too: no plug-in ends another's run
        words = f"{type(error).__name__}: {words_of(error)}"
        if isinstance(error, ModuleNotFoundError) and error.name:
            words = f"{error.name} is not installed; run: {mending(error.name)}"
        raise BrokenSystemError(f"{system} cannot be {done}: {words}") from error


def with_card(card: SystemCard) -> Callable[[Factory], Factory]:
    """Let a factory carry the card of what it makes, without weights and with default options."""

    def attach(factory: Factory) -> Factory:
        factory.card = card  # type: ignore[attr-defined]
        return factory

    return attach


def card_of(name: str) -> SystemCard | None:
    """What the factory of `name` tells of the system, which is not built; None where it tells
    nothing. Raises UnknownSystemError, or BrokenSystemError when it cannot be imported."""
    card = getattr(_load(find(name)), "card", None)
    return card if isinstance(card, SystemCard) else None


def _load(system: RegisteredSystem) -> Callable[..., object]:
    point = EntryPoint(name=system.name, value=system.target, group=GROUP)
    with _breaking(system, "loaded"):
        factory = point.load()
    if not callable(factory):
        raise BrokenSystemError(f"{system} is not callable; expected a factory of a Remixer")
    return factory  # type: ignore[no-any-return]


def _bound(
    system: RegisteredSystem, factory: Callable[..., object], options: Mapping[str, object]
) -> dict[str, object]:
    """`options` with the defaults of `factory`. Raises SystemOptionError."""
    try:
        signature = inspect.signature(factory)
    except ValueError:  # some built-in callables show no signature; the call itself will tell
        return dict(options)
    try:
        bound = signature.bind(**options)
    except TypeError as error:
        taken = ", ".join(signature.parameters) or "no options"
        raise SystemOptionError(f"{system}: {error}; it takes {taken}") from error
    bound.apply_defaults()
    return bound.arguments


@lru_cache(maxsize=8)  # its metadata are parsed anew for each name
def _name_of(distribution: Distribution | None) -> str:
    """Normalised distribution name (PEP 503)."""
    name = "unknown" if distribution is None else distribution.name
    return re.sub(r"[-_.]+", "-", name).lower()
