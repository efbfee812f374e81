"""The SepFormer denoiser of section VI-C: speech enhancement, whatever the prompt says.

SpeechBrain's own loader reads a local folder in its own format; nothing is fetched, and its
hyperparams.yaml, which could name any code, may only name the parts of a SepFormer (see
`check_folder`). The network was trained with SI-SNR, which does not hear level, so its level is
restored by projection (see `project`).
"""

from __future__ import annotations

import logging
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from baselines.shipped import find_weights
from lcr.audio.core import check_audio
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import WeightsError, no_larger_than, read_state
from lcr.files import sha256_of
from lcr.instruction import Task
from lcr.registry import with_card
from lcr.remixer import Audio, Oracle, Remix, Step, SystemCard
from lcr.running.chunked import AdapterConfig, each_channel, run_core

PUBLIC = "speechbrain/sepformer-dns4-16k-enhancement"
HYPERPARAMS = "hyperparams.yaml"
CHECKPOINTS = ("encoder.ckpt", "masknet.ckpt", "decoder.ckpt")

_MODELS = "speechbrain.lobes.models.dual_path"
_ALLOWED = frozenset(
    [f"!new:{_MODELS}.{n}" for n in ("Encoder", "Decoder", "Dual_Path_Model", "SBTransformerBlock")]
    + ["!new:speechbrain.utils.parameter_transfer.Pretrainer", "!ref"]
    + [f"tag:yaml.org,2002:{n}" for n in ("map", "seq", "str", "int", "float", "bool", "null")]
)
_REFERENCE = re.compile(r"<\w+>")
_LEVEL = 0.05
"""Root mean square that the network hears, -26 dBFS as in the DNS challenge; the input's level is
restored behind it."""


CARD = SystemCard(
    name="sepformer-denoiser",
    family="composite",
    sample_rate=16_000,
    reference="Subakan et al., ICASSP 2021; trained on DNS4 by SpeechBrain",
    tasks=frozenset({Task.SE}),
    licence="Apache-2.0",
    trained_on=frozenset({"dns4"}),
)


class Separation(Protocol):
    """What is used of SpeechBrain's `SepformerSeparation`."""

    mods: Any
    hparams: Any

    def separate_batch(self, mix: Tensor) -> Tensor:
        """(batch, samples) -> (batch, samples, sources), at no level in particular."""
        ...


def project(*, estimate: Audio, mixture: Audio) -> Audio:
    """The estimate s, scaled channel by channel to alpha * s with

        alpha = <x, s> / <s, s>,

    which makes |x - alpha s|^2 least: what the mixture x leaves is orthogonal to what is put out.
    For speech and noise that are uncorrelated it is the level that the speech has in the mixture.
    Both (channels, samples); an estimate of silence stays silent.
    """
    s, x = estimate.astype(np.float64), mixture.astype(np.float64)
    power = np.square(s).sum(-1, keepdims=True)
    shared = (x * s).sum(-1, keepdims=True)
    alpha = np.divide(shared, power, out=np.zeros_like(power), where=power > 0)
    out: Audio = (alpha * s).astype(np.float32)
    return out


class SepformerDenoiser:
    """A SepFormer with one output as a Remixer for speech enhancement (SE), the only task it does.

    It hears no prompt: everyone who speaks is kept. Each channel is enhanced on its own, at any
    rate and length through the adapters; level, length and alignment are the input's.
    """

    def __init__(self, network: Separation, card: SystemCard) -> None:
        """Raises WeightsError for a network that puts out more than one source."""
        if network.hparams.num_spks != 1:
            raise WeightsError(f"{network.hparams.num_spks} outputs; an enhancer has one")
        self._network, self.card = network, card
        convolution = network.mods.encoder.conv1d
        self._kernel, self._stride = convolution.kernel_size[0], convolution.stride[0]
        self._adapter = AdapterConfig(
            native_rate=int(network.hparams.sample_rate), chunk_s=20.0, overlap_s=2.0
        )

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        """Enhance (channels, samples). Raises ValueError for unusable audio."""
        check_audio(mixture, sample_rate)
        began = time.perf_counter()
        heard = run_core(each_channel(self._enhance), mixture, sample_rate, self._adapter)
        audio = project(estimate=heard, mixture=mixture)
        step = Step(name="enhance", seconds=time.perf_counter() - began)
        return Remix(audio=audio, trace=(step,))

    @torch.inference_mode()
    def _enhance(self, wave: NDArray[np.float32]) -> NDArray[np.float32]:
        """(samples,) at the network's rate, at a level proportional to the input's."""
        samples = len(wave)
        level = np.sqrt(np.square(wave, dtype=np.float64).mean() + 1e-20) / _LEVEL
        # SpeechBrain leaves the end silent where it is no whole frame: here it always is one.
        spare = self._kernel - samples if samples < self._kernel else -samples % self._stride
        x = functional.pad(torch.from_numpy(wave / np.float32(level)), (0, spare))
        out = self._network.separate_batch(x.unsqueeze(0))[0, :samples, 0]
        enhanced: NDArray[np.float32] = out.float().cpu().numpy() * np.float32(level)
        return enhanced


def check_folder(folder: Path) -> None:
    """Refuse a folder from which SpeechBrain would fetch or run anything.

    A hyperparams.yaml can name any class or function, and SpeechBrain calls them. Here it may only
    build the four modules of a SepFormer and their Pretrainer from plain values, and refer to
    what it has built. Its checkpoints are read as tensors only (torch's `weights_only`).

    Raises MissingWeightsError that names the files missing, WeightsError for what is refused.
    """
    missing = [name for name in (HYPERPARAMS, *CHECKPOINTS) if not (folder / name).is_file()]
    if missing:
        raise MissingWeightsError(
            f"no SepFormer in {folder}: {', '.join(missing)} missing. The public one is {PUBLIC} "
            f"on the hub (`hf download {PUBLIC} --local-dir DIR`, then weights=DIR)"
        )
    from ruamel.yaml import YAML  # comes with SpeechBrain
    from ruamel.yaml.error import YAMLError

    path = folder / HYPERPARAMS
    try:
        root = YAML(typ="safe", pure=True).compose(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path} is no YAML: {error}") from error
    for node in _nodes(root, set()):
        # Text in parentheses, or a reference that is put together, is read as YAML once more.
        text = node.value if isinstance(node.value, str) else ""
        whole = node.tag != "!ref" or _REFERENCE.fullmatch(text)
        if node.tag not in _ALLOWED or text.lstrip().startswith("(") or not whole:
            raise WeightsError(
                f"{path} line {node.start_mark.line + 1}: {node.tag} {text!r} is not part of a "
                "SepFormer, and nothing else is built from such a file"
            )


def _nodes(node: Any, seen: set[int]) -> Iterator[Any]:  # noqa: ANN401 (ruamel has no types)
    """Yield a YAML node and all below it, each once (an alias leads to a node seen before)."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    yield node
    if isinstance(node.value, list):
        for child in node.value:
            for part in child if isinstance(child, tuple) else (child,):
                yield from _nodes(part, seen)


def _check_filled(
    network: Separation, folder: Path, states: Mapping[str, Mapping[str, Tensor]]
) -> None:
    """Raise WeightsError unless the checkpoints fill every tensor: SpeechBrain would keep random
    values and only log it."""
    for name, held in states.items():
        module = network.mods[name.partition(".")[0]]
        odd = sorted(held.keys() ^ module.state_dict().keys())
        if odd:
            raise WeightsError(
                f"{folder / name}: {len(odd)} tensors are missing or unknown, such as {odd[0]}"
            )


def load_sepformer(folder: Path, *, device: str = "cpu") -> SepformerDenoiser:
    """From a folder in SpeechBrain's format. Raises as `check_folder` does, WeightsError for
    checkpoints that do not fit it, ModuleNotFoundError without SpeechBrain."""
    check_folder(folder)
    states = {name: read_state(folder / name) for name in CHECKPOINTS}
    every = {f"{name}/{key}": value for name in states for key, value in states[name].items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what SpeechBrain imports
        from speechbrain.inference.separation import SepformerSeparation
        from speechbrain.utils.fetching import FetchConfig
    chatter = logging.getLogger("speechbrain")
    level = chatter.level
    chatter.setLevel(logging.ERROR)
    try:
        with no_larger_than(every):
            network = SepformerSeparation.from_hparams(
                source=str(folder.resolve()),
                fetch_config=FetchConfig(allow_network=False),
                run_opts={"device": device},
            )
    except Exception as error:  # SpeechBrain, torch and pickle raise types of their own
        raise WeightsError(f"{folder} does not fit SpeechBrain's SepFormer: {error}") from error
    finally:
        chatter.setLevel(level)
    _check_filled(network, folder, states)
    card = replace(
        CARD,
        sample_rate=int(network.hparams.sample_rate),
        weights={f"{folder.resolve().name}/{n}": sha256_of(folder / n) for n in CHECKPOINTS},
    )
    return SepformerDenoiser(network, card)


@with_card(CARD)
def sepformer_denoiser(
    *, weights: str = PUBLIC.rpartition("/")[2], device: str = "cpu"
) -> SepformerDenoiser:
    """The system `sepformer-denoiser`; `weights` is the path of a folder with its files."""
    return load_sepformer(find_weights(weights), device=device)
