"""The audio clue of Table V: the right voice, never the recording that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lcr.data.bank import Entry, Split, Waveform
from lcr.data.mixtures import MixtureConfig, MixtureSet
from lcr.instruction import Action, SpeechDescription

pytest.importorskip("torch")

from experiments.comparison.errors import ConfigError
from experiments.paper.enrolled import Enrolled, _key, choose, enrol


class Voices:
    """Three recordings each of four voices, two of them men's."""

    name, digest = "voices", "0" * 64

    def entries(self, split: Split) -> Sequence[Entry]:
        return [
            Entry(
                id=f"{gender}{voice}-{n}",
                description=SpeechDescription(gender=gender),
                split=split,
                group=f"{gender}{voice}",
            )
            for gender in ("M", "F")
            for voice in range(2)
            for n in range(3)
        ]

    def load(self, entry: Entry) -> Waveform:
        rng = np.random.default_rng(sum(entry.id.encode()))
        return (0.1 * rng.standard_normal(16_000)).astype(np.float32)


CONFIG = MixtureConfig(n_speech=2, n_audio=0, duration_s=0.5, differ_in="gender", tasks=("TSE",))


def test_another_recording_of_who_is_kept_is_chosen() -> None:
    mixtures = MixtureSet(Voices(), split="test", config=CONFIG, seed=0, name="v")
    by_speaker: dict[str, list[Entry]] = {}
    for entry in mixtures.bank.entries("test"):
        by_speaker.setdefault(entry.group, []).append(entry)
    for index in range(20):
        example = mixtures.example(index)
        kept = example.instruction.actions.index(Action.KEEP)
        chosen = choose(example, by_speaker)
        assert chosen.group == example.groups[kept]
        assert chosen.id not in example.clips
        assert choose(example, by_speaker) == chosen
    with pytest.raises(ConfigError, match="one recording only"):
        choose(example, {group: entries[:0] for group, entries in by_speaker.items()})


def test_each_mixture_meets_its_own_recording() -> None:
    class Told:
        card = None

        def extract(self, mixture: Any, rate: int, *, prompt: str, enrolment: Any) -> Any:
            return prompt, enrolment.numpy().tolist()

    mixture = np.ones((1, 4), dtype=np.float32)
    system = Enrolled(Told(), {_key(mixture[0]): np.array([0.5], dtype=np.float32)})
    assert system.remix(mixture, 16_000, "her") == ("her", [0.5])
    with pytest.raises(ValueError, match="laid ready"):
        system.remix(mixture * 2, 16_000, "her")


def test_only_llm_tse_takes_a_recording() -> None:
    with pytest.raises(ConfigError, match="only LLM-TSE"):
        enrol(SimpleNamespace(remixer=object()), SimpleNamespace(mixtures=object()))
