"""What sounds in a mixture, in names of the lexicon: for answers such as "I hear a man, a dog"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lcr.joint.query import SAMPLE_RATE, Encoding, Floats, QueryModel, Thresholds, unit_length

WINDOW_S, HOP_S = 1.0, 0.5
NAMES_A_WINDOW = 3
CANDIDATES = 24
SAME_SOUND = 0.5
"""Two names whose masks overlap by more than this share of their energy mean one sound."""
_NEAREST = 5
VOICES = (("man", "gender=M"), ("woman", "gender=F"))


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A sound that is there: its name, the presence logit, and the names that fit it next."""

    name: str
    logit: float
    others: tuple[str, ...] = ()


def listen(model: QueryModel, encoding: Encoding, *, most: int = 8) -> list[Heard]:
    """The sounds of one mixture, the surest first, at most `most`.

    Each second of the mixture is compared with the vectors of recorded names; the nearest names
    are asked for one by one, and of names that fit the same places only the surest stays.
    """
    names = [(label, model.of_name(label)) for label in _candidates(model, encoding)]
    names += [(word, model.of_style("speech", style)) for word, style in VOICES]
    answer = model.answer(encoding, [vector for _, vector in names])
    logits = answer.presence
    parts = answer.parts * np.sqrt(encoding.energy).T
    parts = unit_length(parts.reshape(len(names), -1))
    overlap = parts @ parts.T
    kept: list[int] = []
    beside: dict[int, list[str]] = {}
    for i in np.argsort(-logits).tolist():
        same = next((k for k in kept if overlap[i, k] > SAME_SOUND), None)
        if same is not None:
            beside[same].append(names[i][0])
        elif logits[i] >= _threshold(model, names[i][0]).heard:
            kept.append(i)
            beside[i] = []
    return [
        Heard(name=names[i][0], logit=float(logits[i]), others=tuple(beside[i][: _NEAREST - 1]))
        for i in kept[:most]
    ]


def nearest_names(model: QueryModel, vector: Floats, count: int = _NEAREST) -> list[str]:
    """The recorded names whose vectors (query_dim,) point nearest to a sound's."""
    return [model.labels[i] for i in np.argsort(-(model.label_vectors @ vector))[:count]]


def _candidates(model: QueryModel, encoding: Encoding) -> list[str]:
    seconds = encoding.samples / SAMPLE_RATE
    starts = [i * HOP_S for i in range(max(1, int((seconds - WINDOW_S) / HOP_S) + 1))]
    best: dict[int, float] = {}
    for start in starts:
        vector = model.of_span(encoding, start, min(start + WINDOW_S, seconds))
        likeness = model.label_vectors @ unit_length(vector)
        for i in np.argsort(-likeness)[:NAMES_A_WINDOW].tolist():
            best[i] = max(best.get(i, -1.0), float(likeness[i]))
    order = sorted(best, key=best.__getitem__, reverse=True)[:CANDIDATES]
    return [model.labels[i] for i in order]


def _threshold(model: QueryModel, name: str) -> Thresholds:
    way = "style" if name in dict(VOICES) else "recorded"
    return model.thresholds.get(way, Thresholds())
