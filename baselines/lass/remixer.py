"""LASS: language-queried source separation (Liu et al., Interspeech 2022; "Reproduced LASS" in
Table II). One sound is extracted by the embedding of its description; nothing else is defined.

`lass-speech` does target speech extraction (TSE), `lass-audio` target audio extraction (TAE): each
was trained on its kind, with the query embedded by the CLAP of that kind or a sentence encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from baselines.composite.extraction import ExtractionRemixer, Queries, Query
from baselines.composite.planning import OraclePlanner, Plan, Planner
from baselines.lass.network import SAMPLE_RATE, Extractor, build_extractor
from baselines.lass.query import LoadedEncoder, load_encoder, query_of
from baselines.shipped import find_weights
from lcr.checkpoints import (
    DESK_CORPORA,
    Checkpoint,
    WeightsError,
    load_tensors,
    must_fit,
    no_larger_than,
    states_of,
    write_checkpoint,
)
from lcr.instruction import Kind, Task
from lcr.registry import with_card
from lcr.remixer import Audio, NotDefinedError, SystemCard
from lcr.running.chunked import AdapterConfig, run_core

PREFIX = "extractor."
"""Of the names of an extractor's tensors in model.safetensors, and in what training exports."""
TASKS: dict[Kind, Task] = {"speech": Task.TSE, "audio": Task.TAE}
CHUNK_S, OVERLAP_S = 20.0, 2.0


class LassExtractor:
    """LASS: for each kind of source a network and what embeds its queries.

    Each channel is extracted from on its own, at any rate and length through the adapters.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, networks: Mapping[Kind, LoadedLass], *, device: str = "cpu") -> None:
        """Raises ValueError where the width of a query encoder is not what its extractor takes."""
        self._networks, self._device = dict(networks), device
        for one in self._networks.values():
            width, expected = one.query.encoder.width, one.extractor.to(device).eval().z_dim
            if width != expected:
                raise ValueError(f"queries are {width} wide, and the extractor expects {expected}")
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


def build_lass(
    loaded: LoadedLass, planner: Planner, card: SystemCard, *, device: str = "cpu"
) -> ExtractionRemixer:
    """A system that extracts one source of its kind. Which one is the planner's to say; the
    oracle's, as in the paper, knows the instruction. Raises ValueError where the queries do not fit
    the extractor; remixing raises NotDefinedError unless one source of its kind is wanted as it is
    and nothing else."""

    def queries_for(plan: Plan, complete: bool) -> Queries:
        wanted = [(d, g) for d, g in zip(plan.descriptions, plan.gains, strict=True) if g != 0]
        if len(wanted) != 1 or wanted[0][1] != 1 or wanted[0][0].kind != loaded.kind:
            raise NotDefinedError(
                f"{card.name} extracts one {loaded.kind} source as it is; the gains asked for "
                f"are {', '.join(f'{d.kind} {g:g}' for d, g in wanted) or 'all 0'}"
            )
        return Queries((Query(query_of(wanted[0][0]), loaded.kind, 1.0),), rest=0.0)

    extractor = LassExtractor({loaded.kind: loaded}, device=device)
    return ExtractionRemixer(planner, extractor, queries_for, card)


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
    made: str = ""
    """Which network it is, what reads its queries, and how it was trained."""
    trained_on: frozenset[str] = DESK_CORPORA


def load_lass(folder: Path) -> LoadedLass:
    """Raises MissingWeightsError where files or the encoder's weights are absent, WeightsError
    where a file is damaged, of another kind, or trained with another encoder."""
    checkpoint = Checkpoint.read(folder)
    settings = checkpoint.section("lass", "LASS")
    if settings.get("kind") not in TASKS:
        raise WeightsError(f"{folder} is no LASS of a known kind: {settings.get('kind')!r}")
    with must_fit(folder):
        with no_larger_than(checkpoint.tensors):
            extractor = build_extractor(settings["extractor"])
        load_tensors(extractor, checkpoint.tensors, PREFIX)
        query = load_encoder(settings["encoder"])
    weights = {**checkpoint.weights(), **query.weights}
    network = settings["extractor"]
    told = query.settings.get("weights", query.settings.get("base"))
    size = sum(p.numel() for p in extractor.parameters())
    kind = f"LCR-{network['block']}'s blocks" if "block" in network else network["kind"]
    made = f"reader {told}; {kind} of {size / 1e6:.2f} M"
    made = f"{made}, {checkpoint.made}"
    return LoadedLass(
        extractor.eval(), query, settings["kind"], weights, made, checkpoint.trained_on
    )


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
        trained_on=DESK_CORPORA,
    )


SPEECH_CARD, AUDIO_CARD = _card("speech"), _card("audio")


def _system(
    card: SystemCard, kind: Kind, weights: str, planner: Planner | None, device: str
) -> ExtractionRemixer:
    folder = find_weights(weights)
    loaded = load_lass(folder)
    if loaded.kind != kind:
        raise WeightsError(f"{folder} extracts {loaded.kind}, and {card.name} is for {kind}")
    made = f"{card.reference}; {loaded.made}"
    card = replace(card, reference=made, trained_on=loaded.trained_on)
    return build_lass(loaded, planner or OraclePlanner(), card, device=device)


@with_card(SPEECH_CARD)
def lass_speech(
    *, weights: str = "lass-speech", planner: Planner | None = None, device: str = "cpu"
) -> ExtractionRemixer:
    """The system `lass-speech`; `weights` names one that ships, or is the path of another."""
    return _system(SPEECH_CARD, "speech", weights, planner, device)


@with_card(AUDIO_CARD)
def lass_audio(
    *, weights: str = "lass-audio", planner: Planner | None = None, device: str = "cpu"
) -> ExtractionRemixer:
    """The system `lass-audio`; `weights` names one that ships, or is the path of another."""
    return _system(AUDIO_CARD, "audio", weights, planner, device)
