"""The registered systems, one on a turn or two side by side."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from lcr import registry
from lcr.api import LoadedRemixer, RemixedSound
from lcr.audio.core import Clip
from lcr.catalogue.listing import list_systems
from lcr.errors import LcrError, one_line
from lcr.remixer import Audio

_KEPT = 2
"""Systems that stay loaded."""


@dataclass(frozen=True, kw_only=True)
class ContestEntry:
    """What a system made of a prompt, in how many seconds; or why it did not."""

    system: str
    remix: RemixedSound[Audio] | None
    seconds: float
    problem: str = ""


class Systems:
    """The registered systems that are told no truth. Whether one runs here shows when it is loaded,
    which takes seconds: one that cannot says why and leaves the list."""

    def __init__(self) -> None:
        self._loaded: OrderedDict[str, LoadedRemixer] = OrderedDict()
        self._lock = threading.Lock()
        found = [one for one in list_systems() if not one.uses_oracle]
        self._families = {one.name: one.family for one in found}
        # One that is known here by no card cannot even be imported.
        self._missing = {one.name: one.missing for one in found if one.missing and not one.family}

    @property
    def names(self) -> list[str]:
        """Names of the systems that, as far as is known, have all that they need here."""
        return [name for name in self._families if name not in self._missing]

    @property
    def readers(self) -> dict[str, str | None]:
        """Of those, the ones that do as a prompt asks, joint ones first, and their families, as
        far as these are known."""
        found = {name: self._families[name] for name in self.names}
        read = [name for name, family in found.items() if family != "reference"]
        return {name: found[name] for name in sorted(read, key=lambda n: found[n] != "joint")}

    def load(self, name: str) -> LoadedRemixer:
        """Raises LcrError for a name that is none of theirs, and where it lacks something here."""
        with self._lock:
            if name not in self._families:
                raise LcrError(f"it is none of {', '.join(self._families)}")
            if name in self._missing:
                raise LcrError(self._missing[name])
            if name not in self._loaded:
                try:
                    self._loaded[name] = LoadedRemixer(registry.create(name))
                except LcrError as error:
                    self._missing[name] = str(error)
                    raise
                if len(self._loaded) > _KEPT:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(name)
            return self._loaded[name]

    def answer(self, name: str, audio: Audio, sample_rate: int, prompt: str) -> ContestEntry:
        """Run a system on (channels, samples); whatever it raises is in the answer."""
        try:
            system = self.load(name)
            began = time.perf_counter()
            mixture = audio.copy()
            mixture.flags.writeable = False
            remix = system.remix(Clip(audio=mixture, sample_rate=sample_rate), prompt)
        except Exception as error:
            return ContestEntry(
                system=name, remix=None, seconds=0.0, problem=problem_of(name, error)
            )
        return ContestEntry(system=name, remix=remix, seconds=time.perf_counter() - began)


def problem_of(name: str, error: Exception) -> str:
    """For a person. A system may be anybody's, and whatever it raises must not take the page
    down."""
    told = one_line(error)
    if not isinstance(error, LcrError | ValueError | TimeoutError):
        told = f"{type(error).__name__}: {told}"
    return f"{name} gave no answer: {told}"
