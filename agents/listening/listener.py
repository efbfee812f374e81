"""What is in a recording: an inventory of its sources, each with a description and how sure that
is. A separator takes the recording apart; two CLAPs, one of speakers and one of other sounds, say
what each part is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.listening.beliefs import Beliefs, in_words
from agents.listening.separate import separate_stems
from agents.plan import HeardSource
from baselines.clap.assign import NONE, best_assignment, load_matcher
from baselines.clap.model import TextAudioModel
from baselines.clap.wording import embed_descriptions
from baselines.pit.separation import Separator, load_separator
from baselines.shipped import find_weights
from lcr.audio.core import resample, rms_db
from lcr.instruction import (
    STYLE_VALUES,
    AudioDescription,
    Description,
    Kind,
    SpeechDescription,
)
from lcr.prompts.generator.labels import PARAPHRASES
from lcr.remixer import Audio, Step

KINDS: tuple[Kind, ...] = ("speech", "audio")
LIMITS = (
    "the listener's names are guesses: on field recordings the class of a sound is right for 20 % "
    "of separated sources and 27 % of clean ones, a speaker's pitch for 7 %, gender for 89 %"
)
"""Measured by `python -m experiments.analysis.listener_accuracy --suite field`, 64
mixtures of the validation split."""


@dataclass(frozen=True, kw_only=True)
class ListenerConfig:
    """`quiet_db`: outputs of a separator that much below the mixture are nothing. `labels`: the
    classes that a sound can be. `speech_nats` is added to the log-odds of an output's being speech:
    two models scored it, and nothing ties the scale of one to the other. `kinds_right`: how often a
    separator that tells kinds is right."""

    quiet_db: float = -25.0
    labels: tuple[str, ...] = tuple(PARAPHRASES)
    speech_nats: float = 0.0
    kinds_right: float = 0.99

    def __post_init__(self) -> None:
        if not self.labels:
            raise ValueError("a listener needs at least one class of sounds to choose from")


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Sources heard in a recording, with their audio (sources, channels, samples), loudest first.

    `embedded` (sources, width) are the sounds as the CLAP of each kind hears them; `kinds` what the
    separator says they are, where it does; `steps` what was done, with seconds.
    """

    heard: tuple[HeardSource, ...]
    audio: NDArray[np.float32]
    embedded: Mapping[Kind, Tensor] = field(default_factory=dict)
    kinds: tuple[Kind, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def descriptions(self) -> tuple[Description, ...]:
        return tuple(one.description for one in self.heard)


class Listener:
    """Mixtures to inventories. `models` are the CLAPs; `weights` their and the separator's names
    with sha256."""

    def __init__(
        self,
        separator: Separator,
        models: Mapping[Kind, TextAudioModel],
        config: ListenerConfig | None = None,
        *,
        kinds: Sequence[Kind] = (),
        weights: Mapping[str, str] | None = None,
        device: str = "cpu",
    ) -> None:
        """`kinds` are those of the separator's outputs, where its training kept them apart.

        Raises ValueError unless there is a CLAP for each kind."""
        lacking = [kind for kind in KINDS if kind not in models]
        if lacking:
            raise ValueError(f"a listener needs a CLAP for {' and for '.join(lacking)}")
        self._separator = separator.to(device).eval()
        self._models, self._device, self._kinds = dict(models), device, tuple(kinds)
        self.config = config or ListenerConfig()
        self.weights = dict(weights or {})
        self._text = lru_cache(maxsize=4096)(self._embed_text)

    @property
    def sample_rate(self) -> int:
        """Hz at which it separates."""
        return self._separator.sample_rate

    def listen(self, mixture: Audio, sample_rate: int) -> Inventory:
        """The inventory of (channels, samples). Raises ValueError for unusable audio."""
        began = time.perf_counter()
        stems = separate_stems(self._separator, mixture, sample_rate, device=self._device)
        separated = time.perf_counter()
        levels = [rms_db(stem) for stem in stems]
        # Loudest first; a separator's own order means nothing.
        order = sorted(range(len(stems)), key=lambda i: -levels[i])
        least = rms_db(mixture) + self.config.quiet_db
        kept = [i for i in order if np.isfinite(levels[i]) and levels[i] >= least]
        kinds = [self._kinds[i] for i in kept] if self._kinds else ()
        step = Step(name="separate", detail=f"{len(stems)} outputs", seconds=separated - began)
        stems = stems[kept]  # the others' memory is free from here
        inventory = self.describe(stems, sample_rate, kinds=kinds)
        return replace(inventory, steps=(step, *inventory.steps))

    def describe(
        self, parts: NDArray[np.float32], sample_rate: int, *, kinds: Sequence[Kind] = ()
    ) -> Inventory:
        """The inventory of sounds (sources, channels, samples) that are apart, in their order, of
        these `kinds`, where they are known.

        Raises ValueError for silent ones, which have no level.
        """
        began = time.perf_counter()
        levels = [rms_db(part) for part in parts]
        if not np.isfinite(levels).all():
            raise ValueError("a silent part is no source; leave it out")
        embedded = self.embed(parts, sample_rate)
        beliefs = self.beliefs(embedded, kinds=kinds)
        heard = tuple(b.heard(n + 1, levels[n]) for n, b in enumerate(beliefs))
        step = Step(
            name="listen",
            detail="; ".join(map(in_words, heard)) or "nothing is heard",
            seconds=time.perf_counter() - began,
            data={one.id: dict(one.confidences) for one in heard},
        )
        return Inventory(
            heard=heard, audio=parts, embedded=embedded, kinds=tuple(kinds), steps=(step,)
        )

    @torch.inference_mode()
    def embed(self, audio: NDArray[np.float32], sample_rate: int) -> dict[Kind, Tensor]:
        """Sounds (sources, channels, samples) as each model hears them, (sources, width)."""
        found: dict[Kind, Tensor] = {}
        for kind, model in self._models.items():
            found[kind] = torch.empty(len(audio), model.width)
            for n, one in enumerate(audio):  # one by one: all at once take several times their size
                clip = resample(one.mean(0, keepdims=True), sample_rate, model.sample_rate)
                found[kind][n] = model.embed_audio(torch.from_numpy(clip).to(self._device))[0]
        return found

    @torch.inference_mode()
    def beliefs(
        self,
        embedded: Mapping[Kind, Tensor],
        further: Sequence[str] = (),
        *,
        kinds: Sequence[Kind] = (),
    ) -> list[Beliefs]:
        """What each of the sounds of `embed` is. `further` are classes beside the config's;
        `kinds` are of a separator that knows, whose word counts for more than the CLAPs'.

        At the optimum of its loss a CLAP's scaled similarity is log p(sound | words) / p(sound)
        and a constant. So the softmax over the values of a style, or over classes, is their
        posterior for equal priors, and the mean of its exponential over them the evidence for the
        kind as a whole; that for speech is the geometric mean over the styles.
        """
        names = tuple(dict.fromkeys((*self.config.labels, *further)))
        labels = self._logits(embedded["audio"], [AudioDescription(label=n) for n in names])
        styles = {
            name: self._logits(
                embedded["speech"], [SpeechDescription(**{name: value}) for value in values]
            )
            for name, values in STYLE_VALUES.items()
        }
        evidence = torch.stack([_log_mean_exp(logits) for logits in styles.values()]).mean(0)
        # Without the further ones: who asks must not change what is heard.
        others = _log_mean_exp(labels[:, : len(self.config.labels)])
        speech = (evidence - others + self.config.speech_nats).sigmoid().tolist()
        if kinds:
            sure = self.config.kinds_right
            speech = [sure if kind == "speech" else 1 - sure for kind in kinds]
        return [
            Beliefs(
                speech=p,
                styles={
                    name: dict(zip(STYLE_VALUES[name], logits[i].softmax(0).tolist(), strict=True))
                    for name, logits in styles.items()
                },
                labels=dict(zip(names, labels[i].softmax(0).tolist(), strict=True)),
            )
            for i, p in enumerate(speech)
        ]

    def match(self, inventory: Inventory, descriptions: Sequence[Description]) -> tuple[int, ...]:
        """The number of the description that each entry is, NONE where it is none of them: the
        likeliest assignment in which no two entries are one source."""
        named = [d.label for d in descriptions if isinstance(d, AudioDescription)]
        beliefs = self.beliefs(inventory.embedded, named, kinds=inventory.kinds)
        tiny = np.finfo(np.float64).tiny
        scores = np.log([[max(b.of(d), tiny) for d in descriptions] for b in beliefs])
        chosen = np.full(len(beliefs), NONE)
        for description, entry in enumerate(best_assignment(scores) if beliefs else ()):
            if entry != NONE:
                chosen[entry] = description
        return tuple(chosen.tolist())

    def _logits(self, embedded: Tensor, described: Sequence[Description]) -> Tensor:
        """(sources, described)."""
        texts = torch.stack([self._text(d) for d in described])
        scale = self._models[described[0].kind].scale.float().cpu()
        return scale * embedded @ texts.T

    def _embed_text(self, description: Description) -> Tensor:
        model = self._models[description.kind]
        return embed_descriptions(model, [description])[0].float().cpu()


def _log_mean_exp(logits: Tensor) -> Tensor:
    """Over the last dimension."""
    return logits.logsumexp(-1) - float(np.log(logits.shape[-1]))


def load_listener(
    *,
    separator: str = "separator",
    speech: str = "clap-speech",
    audio: str = "clap-audio",
    config: ListenerConfig | None = None,
    device: str = "cpu",
) -> Listener:
    """With weights that ship under these names, or are at these paths. Raises MissingWeightsError
    where some are absent, WeightsError where they are damaged or of another kind."""
    loaded = load_separator(find_weights(separator))
    matcher = load_matcher(
        {"speech": find_weights(speech), "audio": find_weights(audio)}, device=device
    )
    return Listener(
        loaded.separator,
        {kind: clap.model for kind, clap in matcher.claps.items()},
        config,
        kinds=loaded.kinds,
        weights={**loaded.weights, **matcher.weights},
        device=device,
    )
