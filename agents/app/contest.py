"""Two systems on one prompt."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from lcr import registry
from lcr.errors import LcrError
from lcr.remixer import Audio, Remix, Remixer

_KEPT = 4
"""Systems that stay loaded."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a system made of a prompt, in how many seconds; or why it did not."""

    system: str
    remix: Remix | None
    seconds: float
    problem: str = ""


class Systems:
    """The registered systems that are told no truth. Whether one runs here shows when it is loaded,
    which takes seconds: one that cannot says why and leaves the list."""

    def __init__(self) -> None:
        self._loaded: OrderedDict[str, Remixer] = OrderedDict()
        self._missing: dict[str, str] = {}
        self._lock = threading.Lock()
        self._known = tuple(one.name for one in registry.available() if not _is_bound(one.name))

    @property
    def names(self) -> list[str]:
        """Those not known to lack something here."""
        return [name for name in self._known if name not in self._missing]

    def answer(self, name: str, audio: Audio, sample_rate: int, prompt: str) -> Answer:
        """Run a system on (channels, samples); whatever it raises is in the answer."""
        with self._lock:
            try:
                remixer = self._load(name)
                began = time.perf_counter()
                mixture = audio.copy()
                mixture.flags.writeable = False
                remix = remixer.remix(mixture, sample_rate, prompt)
            except Exception as error:  # a system may be anybody's, and must not take the page down
                told = " ".join(str(error).split())
                if not isinstance(error, LcrError | ValueError | TimeoutError):
                    told = f"{type(error).__name__}: {told}"
                problem = f"{name} gave no answer: {told}"
                return Answer(system=name, remix=None, seconds=0.0, problem=problem)
            return Answer(system=name, remix=remix, seconds=time.perf_counter() - began)

    def _load(self, name: str) -> Remixer:
        if name not in self._known:
            raise LcrError(f"it is none of {', '.join(self._known)}")
        if name in self._missing:
            raise LcrError(self._missing[name])
        if name not in self._loaded:
            try:
                self._loaded[name] = registry.create(name)
            except LcrError as error:
                self._missing[name] = str(error)
                raise
            if len(self._loaded) > _KEPT:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(name)
        return self._loaded[name]


def _is_bound(name: str) -> bool:
    """Whether it is told the truth, which nobody knows of a user's recording."""
    try:
        card = registry.card_of(name)
        if card is None:  # its factory tells nothing: what it makes does
            card = registry.create(name).card
    except registry.BrokenSystemError:
        return True  # what it is built on is not installed
    except LcrError:
        return False  # it lacks something, and says so when it is asked for
    return bool(card.uses_oracle)
