"""What is in a recording: an inventory of its sources, each with a description and how sure that
is. A separator takes the recording apart; the open model, by which `lcr` remixes, says what each
part is, by any name of the lexicon."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.listening.beliefs import Beliefs, in_words
from agents.listening.separate import separate_stems
from agents.plan import HeardSource
from baselines.clap.assign import NONE, best_assignment
from baselines.pit.separation import Separator, load_separator
from baselines.shipped import find_weights
from lcr.audio.core import rms_db
from lcr.checkpoints import Checkpoint, find_checkpoint
from lcr.instruction import STYLE_VALUES, Description, Kind
from lcr.joint.load import DEFAULT_WEIGHTS
from lcr.joint.query import SAMPLE_RATE, Floats, QueryModel, unit_length
from lcr.joint.torch_network import read_query_model
from lcr.remixer import Audio, Step
from lcr.running.chunked import mono_16k

LIMITS = (
    "the listener's names are guesses: on real recordings the name of a sound is right for 22 % of "
    "separated sources, among the first five for 39 %, and for 34 % of clean ones (on synthetic "
    "ones 67 %, 90 % and 95 %); a separated speaker's gender for 77 %"
)
"""Of 64 test mixtures of the suites `real` and `studio`; measure with
`experiments/analysis/listener_accuracy.py`."""
STYLES = ("gender", "pitch")
"""Those that are heard better than by chance (`experiments/analysis/voice_choice.py`)."""
_CHUNK = 20 * SAMPLE_RATE
_TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class ListenerConfig:
    """`quiet_db`: outputs of a separator that much below the mixture are nothing. `kinds_right`:
    how often a separator that tells kinds is right. `one_voice`: two outputs of
    one gender are one speaker from that cosine of their vectors on."""

    quiet_db: float = -25.0
    kinds_right: float = 0.99
    one_voice: float = 0.95


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Sources heard in a recording, with their audio (sources, channels, samples), loudest first,
    and what is believed of each; `steps` what was done, with seconds."""

    heard: tuple[HeardSource, ...]
    audio: NDArray[np.float32]
    beliefs: tuple[Beliefs, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def descriptions(self) -> tuple[Description, ...]:
        return tuple(one.description for one in self.heard)

    def match(self, descriptions: Sequence[Description]) -> tuple[int, ...]:
        """The number of the description that each entry is, NONE where it is none of them: the
        likeliest assignment in which no two entries are one source."""
        tiny = np.finfo(np.float64).tiny
        scores = np.log([[max(b.of(d), tiny) for d in descriptions] for b in self.beliefs])
        chosen = np.full(len(self.beliefs), NONE)
        for description, entry in enumerate(best_assignment(scores) if self.beliefs else ()):
            if entry != NONE:
                chosen[entry] = description
        return tuple(chosen.tolist())


@dataclass(frozen=True)
class _Evidence:
    """Of one part: the sum of its vectors (query_dim,) and of what of it fits each of the
    listener's queries (queries,), both by energy."""

    vector: Floats
    fits: Floats

    def __add__(self, other: _Evidence) -> _Evidence:
        return _Evidence(self.vector + other.vector, self.fits + other.fits)


@dataclass(frozen=True)
class _Part:
    """(channels, samples) of a mixture."""

    audio: Audio
    evidence: _Evidence
    beliefs: Beliefs


class Listener:
    """Mixtures to inventories. `weights` are the model's and the separator's, name to sha256."""

    def __init__(
        self,
        separator: Separator,
        model: QueryModel,
        config: ListenerConfig | None = None,
        *,
        kinds: Sequence[Kind] = (),
        weights: Mapping[str, str] | None = None,
        made: str = "",
        device: str = "cpu",
    ) -> None:
        """`kinds` are those of the separator's outputs, where its training kept them apart; `made`
        says in words what it hears with."""
        self._separator = separator.to(device).eval()
        self.model, self._device, self._kinds = model, device, tuple(kinds)
        self.config = config or ListenerConfig()
        self.weights, self.made = dict(weights or {}), made
        stated = [(style, value) for style in STYLES for value in STYLE_VALUES[style]]
        self._queries = [model.of_style("all_speech"), model.of_style("all_audio")]
        self._queries += [model.of_style("speech", f"{style}={value}") for style, value in stated]
        self._names = [sound.name for sound in model.lexicon.sounds]

    @property
    def sample_rate(self) -> int:
        """Hz at which it separates."""
        return self._separator.sample_rate

    def listen(self, mixture: Audio, sample_rate: int) -> Inventory:
        """The inventory of (channels, samples). Outputs that are one source are one entry: those
        of one name, as "the dog" is all dogs, and those of one voice. Raises ValueError for
        unusable audio."""
        began = time.perf_counter()
        stems = separate_stems(self._separator, mixture, sample_rate, device=self._device)
        separated = time.perf_counter()
        levels = [rms_db(stem) for stem in stems]
        # Loudest first; a separator's own order means nothing.
        order = sorted(range(len(stems)), key=lambda i: -levels[i])
        least = rms_db(mixture) + self.config.quiet_db
        kept = [i for i in order if np.isfinite(levels[i]) and levels[i] >= least]
        kinds: list[Kind | None] = [self._kinds[i] if self._kinds else None for i in kept]
        step = Step(name="separate", detail=f"{len(stems)} outputs", seconds=separated - began)
        parts: list[_Part] = []
        for i, kind, evidence in zip(
            kept, kinds, self._evidence(stems[kept], sample_rate, mixture), strict=True
        ):
            new = _Part(stems[i], evidence, self._believed(evidence, kind))
            same = next((n for n, one in enumerate(parts) if self._is_one(one, new)), None)
            if same is None:
                parts.append(new)
            else:
                one, both = parts[same], parts[same].evidence + evidence
                parts[same] = _Part(one.audio + new.audio, both, self._believed(both, kind))
        parts.sort(key=lambda part: -rms_db(part.audio))
        heard = tuple(p.beliefs.heard(n, rms_db(p.audio)) for n, p in enumerate(parts, start=1))
        listened = Step(
            name="listen",
            detail="; ".join(map(in_words, heard)) or "nothing is heard",
            seconds=time.perf_counter() - separated,
            data={one.id: dict(one.confidences) for one in heard},
        )
        audio = np.stack([part.audio for part in parts]) if parts else stems[:0]
        beliefs = tuple(part.beliefs for part in parts)
        return Inventory(heard=heard, audio=audio, beliefs=beliefs, steps=(step, listened))

    def describe(self, parts: NDArray[np.float32], sample_rate: int) -> tuple[Beliefs, ...]:
        """What each of (sources, channels, samples) is, by itself."""
        alone = [self._evidence(part[None], sample_rate, part)[0] for part in parts]
        return tuple(map(self._believed, alone))

    def _is_one(self, one: _Part, other: _Part) -> bool:
        """Whether two parts are sounds of one name, or parts of one voice."""
        if one.beliefs.kind != other.beliefs.kind:
            return False
        if one.beliefs.kind == "audio":
            return one.beliefs.name == other.beliefs.name
        alike = float(unit_length(one.evidence.vector) @ unit_length(other.evidence.vector))
        return one.beliefs.gender == other.beliefs.gender and alike >= self.config.one_voice

    def _evidence(
        self, parts: NDArray[np.float32], sample_rate: int, mixture: Audio
    ) -> list[_Evidence]:
        """Of `parts` (sources, channels, samples) of a mixture (channels, samples)."""
        model = self.model
        whole = mono_16k(mixture, sample_rate)
        each = [mono_16k(part, sample_rate) for part in parts]
        nothing = np.zeros_like(self._queries[0]), np.zeros(len(self._queries), np.float32)
        found = [_Evidence(*nothing) for _ in parts]
        for start in range(0, len(whole), _CHUNK):
            at = slice(start, start + _CHUNK)
            if not each or not whole[at].any():
                continue
            encoding = model.encode(whole[at])
            own = np.stack([model.energy_of(encoding, wave[at]) for wave in each])
            # What a separator adds or loses at a place is shared out.
            own *= encoding.energy / np.maximum(own.sum(0), _TINY)
            answered = model.answer(encoding, self._queries).parts
            fits = np.einsum("qtf,nft->nq", answered, own) * encoding.level**2
            for n, energy in enumerate(own):
                weight = np.float32(energy.sum() * encoding.level**2)
                found[n] += _Evidence(model.of_part(encoding, energy) * weight, fits[n])
        return found

    def _believed(self, evidence: _Evidence, kind: Kind | None = None) -> Beliefs:
        """What is believed of a part. Where the separator tells speech from sounds, it is believed
        before the model."""
        speech, others, *rest = (evidence.fits + _TINY).tolist()
        sure = self.config.kinds_right
        told = {"speech": sure, "audio": 1 - sure, None: speech / (speech + others)}
        left = iter(rest)
        styles = {}
        for style in STYLES:
            found = {value: next(left) for value in STYLE_VALUES[style]}
            styles[style] = {v: part / sum(found.values()) for v, part in found.items()}
        shares = self.model.name_shares(evidence.vector).tolist()
        labels = dict(zip(self._names, shares, strict=True))
        return Beliefs(speech=told[kind], styles=styles, labels=labels)


def load_listener(
    *,
    separator: str = "separator",
    weights: str = DEFAULT_WEIGHTS,
    config: ListenerConfig | None = None,
    device: str = "cpu",
) -> Listener:
    """With a separator and an open model that ship under these names, or are at these paths. Raises
    MissingWeightsError where some are absent, WeightsError where they are damaged or of another
    kind."""
    loaded = load_separator(find_weights(separator))
    checkpoint = Checkpoint.read(find_checkpoint(weights))
    return Listener(
        loaded.separator,
        read_query_model(checkpoint, device=device),
        config,
        kinds=loaded.kinds,
        weights={**loaded.weights, **checkpoint.weights()},
        made=f"{loaded.made}; parts named by {checkpoint.folder.name}",
        device=device,
    )
