"""A mixture sharpens what is asked of it: the vector of a name is drawn to what it finds there, and
a kind ("the animals") becomes those of its sounds that fit. Nothing is learnt anew."""

from __future__ import annotations

import numpy as np

from lcr.joint.listening import SAME_SOUND, nearest_in
from lcr.joint.query import Encoding, Floats, QueryModel, unit_length, unit_variance

_COUNTS_AS = 4.0
"""What a query finds counts as so many recordings: a name with n is drawn by 4 / (4 + n)."""
_MEMBERS = 8
"""Sounds of a kind that are asked for."""
_SURE = 2.0
"""The presence logit from which on a further sound of a kind counts as there too."""


def draw(vector: Floats, found: Floats, recordings: int) -> Floats:
    """The vector (query_dim,) of a name of which there were `recordings`, drawn to that of what its
    mask finds. Few recordings say little of how it sounds here."""
    return unit_variance(vector + _COUNTS_AS / (_COUNTS_AS + recordings) * found)


def find_kind(
    model: QueryModel, encoding: Encoding, hypernym: str, most: int
) -> tuple[float, list[Floats], Floats]:
    """The presence logit of all sounds under a hypernym, the vectors (query_dim,) of those that are
    there, at most `most`, and their mask (frames, bins). Sounds of the kind that find the same are
    one, weighed by how surely each is there. Raises LexiconError for a hypernym that the lexicon
    lacks."""
    kind = model.of_kind(hypernym)
    known = [s.name for s in model.lexicon.by_hypernym[hypernym] if model.is_recorded(s.name)]
    members = nearest_in(model, encoding, known)[:_MEMBERS]
    vectors = np.stack([kind, *(model.of_name(name) for name in members)])
    answer = model.answer(encoding, vectors)
    if not members:
        return float(answer.presence[0]), [kind], answer.parts[0]
    logits, parts, vectors = answer.presence[1:], answer.parts[1:], vectors[1:]
    masked = unit_length((parts * np.sqrt(encoding.energy).T).reshape(len(parts), -1))
    overlap = masked @ masked.T
    groups: list[list[int]] = []
    for i in np.argsort(-logits).tolist():
        same = next((group for group in groups if overlap[i, group[0]] > SAME_SOUND), None)
        if same is not None:
            same.append(i)
        elif not groups or (logits[i] >= _SURE and len(groups) < most):
            groups.append([i])
    logit = float(answer.presence[0] + logits.max()) / 2
    leaders = [group[0] for group in groups]
    weighed = [_weighed(vectors[group], logits[group]) for group in groups]
    return logit, weighed, parts[leaders].max(0)


def _weighed(vectors: Floats, logits: Floats) -> Floats:
    weights = np.exp(logits - logits.max())
    return unit_variance(weights @ vectors)
