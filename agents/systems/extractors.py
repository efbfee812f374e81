"""Tools that extract from a mixture what words say: LCR itself, LASS, AudioSep."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from baselines.audiosep.checkpoint import HOW, LoadedAudioSep, load_audiosep
from baselines.audiosep.network import separate
from baselines.audiosep.remixer import VARIABLE
from baselines.lass.network import SAMPLE_RATE
from baselines.lass.remixer import CHUNK_S, OVERLAP_S, LoadedLass, load_lass, run_extractor
from baselines.shipped import find_weights
from lcr.base_weights import MissingWeightsError
from lcr.instruction import Kind
from lcr.joint.remixer import load_default
from lcr.registry import SystemOptionError
from lcr.remixer import Audio, Remixer
from lcr.running.chunked import AdapterConfig, run_core


class Extractor(Protocol):
    """Takes one sound, or one group of sounds, out of a mixture."""

    @property
    def sample_rate(self) -> int | None:
        """Its native rate in Hz; None for any."""
        ...

    @property
    def weights(self) -> Mapping[str, str]:
        """Names and sha256 of what it runs with."""
        ...

    def extract(self, mixture: Audio, sample_rate: int, words: str, kind: Kind) -> Audio:
        """What `words` say of (channels, samples): aligned, at its level, of the same shape.
        `kind` is that of what is named. Raises ValueError for unusable audio."""
        ...


class PromptExtractor:
    """A remixer that is asked for "extract ..."."""

    def __init__(self, remixer: Remixer, form: str = "Extract {}.") -> None:
        self._remixer, self._form = remixer, form

    @property
    def sample_rate(self) -> int | None:
        return self._remixer.card.sample_rate

    @property
    def weights(self) -> Mapping[str, str]:
        return self._remixer.card.weights

    def extract(self, mixture: Audio, sample_rate: int, words: str, kind: Kind) -> Audio:
        return self._remixer.remix(mixture, sample_rate, self._form.format(words)).audio


class LassExtractor:
    """LASS: one network for speakers, one for other sounds."""

    sample_rate = SAMPLE_RATE

    def __init__(self, networks: Mapping[Kind, LoadedLass], *, device: str = "cpu") -> None:
        self._networks, self._device = dict(networks), device
        for loaded in self._networks.values():
            loaded.extractor.to(device)
        self.weights = {n: s for one in self._networks.values() for n, s in one.weights.items()}
        self._adapter = AdapterConfig(native_rate=SAMPLE_RATE, chunk_s=CHUNK_S, overlap_s=OVERLAP_S)

    def extract(self, mixture: Audio, sample_rate: int, words: str, kind: Kind) -> Audio:
        loaded = self._networks[kind]
        with torch.inference_mode():
            z = loaded.query.encoder.embed_text([words]).to(self._device)
        return run_core(
            lambda part: run_extractor(loaded.extractor, part, z),
            mixture,
            sample_rate,
            self._adapter,
        )


class AudioSepExtractor:
    """AudioSep: one network for whatever its query names."""

    def __init__(self, loaded: LoadedAudioSep, *, device: str = "cpu") -> None:
        self._network, self._encoder = loaded.network.to(device).eval(), loaded.encoder
        self._device, self.weights = device, loaded.weights
        config = loaded.network.config
        self.sample_rate = config.sample_rate
        self._adapter = AdapterConfig(
            native_rate=config.sample_rate,
            chunk_s=CHUNK_S,
            overlap_s=OVERLAP_S,
            min_samples=config.n_fft,
        )

    def extract(self, mixture: Audio, sample_rate: int, words: str, kind: Kind) -> Audio:
        @torch.inference_mode()
        def core(part: Audio) -> Audio:
            waves = torch.from_numpy(np.ascontiguousarray(part)).to(self._device)
            queries = self._encoder.embed_text([words]).to(self._device).expand(len(waves), -1)
            out: Audio = separate(self._network, waves, queries).cpu().numpy()
            return out

        return run_core(core, mixture, sample_rate, self._adapter)


def _lcr(device: str) -> Extractor:
    return PromptExtractor(load_default(device=device))


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
