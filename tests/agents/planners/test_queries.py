"""With perfect sources, or a perfect extractor, what comes out is the target; what no one named is
untouched whatever the estimates are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planners.queries import queries_for
from baselines.composite.extraction import Queries, Query, extract_and_mix, mix
from baselines.composite.planning import Plan
from baselines.lass.query import query_of
from lcr.instruction import Description, Kind, SpeechDescription, instruction, patterns
from lcr.remixer import Audio
from tests.agents.hearing import DOG, MAN, RAIN, TRUTH, WOMAN
from tests.baselines.composite.test_remixer import banded_sources

SOURCES = banded_sources(4000, channels=2)
MIXTURE = SOURCES.sum(0)
gain = st.floats(0, 16, width=32)


def words_of(description: Description) -> str:
    """What an incomplete plan asks for: a sound by its label, as it was written."""
    if isinstance(description, SpeechDescription):
        return query_of(description)
    return f"the {description.label}"


class Perfect:
    """Gives the true source of each query, and nothing for other words."""

    sample_rate, weights = None, {"perfect": "0" * 64}

    def __init__(self) -> None:
        self.asked: list[str] = []

    def extract(self, mixture: Audio, sample_rate: int, words: str, kind: Kind) -> Audio:
        self.asked.append(words)
        found = np.zeros_like(mixture)
        for description, source in zip(TRUTH, SOURCES, strict=True):
            if words in (query_of(description), words_of(description)):
                assert description.kind == kind
                found += source[:, : mixture.shape[1]]
        return found


def plan(gains: tuple[float, ...], rest: float = 1.0) -> Plan:
    return Plan(descriptions=TRUTH[: len(gains)], gains=gains, rest=rest)


def target(gains: tuple[float, ...], rest: float = 1.0) -> np.ndarray:
    full = [*gains, *[rest] * (4 - len(gains))]
    return np.tensordot(np.array(full, np.float32), SOURCES, axes=1)


@given(st.lists(gain, min_size=4, max_size=4), gain)
def test_the_inventory_form_of_perfect_sources_is_the_target(
    gains: list[float], rest: float
) -> None:
    got = mix(MIXTURE, SOURCES, gains, rest)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, target(tuple(gains)), atol=1e-5)
    # Two of the sources are in no part of the inventory: they are the rest.
    some = mix(MIXTURE, SOURCES[:2], gains[:2], rest)
    np.testing.assert_allclose(some, target(tuple(gains[:2]), rest), atol=1e-5)


@pytest.mark.parametrize("pattern", list(patterns(2, 2))[::7])
def test_the_query_form_of_a_perfect_extractor_is_the_target(pattern: str) -> None:
    gains = instruction(pattern, TRUTH).gains
    for complete in (True, False):
        asked = queries_for(plan(gains), complete=complete)
        got = extract_and_mix(MIXTURE, 16_000, asked, Perfect())
        np.testing.assert_allclose(got.audio, target(gains), atol=1e-5)
        assert [s.name for s in got.trace] == ["extract"] * len(asked.queries) + ["mix"]


@pytest.mark.parametrize("rest", [0.0, 0.5, 2.0])
def test_others_get_their_own_gain(rest: float) -> None:
    asked = queries_for(plan((1.0, 0.25), rest), complete=False)
    got = extract_and_mix(MIXTURE, 16_000, asked, Perfect())
    np.testing.assert_allclose(got.audio, target((1.0, 0.25), rest), atol=1e-5)


@given(st.floats(0, 4), st.integers(0, 2**32 - 1))
def test_what_is_not_named_is_untouched_by_the_worst_estimate(factor: float, seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal((1, *MIXTURE.shape)).astype(np.float32)
    np.testing.assert_array_equal(mix(MIXTURE, noise, [1.0], 1.0), MIXTURE)
    change = mix(MIXTURE, noise, [factor], 1.0) - MIXTURE
    np.testing.assert_allclose(change, np.float32(factor - 1) * noise[0], atol=1e-4)


@pytest.mark.parametrize(
    ("gains", "rest", "asked"),
    [
        ((1, 1, 0, 1), 1, [2]),  # one removal: take one away
        ((0, 1, 0, 0), 0, [1]),  # one extraction: take one out
        ((2, 2, 2, 2), 2, []),  # all alike: no extraction at all
        ((1, 0.5, 1, 1), 1, [1]),
        ((2, 2, 1, 1), 1, [0, 1]),  # ties stay nearest to the mixture
        ((0, 0, 1, 1), 1, [0, 1]),
        ((2, 2, 2, 0), 2, [3]),
    ],
)
def test_complete_plans_ask_least(gains: tuple[float, ...], rest: float, asked: list[int]) -> None:
    # The rest of a complete plan is of nothing, and must not matter.
    for told in (0.0, 1.0):
        found = queries_for(plan(gains, told), complete=True)
        assert found.rest == rest
        assert [q.words for q in found.queries] == [query_of(TRUTH[i]) for i in asked]
    # That of another plan is what is asked for.
    assert queries_for(plan(gains, 0.0), complete=False).rest == 0


def test_sources_of_one_description_are_extracted_once() -> None:
    twins = Plan(descriptions=(MAN, MAN, DOG), gains=(0.0, 0.0, 1.0), rest=1.0)
    asked = queries_for(twins, complete=False)
    assert asked.queries == (Query(query_of(MAN), "speech", 0.0),)
    unknown = Plan(descriptions=(SpeechDescription(),), gains=(0.0,), rest=1.0)
    assert queries_for(unknown, complete=False).queries[0].words == "the speech"


class Deaf(Perfect):
    """Finds nothing."""

    def extract(self, mixture: Audio, sample_rate: int, words: str, kind: Kind) -> Audio:
        return np.zeros_like(mixture)


@pytest.mark.parametrize("rest", [0.0, 0.5, 1.0])
def test_what_is_not_found_is_said_and_keeping_it_alone_changes_nothing(rest: float) -> None:
    asked = queries_for(plan((1.5, rest, rest, rest), rest), complete=False)
    got = extract_and_mix(MIXTURE, 16_000, asked, Deaf())
    np.testing.assert_array_equal(got.audio, MIXTURE * np.float32(rest or 1))
    assert len(got.warnings) == 1
    gone = extract_and_mix(MIXTURE, 16_000, Queries((), 0.0), Deaf())
    assert not gone.audio.any()


def test_each_thing_is_extracted_once_and_in_order() -> None:
    tool = Perfect()
    extract_and_mix(MIXTURE, 16_000, queries_for(plan((0, 2, 1, 0.5)), complete=False), tool)
    assert tool.asked == [words_of(d) for d in (MAN, WOMAN, RAIN)]


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got \(4, 2, 4000\)"):
        mix(MIXTURE, SOURCES, [1.0], 1.0)
    with pytest.raises(ValueError, match="NaN"):
        extract_and_mix(MIXTURE * np.float32(np.nan), 16_000, Queries((), 1.0), Perfect())
