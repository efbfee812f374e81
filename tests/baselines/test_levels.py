"""Level is kept: by every registered system, and by every separator that ships."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.composite.remixer import Cascade, pit
from baselines.pit.separation import load_separator
from baselines.shipped import WEIGHTS
from lcr.instruction import Action, AudioDescription, Instruction, SpeechDescription
from lcr.registry import available
from lcr.remixer import Oracle, Remixer
from lcr.sample_case import PROMPT, Case, make_case, oracle_for
from tests.baselines.composite.test_remixer import banded_sources
from tests.test_conformance import _subject

pytestmark = pytest.mark.slow

SEPARATORS = sorted(
    path.parent.name
    for path in WEIGHTS.glob("*/config.json")
    if "separator" in json.loads(path.read_text(encoding="utf-8"))
)
SILENT_DB = -60.0
"""An output so far below its mixture is a removal: what is left of it has no level to speak of."""


@cache
def _system(name: str) -> Remixer:
    return _subject(name).remixer


def _scaled(case: Case, gain: float) -> Case:
    def times(wave: np.ndarray | None) -> np.ndarray | None:
        return None if wave is None else (np.float32(gain) * wave).astype(np.float32)

    oracle = replace(
        case.oracle, sources=times(case.oracle.sources), target=times(case.oracle.target)
    )
    mixture = times(case.mixture)
    assert mixture is not None
    return replace(case, mixture=mixture, oracle=oracle)


def _level_db(wave: np.ndarray) -> float:
    return float(10 * np.log10(np.square(wave, dtype=np.float64).mean() + 1e-30))


@pytest.mark.parametrize("name", [system.name for system in available()])
def test_the_output_follows_the_input(name: str) -> None:
    """Systems whose weights are not on this machine are skipped with the reason."""
    system = _system(name)
    case = make_case(24_000)

    def answer(given: Case) -> np.ndarray:
        oracle = oracle_for(given, system.card)
        return system.remix(given.mixture, given.sample_rate, PROMPT, oracle=oracle).audio

    plain = answer(case)
    heard = _level_db(plain) - _level_db(case.mixture) > SILENT_DB
    for gain_db in (-20.0, 20.0):
        gain = 10 ** (gain_db / 20)
        loud = _scaled(case, gain)
        scaled = answer(loud)
        if heard:
            assert _level_db(scaled) - _level_db(plain) == pytest.approx(gain_db, abs=0.1)
            # Not the level alone: it is the same remix.
            assert _level_db(scaled / np.float32(gain) - plain) < _level_db(plain) - 20
        else:
            assert _level_db(scaled) - _level_db(loud.mixture) <= SILENT_DB + 1


@torch.no_grad()
@pytest.mark.parametrize("name", SEPARATORS or ["none ships"])
def test_outputs_and_residual_of_a_shipped_separator_are_the_mixture(name: str) -> None:
    """Nothing is left over where the estimates are promised to sum to the mixture; elsewhere what
    is left is no louder than the mixture itself."""
    if not SEPARATORS:
        pytest.skip("no separator ships: baselines/weights has none")
    separator = load_separator(WEIGHTS / name).separator
    for samples in (999, 16_000):
        mixture = torch.from_numpy(banded_sources(samples).sum(0))
        residual = mixture - separator(mixture).sum(1)
        if separator.mixture_consistent:
            assert residual.abs().max() < 1e-4 * mixture.abs().max()
        else:
            assert residual.square().mean() < mixture.square().mean()


@pytest.mark.parametrize("name", SEPARATORS or ["none ships"])
def test_keeping_all_gives_the_mixture_back(name: str) -> None:
    """Through the whole cascade, whatever went to whom."""
    if not SEPARATORS:
        pytest.skip("no separator ships: baselines/weights has none")
    folder = WEIGHTS / name
    if not load_separator(folder).separator.mixture_consistent:
        pytest.skip(f"{name} does not promise that its estimates sum to the mixture")
    assert _kept(folder) < 1e-4


def _kept(folder: Path) -> float:
    """The largest error of keeping all four sources, by the mixture's peak."""
    cascade: Cascade = pit(weights=str(folder))
    sources = banded_sources(16_000, channels=2)
    described = (
        SpeechDescription(gender="M"),
        SpeechDescription(gender="F"),
        AudioDescription(label="rain"),
        AudioDescription(label="dog barking"),
    )
    oracle = Oracle(instruction=Instruction((Action.KEEP,) * 4, described), sources=sources)
    mixture = sources.sum(0)
    got = cascade.remix(mixture, 16_000, "", oracle=oracle).audio
    return float(np.abs(got - mixture).max() / np.abs(mixture).max())
