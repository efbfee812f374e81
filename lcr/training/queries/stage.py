"""Training of LCR-Q: every query of a mixture is answered at once, and nothing is remixed.

A remix is linear in the parts that queries find, so what is learnt is to find them. The space of
query vectors is learnt from sounds: another recording of the kind and a stretch of the mixture are
pooled by the model's own encoder. Names enter as the mean of their recordings or, half of the time,
as what a regression on attributes predicts from all other names; so the network learns to answer
vectors of the quality that names without recordings have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lcr.data.mixtures import Example
from lcr.instruction import Action
from lcr.lexicon import load_lexicon
from lcr.nn.query.names import STYLE_COLUMNS, NameVectors, StyleVectors
from lcr.nn.query.remixer import ITEM_HEAD, Encoding, QueryRemixer
from lcr.prompts.generator import Prompt
from lcr.prompts.generator.phrases import Phrase
from lcr.prompts.generator.writer import ISOLATING_FORMS
from lcr.training.precision import cpu_products
from lcr.training.queries.items import EXAMPLE, KIND, NAME, SPAN, STYLE, STYLE_COLUMN
from lcr.training.queries.mixtures import QueryBatch, QueryMixtures
from lcr.training.separation import CLUSTER_DIM, clustering_loss
from lcr.training.stages import Scores, remix_scores

NAMES_FILE = "names.json"
"""In a run's folder: the names that have vectors, and of how many recordings."""


@dataclass(frozen=True, kw_only=True)
class QueryObjective:
    """The weights of the terms of the training loss, and settings of some of them."""

    absent_weight: float = 10.0
    """Of the share of the mixture's energy that is taken for something absent."""
    presence_weight: float = 2.0
    match_weight: float = 1.0
    """Of the cross-entropy between how well each place fits and the share of energy there."""
    contrast_weight: float = 0.5
    """Of the cross-entropy that tells a recording's name by its vector."""
    naming_weight: float = 0.25
    """Of the same for the vectors of what was found in the mixture."""
    temperature: float = 0.1
    clustering_weight: float = 2.0
    """Of deep clustering on the stem (0 to 1): which places belong to one source."""
    noise: float = 0.2
    """Deviation of the noise on vectors of names."""
    cpu_bfloat16: bool = True


class QueryStage:
    """The remixer, the vectors of names and those of styles, together."""

    def __init__(
        self,
        remixer: QueryRemixer,
        mixtures: QueryMixtures,
        names: NameVectors,
        styles: StyleVectors,
        objective: QueryObjective,
    ) -> None:
        self.remixer, self.mixtures, self.names, self.styles = remixer, mixtures, names, styles
        self.config = objective
        clusters = nn.Linear(remixer.config.channels, CLUSTER_DIM)
        self.modules = nn.ModuleDict(
            {"remixer": remixer, "names": names, "styles": styles, "clusters": clusters}
        )
        self._index = {name: i for i, name in enumerate(mixtures.names)}

    @property
    def about(self) -> dict[str, list[Any]]:
        """What a checkpoint says of its names beside their vectors."""
        mixtures = self.mixtures
        return {"labels": list(mixtures.names), "recordings": list(mixtures.recordings)}

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        batch = self.mixtures.batch(rng)
        config = self.config
        with cpu_products(bfloat16=config.cpu_bfloat16):
            mixture = batch.sources.sum(1)
            encoding = self.remixer.encode(mixture)
            example_vectors = self._example_vectors(batch)
            query = self._queries(batch, encoding, example_vectors)
            others = batch.beside @ query
            others = others / batch.beside.sum(-1, keepdim=True).clamp_min(1)
            count = query.shape[1]
            row = torch.arange(len(query)).repeat_interleave(count)
            flat, flat_others = query.flatten(0, 1), others.flatten(0, 1)
            answer = self.remixer.answer(encoding, row, flat, flat_others)
            presence, described = self.remixer.is_present(encoding, row, flat, answer)
            embedded = self.modules["clusters"](encoding.features).float()
        present = batch.present.flatten()
        spectra = self._spectra(batch.sources, encoding)
        error, power, energy = energies(answer.mask, spectra, batch.members, encoding)
        ratio = error / power.clamp_min(1e-4 * energy)
        snr = -10 * torch.log10(ratio + 1e-3)
        taken = (error / energy.clamp_min(1e-9)).clamp_max(10)
        found = (snr * present).sum() / present.sum().clamp_min(1)
        absent = (taken * (1 - present)).sum() / (1 - present).sum().clamp_min(1)
        shares, weight = _shares(self.remixer, spectra)
        fits = torch.einsum("bks,bsft->bkft", batch.members, shares).flatten(0, 1)
        match = functional.binary_cross_entropy_with_logits(
            answer.match, fits.clamp(0, 1), weight[row], reduction="mean"
        )
        told = functional.binary_cross_entropy_with_logits(presence, present)
        contrast = self._contrast(batch.example_names, example_vectors)
        one = batch.members.sum(-1) == 1
        sounds = (batch.members * batch.source_names.unsqueeze(1)).sum(-1).long()
        chosen = (one & (sounds >= 0)).flatten()
        naming = self._contrast(sounds.flatten()[chosen], described[chosen])
        cluster = clustering_loss(embedded, shares, weight)
        loss = (
            -found
            + config.absent_weight * absent
            + config.presence_weight * told
            + config.match_weight * match
            + config.contrast_weight * contrast
            + config.naming_weight * naming
            + config.clustering_weight * cluster
        )
        right = ((presence > 0).float() == present).float().mean()
        figures = {
            "found_db": float(found.detach()),
            "absent": float(absent.detach()),
            "presence": float(told.detach()),
            "presence_right": float(right),
            "match": float(match.detach()),
            "contrast": float(contrast.detach()),
            "naming": float(naming.detach()),
            "clustering": float(cluster.detach()),
            **_by_origin(batch, snr.detach()),
        }
        if self.remixer.training:
            is_named = batch.example_names >= 0
            self.names.update(batch.example_names[is_named], example_vectors.detach()[is_named])
        return loss, figures

    def _example_vectors(self, batch: QueryBatch) -> Tensor:
        if not len(batch.examples):
            return torch.zeros(0, self.remixer.config.query_dim)
        with torch.no_grad():
            encoding = self.remixer.encode(batch.examples)
        # The stem learns from mixtures; from examples only the encoder does.
        return self.remixer.describe(encoding)

    def _queries(self, batch: QueryBatch, encoding: Encoding, examples: Tensor) -> Tensor:
        """(mixtures, items, query_dim)."""
        shape = (*batch.origin.shape, self.remixer.config.query_dim)
        query = torch.zeros(shape)
        index, origin = batch.index, batch.origin
        named = origin == NAME
        if named.any():
            vectors = torch.where(
                batch.unheard[named].unsqueeze(-1),
                self.names.unheard(index[named]),
                self.names.recorded(index[named]),
            )
            noise = torch.randn_like(vectors) * self.config.noise
            query[named] = vectors + (noise if self.remixer.training else 0)
        if (by_example := origin == EXAMPLE).any():
            query[by_example] = examples[index[by_example]].to(query)
        if (by_style := origin == STYLE).any():
            query[by_style] = self.styles(batch.styles[by_style]).to(query)
        for m, k in (origin == KIND).nonzero().tolist():
            members = torch.tensor(sorted(self.mixtures.kinds[int(index[m, k])]))
            query[m, k] = self.names.mean_of(members)
        for m, k in (origin == SPAN).nonzero().tolist():
            where = self.remixer.frames_between(encoding, *batch.span[m, k].tolist())
            power = (encoding.power[m : m + 1] * where).unsqueeze(1)
            query[m, k] = self.remixer.encoder(encoding.features[m : m + 1], power)[0, 0].to(query)
        return query

    def _spectra(self, sources: Tensor, encoding: Encoding) -> Tensor:
        """(mixtures, sources, bins, frames) at the level of the encoding."""
        flat = (sources / encoding.level.unsqueeze(-1)).flatten(0, 1)
        spectra: Tensor = self.remixer.transform(flat)
        return spectra.view(*sources.shape[:2], *spectra.shape[1:])

    def _contrast(self, names: Tensor, vectors: Tensor) -> Tensor:
        """Nats: which of the recorded names is it, by nearness to their means?"""
        heard = self.names.heard > 0
        usable = (names >= 0) & heard[names]
        if not usable.any():
            return vectors.sum() * 0
        means = functional.normalize(self.names.means, dim=-1)
        logits = functional.normalize(vectors[usable].float(), dim=-1) @ means.T
        logits = (logits / self.config.temperature).masked_fill(~heard, -1e4)
        loss: Tensor = functional.cross_entropy(logits, names[usable])
        return loss

    def estimate(self, examples: Sequence[Example]) -> Tensor:
        """(examples, samples), remixed by what their prompts state."""
        mixture = torch.from_numpy(np.stack([e.mixture for e in examples]))
        z = torch.stack([self.filter_of(e.written) for e in examples])
        with cpu_products(bfloat16=self.config.cpu_bfloat16):
            estimates: Tensor = self.remixer(mixture, z.unsqueeze(1))
        return estimates.squeeze(1)

    def validate(self, examples: Sequence[Example]) -> Scores:
        return remix_scores(self, examples)

    def vector_of(self, name: str) -> Tensor:
        """(query_dim,) of a name: recorded, or of the lexicon. Raises LexiconError for others."""
        if name in self._index:
            return self.names.recorded(torch.tensor([self._index[name]]))[0]
        attributes = torch.from_numpy(load_lexicon().attributes([name]))
        return self.names.regression()(attributes)[0]

    def things_of(self, prompt: Prompt) -> tuple[float, list[tuple[Phrase, float, bool]]]:
        """The gain of what a prompt of known structure leaves out, and of each phrase that lists
        something its gain, and whether it is an exception from a broader one."""
        isolating = prompt.form in ISOLATING_FORMS
        rest = 0.0 if isolating else 1.0
        scoped = any(p.scope in ("all_speech", "all_audio") for p in prompt.phrases)
        things = []
        for phrase in prompt.phrases:
            if phrase.scope in ("everything", "everything_else"):
                rest = phrase.action.gain
                continue
            changed = isolating and phrase.action is not Action.KEEP
            things.append(
                (phrase, phrase.action.gain, changed or (scoped and phrase.scope == "one"))
            )
        return rest, things

    @torch.no_grad()
    def filter_of(self, prompt: Prompt) -> Tensor:
        """z (z_dim,) of a prompt whose structure is known. Raises LexiconError for an unknown
        name."""
        config = self.remixer.config
        z = torch.zeros(config.z_dim)
        z[0], things = self.things_of(prompt)
        table = z[1:].view(config.items, -1)
        for i, (phrase, gain, wins) in enumerate(things):
            table[i, :ITEM_HEAD] = torch.tensor([1.0, gain, float(wins)])
            table[i, ITEM_HEAD:] = self._vector_of_phrase(phrase)
        return z

    def _vector_of_phrase(self, phrase: Phrase) -> Tensor:
        if phrase.scope == "one" and phrase.label is not None:
            return self.vector_of(phrase.label)
        stated: list[str] = [phrase.scope]
        if phrase.scope == "one":
            stated = ["speech", *(f"{name}={value}" for name, value in phrase.attributes)]
        row = torch.zeros(1, len(STYLE_COLUMNS))
        row[0, [STYLE_COLUMN[one] for one in stated]] = 1
        vector: Tensor = self.styles(row)[0]
        return vector


def energies(
    mask: Tensor, spectra: Tensor, members: Tensor, encoding: Encoding
) -> tuple[Tensor, Tensor, Tensor]:
    """Energies (queries,) of what each answer gets wrong, of what it should be, of its mixture.

    |m X - S|^2 = m^2 |X|^2 - 2 m Re(X* S) + |S|^2: three real maps a query, no waveform. The
    windows are a tight frame, so an error here is at least that of the waveform.
    """
    x = torch.view_as_real(encoding.spectrum)
    parts = torch.view_as_real(spectra)
    power = x.square().sum(-1)  # (mixtures, bins, frames)
    cross = (x.unsqueeze(1) * parts).sum(-1)  # Re(X* S_i) a source
    batch, count = members.shape[:2]
    wanted = torch.einsum("bks,bsft->bkft", members, cross)
    gram = parts.flatten(2) @ parts.flatten(2).mT
    own = ((members @ gram) * members).sum(-1).clamp_min(0)
    m = mask.sigmoid().transpose(1, 2).view(batch, count, *power.shape[1:])
    error = (m.square() * power.unsqueeze(1) - 2 * m * wanted).sum((-2, -1)) + own
    total = power.sum((-2, -1), keepdim=False).unsqueeze(1).expand(-1, count)
    return error.clamp_min(1e-9).flatten(), own.flatten(), total.flatten()


def _shares(remixer: QueryRemixer, spectra: Tensor) -> tuple[Tensor, Tensor]:
    """Each source's share (mixtures, sources, bands, frames) of the energy, and the weight of each
    place (mixtures, bands, frames), mean 1."""
    power = remixer.transform.band_power(spectra)
    total = power.sum(1).add(1e-8)
    weight = total.pow(0.25)
    return power / total.unsqueeze(1), weight / weight.mean()


def _by_origin(batch: QueryBatch, snr: Tensor) -> dict[str, float]:
    """Mean SNR in dB by where the queries came from."""
    origin, present = batch.origin.flatten(), batch.present.flatten() > 0
    unheard = batch.unheard.flatten()
    groups = {
        "recorded": (origin == NAME) & ~unheard,
        "unheard": (origin == NAME) & unheard,
        "example": origin == EXAMPLE,
        "span": origin == SPAN,
        "style": (origin == STYLE) & (batch.styles.flatten(0, 1)[:, STYLE_COLUMN["speech"]] > 0),
        "kind": origin == KIND,
    }
    return {
        f"{name}_db": float(snr[chosen & present].mean())
        for name, chosen in groups.items()
        if (chosen & present).any()
    }
