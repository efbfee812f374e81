"""Tools that extract from a mixture what words say: LCR itself, LASS, AudioSep."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from baselines.audiosep.checkpoint import HOW, load_audiosep
from baselines.audiosep.remixer import VARIABLE, AudioSepExtractor
from baselines.composite.extraction import Extractor
from baselines.lass.remixer import LassExtractor, load_lass
from baselines.shipped import find_weights
from lcr.base_weights import MissingWeightsError
from lcr.instruction import Kind
from lcr.joint.load import DEFAULT_WEIGHTS, load
from lcr.registry import SystemOptionError
from lcr.remixer import Audio, Remix, Remixer


class PromptExtractor:
    """Extracts with a remixer, by asking it to "extract ...". Where the remixer tells what it
    understood and returns the mixture unchanged, it has not found the sound: that gives silence."""

    def __init__(self, remixer: Remixer, form: str = "Extract {}.") -> None:
        self._remixer, self._form = remixer, form

    @property
    def sample_rate(self) -> int | None:
        return self._remixer.card.sample_rate

    @property
    def weights(self) -> Mapping[str, str]:
        return self._remixer.card.weights

    def extract(self, mixture: Audio, sample_rate: int, words: str, kind: Kind) -> Audio:
        return self.find(mixture, sample_rate, words).audio

    def find(self, mixture: Audio, sample_rate: int, words: str) -> Remix:
        """See `TellingExtractor`."""
        remix = self._remixer.remix(mixture, sample_rate, self._form.format(words))
        if remix.understood and np.array_equal(remix.audio, mixture):
            return replace(remix, audio=np.zeros_like(mixture))
        return remix


def _lcr(device: str, weights: str = DEFAULT_WEIGHTS) -> Extractor:
    return PromptExtractor(load(weights=weights, device=device))


def _lass(device: str) -> Extractor:
    kinds: tuple[Kind, ...] = ("speech", "audio")
    return LassExtractor(
        {kind: load_lass(find_weights(f"lass-{kind}")) for kind in kinds}, device=device
    )


def _audiosep(device: str, name: str = "") -> Extractor:
    path = find_weights(name) if name else Path(os.environ.get(VARIABLE, "")).expanduser()
    if not (name or path.name):
        raise MissingWeightsError(f"AudioSep's weights are not on this machine; {HOW}")
    return AudioSepExtractor(load_audiosep(path), device=device)


_TOOLS: Mapping[str, Callable[[str], Extractor]] = {
    "lcr": _lcr,
    "lcr-g": partial(_lcr, weights="lcr-g"),
    "lass": _lass,
    "audiosep": _audiosep,
    "audiosep-desk": partial(_audiosep, name="audiosep-desk"),
}


def load_extractor(name: str, *, device: str = "cpu") -> Extractor:
    """The tool `name` with the weights that ship; AudioSep's are looked for as the system's are.

    Raises SystemOptionError for an unknown name, MissingWeightsError, WeightsError.
    """
    if name not in _TOOLS:
        raise SystemOptionError(f"no tool is called {name!r}; there are {', '.join(_TOOLS)}")
    return _TOOLS[name](device)
