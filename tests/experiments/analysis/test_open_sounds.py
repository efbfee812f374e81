"""Presence errors and thresholds of LCR-Q, from queries with known answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from experiments.analysis.open_sounds import Found, apart, equal_error, summary, thresholds
from lcr.joint.query import Thresholds


def queries(present, absent, way="name"):
    def one(logit, snr):
        return Found(
            way=way, label="rain", group=str(logit), snr_db=snr, input_snr_db=snr, presence=logit
        )

    return [*(one(x, 3.0) for x in present), *(one(x, None) for x in absent)]


def test_the_equal_error_of_kinds_that_overlap_evenly():
    rate, at = equal_error([1.0, 2, 3, 4], [-1.0, 0, 1.5, 2.5])
    assert rate == pytest.approx(0.25, abs=0.13)
    assert 1 <= at <= 2.5
    assert equal_error([5.0, 6], [0.0, 1])[0] == 0


def test_where_the_kinds_are_apart_the_thresholds_lie_in_the_gap():
    found = thresholds(queries([10.0] * 50, [0.0] * 50))["recorded"]
    assert found == {"absent": 2.5, "heard": 7.5}


def test_where_they_overlap_few_of_those_that_are_there_are_called_absent():
    rng = np.random.default_rng(0)
    present, absent = rng.normal(1, 1, 2000), rng.normal(0, 1, 2000)
    found = thresholds(queries(present, absent))["recorded"]
    assert np.mean(present < found["absent"]) == pytest.approx(0.01, abs=0.005)
    assert np.mean(present < found["heard"]) == pytest.approx(0.12, abs=0.005)
    told = summary(queries(present, absent), {"recorded": Thresholds(**found)})["presence"]["name"]
    assert told["present_are"]["not sure"] == pytest.approx(0.11, abs=0.01)
    assert sum(told["absent_are"].values()) == pytest.approx(1)


def test_what_is_heard_but_rather_another_sound_is_counted():
    present, *absent = queries([3.0], [3.0, 4.0, -9.0])
    found = [present, *(replace(one, likeness=0.1) for one in absent[1:]), absent[0]]
    sure = {"recorded": Thresholds(absent=0, heard=1)}
    told = summary(found, sure)["presence"]["name"]["heard_but_unlike"]
    assert told == {"present": 0.0, "absent": 0.5}


def test_the_figures_are_snr_and_its_improvement():
    table = summary(queries([1.0, 2.0], [0.0]))
    assert table["name"]["snr_db"][0] == 3.0
    assert table["name"]["extraction_snri_db"][0] == 0.0


def test_recordings_can_be_told_apart_by_their_group():
    found = [*queries([1.0], []), replace(queries([2.0], [])[0], group="drum-7", snr_db=9.0)]
    table = apart(found, "drum-")
    assert table["drum-"]["name"]["queries"] == 1
    assert table["drum-"]["name"]["snr_db"][0] == 9.0
    assert table["not drum-"]["name"]["snr_db"][0] == 3.0
