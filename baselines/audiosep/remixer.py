"""AudioSep as section VI-C uses it: it can only extract what one query names, so that

- speech enhancement (SE) is the extraction of "speech",
- a removal (TSR, TAR; SR by "speech") is the mixture less what is extracted,
- several targets (ME) are several runs: their sum, or the mixture less their sum.

Changes of volume are not defined. The queries are descriptions of the sources; which these are and
what happens to them is a planner's to say. The oracle's knows the true instruction, as whoever
wrote the paper's queries did.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from baselines.audiosep.checkpoint import HOW, LoadedAudioSep, load_audiosep
from baselines.audiosep.network import separate
from baselines.composite.extraction import ExtractionRemixer, Queries, Query
from baselines.composite.planning import OraclePlanner, Plan, Planner
from baselines.lass.query import query_of
from baselines.shipped import find_weights
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import DESK_CORPORA
from lcr.instruction import Description, Kind, Task
from lcr.registry import with_card
from lcr.remixer import Audio, NotDefinedError, SystemCard
from lcr.running.chunked import AdapterConfig, run_core

TASKS = frozenset({Task.TSE, Task.TAE, Task.SE, Task.TSR, Task.TAR, Task.SR, Task.ME})
SPEECH = "speech"
"""The query for everyone who speaks (section VI-C)."""
VARIABLE = "LCR_AUDIOSEP_CHECKPOINT"
CARD = SystemCard(
    name="audiosep",
    family="composite",
    sample_rate=32_000,
    uses_oracle=OraclePlanner.uses_oracle,
    reference="Liu et al., Separate Anything You Describe, arXiv 2308.05037",
    tasks=TASKS,
    licence="MIT",
    trained_on=frozenset({"audioset", "audiocaps", "clotho", "vggsound", "wavcaps"}),
)
DESK_CARD = replace(
    CARD,
    name="audiosep-desk",
    reference=f"{CARD.reference}; trained here",
    licence="Apache-2.0",
    trained_on=DESK_CORPORA,
)


def queries_for(plan: Plan, complete: bool) -> Queries:
    """The fewest runs that do what is planned, one a query: their sum, or the mixture less it.
    `complete` plans are for all sources that there are; others say by `rest` whether the remainder
    of the mixture is kept.

    Raises NotDefinedError for changes of volume.
    """
    pairs = list(zip(plan.descriptions, plan.gains, strict=True))
    if not {*plan.gains, *(() if complete else (plan.rest,))} <= {0, 1}:
        asked = ", ".join(f"{d.kind} {g:g}" for d, g in pairs)
        raise NotDefinedError(f"AudioSep extracts and removes; the gains asked for are {asked}")
    kept = [d for d, gain in pairs if gain]
    removed = [d for d, gain in pairs if not gain]
    subtract = len(removed) < len(kept) if complete else plan.rest == 1
    one_kind = all(len({d.kind for d in some}) == 1 for some in (kept, removed))
    if complete and one_kind and kept[0].kind != removed[0].kind:  # all speech against all else
        subtract = removed[0].kind == "speech"
        named = [(SPEECH, removed[0].kind if subtract else kept[0].kind)]
    else:
        named = [(_words(d), d.kind) for d in (removed if subtract else kept)]
    gain, rest = (0.0, 1.0) if subtract else (1.0, 0.0)
    return Queries(tuple(Query(words, kind, gain) for words, kind in named), rest)


def _words(description: Description) -> str:
    nameless = description.kind == "speech" and not getattr(description, "known", None)
    return SPEECH if nameless else query_of(description)


class AudioSepExtractor:
    """AudioSep: one network for whatever its query names. Each channel is separated on its own, at
    any rate and length through the adapters; level, length and alignment are the input's."""

    def __init__(self, loaded: LoadedAudioSep, *, device: str = "cpu") -> None:
        self._network, self._encoder = loaded.network.to(device).eval(), loaded.encoder
        self._device, self.weights = device, loaded.weights
        config = loaded.network.config
        self.sample_rate = config.sample_rate
        self._adapter = AdapterConfig(
            native_rate=config.sample_rate, chunk_s=20.0, overlap_s=2.0, min_samples=config.n_fft
        )

    @torch.inference_mode()
    def extract(self, mixture: Audio, sample_rate: int, words: str, kind: Kind) -> Audio:
        z = self._encoder.embed_text([words]).to(self._device)

        def core(part: Audio) -> Audio:
            waves = torch.from_numpy(np.ascontiguousarray(part)).to(self._device)
            out: Audio = separate(self._network, waves, z.expand(len(waves), -1)).cpu().numpy()
            return out

        return run_core(core, mixture, sample_rate, self._adapter)


def build_audiosep(
    loaded: LoadedAudioSep, planner: Planner | None, card: SystemCard, *, device: str = "cpu"
) -> ExtractionRemixer:
    """Make a system from a loaded AudioSep and a planner (default: `OraclePlanner`)."""
    extractor = AudioSepExtractor(loaded, device=device)
    return ExtractionRemixer(planner or OraclePlanner(), extractor, queries_for, card)


@with_card(CARD)
def audiosep(
    *,
    weights: str = "",
    clap: str = "",
    tokenizer: str = "",
    planner: Planner | None = None,
    device: str = "cpu",
) -> ExtractionRemixer:
    """The system `audiosep`: the public checkpoint, whose path is `weights` or
    $LCR_AUDIOSEP_CHECKPOINT. See `load_audiosep` for the other paths and what it raises."""
    path = weights or os.environ.get(VARIABLE, "")
    if not path:
        raise MissingWeightsError(f"AudioSep's weights are not on this machine; {HOW}")
    loaded = load_audiosep(
        Path(path).expanduser(),
        clap=Path(clap).expanduser() if clap else None,
        tokenizer=Path(tokenizer).expanduser() if tokenizer else None,
    )
    return build_audiosep(loaded, planner, CARD, device=device)


@with_card(DESK_CARD)
def audiosep_desk(
    *, weights: str = "audiosep-desk", planner: Planner | None = None, device: str = "cpu"
) -> ExtractionRemixer:
    """The system `audiosep-desk`: one of desk size, trained here; `weights` names one that ships,
    or is the path of another."""
    loaded = load_audiosep(find_weights(weights))
    made = f"{DESK_CARD.reference}; {loaded.made}"
    card = replace(DESK_CARD, reference=made, trained_on=loaded.trained_on)
    return build_audiosep(loaded, planner, card, device=device)
