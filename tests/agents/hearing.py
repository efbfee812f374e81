"""A listener whose ears are known: noise in four bands (see
tests/baselines/composite/test_remixer.py) is a man, a woman, a barking dog and rain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.listening.listener import Listener, ListenerConfig
from baselines.pit.separation import Separator
from lcr.instruction import AudioDescription, Description, SpeechDescription
from lcr.joint.query import Answer, Floats, Naming, QueryModel, Tables
from tests.baselines.composite.test_remixer import BandOracle

MAN, WOMAN = SpeechDescription(gender="M"), SpeechDescription(gender="F")
DOG, RAIN = AudioDescription(label="dog barking"), AudioDescription(label="rain")
TRUTH: tuple[Description, ...] = (MAN, WOMAN, DOG, RAIN)
_STYLES = {
    ("all_speech",): (1, 1, 0, 0),
    ("all_audio",): (0, 0, 1, 1),
    ("speech", "gender=M"): (1, 0, 0, 0),
    ("speech", "gender=F"): (0, 1, 0, 0),
    # So that the man is a low one to this listener.
    ("speech", "pitch=low"): (1, 0, 0, 0),
    ("speech", "pitch=high"): (0, 1, 0, 0),
}


class _BandNetwork:
    """A sound's vector is its energy in each band, and a query's values say which bands fit it."""

    n_fft, items = 1024, 8
    band_bins = (68, 70, 96, 279)

    def hear(self, spectrum: Floats) -> Floats:
        return spectrum[:1, :, 0]

    def describe(self, features: Floats, power: Floats) -> Floats:
        return power.sum(1)

    def answer(
        self, features: Floats, energy: Floats, queries: Floats, others: Floats | None
    ) -> Answer:
        masks = np.repeat(queries, self.band_bins, 1)[:, None].repeat(energy.shape[1], 1)
        return Answer(masks, np.zeros(len(queries), np.float32))


class BandModel(QueryModel):
    """Knows two sounds by name, and two voices."""

    def __init__(self, named: tuple[str, ...] = ("dog barking", "rain")) -> None:
        vectors = np.eye(4, dtype=np.float32)[2 : 2 + len(named)]
        none = np.zeros(4, np.float32)
        tables = Tables(
            labels=named,
            named=vectors,
            alone=vectors,
            weight=np.zeros((80, 4), np.float32),
            bias=none,
            columns=(),
            styles=(none, none, none, none),
        )
        super().__init__(_BandNetwork(), tables, naming=Naming(scale=20, unrecorded=3))  # type: ignore[arg-type]

    def of_style(self, *stated: str) -> Floats:
        return np.array(_STYLES.get(stated, (0, 0, 0, 0)), np.float32)


def listener(
    separator: Separator | None = None,
    config: ListenerConfig | None = None,
    model: QueryModel | None = None,
) -> Listener:
    weights = {"ears": "0" * 64}
    return Listener(separator or BandOracle(), model or BandModel(), config, weights=weights)


def at_levels(sources: NDArray[np.float32], *levels_db: float) -> NDArray[np.float32]:
    gains = 10 ** (np.array(levels_db) / 20)
    return (sources * gains[:, None, None]).astype(np.float32)
