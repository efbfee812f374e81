"""LCR-Q: a band-split SoundRemixer that answers query vectors, whatever they were made from (ours).

The semantic filter z lists things: for each a gain and a query vector, and one gain u for all that
is not listed. The network finds the part m_k of the mixture that fits query k, by weights that all
queries share, and the remixing mask h_m (eq. 2) is arithmetic on these parts:

    h_m = u + sum_k (gain_k - u) m_k

The best estimate of a target is linear in the gains, E[sum_i a_i s_i | x] = sum_i a_i E[s_i | x],
so the network need not learn what gains do. A query vector comes from a name (see `names`), from a
recording of such a sound, or from a stretch of the mixture itself: one space for all three, learnt
from sounds. Nothing is separated: one mask, one output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lcr.nn.film import FiLM
from lcr.nn.grounded.bands import (
    BandBlock,
    BandConfig,
    BandFeatures,
    BandGate,
    BandTransform,
    MaskHead,
    energy_of,
)

SAMPLE_RATE = 16_000
ITEM_HEAD = 3
"""Values of z before the vector of each listed thing: is there one, its gain, does it win."""


@dataclass(frozen=True, kw_only=True)
class QueryConfig(BandConfig):
    """Sizes of LCR-Q; the defaults are the shipped desk model.

    `blocks` listen to the mixture, once for all queries; `query_blocks` of `query_channels` run
    once a query.
    """

    query_dim: int = 128
    query_channels: int = 64
    query_blocks: int = 2
    match_dim: int = 64
    film_hidden: int = 128
    mask_hidden: int = 128
    encoder_hidden: int = 256
    presence_hidden: int = 128
    items: int = 8
    """Things a filter z can list."""

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> QueryConfig:
        """From `remixer` of a checkpoint's config.json. Raises KeyError, TypeError, ValueError."""
        sizes = {key: value for key, value in settings.items() if key != "kind"}
        return cls(**{**sizes, "band_bins": tuple(sizes["band_bins"])})

    @property
    def z_dim(self) -> int:
        """Values of a filter: u, then `ITEM_HEAD` values and a vector for each thing."""
        return 1 + self.items * (ITEM_HEAD + self.query_dim)


@dataclass(frozen=True)
class Encoding:
    """What the stem makes of some mixtures, whatever the query.

    `level` (batch, 1) is the RMS the input was divided by, `spectrum` (batch, bins, frames),
    `energy` its squared magnitude and `power` (batch, bands, frames) that in bands, `features`
    (batch, bands, frames, channels), `samples` of the input.
    """

    level: Tensor
    spectrum: Tensor
    energy: Tensor
    power: Tensor
    features: Tensor
    samples: int


@dataclass(frozen=True)
class Answer:
    """What fits some queries: `mask` logits (queries, frames, bins), `state` (queries, bands,
    frames, query_channels) and `match` logits (queries, bands, frames) of how well each place fits
    by itself."""

    mask: Tensor
    state: Tensor
    match: Tensor


class QueryRemixer(nn.Module):
    """Mixture and semantic filters to remixed mixtures, by one mask h_m a filter (eq. 1 and 2)."""

    def __init__(self, config: QueryConfig) -> None:
        super().__init__()
        self.config = config
        c, q, d = config.channels, config.query_channels, config.query_dim
        bands = len(config.band_bins)
        self.transform = BandTransform(config.n_fft, config.hop, config.band_bins)
        self.features = BandFeatures(config.band_bins, c)
        self.stem = nn.ModuleList(BandBlock(c) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(c)
        self.encoder = SoundEncoder(c, bands, config.encoder_hidden, d)
        self.local = nn.Linear(c, config.match_dim)
        self.key = nn.Linear(d, config.match_dim)
        self.other_key = nn.Linear(d, config.match_dim)
        self.match_bias = nn.Parameter(torch.tensor(-2.0))
        seen = config.match_dim + c
        self.enter = nn.Linear(c, q)
        self.enter_matches = nn.Parameter(torch.randn(config.match_dim, q) / seen**0.5)
        self.enter_others = nn.Parameter(torch.randn(config.match_dim, q) / seen**0.5)
        self.film_in = FiLM(2 * d, c, config.film_hidden)
        self.blocks = nn.ModuleList(BandGate(q, bands) for _ in range(config.query_blocks))
        self.norm_out = nn.LayerNorm(q)
        self.film_out = FiLM(2 * d, q, config.film_hidden)
        self.heads = nn.ModuleList(MaskHead(q, config.mask_hidden, n) for n in config.band_bins)
        self.presence = PresenceHead(q, d, config.presence_hidden)

    def forward(self, mixture: Tensor, z: Tensor) -> Tensor:
        """`mixture` (batch, samples), `z` (batch, instructions, z_dim) -> (batch, instructions,
        samples). The output follows the input's level: f(g x) = g f(x)."""
        return self.remix(self.encode(mixture), z)

    def encode(self, mixture: Tensor) -> Encoding:
        """Listen to (batch, samples), once for all queries."""
        level = mixture.square().mean(-1, keepdim=True).add(1e-12).sqrt()
        spectrum = self.transform(mixture / level)
        features = self.hear(torch.view_as_real(spectrum))
        energy = energy_of(spectrum)
        power = self.transform.in_bands(energy)
        return Encoding(level, spectrum, energy, power, features, mixture.shape[-1])

    def hear(self, spectrum: Tensor) -> Tensor:
        """Real and imaginary parts (batch, bins, frames, 2) -> features (batch, bands, frames,
        channels)."""
        h = self.features.of_parts(spectrum)
        for block in self.stem:
            h = block(h)
        features: Tensor = self.norm(h)
        return features

    def describe(self, encoding: Encoding, where: Tensor | None = None) -> Tensor:
        """The query vectors of what sounds: (batch, query_dim).

        `where` (batch, bands or 1, frames) in 0 to 1 says which part of the mixture is meant, such
        as the frames of a stretch of time; None means all of it.
        """
        power = encoding.power if where is None else encoding.power * where
        vectors: Tensor = self.encoder(encoding.features, power.unsqueeze(1))
        return vectors.squeeze(1)

    def frames_between(self, encoding: Encoding, start_s: float, end_s: float) -> Tensor:
        """(1, 1, frames) of 0 and 1: the frames whose middle lies in that stretch of time."""
        frames = torch.arange(encoding.spectrum.shape[-1], device=encoding.spectrum.device)
        # A full window of zeros stands before the sound.
        middle = (frames * self.config.hop - self.config.n_fft / 2) / SAMPLE_RATE
        return ((middle >= start_s) & (middle < end_s)).float().view(1, 1, -1)

    def answer(
        self, encoding: Encoding, mixture: Tensor, query: Tensor, others: Tensor | None = None
    ) -> Answer:
        """The part of mixture `mixture` (queries,) of the encoding that fits each `query`
        (queries, query_dim); `others` (queries, query_dim) is the mean of what else the prompt
        names, zero for nothing."""
        others = torch.zeros_like(query) if others is None else others
        h = encoding.features
        local = self.local(h)
        condition = torch.cat([query, others], -1)
        key, other_key = self.key(query), self.other_key(others)
        gamma, beta = self.film_in.modulation(condition)
        matrix = torch.cat(
            [
                key.unsqueeze(-1) * self.enter_matches
                + other_key.unsqueeze(-1) * self.enter_others,
                (1 + gamma).unsqueeze(-1) * self.enter.weight.t(),
            ],
            1,
        )
        seen = torch.cat([local, h], -1).flatten(1, 2)
        bands, frames = h.shape[1:3]
        x = torch.baddbmm(self.enter(beta).unsqueeze(1), seen[mixture], matrix)
        x = x.view(mixture.shape[0], bands, frames, -1)
        # The products of place and query, summed: how well each place fits by itself.
        match = (local[mixture].flatten(1, 2) @ key.unsqueeze(-1)).view(x.shape[:3])
        match = match / self.config.match_dim**0.5 + self.match_bias
        for block in self.blocks:
            x = block(x)
        x = self.film_out(self.norm_out(x), condition)
        logits = torch.cat([head(x[:, i]) for i, head in enumerate(self.heads)], -1)
        return Answer(logits.float(), x, match.float())

    def is_present(
        self, encoding: Encoding, mixture: Tensor, query: Tensor, answer: Answer
    ) -> tuple[Tensor, Tensor]:
        """Logits (queries,) that what each query asks for is in its mixture at all, and the vectors
        (queries, query_dim) that describe what was found for it."""
        mask = answer.mask.detach().sigmoid()
        kept = self.transform.in_bands(mask.transpose(1, 2) * encoding.energy[mixture])
        vectors = self._described(encoding.features, mixture, kept)
        total = encoding.power.sum((1, 2))[mixture]
        share = kept.sum((1, 2)) / total.clamp_min(1e-9)
        return self.presence(answer.state, kept, vectors, query, share), vectors

    def _described(self, features: Tensor, mixture: Tensor, kept: Tensor) -> Tensor:
        """The vectors (queries, query_dim) of parts `kept` (queries, bands, frames)."""
        if len(features) == 1:
            vectors: Tensor = self.encoder(features, kept.unsqueeze(0))[0]
            return vectors
        # Grouped by mixture, so that the features of one are not copied for each query.
        vectors = kept.new_empty(len(kept), self.config.query_dim, dtype=torch.float32)
        for row in range(len(features)):
            mine = mixture == row
            if mine.any():
                vectors[mine] = self.encoder(features[row : row + 1], kept[mine].unsqueeze(0))[0]
        return vectors

    def remix(self, encoding: Encoding, z: Tensor) -> Tensor:
        """Apply filters (batch, instructions, z_dim) -> (batch, instructions, samples)."""
        mask = self.mask(encoding, z).transpose(2, 3)
        estimate = self.transform.inverse(mask * encoding.spectrum.unsqueeze(1), encoding.samples)
        return estimate * encoding.level.unsqueeze(1)

    def mask(self, encoding: Encoding, z: Tensor) -> Tensor:
        """h_m (eq. 2) under `z` as `remix` takes it, (batch, instructions, frames, bins)."""
        batch, asked = z.shape[:2]
        unlisted, items = z[..., 0], z[..., 1:].reshape(batch, asked, self.config.items, -1)
        listed = items[..., 0]
        row, item = (listed.reshape(batch * asked, -1) > 0.5).nonzero(as_tuple=True)
        frames, bins = encoding.spectrum.shape[2], encoding.spectrum.shape[1]
        u = unlisted.reshape(-1)
        mask = u.view(-1, 1, 1).expand(-1, frames, bins)
        if not len(row):
            return mask.reshape(batch, asked, frames, bins)
        table = items.reshape(batch * asked, self.config.items, -1)
        chosen = table[row, item]
        gain, wins, query = chosen[:, 1], chosen[:, 2], chosen[:, ITEM_HEAD:]
        vectors = table[..., ITEM_HEAD:] * (table[..., :1] > 0.5)
        count = (table[..., 0] > 0.5).sum(-1)
        others = (vectors.sum(1)[row] - query) / (count[row] - 1).clamp_min(1).unsqueeze(-1)
        answer = self.answer(encoding, row // asked, query, others)
        parts = answer.mask.sigmoid()
        # What wins is taken out of the others: "the animals, but not the dog".
        won = parts.new_zeros(batch * asked, frames, bins)
        won = won.index_add(0, row, parts * wins.view(-1, 1, 1)).clamp_max(1)
        parts = torch.where(wins.view(-1, 1, 1) > 0.5, parts, parts * (1 - won[row]))
        mask = mask.index_add(0, row, (gain - u[row]).view(-1, 1, 1) * parts)
        return mask.reshape(batch, asked, frames, bins)


class SoundEncoder(nn.Module):
    """The features of sound, pooled over a part of a recording, to one query vector."""

    def __init__(self, channels: int, bands: int, hidden: int, dim: int) -> None:
        super().__init__()
        width = 3 * channels + 2 * bands
        self.layers = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, hidden),
            nn.SiLU(),
            nn.Linear(hidden, dim),
        )
        self.dim = dim

    def forward(self, features: Tensor, power: Tensor) -> Tensor:
        """`features` (batch, bands, frames, channels) and the `power` (batch, parts, bands,
        frames) of some parts of each recording -> (batch, parts, dim), of mean 0 and variance 1.

        Pools the features' mean, deviation and soft maximum, weighted by a root of the power, and
        each band's loudness and how much it changes over time.
        """
        h = features.float().flatten(1, 2)
        weight = power.float().clamp_min(0).sqrt()
        flat = weight.flatten(2)
        flat = flat / flat.sum(-1, keepdim=True).clamp_min(1e-9)
        soft = (2 * h).clamp(-20, 20).exp()
        pooled = flat @ torch.cat([h, h.square(), soft], -1)
        mean, square, peak = pooled.chunk(3, -1)
        deviation = (square - mean.square()).clamp_min(1e-6).sqrt()
        loudness = (power.float().mean(-1) + 1e-5).log()
        loudness = 0.3 * (loudness - loudness.mean(-1, keepdim=True))
        change = weight.std(-1) / (weight.mean(-1) + 1e-3)
        stacked = torch.cat([mean, deviation, 0.5 * (peak + 1e-6).log(), loudness, change], -1)
        return unit_variance(self.layers(stacked).float())


class PresenceHead(nn.Module):
    """Is what a query asks for there at all? From what was found and how it resembles the query."""

    def __init__(self, channels: int, dim: int, hidden: int) -> None:
        super().__init__()
        width = 2 * channels + 2 * dim + 2
        self.layers = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.SiLU(), nn.Linear(hidden, 1)
        )

    def forward(
        self, state: Tensor, kept: Tensor, vectors: Tensor, query: Tensor, share: Tensor
    ) -> Tensor:
        """`state` (queries, bands, frames, channels) of the answer, `kept` (queries, bands,
        frames) power under its mask, `vectors` (queries, dim) that describe what it kept, `query`
        (queries, dim), `share` (queries,) of the mixture's energy -> logits (queries,)."""
        weight = kept.sqrt().flatten(1)
        weight = weight / weight.sum(-1, keepdim=True).clamp_min(1e-9)
        x = state.float().flatten(1, 2)
        mean = (weight.unsqueeze(1) @ x).squeeze(1)
        peak = x.amax(1)
        alike = functional.cosine_similarity(vectors, query, dim=-1).unsqueeze(-1)
        level = 0.3 * (share + 1e-4).log().unsqueeze(-1)
        seen = torch.cat([mean, peak, vectors * query, (vectors - query).abs(), alike, level], -1)
        logits: Tensor = self.layers(seen)
        return logits.float().squeeze(-1)


def unit_variance(vectors: Tensor) -> Tensor:
    """Each of (..., dim) with mean 0 and variance 1: all query vectors are of this form."""
    return functional.layer_norm(vectors, (int(vectors.shape[-1]),))  # int: constant in an export
