"""Training mixtures with things to ask of them: by name, by another recording, by pointing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcr.data.bank import Bank, Entry, Waveform
from lcr.data.classes import label_of
from lcr.data.mixtures import MixtureConfig, place, set_level
from lcr.data.relations import begin_later, clear_relations, measure_voice
from lcr.instruction import SpeechDescription
from lcr.lexicon import Lexicon
from lcr.nn.query.names import STYLE_COLUMNS
from lcr.training.queries.augment import (
    DegradeConfig,
    change_source,
    limit_band,
    noise_floor,
)
from lcr.training.queries.items import (
    EXAMPLE,
    KIND,
    NAME,
    SPAN,
    STYLE,
    STYLE_COLUMN,
    Item,
    beside_each,
    span_of,
    styles_of,
)


@dataclass(frozen=True, kw_only=True)
class Share:
    """A bank of speech or of sounds and how often it is drawn."""

    bank: str
    speech: float = 0.0
    audio: float = 0.0


@dataclass(frozen=True, kw_only=True)
class QueryMixtureConfig:
    """What a training batch is."""

    mixtures: int = 6
    items: int = 10
    """Queries a mixture, absent ones among them."""
    duration_s: float = 4.0
    example_s: float = 2.5
    sources: tuple[float, ...] = (0.05, 0.12, 0.23, 0.38, 0.14, 0.08)
    """Chances of 1, 2, ... sources."""
    speech: tuple[float, ...] = (0.13, 0.27, 0.55, 0.05)
    """Chances of 0, 1, ... of them being speech, as far as there are so many."""
    level_db: float = 5.0
    staggered: float = 0.5
    """How often one of several voices begins half a second or more after the others."""
    unheard: float = 0.5
    """How often a name's vector is the one it would have if nobody had recorded it."""
    degrade: DegradeConfig = field(default_factory=DegradeConfig)


@dataclass(frozen=True)
class QueryBatch:
    """`sources` (mixtures, sources, samples), the last one a noise floor that nobody names, silent
    ones filling up; `examples` (examples, samples) and their names (-1 for none). Of each query
    (mixtures, items): `origin`, `index` (a name's, an example's or a hypernym's), `unheard`,
    `span` (items, 2) in seconds, `styles` (items, columns), `members` (items, sources), `present`,
    and which other items its prompt names beside it (items, items)."""

    sources: Tensor
    examples: Tensor
    example_names: Tensor
    source_names: Tensor
    origin: Tensor
    index: Tensor
    unheard: Tensor
    span: Tensor
    styles: Tensor
    members: Tensor
    present: Tensor
    beside: Tensor


class QueryMixtures:
    """Draws training batches from the state of a random generator alone, so that they can be drawn
    again.

    `banks` are given by name. `names` are the labels that have vectors, in the order of these;
    `lexicon` tells their hypernyms, and `kinds` are the hypernyms that queries may name.
    """

    def __init__(
        self,
        banks: Mapping[str, Bank],
        shares: Sequence[Share],
        config: QueryMixtureConfig,
        names: Sequence[str],
        lexicon: Lexicon,
    ) -> None:
        self.config = config
        self.names = tuple(names)
        self._index = {name: i for i, name in enumerate(names)}
        self._mix = MixtureConfig(duration_s=config.duration_s)
        self._example_mix = MixtureConfig(duration_s=config.example_s)
        self._speech: list[tuple[Bank, list[Entry]]] = []
        self._audio: list[tuple[Bank, list[list[Entry]]]] = []
        self._by_name: dict[str, list[tuple[Bank, Entry]]] = {}
        self._of_speaker: dict[tuple[str, str], list[Entry]] = {}
        for share in shares:
            bank = banks[share.bank]
            speech, audio = _pools(bank)
            self._speech.append((bank, speech))
            self._audio.append((bank, audio))
            for entry in speech:
                self._of_speaker.setdefault((bank.name, entry.group), []).append(entry)
            for group in audio:
                for entry in group:
                    self._by_name.setdefault(label_of(entry), []).append((bank, entry))
        self._speech_shares = _normalised([share.speech for share in shares])
        self._audio_shares = _normalised([share.audio for share in shares])
        self.kinds = _kinds(self.names, lexicon)
        self._kinds_of = {
            name: tuple(k for k, members in enumerate(self.kinds) if i in members)
            for name, i in self._index.items()
        }

    @property
    def recordings(self) -> tuple[int, ...]:
        """How many original recordings there are of each name."""
        return tuple(len({entry.group for _, entry in self._by_name[n]}) for n in self.names)

    def batch(self, rng: np.random.Generator) -> QueryBatch:
        """Raises AudioFileError when a clip cannot be read."""
        mixtures = [self._mixture(rng) for _ in range(self.config.mixtures)]
        return _collate(mixtures, self._index, len(self.config.sources) + 1)

    def _mixture(self, rng: np.random.Generator) -> _Mixture:
        config = self.config
        total = 1 + int(rng.choice(len(config.sources), p=_normalised(config.sources)))
        n_speech = min(total, int(rng.choice(len(config.speech), p=_normalised(config.speech))))
        entries: list[tuple[Bank, Entry]] = []
        for i in range(total):
            pair = self._speech_source(rng) if i < n_speech else self._audio_source(rng)
            if i >= n_speech and any(_clash(pair[1], e) for _, e in entries):
                pair = self._audio_source(rng)
                if any(_clash(pair[1], e) for _, e in entries):
                    continue
            entries.append(pair)
        waves = np.zeros((len(config.sources) + 1, self._mix.samples), dtype=np.float32)
        for row, (bank, entry) in zip(waves, entries, strict=False):
            row[:] = self._source(bank, entry, rng)
        speech = [i for i, (_, e) in enumerate(entries) if e.description.kind == "speech"]
        if len(speech) > 1 and rng.random() < config.staggered:
            start = int(rng.uniform(0.1, 0.5) * self._mix.samples)
            late = speech[int(rng.integers(len(speech)))]
            waves[late] = begin_later(waves[late], start)
        self._floor(waves, rng)
        if rng.random() < config.degrade.band_limit:
            waves = limit_band(waves, float(rng.uniform(2000, 7000)))
        examples: list[tuple[Waveform, str]] = []
        items = self._items(entries, waves, examples, rng)
        beside = beside_each(items, rng)
        labels = [label_of(e) for _, e in entries]
        return _Mixture(waves, labels, items, beside, examples)

    def _speech_source(self, rng: np.random.Generator) -> tuple[Bank, Entry]:
        bank, pool = self._speech[int(rng.choice(len(self._speech), p=self._speech_shares))]
        return bank, pool[int(rng.integers(len(pool)))]

    def _audio_source(self, rng: np.random.Generator) -> tuple[Bank, Entry]:
        bank, groups = self._audio[int(rng.choice(len(self._audio), p=self._audio_shares))]
        group = groups[int(rng.integers(len(groups)))]
        return bank, group[int(rng.integers(len(group)))]

    def _source(self, bank: Bank, entry: Entry, rng: np.random.Generator) -> Waveform:
        config, is_speech = self.config, entry.description.kind == "speech"
        wave = change_source(bank.load(entry), rng, config.degrade, is_speech=is_speech)
        placed = place(wave, self._mix.samples, rng, self._mix)
        if not is_speech and rng.random() < config.degrade.layer:
            other_bank, other = self._recording(label_of(entry), entry, rng)
            second = change_source(other_bank.load(other), rng, config.degrade, is_speech=False)
            second = place(second, self._mix.samples, rng, self._mix)
            placed = set_level(placed, 0, self._mix) + set_level(
                second, rng.uniform(-9, 0), self._mix
            )
        return set_level(placed, rng.uniform(-config.level_db, config.level_db), self._mix)

    def _floor(self, waves: NDArray[np.float32], rng: np.random.Generator) -> None:
        """Fill the last row with a noise floor, by the chance `degrade.noise`."""
        if rng.random() < self.config.degrade.noise:
            power = float(np.mean(np.square(waves.sum(0)))) + 1e-9
            level = rng.uniform(*self.config.degrade.noise_db)
            rms = np.float32(np.sqrt(power) * 10 ** (level / 20))
            waves[-1] = noise_floor(waves.shape[1], rng) * rms

    def _recording(
        self, name: str, unlike: Entry | None, rng: np.random.Generator
    ) -> tuple[Bank, Entry]:
        """A clip of that name, of another original recording than `unlike` where there is one."""
        pool = self._by_name[name]
        if unlike is not None:
            others = [pair for pair in pool if pair[1].group != unlike.group]
            pool = others or pool
        return pool[int(rng.integers(len(pool)))]

    def _example(self, name: str, unlike: Entry | None, rng: np.random.Generator) -> Waveform:
        return self._excerpt(*self._recording(name, unlike, rng), rng)

    def _excerpt(self, bank: Bank, entry: Entry, rng: np.random.Generator) -> Waveform:
        is_speech = entry.description.kind == "speech"
        wave = change_source(bank.load(entry), rng, self.config.degrade, is_speech=is_speech)
        mix = self._example_mix
        return set_level(place(wave, mix.samples, rng, mix), 0, mix)

    def _items(
        self,
        sources: Sequence[tuple[Bank, Entry]],
        waves: NDArray[np.float32],
        examples: list[tuple[Waveform, str]],
        rng: np.random.Generator,
    ) -> list[Item]:
        config = self.config
        entries = [entry for _, entry in sources]
        speech = [i for i, e in enumerate(entries) if e.description.kind == "speech"]
        audio = [i for i in range(len(entries)) if i not in speech]
        found: list[Item] = []
        for i in audio:
            name = label_of(entries[i])
            by_name = Item(
                NAME, (i,), self._index[name], unheard=bool(rng.random() < config.unheard)
            )
            found.append(by_name)
            span = span_of(i, waves, rng) if rng.random() < 0.35 else None
            if span is not None:
                found.append(Item(SPAN, (i,), span=span))
            elif rng.random() < 0.75:
                examples.append((self._example(name, entries[i], rng), name))
                found.append(Item(EXAMPLE, (i,), len(examples) - 1))
        related = clear_relations([measure_voice(waves[i]) for i in speech])
        for i, relations in zip(speech, related, strict=True):
            found += self._voice_items(i, relations, speech, sources, waves, examples, rng)
        if speech or rng.random() < 0.3:
            found.append(Item(STYLE, tuple(speech), styles=("all_speech",)))
        if audio or rng.random() < 0.3:
            found.append(Item(STYLE, tuple(audio), styles=("all_audio",)))
        if audio and rng.random() < 0.35:
            choices = sorted({k for i in audio for k in self._kinds_of[label_of(entries[i])]})
            if choices:
                kind = choices[int(rng.integers(len(choices)))]
                members = self._members(kind, audio, entries)
                found.append(Item(KIND, members, kind))
        keep = max(1, config.items - 3)
        found = [found[i] for i in rng.permutation(len(found))][:keep]
        while len(found) < config.items:
            found.append(self._absent(entries, speech, audio, examples, rng))
        return found

    def _voice_items(
        self,
        source: int,
        relations: Sequence[str],
        speech: Sequence[int],
        sources: Sequence[tuple[Bank, Entry]],
        waves: NDArray[np.float32],
        examples: list[tuple[Waveform, str]],
        rng: np.random.Generator,
    ) -> list[Item]:
        """One voice by its style, by how it relates to the others, by pointing, by another
        recording of the speaker."""
        found = []
        styles = styles_of(source, speech, [entry for _, entry in sources], rng)
        if styles is not None:
            found.append(Item(STYLE, (source,), styles=styles))
        if relations and rng.random() < 0.7:
            relation = relations[int(rng.integers(len(relations)))]
            found.append(Item(STYLE, (source,), styles=("speech", f"relation={relation}")))
        # Who points where a sound and a voice are about as loud means the sound.
        span = span_of(source, waves, rng, least_share=0.8) if rng.random() < 0.2 else None
        if span is not None:
            found.append(Item(SPAN, (source,), span=span))
        bank, entry = sources[source]
        others = [e for e in self._of_speaker[bank.name, entry.group] if e.id != entry.id]
        if others and rng.random() < 0.2:
            other = others[int(rng.integers(len(others)))]
            examples.append((self._excerpt(bank, other, rng), ""))
            found.append(Item(EXAMPLE, (source,), len(examples) - 1))
        return found

    def _members(
        self, kind: int, audio: Sequence[int], entries: Sequence[Entry]
    ) -> tuple[int, ...]:
        return tuple(i for i in audio if kind in self._kinds_of[label_of(entries[i])])

    def _absent(
        self,
        entries: Sequence[Entry],
        speech: Sequence[int],
        audio: Sequence[int],
        examples: list[tuple[Waveform, str]],
        rng: np.random.Generator,
    ) -> Item:
        """Something that is not in the mixture."""
        config = self.config
        here = {label_of(entries[i]) for i in audio}
        draw = rng.random()
        genders = {getattr(entries[i].description, "gender", None) for i in speech}
        if draw < 0.15 and None not in genders and len(genders) < 2:
            gone = "F" if genders == {"M"} else "M" if genders == {"F"} else None
            if gone is None:
                gone = ("M", "F")[int(rng.integers(2))]
            return Item(STYLE, (), styles=("speech", f"gender={gone}"))
        if draw < 0.25 and self.kinds:
            kind = int(rng.integers(len(self.kinds)))
            if not self._members(kind, audio, entries):
                return Item(KIND, (), kind)
        kinds_here = {k for name in here for k in self._kinds_of[name]}
        for _ in range(20):
            name = self.names[int(rng.integers(len(self.names)))]
            near = kinds_here & set(self._kinds_of[name])
            # A name of the same kind as what is there may well fit it: those mostly stay away.
            if name not in here and name in self._by_name and (not near or rng.random() < 0.25):
                break
        if draw < 0.45:
            examples.append((self._example(name, None, rng), name))
            return Item(EXAMPLE, (), len(examples) - 1)
        return Item(NAME, (), self._index[name], unheard=bool(rng.random() < config.unheard))


@dataclass(frozen=True)
class _Mixture:
    waves: NDArray[np.float32]
    labels: list[str]
    items: list[Item]
    beside: NDArray[np.float32]
    examples: list[tuple[Waveform, str]]


def _collate(mixtures: Sequence[_Mixture], index: Mapping[str, int], rows: int) -> QueryBatch:
    examples: list[Waveform] = []
    example_names: list[int] = []
    count = len(mixtures[0].items)
    shape = (len(mixtures), count)
    origin, at = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    unheard, present = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=np.float32)
    span = np.zeros((*shape, 2), dtype=np.float32)
    styles = np.zeros((*shape, len(STYLE_COLUMNS)), dtype=np.float32)
    members = np.zeros((*shape, rows), dtype=np.float32)
    source_names = np.full((len(mixtures), rows), -1, dtype=np.int64)
    for m, mixture in enumerate(mixtures):
        offset = len(examples)
        examples += [wave for wave, _ in mixture.examples]
        example_names += [index.get(name, -1) for _, name in mixture.examples]
        for s, label in enumerate(mixture.labels):
            source_names[m, s] = index.get(label, -1)
        for k, item in enumerate(mixture.items):
            origin[m, k] = item.origin
            at[m, k] = item.index + (offset if item.origin == EXAMPLE else 0)
            unheard[m, k], present[m, k] = item.unheard, bool(item.members)
            span[m, k] = item.span
            for style in item.styles:
                styles[m, k, STYLE_COLUMN[style]] = 1
            members[m, k, list(item.members)] = 1
    waves = np.stack(examples) if examples else np.zeros((0, 1), dtype=np.float32)
    return QueryBatch(
        sources=torch.from_numpy(np.stack([mixture.waves for mixture in mixtures])),
        examples=torch.from_numpy(waves),
        example_names=torch.tensor(example_names, dtype=torch.long),
        source_names=torch.from_numpy(source_names),
        origin=torch.from_numpy(origin),
        index=torch.from_numpy(at),
        unheard=torch.from_numpy(unheard),
        span=torch.from_numpy(span),
        styles=torch.from_numpy(styles),
        members=torch.from_numpy(members),
        present=torch.from_numpy(present),
        beside=torch.from_numpy(np.stack([mixture.beside for mixture in mixtures])),
    )


def _pools(bank: Bank) -> tuple[list[Entry], list[list[Entry]]]:
    """Described speech, and sounds by name, of a bank's train split."""
    speech: list[Entry] = []
    audio: dict[str, list[Entry]] = {}
    for entry in bank.entries("train"):
        if isinstance(entry.description, SpeechDescription):
            speech.append(entry)
        else:
            audio.setdefault(label_of(entry), []).append(entry)
    return speech, list(audio.values())


def _clash(a: Entry, b: Entry) -> bool:
    return label_of(a) == label_of(b) != ""


def _normalised(values: Sequence[float]) -> NDArray[np.float64]:
    shares = np.array(values, dtype=np.float64)
    return np.asarray(shares / shares.sum())


def _kinds(names: Sequence[str], lexicon: Lexicon) -> tuple[frozenset[int], ...]:
    """The names of each hypernym that has three or more of them."""
    index = {name: i for i, name in enumerate(names)}
    found = [
        frozenset(index[sound.name] for sound in sounds if sound.name in index)
        for _, sounds in sorted(lexicon.by_hypernym.items())
    ]
    return tuple(members for members in found if len(members) >= 3)
