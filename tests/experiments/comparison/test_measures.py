"""Further measures: parity with museval, and what is not here told."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from experiments.comparison.errors import ConfigError
from experiments.comparison.measures import measure, museval_sdr

RATE = 4_000
SOURCES = np.random.default_rng(0).standard_normal((2, 2, 3 * RATE + 17))


@pytest.mark.slow
def test_museval_agrees() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        museval = pytest.importorskip("museval.metrics", reason="museval is not installed")
    estimate = 0.7 * SOURCES + 0.2 * SOURCES[::-1]
    found = museval.bss_eval(
        SOURCES.transpose(0, 2, 1), estimate.transpose(0, 2, 1), window=RATE, hop=RATE
    )[0]
    for source in range(2):
        mine = museval_sdr(estimate[source], SOURCES[source], RATE)
        assert mine.value == pytest.approx(np.median(found[source]), abs=1e-6)


def test_silent_seconds_are_left_out_and_silence_has_no_score() -> None:
    reference = SOURCES[0].copy()
    reference[:, :RATE] = 0
    estimate = 0.5 * SOURCES[0]
    assert museval_sdr(estimate, reference, RATE).value == pytest.approx(6.0206, abs=1e-4)
    assert museval_sdr(estimate, 0 * reference, RATE).value is None


def test_unknown_measures_are_refused() -> None:
    with pytest.raises(ConfigError):
        measure(["sdr"], estimate=SOURCES[0], reference=SOURCES[0], sample_rate=RATE)
