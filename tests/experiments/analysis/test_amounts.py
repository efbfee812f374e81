"""Amounts: an output with the asked gains has no distance from them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from experiments.analysis.amounts import measure, prompt_for
from lcr.instruction import AudioDescription, SpeechDescription
from lcr.remixer import Remix

SOURCES = np.random.default_rng(0).standard_normal((2, 16_000)).astype(np.float32)


def example(*descriptions):
    return SimpleNamespace(
        instruction=SimpleNamespace(descriptions=descriptions),
        mixture=SOURCES.sum(0),
        sources=SOURCES,
        sample_rate=16_000,
    )


class Fixed:
    """Whatever is asked, the sources at two gains in dB."""

    def __init__(self, *gains_db):
        self.gains = 10 ** (np.array(gains_db) / 20)

    def remix(self, mixture, sample_rate, prompt):
        self.prompt = prompt
        return Remix(audio=(self.gains[:, None] * SOURCES).sum(0, keepdims=True))


VOICE, RAIN = SpeechDescription(gender="F"), AudioDescription(label="rain")


@pytest.mark.parametrize("amount", [-10.0, 4.0])
def test_distances_are_those_that_were_made(amount):
    found = dict(measure(Fixed(0.5, amount + 2), example(VOICE, RAIN), amount))
    assert found["named"] == pytest.approx(2, abs=0.05)
    assert found["others"] == pytest.approx(0.5, abs=0.05)


def test_the_prompt_names_the_sound_and_the_amount():
    assert prompt_for("rain", -3.0) == "turn down the rain by 3 dB"
    assert prompt_for("rain", 4.0) == "turn up the rain by 4 dB"


def test_a_mixture_without_a_named_sound_says_nothing():
    assert list(measure(Fixed(0, 0), example(VOICE, VOICE), -3.0)) == []
