"""Further measures of an answer, by name: museval's and FUSS's, and what listeners are modelled by.

PESQ, STOI and SRMR are torchmetrics' (`pip install torchmetrics pesq pystoi`), the CLAP score is by
the CLAP that $LCR_CLAP names; `experiments/score.py` adds them to records that are there already.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from experiments.comparison.errors import ConfigError
from lcr.audio.core import resample
from lcr.evaluation.metrics import Score, Signal, checked

if TYPE_CHECKING:  # with torch
    from baselines.clap.model import TextAudioModel

TOLD = "told"
"""1 where the system warned its user of something, else 0: the runner's, of what was answered."""
SHARES = ("action_accuracy", "exact", TOLD)
"""Measures that are 0 or 1: their means are shares."""

Measure = Callable[[Signal, Signal, int], Score]
"""(estimate, reference, sample rate) to a score; signals are (channels, samples)."""

_SPEECH_HZ = 16_000
_FUSS = 1e-8
CLAP = "LCR_CLAP"
NO_FRAMES = "no second in which both sounds are heard"


def museval_sdr(estimate: Signal, reference: Signal, sample_rate: int) -> Score:
    """museval's SDR of a track: the median over whole seconds of each second's SNR (its BSS Eval v4
    of images; Stöter, Liutkus & Ito, 2018). Seconds in which either sound is silent have none."""
    est, ref = checked(estimate=estimate, reference=reference)
    count = max(1, est.shape[-1] // sample_rate)
    values = []
    for second in range(count):
        at = slice(second * sample_rate, (second + 1) * sample_rate)
        signal = float(np.square(ref[..., at]).sum())
        error = float(np.square(ref[..., at] - est[..., at]).sum())
        if signal and np.any(est[..., at]):
            values.append(math.inf if error == 0 else 10 * math.log10(signal / error))
    if not values:
        return Score(None, NO_FRAMES)
    found = float(np.median(values))
    return Score(found) if math.isfinite(found) else Score(None, "the estimate is exact")


def exact(estimate: Signal, reference: Signal, sample_rate: int) -> Score:
    """1 where the two are equal bit for bit, else 0."""
    est, ref = checked(estimate=estimate, reference=reference)
    return Score(float(np.array_equal(est, ref)))


def fuss_si_snr(estimate: Signal, reference: Signal, sample_rate: int) -> Score:
    """SI-SNR as FUSS's evaluator has it (Wisdom et al., 2021), of the squared cosine c of the two:
    10 log10((c + e) / (1 - c + e)) with e = 1e-8, which bounds it by 80 dB either way."""
    est, ref = (one.ravel() for one in checked(estimate=estimate, reference=reference))
    energy = float(est @ est) * float(ref @ ref)
    if not energy:
        return Score(None, "one of the two is silent")
    cosine = min(float(est @ ref) ** 2 / energy, 1.0)
    return Score(10 * math.log10((cosine + _FUSS) / (1 - cosine + _FUSS)))


def clap_score(estimate: Signal, reference: Signal, sample_rate: int) -> Score:
    """The cosine of the two as a CLAP hears them: a file or folder that `load_clap` reads, named by
    $LCR_CLAP. Raises ConfigError where it names none."""
    path = os.environ.get(CLAP)
    if not path:
        raise ConfigError(f"clap_score needs a CLAP: set {CLAP} to its file or folder")
    import torch

    model = _clap(Path(path))
    both = [
        torch.from_numpy(
            resample(np.float32(one).mean(0, keepdims=True), sample_rate, model.sample_rate)
        )
        for one in (estimate, reference)
    ]
    with torch.inference_mode():
        heard = [model.embed_audio(one)[0] for one in both]
        return Score(float(heard[0] @ heard[1]))


@lru_cache(maxsize=1)
def _clap(path: Path) -> TextAudioModel:
    from baselines.clap.checkpoint import load_clap

    return load_clap(path).model


def _torchmetrics(name: str, **settings: object) -> Measure:
    """A measure of torchmetrics.functional.audio, of speech in mono at 16 kHz."""

    def score(estimate: Signal, reference: Signal, sample_rate: int) -> Score:
        try:
            import torch
            from torchmetrics.functional import audio

            function = getattr(audio, name)
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"{name} needs torchmetrics with its audio extra: pip install 'torchmetrics[audio]'"
            ) from error
        given = [
            torch.from_numpy(
                resample(np.float32(s).mean(0, keepdims=True), sample_rate, _SPEECH_HZ)
            )
            for s in ((estimate,) if name.startswith("speech_rev") else (estimate, reference))
        ]
        try:
            value = float(function(*(one[0] for one in given), fs=_SPEECH_HZ, **settings))
        except ModuleNotFoundError as error:
            raise ConfigError(f"{name} needs more: {error}") from error
        except Exception as error:  # PESQ finds no speech, say
            return Score(None, f"{type(error).__name__}: {error}"[:200])
        return Score(value) if math.isfinite(value) else Score(None, "not a finite number")

    return score


MEASURES: Mapping[str, Measure] = {
    "exact": exact,
    "museval_sdr_db": museval_sdr,
    "fuss_si_snr_db": fuss_si_snr,
    "clap_score": clap_score,
    "pesq": _torchmetrics("perceptual_evaluation_speech_quality", mode="wb"),
    "stoi": _torchmetrics("short_time_objective_intelligibility"),
    "srmr": _torchmetrics("speech_reverberation_modulation_energy_ratio"),
}


def check_measures(names: Sequence[str]) -> None:
    """Raises ConfigError for names that are none."""
    if unknown := [name for name in names if name not in MEASURES]:
        raise ConfigError(f"no measure is called {unknown[0]!r}; there are {', '.join(MEASURES)}")


def measure(
    names: Sequence[str], *, estimate: Signal, reference: Signal, sample_rate: int
) -> dict[str, Score]:
    """The measures `names` of (channels, samples). Raises ConfigError as `check_measures` does, and
    for those whose library is not here."""
    check_measures(names)
    return {name: MEASURES[name](estimate, reference, sample_rate) for name in names}
