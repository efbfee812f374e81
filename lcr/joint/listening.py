"""What sounds in a mixture, in names of the lexicon: for answers such as "I hear a man, a dog"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lcr.joint.query import (
    SAMPLE_RATE,
    Answer,
    Encoding,
    Floats,
    QueryModel,
    Thresholds,
    unit_length,
)

WINDOW_S, HOP_S = 1.0, 0.5
NAMES_A_WINDOW = 3
CANDIDATES = 24
SAME_SOUND = 0.5
"""Two names whose masks overlap by more than this share of their energy mean one sound."""
UNLIKE = 0.55
"""What a name found is rather another sound where the cosine of their vectors is below this: so are
12 % of what is there and found, and 48 % of what is not there and was taken to be."""
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
    least = [_threshold(model, name).heard for name, _ in names]
    return [
        Heard(
            name=names[first][0],
            logit=float(answer.presence[first]),
            others=tuple(names[i][0] for i in beside[: _NEAREST - 1]),
        )
        for first, *beside in sounds_in(encoding, answer, least)[:most]
    ]


def sounds_in(encoding: Encoding, answer: Answer, least: Sequence[float]) -> list[list[int]]:
    """Which of the queries asked have found a sound, in groups of those that found the same one,
    the surest first; a sound is there from the logit `least` of a query on."""
    parts = (answer.parts * np.sqrt(encoding.energy).T).reshape(len(least), -1)
    overlap = unit_length(parts) @ unit_length(parts).T
    groups: list[list[int]] = []
    for i in np.argsort(-answer.presence).tolist():
        same = next((group for group in groups if overlap[i, group[0]] > SAME_SOUND), None)
        if same is not None:
            same.append(i)
        elif answer.presence[i] >= least[i]:
            groups.append([i])
    return groups


def nearest_names(model: QueryModel, vector: Floats, count: int = _NEAREST) -> list[str]:
    """The recorded names whose vectors (query_dim,) point nearest to a sound's."""
    return [model.labels[i] for i in np.argsort(-(model.label_vectors @ vector))[:count]]


def likelier_names(model: QueryModel, sound: Floats, names: Sequence[str]) -> list[str]:
    """Recorded names that the vector (query_dim,) of what was found for `names` fits better, the
    best first; none where one of them fits it well."""
    sound = unit_length(sound)
    own = max((float(unit_length(model.of_name(name)) @ sound) for name in names), default=1.0)
    if own >= UNLIKE:
        return []
    return [n for n in nearest_names(model, sound) if unit_length(model.of_name(n)) @ sound > own]


def nearest_in(model: QueryModel, encoding: Encoding, names: Sequence[str]) -> list[str]:
    """Recorded `names`, first the one whose vector is nearest to some second of the mixture."""
    likeness = dict(zip(model.labels, _likeness(model, encoding).max(0).tolist(), strict=True))
    return sorted(names, key=likeness.__getitem__, reverse=True)


def _likeness(model: QueryModel, encoding: Encoding) -> Floats:
    """How near each second of the mixture is to each recorded name, (seconds, labels)."""
    seconds = encoding.samples / SAMPLE_RATE
    starts = [i * HOP_S for i in range(max(1, int((seconds - WINDOW_S) / HOP_S) + 1))]
    vectors = [model.of_span(encoding, s, min(s + WINDOW_S, seconds)) for s in starts]
    found: Floats = unit_length(np.stack(vectors)) @ model.label_vectors.T
    return found


def _candidates(model: QueryModel, encoding: Encoding) -> list[str]:
    likeness = _likeness(model, encoding)
    near = np.unique(np.argsort(-likeness)[:, :NAMES_A_WINDOW])
    order = near[np.argsort(-likeness[:, near].max(0))][:CANDIDATES]
    return [model.labels[i] for i in order]


def _threshold(model: QueryModel, name: str) -> Thresholds:
    way = "style" if name in dict(VOICES) else "recorded"
    return model.thresholds.get(way, Thresholds())
