"""LASS: language-queried source separation (Liu et al., Interspeech 2022; "Reproduced LASS" in
Table II). One sound is extracted by the embedding of its description; nothing else is defined.

`lass-speech` does target speech extraction (TSE), `lass-audio` target audio extraction (TAE): each
was trained on its kind, with the query embedded by the CLAP of that kind or a sentence encoder.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from baselines.composite.planning import OraclePlanner, Planner
from baselines.lass.network import SAMPLE_RATE, Extractor, build_extractor
from baselines.lass.query import LoadedEncoder, QueryEncoder, load_encoder, query_of
from baselines.shipped import find_weights
from lcr.audio.core import check_audio
from lcr.checkpoints import (
    Checkpoint,
    WeightsError,
    load_tensors,
    must_fit,
    states_of,
    write_checkpoint,
)
from lcr.instruction import Description, Kind, Task
from lcr.registry import with_card
from lcr.remixer import Audio, NotDefinedError, Oracle, Remix, Step, SystemCard
from lcr.running.chunked import AdapterConfig, run_core

PREFIX = "extractor."
"""Of the names of an extractor's tensors in model.safetensors, and in what training exports."""
TASKS: dict[Kind, Task] = {"speech": Task.TSE, "audio": Task.TAE}
CHUNK_S, OVERLAP_S = 20.0, 2.0


class LassRemixer:
    """An extractor and a query encoder as a Remixer that extracts one source of its `kind`.

    Which one is the planner's to say; the oracle's, as in the paper, knows the instruction. Each
    channel is extracted from on its own, at any rate and length through the adapters.
    """

    def __init__(
        self,
        extractor: Extractor,
        encoder: QueryEncoder,
        planner: Planner,
        card: SystemCard,
        *,
        kind: Kind,
        device: str = "cpu",
    ) -> None:
        """Raises ValueError where the queries do not fit the extractor."""
        if encoder.width != extractor.z_dim:
            raise ValueError(
                f"queries are {encoder.width} wide, and the extractor expects {extractor.z_dim}"
            )
        self._extractor = extractor.to(device).eval()
        self._encoder, self._planner = encoder, planner
        self._card, self._kind, self._device = card, kind, device
        self._adapter = AdapterConfig(native_rate=SAMPLE_RATE, chunk_s=CHUNK_S, overlap_s=OVERLAP_S)

    @property
    def card(self) -> SystemCard:
        return self._card

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        """Extract from (channels, samples). Raises NotDefinedError unless one source of its kind
        is wanted as it is and nothing else, MissingOracleError without the truth that its card
        names, ValueError for unusable audio."""
        check_audio(mixture, sample_rate)
        known = oracle.instruction.descriptions if oracle and oracle.instruction else ()
        plan = self._planner.plan(prompt, known, oracle=oracle)
        query = query_of(self._wanted(plan.descriptions, plan.gains))
        began = time.perf_counter()
        with torch.inference_mode():
            z = self._encoder.embed_text([query]).to(self._device)
        embedded = time.perf_counter()
        audio = run_core(
            lambda part: run_extractor(self._extractor, part, z),
            mixture,
            sample_rate,
            self._adapter,
        )
        extracting = time.perf_counter() - embedded
        steps = (
            *plan.steps,
            Step(name="query", detail=query, seconds=embedded - began),
            Step(name="extract", seconds=extracting),
        )
        return Remix(audio=audio, trace=steps)

    def _wanted(
        self, descriptions: tuple[Description, ...], gains: tuple[float, ...]
    ) -> Description:
        heard = [(d, g) for d, g in zip(descriptions, gains, strict=True) if g != 0]
        if len(heard) != 1 or heard[0][1] != 1 or heard[0][0].kind != self._kind:
            raise NotDefinedError(
                f"{self.card.name} extracts one {self._kind} source as it is; the gains asked for "
                f"are {', '.join(f'{d.kind} {g:g}' for d, g in heard) or 'all 0'}"
            )
        return heard[0][0]


@torch.inference_mode()
def run_extractor(extractor: Extractor, audio: Audio, z: Tensor) -> Audio:
    """(channels, samples) at 16 kHz and one query (1, z_dim) to (channels, samples)."""
    waves = torch.from_numpy(np.ascontiguousarray(audio)).to(z.device)
    queries = z.expand(len(waves), 1, -1)
    out: Audio = extractor(waves, queries).squeeze(1).float().cpu().numpy()
    return out


@dataclass(frozen=True)
class LoadedLass:
    """What a checkpoint holds, in eval mode, and names with sha256 of all weights in use."""

    extractor: Extractor
    query: LoadedEncoder
    kind: Kind
    weights: Mapping[str, str]


def load_lass(folder: Path) -> LoadedLass:
    """Raises MissingWeightsError where files or the encoder's weights are absent, WeightsError
    where a file is damaged, of another kind, or trained with another encoder."""
    checkpoint = Checkpoint.read(folder)
    settings = checkpoint.section("lass", "LASS")
    if settings.get("kind") not in TASKS:
        raise WeightsError(f"{folder} is no LASS of a known kind: {settings.get('kind')!r}")
    with must_fit(folder):
        extractor = build_extractor(settings["extractor"])
        load_tensors(extractor, checkpoint.tensors, PREFIX)
        query = load_encoder(settings["encoder"])
    weights = {**checkpoint.weights(), **query.weights}
    return LoadedLass(extractor.eval(), query, settings["kind"], weights)


def save_lass(
    extractor: Extractor, query: LoadedEncoder, kind: Kind, folder: Path, **about: object
) -> None:
    """Write what `load_lass` reads; `about` goes into config.json. Raises OSError."""
    lass = {"kind": kind, "extractor": extractor.settings(), "encoder": dict(query.settings)}
    config = {"schema": 1, **about, "lass": lass}
    write_checkpoint(folder, states_of(extractor=extractor), config)


def _card(kind: Kind) -> SystemCard:
    return SystemCard(
        name=f"lass-{kind}",
        family="composite",
        sample_rate=SAMPLE_RATE,
        uses_oracle=OraclePlanner.uses_oracle,
        reference="Liu et al., Interspeech 2022 and arXiv 2308.05037; trained here",
        tasks=frozenset({TASKS[kind]}),
        licence="Apache-2.0",
    )


SPEECH_CARD, AUDIO_CARD = _card("speech"), _card("audio")


def _system(
    card: SystemCard, kind: Kind, weights: str, planner: Planner | None, device: str
) -> LassRemixer:
    folder = find_weights(weights)
    loaded = load_lass(folder)
    if loaded.kind != kind:
        raise WeightsError(f"{folder} extracts {loaded.kind}, and {card.name} is for {kind}")
    planner = planner or OraclePlanner()
    card = replace(card, uses_oracle=planner.uses_oracle, weights=loaded.weights)
    return LassRemixer(
        loaded.extractor, loaded.query.encoder, planner, card, kind=kind, device=device
    )


@with_card(SPEECH_CARD)
def lass_speech(
    *, weights: str = "lass-speech", planner: Planner | None = None, device: str = "cpu"
) -> LassRemixer:
    """The system `lass-speech`; `weights` names one that ships, or is the path of another."""
    return _system(SPEECH_CARD, "speech", weights, planner, device)


@with_card(AUDIO_CARD)
def lass_audio(
    *, weights: str = "lass-audio", planner: Planner | None = None, device: str = "cpu"
) -> LassRemixer:
    """The system `lass-audio`; `weights` names one that ships, or is the path of another."""
    return _system(AUDIO_CARD, "audio", weights, planner, device)
