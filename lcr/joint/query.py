"""LCR-Q as a Remixer: a prompt's things become query vectors, and each is heard, or said absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lcr.checkpoints import Checkpoint, below, load_tensors, must_fit, no_larger_than
from lcr.lexicon import Lexicon, load_lexicon
from lcr.nn.query.names import STYLE_COLUMNS, NameVectors, StyleVectors
from lcr.nn.query.remixer import (
    ITEM_HEAD,
    Encoding,
    QueryConfig,
    QueryRemixer,
    unit_variance,
)


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Presence logits below `absent` mean absent, above `heard` heard, between them not sure."""

    absent: float = 0.0
    heard: float = 0.0


class QueryModel:
    """The network of LCR-Q with the vectors of names and styles, for inference.

    `recordings` counts the original recordings of each recorded name in training: a name's vector
    is their mean and what its attributes predict, mixed n : 1.
    """

    def __init__(
        self,
        remixer: QueryRemixer,
        names: NameVectors,
        styles: StyleVectors,
        labels: Sequence[str],
        recordings: Sequence[int],
        *,
        ridge: float = 1.0,
        thresholds: Mapping[str, Thresholds] | None = None,
        lexicon: Lexicon | None = None,
        device: str = "cpu",
    ) -> None:
        self.remixer = remixer.to(device).eval()
        self.names, self.styles = names.eval(), styles.eval()
        self.device = device
        """Where the network is; vectors of things are kept in main memory."""
        self.labels = tuple(labels)
        self.thresholds = dict(thresholds or {})
        self.lexicon = lexicon or load_lexicon()
        self._index = {label: i for i, label in enumerate(labels)}
        self._regression = names.regression(ridge)
        share = torch.tensor(recordings, dtype=torch.float32).unsqueeze(-1)
        share = share / (share + 1)
        every = torch.arange(len(labels))
        own, predicted = names.recorded(every), self._regression(names.attributes)
        self._named = unit_variance(share * own + (1 - share) * predicted)
        self.label_vectors = functional.normalize(self._named, dim=-1)
        """Of each recorded name (labels, query_dim), of length one."""

    @classmethod
    def from_checkpoint(
        cls, checkpoint: Checkpoint, folder: Path, *, device: str = "cpu"
    ) -> QueryModel:
        """Raises WeightsError for a checkpoint of another kind."""
        with must_fit(folder, "does not fit this version of lcr"):
            with no_larger_than(below(checkpoint.tensors, "remixer.")):
                remixer = QueryRemixer(QueryConfig.from_dict(checkpoint.config["remixer"]))
            told = checkpoint.config["names"]
            labels, dim = told["labels"], remixer.config.query_dim
            lexicon = load_lexicon()
            attributes = torch.zeros(len(labels), len(lexicon.attribute_names))
            names = NameVectors(attributes, dim)
            columns = checkpoint.tensors["styles.layers.0.weight"].shape[1]
            with no_larger_than(below(checkpoint.tensors, "styles.")):
                styles = StyleVectors(columns, checkpoint.config["style_hidden"], dim)
            for prefix, module in (("remixer.", remixer), ("names.", names), ("styles.", styles)):
                load_tensors(module, checkpoint.tensors, prefix)
            thresholds = {k: Thresholds(**v) for k, v in told.get("thresholds", {}).items()}
            return cls(
                remixer,
                names,
                styles,
                labels,
                told["recordings"],
                ridge=told["ridge"],
                thresholds=thresholds,
                lexicon=lexicon,
                device=device,
            )

    def is_recorded(self, name: str) -> bool:
        return name in self._index

    def of_name(self, name: str) -> Tensor:
        """The vector (query_dim,) of a name of the lexicon. Raises LexiconError for another."""
        if name in self._index:
            return self._named[self._index[name]]
        return self.of_attributes(self.lexicon.attributes([name])[0])

    def of_name_alone(self, name: str) -> Tensor:
        """The vector (query_dim,) that a recorded name would have had nobody recorded it. Raises
        KeyError for a name that nobody did."""
        return self.names.unheard(torch.tensor([self._index[name]]))[0]

    def of_attributes(self, attributes: np.ndarray[Any, np.dtype[np.float32]]) -> Tensor:
        """The vector (query_dim,) of acoustic attributes (attributes,), 0 to 3."""
        return self._regression(torch.from_numpy(attributes).float())

    def of_kind(self, hypernym: str) -> Tensor:
        """The vector (query_dim,) of all sounds under a hypernym: the mean over those recorded, or
        over all where none is. Raises LexiconError for a hypernym that the lexicon lacks."""
        sounds = [sound.name for sound in self.lexicon.by_hypernym.get(hypernym, ())]
        known = [name for name in sounds if name in self._index] or sounds
        if not known:
            raise self.lexicon.unknown(hypernym)
        return unit_variance(torch.stack([self.of_name(name) for name in known]).mean(0))

    def knows_style(self, stated: str) -> bool:
        """Whether these weights were trained with a column of `STYLE_COLUMNS` for it."""
        return stated in STYLE_COLUMNS[: self.styles.columns]

    @torch.inference_mode()
    def of_style(self, *stated: str) -> Tensor:
        """The vector (query_dim,) of a voice ("speech", "gender=F") or a scope ("all_audio").
        Raises IndexError for a style that these weights were not trained on."""
        row = torch.zeros(1, self.styles.columns)
        for one in stated:
            row[0, STYLE_COLUMNS.index(one)] = 1
        vector: Tensor = self.styles(row)[0]
        return vector

    @torch.inference_mode()
    def of_sound(self, wave: np.ndarray[Any, np.dtype[np.float32]]) -> Tensor:
        """The vector (query_dim,) of a recording (samples,) at 16 kHz."""
        encoding = self.encode(wave[None])
        return self.remixer.describe(encoding)[0].cpu()

    @torch.inference_mode()
    def of_span(self, encoding: Encoding, start_s: float, end_s: float) -> Tensor:
        """The vector (query_dim,) of what sounds from `start_s` to `end_s` of one mixture."""
        where = self.remixer.frames_between(encoding, start_s, end_s)
        return self.remixer.describe(encoding, where)[0].cpu()

    @torch.inference_mode()
    def encode(self, waves: np.ndarray[Any, np.dtype[np.float32]]) -> Encoding:
        """Listen to (batch, samples) at 16 kHz."""
        return self.remixer.encode(torch.from_numpy(np.ascontiguousarray(waves)).to(self.device))

    @torch.inference_mode()
    def presence(self, encoding: Encoding, vectors: Tensor) -> Tensor:
        """Logits (queries,) that each of `vectors` (queries, query_dim) is in the one mixture."""
        row, vectors = self.rows(vectors)
        answer = self.remixer.answer(encoding, row, vectors)
        return self.remixer.is_present(encoding, row, vectors, answer)[0].cpu()

    @torch.inference_mode()
    def recall(self, encoding: Encoding, vectors: Tensor) -> Tensor:
        """Which share (queries,) of each thing's amplitude its mask is expected to find in the one
        mixture: the mask m is the expected share of the energy P at each place, so that share is
        sum m^2 P / sum m P."""
        row, vectors = self.rows(vectors)
        part = self.remixer.answer(encoding, row, vectors).mask.sigmoid().transpose(1, 2)
        energy = part * encoding.spectrum.abs().square()
        return ((part * energy).sum((1, 2)) / energy.sum((1, 2)).clamp_min(1e-12)).cpu()

    def rows(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """For each of `vectors` the row of its mixture, the only one, and the vectors themselves,
        where the network is."""
        vectors = vectors.to(self.device)
        return torch.zeros(len(vectors), dtype=torch.long, device=self.device), vectors

    def filter(self, rest_gain: float, items: Sequence[tuple[float, bool, Tensor]]) -> Tensor:
        """z (z_dim,) from the gain of what is not listed and (gain, wins, vector) of each thing.

        Raises ValueError for more things than a filter holds.
        """
        config = self.remixer.config
        if len(items) > config.items:
            raise ValueError(f"a filter holds {config.items} things; got {len(items)}")
        z = torch.zeros(config.z_dim)
        z[0] = rest_gain
        table = z[1:].view(config.items, -1)
        for i, (gain, wins, vector) in enumerate(items):
            table[i, :ITEM_HEAD] = torch.tensor([1.0, gain, float(wins)])
            table[i, ITEM_HEAD:] = vector
        return z

    @torch.inference_mode()
    def remix(self, encoding: Encoding, z: Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
        """One filter (z_dim,) on each mixture of the encoding -> (batch, samples)."""
        filters = z.to(self.device).expand(len(encoding.level), 1, -1)
        out: np.ndarray[Any, np.dtype[np.float32]] = (
            self.remixer.remix(encoding, filters).squeeze(1).cpu().numpy()
        )
        return out
