"""A mixture sharpens what is asked of it: the vector of a name is drawn to what it finds there, and
a kind ("the animals") becomes those of its sounds that fit. Nothing is learnt anew."""

from __future__ import annotations

import numpy as np

from lcr.joint.listening import nearest_in, sounds_in
from lcr.joint.query import Answer, Encoding, Floats, QueryModel, unit_variance

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
    of_kind = float(answer.presence[0])
    if not members:
        return of_kind, [kind], answer.parts[0]
    answer, vectors = Answer(answer.parts[1:], answer.presence[1:]), vectors[1:]
    logits = answer.presence
    least = np.where(logits == logits.max(), -np.inf, _SURE).tolist()
    groups = sounds_in(encoding, answer, least)[:most]
    weighed = [_weighed(vectors[group], logits[group]) for group in groups]
    mask = answer.parts[[group[0] for group in groups]].max(0)
    return float(of_kind + logits.max()) / 2, weighed, mask


def _weighed(vectors: Floats, logits: Floats) -> Floats:
    weights = np.exp(logits - logits.max())
    return unit_variance(weights @ vectors)
