"""What is asked of a training mixture: queries and the sources that answer each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lcr.data.bank import SAMPLE_RATE, Entry
from lcr.instruction import SpeechDescription
from lcr.nn.query.names import STYLE_COLUMNS

NAME, EXAMPLE, SPAN, STYLE, KIND = range(5)
"""Where a query's vector comes from: a name, another recording, a stretch of the mixture, a voice's
style or a scope, the names of one hypernym."""

STYLE_COLUMN = {name: i for i, name in enumerate(STYLE_COLUMNS)}


@dataclass(frozen=True)
class Item:
    origin: int
    members: tuple[int, ...]
    index: int = -1
    unheard: bool = False
    span: tuple[float, float] = (0.0, 0.0)
    styles: tuple[str, ...] = ()


def span_of(
    source: int, waves: NDArray[np.float32], rng: np.random.Generator, least_share: float = 0.5
) -> tuple[float, float] | None:
    """A second or less in which the source has more than `least_share` of the energy, or None."""
    step = SAMPLE_RATE // 10
    count = waves.shape[1] // step
    power = np.square(waves[:, : count * step]).reshape(len(waves), count, step).sum(-1)
    length = int(rng.integers(4, 11))
    window = np.ones(length)
    mine = np.convolve(power[source], window, "valid")
    share = mine / (np.convolve(power.sum(0), window, "valid") + 1e-9)
    loud = mine > 0.2 * mine.max()
    good = np.flatnonzero(loud & (share > least_share))
    if not len(good):
        return None
    weights = share[good] ** 2
    start = int(rng.choice(good, p=weights / weights.sum()))
    return start * step / SAMPLE_RATE, (start + length) * step / SAMPLE_RATE


def styles_of(
    source: int, speech: Sequence[int], entries: Sequence[Entry], rng: np.random.Generator
) -> tuple[str, ...] | None:
    """Styles that tell one voice from the others in the mixture, and sometimes more; None where
    nothing does."""
    mine = entries[source].description
    assert isinstance(mine, SpeechDescription)
    stated = list(mine.known.items())
    others = [entries[i].description for i in speech if i != source]
    order = [stated[i] for i in rng.permutation(len(stated))]
    chosen: list[tuple[str, str]] = []
    for other in others:
        assert isinstance(other, SpeechDescription)
        apart = mine.distinguishing(other)
        if not apart:
            return None
        if not any(name in apart for name, _ in chosen):
            chosen.append(next(pair for pair in order if pair[0] in apart))
    for pair in order:
        if pair not in chosen and rng.random() < 0.25:
            chosen.append(pair)
    return ("speech", *(f"{name}={value}" for name, value in chosen))


def beside_each(items: Sequence[Item], rng: np.random.Generator) -> NDArray[np.float32]:
    """Which other items a prompt may name beside each: things that are not the same."""
    table = np.zeros((len(items), len(items)), dtype=np.float32)
    for i, item in enumerate(items):
        if rng.random() < 0.4:
            continue
        taken = set(item.members)
        for j in rng.permutation(len(items)):
            other = items[j]
            if j != i and not taken & set(other.members) and rng.random() < 0.4:
                table[i, j] = 1
                taken |= set(other.members)
    return table
