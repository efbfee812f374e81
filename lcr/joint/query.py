"""LCR-Q for inference, in numpy but for its network: a prompt's things become query vectors, and
each is heard, or said absent.

The network runs in torch (`lcr.joint.torch_network`) or in onnxruntime (`lcr.runtime`); all else,
from the STFT to the remixing mask, is here once for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lcr.audio.stft import istft, stft
from lcr.lexicon import Lexicon, load_lexicon

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE_RATE = 16_000
Floats = NDArray[np.float32]
_AT_ONCE = 8
"""Queries; a filter holds as many."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Presence logits below `absent` mean absent, above `heard` heard, between them not sure."""

    absent: float = 0.0
    heard: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Naming:
    """How sure a name is, by the cosine c of its vector and a sound's: in proportion to exp(`scale`
    c), for names that nobody recorded less by `unrecorded` nats."""

    scale: float = 12.0
    unrecorded: float = 4.0


@dataclass(frozen=True)
class Answer:
    """What fits some queries: which `parts` (queries, frames, bins) of the mixture's energy, 0 to
    1, and the `presence` logits (queries,) that such a thing is there at all."""

    parts: Floats
    presence: Floats


class Network(Protocol):
    """The trained half of LCR-Q, one mixture at a time.

    `n_fft` samples an STFT frame at a hop of half of it, `band_bins` bins a band, `items` things
    that one remix may list.
    """

    n_fft: int
    band_bins: tuple[int, ...]
    items: int

    def hear(self, spectrum: Floats) -> Floats:
        """Real and imaginary parts (bins, frames, 2) -> features (bands, frames, channels)."""
        ...

    def describe(self, features: Floats, power: Floats) -> Floats:
        """The vector (query_dim,) of what sounds with that `power` (bands, frames)."""
        ...

    def answer(
        self, features: Floats, energy: Floats, queries: Floats, others: Floats | None
    ) -> Answer:
        """The parts that fit `queries` (queries, query_dim), where |x|^2 is `energy` (bins,
        frames); `others` is the mean of what else the prompt names, None where it does not
        matter."""
        ...

    def state(self) -> dict[str, Tensor]:
        """The network's weights, and those of names and styles, by their names in a checkpoint."""
        ...


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The vectors that names and styles have.

    `named` (labels, query_dim) of the recorded names `labels`, `alone` the same had nobody recorded
    the name. What nobody recorded is `attributes @ weight + bias`. A style is a row of `columns`
    through a perceptron of one hidden layer, `styles`: weight, bias, weight, bias.
    """

    labels: tuple[str, ...]
    named: Floats
    alone: Floats
    weight: Floats
    bias: Floats
    columns: tuple[str, ...]
    styles: tuple[Floats, Floats, Floats, Floats]


@dataclass(frozen=True)
class Encoding:
    """One mixture as the network heard it: the RMS `level` it was divided by, `spectrum` (bins,
    frames), `energy` its |x|^2, `features`, and `samples` of the input."""

    level: float
    spectrum: NDArray[np.complex64]
    energy: Floats
    features: Floats
    samples: int


@dataclass(frozen=True)
class Remixed:
    """One mixture remixed: `wave` (samples,), and the energies (things + 1,) that the masks expect
    each listed thing, and last all else, to have had (`before`) and to share with the output
    (`after`), so that `after / before` is the gain it is expected to have now."""

    wave: Floats
    before: Floats
    after: Floats


@dataclass
class QueryModel:
    """LCR-Q, ready to listen and to remix."""

    network: Network
    tables: Tables
    thresholds: Mapping[str, Thresholds] = field(default_factory=dict)
    lexicon: Lexicon = field(default_factory=load_lexicon)
    naming: Naming = field(default_factory=Naming)
    recordings: Mapping[str, int] = field(default_factory=dict)
    """How many original recordings of each name there were in training."""

    def __post_init__(self) -> None:
        self.labels = self.tables.labels
        self._index = {label: i for i, label in enumerate(self.labels)}
        self.label_vectors = unit_length(self.tables.named)
        """Of each recorded name (labels, query_dim), of length one."""

    def is_recorded(self, name: str) -> bool:
        return name in self._index

    def of_name(self, name: str) -> Floats:
        """The vector (query_dim,) of a name of the lexicon. Raises LexiconError for another."""
        if name in self._index:
            found: Floats = self.tables.named[self._index[name]]
            return found
        return self.of_attributes(self.lexicon.attributes([name])[0])

    def of_name_alone(self, name: str) -> Floats:
        """The vector (query_dim,) that a recorded name would have had nobody recorded it. Raises
        KeyError for a name that nobody did."""
        found: Floats = self.tables.alone[self._index[name]]
        return found

    def of_attributes(self, attributes: Floats) -> Floats:
        """The vectors (..., query_dim) of acoustic attributes (..., attributes), 0 to 3."""
        return unit_variance(attributes @ self.tables.weight + self.tables.bias)

    def of_kind(self, hypernym: str) -> Floats:
        """The vector (query_dim,) of all sounds under a hypernym: the mean over those recorded, or
        over all where none is. Raises LexiconError for a hypernym that the lexicon lacks."""
        sounds = [sound.name for sound in self.lexicon.by_hypernym.get(hypernym, ())]
        known = [name for name in sounds if name in self._index] or sounds
        if not known:
            raise self.lexicon.unknown(hypernym)
        return unit_variance(np.mean([self.of_name(name) for name in known], 0))

    def knows_style(self, stated: str) -> bool:
        """Whether these weights were trained on it."""
        return stated in self.tables.columns

    def of_style(self, *stated: str) -> Floats:
        """The vector (query_dim,) of a voice ("speech", "gender=F") or a scope ("all_audio").
        Raises ValueError for a style that these weights were not trained on."""
        row = np.zeros(len(self.tables.columns), np.float32)
        row[[self.tables.columns.index(one) for one in stated]] = 1
        weight, bias, weight_out, bias_out = self.tables.styles
        hidden = weight @ row + bias
        hidden = hidden / (1 + np.exp(-hidden))
        return unit_variance(weight_out @ hidden + bias_out)

    def of_sound(self, wave: Floats) -> Floats:
        """The vector (query_dim,) of a recording (samples,) at 16 kHz."""
        encoding = self.encode(wave)
        return self.of_part(encoding, encoding.energy)

    def of_span(self, encoding: Encoding, start_s: float, end_s: float) -> Floats:
        """The vector (query_dim,) of what sounds from `start_s` to `end_s`."""
        n = self.network.n_fft
        # A full window of zeros stands before the sound.
        middle = (np.arange(encoding.energy.shape[1]) * (n // 2) - n / 2) / SAMPLE_RATE
        where = (middle >= start_s) & (middle < end_s)
        return self.of_part(encoding, encoding.energy * where)

    def of_part(self, encoding: Encoding, energy: Floats) -> Floats:
        """The vector (query_dim,) of what has that `energy` (bins, frames) in the mixture."""
        starts = np.cumsum((0, *self.network.band_bins[:-1]))
        return self.network.describe(encoding.features, np.add.reduceat(energy, starts, 0))

    @cached_property
    def _every_vector(self) -> Floats:
        """Of each name of the lexicon, (names, query_dim), of length one."""
        names = [sound.name for sound in self.lexicon.sounds]
        vectors = self.of_attributes(self.lexicon.attributes(names))
        for row, name in zip(vectors, names, strict=True):
            if name in self._index:
                row[:] = self.tables.named[self._index[name]]
        return unit_length(vectors)

    @cached_property
    def _every_bias(self) -> Floats:
        """Nats, (names,)."""
        known = np.array([self.is_recorded(sound.name) for sound in self.lexicon.sounds])
        return np.where(known, 0, -self.naming.unrecorded).astype(np.float32)

    def name_shares(self, vector: Floats) -> Floats:
        """How likely each name of the lexicon is (names,), in its order, that of a sound whose
        vector (query_dim,) this is; they sum to 1."""
        likeness = self._every_vector @ unit_length(vector)
        nats = self.naming.scale * likeness + self._every_bias
        shares: Floats = np.exp(nats - nats.max())
        shares /= shares.sum()
        return shares

    def encode(self, wave: Floats) -> Encoding:
        """Encode a mixture (samples,) at 16 kHz, once for all that is asked about it."""
        level = float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)) + 1e-12))
        spectrum = self._spectrum(wave / np.float32(level))
        parts = spectrum.view(np.float32).reshape(*spectrum.shape, 2)
        energy = np.square(parts).sum(-1)
        return Encoding(level, spectrum, energy, self.network.hear(parts), len(wave))

    def energy_of(self, encoding: Encoding, wave: Floats) -> Floats:
        """The energy (bins, frames) of a part of the mixture, (samples,), as `encoding` has it of
        the whole."""
        found: Floats = np.square(np.abs(self._spectrum(wave / np.float32(encoding.level))))
        return found

    def _spectrum(self, wave: Floats) -> NDArray[np.complex64]:
        """(bins, frames)"""
        n = self.network.n_fft
        hop = n // 2
        # A whole number of hops, and a full window of zeros each side: half of it by `stft`.
        padded = np.pad(wave, (hop, hop + -len(wave) % hop))
        return np.ascontiguousarray(stft(padded, n).T.astype(np.complex64))

    def answer(self, encoding: Encoding, vectors: Sequence[Floats] | Floats) -> Answer:
        """What fits each of `vectors` (queries, query_dim) alone, asked a few at a time, so that
        memory stays small."""
        queries = np.stack(tuple(vectors))
        found = [
            self.network.answer(encoding.features, encoding.energy, queries[i : i + _AT_ONCE], None)
            for i in range(0, len(queries), _AT_ONCE)
        ]
        return Answer(
            np.concatenate([one.parts for one in found]),
            np.concatenate([one.presence for one in found]),
        )

    def recall(self, encoding: Encoding, vector: Floats) -> float:
        """Which share of a thing's amplitude its mask is expected to find: the mask m is the
        expected share of the energy P at each place, so that share is sum m^2 P / sum m P."""
        (part,) = self.answer(encoding, [vector]).parts
        energy = part.T * encoding.energy
        return float((part.T * energy).sum() / max(energy.sum(), 1e-12))

    def remix(
        self, encoding: Encoding, rest_gain: float, items: Sequence[tuple[float, bool, Floats]]
    ) -> Remixed:
        """With `rest_gain` on what is not listed and the gain of each listed thing (gain, wins,
        vector) on that; the mask is `lcr.nn.query.remixer.QueryRemixer.mask`.

        Raises ValueError for more things than a filter holds.
        """
        if len(items) > self.network.items:
            raise ValueError(f"a filter holds {self.network.items} things; got {len(items)}")
        frames, bins = encoding.energy.T.shape
        parts = np.zeros((0, frames, bins), np.float32)
        mask = np.full((frames, bins), rest_gain, np.float32)
        if items:
            queries = np.stack([vector for *_, vector in items])
            others = (queries.sum(0) - queries) / max(len(items) - 1, 1)
            parts = self.network.answer(encoding.features, encoding.energy, queries, others).parts
            wins = np.array([one for _, one, _ in items])
            # What wins is taken out of the others: "the animals, but not the dog".
            won = parts[wins].sum(0).clip(max=1)
            parts = np.where(wins[:, None, None], parts, parts * (1 - won))
            gains = np.array([gain - rest_gain for gain, *_ in items], np.float32)
            mask = mask + np.tensordot(gains, parts, 1)
        hop = self.network.n_fft // 2
        wave = istft(
            (encoding.spectrum.T * mask).astype(np.complex128), 2 * hop, encoding.samples + hop
        )[hop:]
        listed = parts.sum(0, keepdims=True)
        shares = np.concatenate([parts, np.maximum(1 - listed, 0)]) / np.maximum(listed, 1)
        energy = encoding.energy.T * np.float32(encoding.level**2)
        return Remixed(
            wave=(wave * encoding.level).astype(np.float32),
            before=np.einsum("qft,ft->q", shares, energy),
            after=np.einsum("qft,ft->q", shares, energy * mask),
        )


def calibration_in(names: Mapping[str, Any]) -> dict[str, Any]:
    """What the table `names` of a checkpoint's config.json says of a QueryModel."""
    sure = {sort: Thresholds(**values) for sort, values in names.get("thresholds", {}).items()}
    recordings = dict(zip(names["labels"], names["recordings"], strict=True))
    naming = Naming(**names.get("naming", {}))
    return {"thresholds": sure, "naming": naming, "recordings": recordings}


def unit_variance(vectors: NDArray[np.floating]) -> Floats:
    """(..., dim) with mean 0 and variance 1 each, as all query vectors are."""
    centred = vectors - vectors.mean(-1, keepdims=True)
    variance = np.square(centred).mean(-1, keepdims=True)
    found: Floats = (centred / np.sqrt(variance + 1e-5)).astype(np.float32)
    return found


def unit_length(vectors: Floats) -> Floats:
    """(..., dim) of length 1."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    found: Floats = vectors / np.maximum(lengths, 1e-12)
    return found
