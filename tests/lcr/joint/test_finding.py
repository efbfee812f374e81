"""A name drawn to what it finds, and a kind as those of its sounds that are there."""

from __future__ import annotations

from copy import copy

import numpy as np
import pytest

from lcr.errors import LcrError
from lcr.joint.finding import draw, find_kind
from lcr.joint.query import Answer, unit_variance
from tests.lcr.joint.test_open import tiny_model


@pytest.fixture
def vectors():
    return unit_variance(np.random.default_rng(0).standard_normal((2, 8)))


def test_a_name_without_recordings_is_drawn_half_of_the_way(vectors):
    vector, found = vectors
    np.testing.assert_allclose(draw(vector, found, 0), unit_variance(vector + found), atol=1e-6)


def test_the_more_recordings_the_less_a_name_is_drawn(vectors):
    vector, found = vectors
    far = [float(np.abs(draw(vector, found, n) - vector).max()) for n in (0, 2, 20, 10**6)]
    assert far == sorted(far, reverse=True)
    assert far[-1] < 1e-4


class Masks:
    """Answers every query with the mask of the recorded name nearest to it: dog barking the upper
    half of the bins, rain the lower; what is no recorded name is hardly there."""

    def __init__(self, network, tables, presence):
        self.network, self.tables, self.presence = network, tables, presence

    def __getattr__(self, name):
        return getattr(self.network, name)

    def answer(self, features, energy, queries, others):
        bins, frames = energy.shape
        parts, logits = [], []
        for query in queries:
            distance = np.abs(self.tables.named - query).max(1)
            i = int(distance.argmin())
            part = np.zeros((frames, bins), np.float32)
            part[:, slice(bins // 2, None) if i == 0 else slice(bins // 2)] = 1
            parts.append(part)
            logits.append(self.presence[i] if distance[i] < 1e-6 else -1.0)
        return Answer(np.stack(parts), np.array(logits, np.float32))


@pytest.mark.parametrize(("rain", "count"), [(5.0, 2), (0.0, 1)])
def test_every_sound_of_a_kind_that_is_surely_there_is_found(rain, count):
    model = tiny_model()
    both = tuple(s for s in model.lexicon.sounds if s.name in ("dog barking", "rain"))
    model.lexicon = copy(model.lexicon)
    vars(model.lexicon)["by_hypernym"] = {"outside": both}
    model.network = Masks(model.network, model.tables, [6.0, rain, 0.0])
    noise = 0.1 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    logit, found, mask = find_kind(model, model.encode(noise), "outside", 4)
    assert len(found) == count
    assert logit == pytest.approx((6.0 - 1.0) / 2)
    np.testing.assert_allclose(found[0], model.of_name("dog barking"), atol=1e-5)
    assert mask.mean() == pytest.approx(count / 2, abs=0.01)


def test_a_kind_that_nobody_recorded_is_looked_for_as_one():
    model = tiny_model()
    kind = next(
        kind
        for kind, sounds in model.lexicon.by_hypernym.items()
        if not any(model.is_recorded(sound.name) for sound in sounds)
    )
    encoding = model.encode(np.ones(16_000, np.float32))
    _, found, _ = find_kind(model, encoding, kind, 4)
    np.testing.assert_array_equal(found[0], model.of_kind(kind))
    with pytest.raises(LcrError):
        find_kind(model, encoding, "no such kind", 4)
