"""The PIT cascade: a Remixer like any other, exact where its separator is, true to level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.composite.planning import OraclePlanner, Plan
from baselines.composite.remixer import Cascade, PitMatcher, pit
from baselines.pit.separation import Separator, save_separator
from lcr.base_weights import MissingWeightsError
from lcr.instruction import AudioDescription, Description, SpeechDescription, instruction
from lcr.remixer import MissingOracleError, Oracle, SystemCard
from lcr.testing import CHECKS, Subject
from tests.baselines.pit.test_separation import KINDS, tiny_separator

DESCRIPTIONS: tuple[Description, ...] = (
    SpeechDescription(gender="M"),
    SpeechDescription(gender="F"),
    AudioDescription(label="dog barking"),
    AudioDescription(label="rain"),
)
BANDS_HZ = ((200, 900), (1200, 1900), (2400, 3100), (4200, 5400))


def banded_sources(samples: int, *, rate: int = 16_000, channels: int = 1) -> NDArray[np.float32]:
    """Noise in bands of their own, (4, channels, samples)."""
    rng = np.random.default_rng(samples)
    spectrum = np.fft.rfft(rng.standard_normal((4, channels, samples)))
    hertz = np.fft.rfftfreq(samples, 1 / rate)
    for row, (low, high) in zip(spectrum, BANDS_HZ, strict=True):
        row[:, (hertz < low) | (hertz > high)] = 0
    waves = np.fft.irfft(spectrum, samples)
    return (0.05 * waves / waves.std(axis=-1, keepdims=True)).astype(np.float32)


class BandOracle(Separator):
    """Takes `banded_sources` apart by their bands, in an order that every call changes."""

    sources, sample_rate, mixture_consistent = 4, 16_000, True

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def separate(self, mixture: Tensor) -> Tensor:
        samples = mixture.shape[-1]
        spectrum = torch.fft.rfft(mixture)
        hertz = torch.fft.rfftfreq(samples, 1 / 16_000)
        edges = torch.tensor([1050.0, 2150.0, 3650.0])
        band = torch.bucketize(hertz, edges)
        parts = torch.stack([spectrum * (band == b) for b in range(4)], 1)
        self.calls += 1
        return torch.fft.irfft(parts, samples).roll(self.calls, 1)

    def settings(self) -> dict[str, Any]:
        return {}


def cascade_of(separator: Separator) -> Cascade:
    card = SystemCard(
        name="pit",
        family="composite",
        sample_rate=16_000,
        uses_oracle=frozenset({"instruction", "sources"}),
    )
    return Cascade(separator, PitMatcher(), OraclePlanner(), card)


def gains_of(pattern: str) -> NDArray[np.float32]:
    return np.array(instruction(pattern, DESCRIPTIONS[: len(pattern)]).gains, dtype=np.float32)


def remixed(
    cascade: Cascade, sources: NDArray[np.float32], pattern: str, rate: int = 16_000
) -> NDArray[np.float32]:
    oracle = Oracle(instruction=instruction(pattern, DESCRIPTIONS[: len(pattern)]), sources=sources)
    return cascade.remix(sources.sum(0), rate, "", oracle=oracle).audio


@pytest.fixture(scope="module", params=KINDS)
def factory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Builds `pit` from a small checkpoint, anew each time."""
    folder: Path = tmp_path_factory.mktemp("weights") / request.param
    save_separator(tiny_separator(request.param, 4), folder)
    return lambda: pit(weights=str(folder))


@pytest.mark.parametrize("check", CHECKS)
def test_it_is_a_remixer(factory: Callable[[], Cascade], check: str) -> None:
    CHECKS[check](Subject(factory))


def test_the_card_names_the_truth_and_the_weights(factory: Callable[[], Cascade]) -> None:
    card = factory().card
    assert (card.name, card.family, card.sample_rate) == ("pit", "composite", 16_000)
    assert card.uses_oracle == {"instruction", "sources"}
    assert len(card.weights) == 1


@pytest.mark.parametrize("pattern", ["1000", "0111", "U1D0", "DDDD"])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_perfect_separator_gives_the_target(pattern: str, channels: int) -> None:
    sources = banded_sources(16_000, channels=channels)
    target = np.tensordot(gains_of(pattern), sources, axes=1)
    np.testing.assert_allclose(
        remixed(cascade_of(BandOracle()), sources, pattern), target, atol=1e-5
    )


def test_chunks_in_other_orders_are_matched_one_by_one() -> None:
    separator = BandOracle()
    sources = banded_sources(16_000 * 45)
    got = remixed(cascade_of(separator), sources, "0U1D")
    assert separator.calls > 1
    target = np.tensordot(gains_of("0U1D"), sources, axes=1)
    error_db = 10 * np.log10(np.square(got - target).sum() / np.square(target).sum())
    assert error_db < -35  # bands ring a little at the ends of chunks


def test_other_rates_are_followed() -> None:
    sources = banded_sources(44_100, rate=44_100)
    got = remixed(cascade_of(BandOracle()), sources, "0U1D", rate=44_100)
    target = np.tensordot(gains_of("0U1D"), sources, axes=1)
    error_db = 10 * np.log10(np.square(got - target).sum() / np.square(target).sum())
    assert error_db < -35


@pytest.mark.parametrize("gain_db", [-20.0, 20.0])
def test_the_remix_follows_the_level(factory: Callable[[], Cascade], gain_db: float) -> None:
    sources = banded_sources(12_000)
    gain = np.float32(10 ** (gain_db / 20))
    plain, scaled = (remixed(factory(), g * sources, "U10D") for g in (np.float32(1), gain))
    change_db = 10 * np.log10(np.square(scaled).sum() / np.square(plain).sum())
    assert abs(change_db - gain_db) < 0.1


def test_a_consistent_separator_keeps_the_mixture_whole() -> None:
    """Doubling everything doubles the mixture, however badly it is separated."""
    sources = banded_sources(7001, channels=2)
    got = remixed(cascade_of(tiny_separator("softmax", 4)), sources, "UUUU")
    np.testing.assert_allclose(got, 2 * sources.sum(0), atol=1e-4 * np.abs(sources.sum(0)).max())


@pytest.mark.parametrize("pattern", ["U0", "1D"])
def test_outputs_to_spare_get_the_mean_gain(pattern: str) -> None:
    """Two of four bands are named; the other two outputs hold what is in neither."""
    sources = banded_sources(16_000)
    named, others = sources[:2], sources[2:]
    mixture = sources.sum(0)
    oracle = Oracle(instruction=instruction(pattern, DESCRIPTIONS[:2]), sources=named)
    got = cascade_of(BandOracle()).remix(mixture, 16_000, "", oracle=oracle)
    gains = gains_of(pattern)
    expected = np.tensordot(gains, named, axes=1) + gains.mean() * others.sum(0)
    np.testing.assert_allclose(got.audio, expected, atol=1e-5)
    (matched,) = [step for step in got.trace if step.name == "match"]
    assert sorted(matched.data["source_of_output"][0]) == [-1, -1, 0, 1]  # type: ignore[index]


def test_sources_to_spare_go_with_none() -> None:
    sources = banded_sources(8000)
    got = remixed(cascade_of(tiny_separator("softmax", 2)), sources, "UUUU")
    np.testing.assert_allclose(got, 2 * sources.sum(0), atol=1e-4 * np.abs(sources.sum(0)).max())


class HalfPlanner:
    """Halves whatever it is told of, and needs no truth."""

    uses_oracle = frozenset[Any]()

    def plan(
        self, prompt: str, described: Sequence[Description], *, oracle: Oracle | None = None
    ) -> Plan:
        gains = (0.5,) * len(described)
        return Plan(descriptions=tuple(described), gains=gains, rest=0.5)


def test_another_planner_takes_the_truth_s_place() -> None:
    sources = banded_sources(8000)
    one = cascade_of(BandOracle())
    halved = Cascade(BandOracle(), PitMatcher(), HalfPlanner(), one.card)
    np.testing.assert_allclose(remixed(halved, sources, "0U1D"), 0.5 * sources.sum(0), atol=1e-5)


def test_without_the_truth_it_refuses() -> None:
    cascade, sources = cascade_of(BandOracle()), banded_sources(4000)
    true = instruction("1000", DESCRIPTIONS)
    for oracle in (None, Oracle(instruction=true), Oracle(sources=sources)):
        with pytest.raises(MissingOracleError, match="true instruction and the true sources"):
            cascade.remix(sources.sum(0), 16_000, "", oracle=oracle)
    with pytest.raises(ValueError, match=r"got \(3, 1, 4000\)"):
        cascade.remix(
            sources.sum(0), 16_000, "", oracle=Oracle(instruction=true, sources=sources[:3])
        )


def test_weights_that_are_not_there_are_missed_by_name(tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError, match="nothing-here"):
        pit(weights=str(tmp_path / "nothing-here"))
