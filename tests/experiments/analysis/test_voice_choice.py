"""Which of two voices is meant: pairs, what tells them apart, and choices by known answers."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.analysis import voice_choice
from experiments.analysis.voice_choice import draw_pairs, measure, what_tells
from lcr.data.bank import SAMPLE_RATE, Entry
from lcr.instruction import SpeechDescription
from lcr.joint.query import Remixed


class TwoSpeakers:
    """A man at 100 Hz and a woman at 220 Hz."""

    name, digest = "two", "0" * 64

    def entries(self, split):
        return [
            Entry(
                id=gender,
                description=SpeechDescription(gender=gender, tempo="low"),
                split=split,
                group=gender,
            )
            for gender in "MF"
        ]

    def load(self, entry):
        f0 = 100 if entry.description.gender == "M" else 220
        t = np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE
        return (0.05 * sum(np.sin(2 * np.pi * k * f0 * t) for k in range(1, 9))).astype(np.float32)


class Chooser:
    """Answers a query by the voice it is told to answer with."""

    def __init__(self, answers, waves):
        self.answers, self.waves = answers, waves

    def knows_style(self, column):
        return column in self.answers

    def encode(self, mixture):
        return mixture

    def of_style(self, speech, column):
        return column

    def remix(self, encoding, rest_gain, items):
        ((_, _, column),) = items
        none = np.zeros(2, np.float32)
        return Remixed(self.waves[self.answers[column]], none, none)


def test_pairs_are_of_two_speakers_and_drawn_from_their_number():
    one, two = (list(draw_pairs(TwoSpeakers(), "test", 4)) for _ in range(2))
    for (entries, waves), (again, same) in zip(one, two, strict=True):
        assert entries == again
        assert np.array_equal(waves, same)
        assert {e.group for e in entries} == {"M", "F"}


def test_what_tells_two_voices_apart_is_asked_for_both():
    entries, waves = next(draw_pairs(TwoSpeakers(), "test", 1))
    asked = {(voice, column) for voice, _, column in what_tells(entries, waves)}
    man = [e.group for e in entries].index("M")
    assert {(man, "gender=M"), (1 - man, "gender=F")} <= asked
    assert {(man, "relation=lower"), (1 - man, "relation=higher")} <= asked
    assert not any(column.startswith("tempo") for _, column in asked)


def test_a_choice_is_right_where_the_output_is_that_voice(monkeypatch):
    entries, waves = next(draw_pairs(TwoSpeakers(), "test", 1))
    man = [e.group for e in entries].index("M")
    monkeypatch.setattr(voice_choice, "draw_pairs", lambda *_: [(entries, waves)])
    answers = {"gender=M": man, "gender=F": 1 - man, "relation=lower": 1 - man}
    margins = measure(Chooser(answers, waves), TwoSpeakers(), "test", 1)
    assert [m > 0 for m in margins["gender"]] == [True, True]
    assert [m > 0 for m in margins["lower"]] == [False]
    assert "higher" not in margins
    assert min(margins["gender"]) == pytest.approx(100, abs=60)
