"""Further measures: parity with museval, and what is not here told."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from baselines.clap.checkpoint import save_clap
from experiments.comparison.errors import ConfigError
from experiments.comparison.measures import CLAP, fuss_si_snr, measure, museval_sdr
from tests.baselines.clap.test_model import tiny_clap

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


@pytest.mark.parametrize("noise", [0.0, 1e-4, 0.03, 1.0, 30.0])
def test_fuss_agrees(noise: float) -> None:
    """With the published formula, by the definition of SI-SNR."""
    reference = SOURCES[0]
    estimate = 0.7 * reference + noise * SOURCES[1]
    scaled = (estimate * reference).sum() / np.square(reference).sum() * reference
    explained = np.square(scaled).sum() / np.square(estimate).sum()
    published = 10 * np.log10((explained + 1e-8) / (1 - explained + 1e-8))
    assert fuss_si_snr(estimate, reference, RATE).value == pytest.approx(published, abs=1e-6)
    assert fuss_si_snr(0 * estimate, reference, RATE).value is None


@pytest.mark.slow
def test_the_clap_score_is_of_the_clap_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CLAP, raising=False)
    signals = {"estimate": SOURCES[0], "reference": SOURCES[0], "sample_rate": RATE}
    with pytest.raises(ConfigError):
        measure(["clap_score"], **signals)
    save_clap(tiny_clap(tmp_path / "bert", "audio"), tmp_path / "clap")
    monkeypatch.setenv(CLAP, str(tmp_path / "clap"))
    same = measure(["clap_score"], **signals)["clap_score"].value
    other = measure(["clap_score"], **{**signals, "estimate": SOURCES[1]})["clap_score"].value
    assert same == pytest.approx(1, abs=1e-4)
    assert other < same


def test_unknown_measures_are_refused() -> None:
    with pytest.raises(ConfigError):
        measure(["sdr"], estimate=SOURCES[0], reference=SOURCES[0], sample_rate=RATE)
