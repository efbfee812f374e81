"""A listener whose ears are known: noise in four bands (see
tests/baselines/composite/test_remixer.py) is a man, a woman, a barking dog and rain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from agents.listening.listener import Listener, ListenerConfig
from baselines.clap.wording import wordings
from baselines.pit.separation import Separator
from lcr.instruction import AudioDescription, Description, SpeechDescription
from tests.baselines.composite.test_remixer import BANDS_HZ, BandOracle

MAN, WOMAN = SpeechDescription(gender="M"), SpeechDescription(gender="F")
DOG, RAIN = AudioDescription(label="dog barking"), AudioDescription(label="rain")
TRUTH: tuple[Description, ...] = (MAN, WOMAN, DOG, RAIN)


class BandClap:
    """Embeds a sound by the power in each band, and the wordings of `bands` as their band; other
    words are nothing. Words that are no wording are those of the description they share most of."""

    sample_rate, width = 16_000, 4

    def __init__(self, bands: Mapping[Description, int], scale: float = 20.0) -> None:
        self.scale = torch.tensor(scale)
        self._bands = {text: band for d, band in bands.items() for text in wordings(d)}

    def embed_audio(self, clips: Tensor) -> Tensor:
        power = torch.fft.rfft(clips, 8192).abs().square()
        hertz = torch.fft.rfftfreq(8192, 1 / 16_000)
        found = [power[:, (hertz >= low) & (hertz <= high)].sum(1) for low, high in BANDS_HZ]
        return functional.normalize(torch.stack(found, 1), dim=-1)

    def embed_text(self, texts: Sequence[str]) -> Tensor:
        rows = torch.zeros(len(texts), self.width)
        for row, text in zip(rows, texts, strict=True):
            if text in self._bands:
                row[self._bands[text]] = 1.0
        return rows


def listener(separator: Separator | None = None, config: ListenerConfig | None = None) -> Listener:
    # Words of the man are about pitch too, so that he is a low one to this listener.
    speech: dict[Description, int] = {
        MAN: 0,
        SpeechDescription(pitch="low"): 0,
        WOMAN: 1,
        SpeechDescription(pitch="high"): 1,
    }
    models = {"speech": BandClap(speech), "audio": BandClap({DOG: 2, RAIN: 3})}
    return Listener(separator or BandOracle(), models, config, weights={"ears": "0" * 64})  # type: ignore[arg-type]


def at_levels(sources: NDArray[np.float32], *levels_db: float) -> NDArray[np.float32]:
    gains = 10 ** (np.array(levels_db) / 20)
    return (sources * gains[:, None, None]).astype(np.float32)
