"""AudioSep as section VI-C uses it: one query a run, sums, and what is left of the mixture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.audiosep.checkpoint import LoadedAudioSep
from baselines.audiosep.network import ResUNet30
from baselines.audiosep.remixer import CARD, TASKS, build_audiosep, queries_for
from baselines.composite.extraction import ExtractionRemixer
from baselines.composite.planning import OraclePlanner, Plan
from baselines.lass.query import query_of
from lcr.instruction import (
    AudioDescription,
    Description,
    SpeechDescription,
    instruction,
    patterns,
    task_of,
)
from lcr.remixer import MissingOracleError, NotDefinedError, Oracle, Remix
from lcr.testing import CHECKS, Subject, check_remixer
from tests.baselines.audiosep.test_network import TINY, passing_network, tiny_network
from tests.baselines.lass.test_remixer import LetterEncoder, noise

DESCRIPTIONS: tuple[Description, ...] = (
    SpeechDescription(gender="M"),
    SpeechDescription(gender="F"),
    AudioDescription(label="dog barking"),
    AudioDescription(label="rain"),
)
MAN, WOMAN, DOG, RAIN = (query_of(d) for d in DESCRIPTIONS)
RATE = TINY.sample_rate


class Letters(LetterEncoder):
    width = TINY.z_dim

    def embed_text(self, texts: list[str]) -> torch.Tensor:  # type: ignore[override]
        return torch.nn.functional.pad(super().embed_text(texts), (0, TINY.z_dim - 6))


def system(network: ResUNet30 | None = None) -> ExtractionRemixer:
    loaded = LoadedAudioSep(network or tiny_network(), Letters(), {"x": "0" * 64})
    return build_audiosep(loaded, OraclePlanner(), CARD)


def remix(
    pattern: str, mixture: np.ndarray, rate: int = RATE, network: ResUNet30 | None = None
) -> Remix:
    oracle = Oracle(instruction=instruction(pattern, DESCRIPTIONS))
    return system(network).remix(mixture, rate, "", oracle=oracle)


def test_it_conforms() -> None:
    check_remixer(system)


@pytest.mark.parametrize("check", ["any_length", "mono_and_stereo"])
def test_it_conforms_when_all_passes(check: str) -> None:
    CHECKS[check](Subject(lambda: system(passing_network())))


@pytest.mark.parametrize(
    ("pattern", "queries", "subtract"),
    [
        ("1000", (MAN,), False),  # TSE
        ("0001", (RAIN,), False),  # TAE
        ("0111", (MAN,), True),  # TSR
        ("1101", (DOG,), True),  # TAR
        ("1100", ("speech",), False),  # SE
        ("0011", ("speech",), True),  # SR
        ("1010", (MAN, DOG), False),  # ME
        ("0110", (WOMAN, DOG), False),
    ],
)
def test_each_task_is_its_runs(pattern: str, queries: tuple[str, ...], subtract: bool) -> None:
    mixture = noise(2, 1500)
    got = remix(pattern, mixture)
    gain = 0 if subtract else 1
    extracted = tuple(s.detail for s in got.trace if s.name == "extract")
    assert extracted == tuple(f"{words} x {gain}" for words in queries)
    assert got.trace[-1].detail == f"all else x {1 - gain}"
    encoder, network = Letters(), tiny_network()
    total = np.zeros_like(mixture)
    with torch.no_grad():
        for query in queries:
            z = encoder.embed_text([query]).expand(2, -1)
            level = np.sqrt(np.square(mixture).mean(-1, keepdims=True)) / 0.1
            total += network(torch.from_numpy(mixture / level), z).numpy() * level
    expected = mixture - total if subtract else total
    np.testing.assert_allclose(got.audio, expected, atol=1e-5)


def test_it_is_defined_for_all_patterns_without_volumes_and_no_other() -> None:
    for pattern in patterns(2, 2):
        asked = instruction(pattern, DESCRIPTIONS)
        plan = OraclePlanner().plan("", (), oracle=Oracle(instruction=asked))
        if task_of(pattern, n_speech=2) in TASKS:
            runs = queries_for(plan, complete=True)
            assert set(pattern) == {"0", "1"}
            assert 1 <= len(runs.queries) <= 2
        else:
            with pytest.raises(NotDefinedError, match="extracts and removes"):
                queries_for(plan, complete=True)


@pytest.mark.parametrize(
    ("described", "gains", "rest", "expected"),
    [
        ((DESCRIPTIONS[3],), (1.0,), 0.0, (RAIN, False)),
        ((DESCRIPTIONS[3],), (0.0,), 1.0, (RAIN, True)),
        ((SpeechDescription(),), (1.0,), 0.0, ("speech", False)),
        ((SpeechDescription(),), (0.0,), 1.0, ("speech", True)),
        (DESCRIPTIONS[1:3], (1.0, 0.0), 1.0, (DOG, True)),
        (DESCRIPTIONS[1:3], (1.0, 0.0), 0.0, (WOMAN, False)),
    ],
)
def test_a_planner_says_by_the_rest_what_else_is_heard(
    described: tuple[Description, ...],
    gains: tuple[float, ...],
    rest: float,
    expected: tuple[str, bool],
) -> None:
    plan = Plan(descriptions=described, gains=gains, rest=rest)
    asked = queries_for(plan, complete=False)
    assert (" ".join(q.words for q in asked.queries), asked.rest == 1) == expected
    with pytest.raises(NotDefinedError):
        queries_for(Plan(descriptions=described, gains=gains, rest=0.5), complete=False)


@pytest.mark.parametrize("rate", [RATE, 16_000])
def test_extraction_and_removal_add_up_to_the_mixture(rate: int) -> None:
    mixture = noise(2, 4001)
    together = remix("1000", mixture, rate).audio + remix("0111", mixture, rate).audio
    np.testing.assert_allclose(together, mixture, atol=1e-6)


@pytest.mark.parametrize("gain_db", [-20.0, 20.0])
@pytest.mark.parametrize("pattern", ["1000", "0111", "1010"])
@pytest.mark.parametrize("rate", [RATE, 16_000])
def test_the_output_follows_the_level(rate: int, pattern: str, gain_db: float) -> None:
    mixture, gain = noise(1, 5000), np.float32(10 ** (gain_db / 20))
    plain, scaled = (remix(pattern, g * mixture, rate).audio for g in (np.float32(1), gain))
    change_db = 10 * np.log10(np.square(scaled).sum() / np.square(plain).sum())
    assert abs(change_db - gain_db) < 0.1
    np.testing.assert_allclose(scaled / gain, plain, atol=1e-4 * np.abs(plain).max())


@pytest.mark.parametrize("rate", [RATE, 16_000, 44_100])
def test_what_is_extracted_stays_where_it_is(rate: int) -> None:
    """With a mask of 1 everywhere, extraction passes the mixture and removal silences it."""
    times = np.arange(2 * rate) / rate
    mixture = (0.1 * np.sin(2 * np.pi * 300 * times))[None].astype(np.float32)
    network = passing_network()
    np.testing.assert_allclose(remix("0010", mixture, rate, network).audio, mixture, atol=1e-3)
    assert np.abs(remix("1101", mixture, rate, network).audio).max() < 1e-3


def test_without_the_truth_it_refuses() -> None:
    with pytest.raises(MissingOracleError):
        system().remix(noise(1, 100), RATE, "rain")
