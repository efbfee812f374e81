"""The system `external`: a program of another environment, by itself or with our planner, mixer and
ears around it, as its role asks for (docs/peers.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from agents.planners.choose import load_planner
from agents.planners.queries import queries_for
from agents.planners.reader import load_planner as load_reader
from baselines.clap.assign import load_matcher
from baselines.composite.extraction import ExtractionRemixer
from baselines.composite.remixer import Cascade
from baselines.external.peer import Peer
from baselines.pit.separation import Separator
from baselines.shipped import find_weights
from lcr.audio.core import check_audio
from lcr.instruction import Kind
from lcr.registry import SystemOptionError, with_card
from lcr.remixer import Audio, Family, Oracle, Remix, SystemCard

CARD = SystemCard(name="external", family="composite", sample_rate=None)
_SECONDS = 120.0


class ExternalRemixer:
    """A peer that reads the prompt itself."""

    def __init__(self, peer: Peer, card: SystemCard) -> None:
        self.card, self._peer = card, peer

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        """Remix (channels, samples). Raises ValueError for unusable audio, PeerError."""
        check_audio(mixture, sample_rate)
        asked = {"prompt": prompt}
        return Remix(
            audio=self._peer.ask(mixture, sample_rate, channels=len(mixture), fields=asked)
        )


class ExternalExtractor:
    """A program of others that extracts from a mixture what a few words name."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.sample_rate = peer.hello.sample_rate
        self.weights: Mapping[str, str] = peer.hello.weights

    def extract(self, mixture: Audio, sample_rate: int, words: str, kind: Kind) -> Audio:
        asked = {"query": words, "kind": kind}
        return self._peer.ask(mixture, sample_rate, channels=len(mixture), fields=asked)


class ExternalSeparator(Separator):
    """A peer that takes a mixture apart into `sources` sounds, at its own level."""

    mixture_consistent = False

    def __init__(self, peer: Peer) -> None:
        super().__init__()
        hello = peer.hello
        if hello.sources is None or hello.sample_rate is None:
            raise SystemOptionError(f"{hello.name} separates: it must tell sources and sample_rate")
        self._peer = peer
        self.sources, self.sample_rate = hello.sources, hello.sample_rate

    def separate(self, mixture: Tensor) -> Tensor:
        rows = [
            self._peer.ask(row[None].numpy(), self.sample_rate, channels=self.sources, fields={})
            for row in mixture.cpu()
        ]
        return torch.stack([torch.from_numpy(row) for row in rows]).to(mixture)

    def settings(self) -> dict[str, Any]:
        return {"kind": "external", "name": self._peer.hello.name}


@with_card(CARD)
def external(
    *,
    command: str = "",
    family: Family = "composite",
    planner: str = "reader",
    clap_speech: str = "clap-speech",
    clap_audio: str = "clap-audio",
    seconds: float = _SECONDS,
    start_seconds: float = _SECONDS,
    device: str = "cpu",
) -> ExternalRemixer | ExtractionRemixer | Cascade:
    """The system `external`: the peer that `command` starts. A peer that remixes may be of either
    `family`; one that extracts is asked for what `planner` finds in the prompt; one that separates
    has its sounds matched by two CLAPs, as in `cascade`.

    Raises MissingPeerError without a command, SystemOptionError, PeerError, MissingWeightsError,
    WeightsError.
    """
    peer = Peer(command, seconds=seconds, start_seconds=start_seconds)
    hello = peer.hello
    card = replace(
        CARD,
        name=hello.name,
        family=family if hello.role == "remix" else "composite",
        sample_rate=hello.sample_rate,
        reference=hello.reference,
        licence=hello.licence,
        weights=hello.weights,
        trained_on=frozenset(hello.trained_on),
    )
    built: ExternalRemixer | ExtractionRemixer | Cascade
    if hello.role == "remix":
        built = ExternalRemixer(peer, card)
    elif hello.role == "extract":
        built = ExtractionRemixer(load_planner(planner), ExternalExtractor(peer), queries_for, card)
    else:
        found = load_matcher(
            {"speech": find_weights(clap_speech), "audio": find_weights(clap_audio)}, device=device
        )
        card = replace(card, weights={**card.weights, **found.weights})
        built = Cascade(ExternalSeparator(peer), found.matcher, load_reader(), card)
    built.provenance = {"peer": hello.name, "role": hello.role, "versions": hello.versions}  # type: ignore[union-attr]
    return built
