"""How voices relate: onset, pitch and level, on voices of known ones."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lcr.data.bank import SAMPLE_RATE
from lcr.data.relations import VoiceMeasures, begin_later, clear_relations, measure_voice, median_f0
from lcr.instruction import RELATIONS


def voice(f0_hz: float, *, start_s: float = 0.0, gain: float = 1.0, seconds: float = 2.0):
    """Twenty harmonics, as a vowel has."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = sum(np.sin(2 * np.pi * k * f0_hz * t) / k for k in range(1, 21))
    wave = 0.1 * gain * wave
    wave[: int(start_s * SAMPLE_RATE)] = 0
    return wave.astype(np.float32)


@pytest.mark.parametrize("f0_hz", [80.0, 110.0, 173.0, 240.0, 350.0])
def test_f0_of_harmonics(f0_hz):
    assert median_f0(voice(f0_hz)) == pytest.approx(f0_hz, rel=0.03)


def test_noise_and_silence_have_none():
    noise = np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE).astype(np.float32)
    assert median_f0(noise) is None
    assert median_f0(noise[:100]) is None
    assert measure_voice(np.zeros(SAMPLE_RATE, dtype=np.float32)) is None


def test_each_relation_by_what_was_made():
    low = voice(100, gain=2)
    high = voice(220, start_s=0.8)
    found = clear_relations([measure_voice(low), measure_voice(high)])
    assert set(found[0]) == {"first", "lower", "louder"}
    assert set(found[1]) == {"second", "last", "higher", "quieter"}


def test_a_voice_begins_later_unless_half_of_it_would_be_lost():
    whole = voice(100)
    late = begin_later(whole, SAMPLE_RATE // 2)
    assert measure_voice(late).onset_s == pytest.approx(0.5, abs=0.03)
    assert np.array_equal(late[SAMPLE_RATE // 2 :], whole[: -SAMPLE_RATE // 2])
    end = voice(100, start_s=1.5)
    assert begin_later(end, SAMPLE_RATE) is end


def test_what_is_not_clear_is_not_stated():
    found = clear_relations([measure_voice(voice(100)), measure_voice(voice(110, start_s=0.3))])
    assert found == [(), ()]
    assert clear_relations([measure_voice(voice(100))]) == [()]
    assert clear_relations([None, measure_voice(voice(100))]) == [(), ()]


def test_the_second_of_three_begins_apart_from_both():
    def at(onset_s):
        return VoiceMeasures(onset_s=onset_s, f0_hz=None, level_db=0.0)

    assert clear_relations([at(2.0), at(0.0), at(1.0)]) == [("last",), ("first",), ("second",)]
    assert clear_relations([at(1.2), at(0.0), at(1.0)]) == [(), ("first",), ()]


def test_every_relation_has_a_query_column():
    from lcr.nn.query.names import STYLE_COLUMNS

    assert {f"relation={name}" for name in RELATIONS} <= set(STYLE_COLUMNS)


def test_f0_agrees_with_the_manifest_of_the_field_recordings():
    folder = Path("../shared/field-recordings")
    if not folder.exists():
        pytest.skip("needs ../shared/field-recordings")
    with open(folder / "manifest.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["f0_hz"]][:40]
    near = 0
    for row in rows:
        wave, _ = soundfile.read(folder / row["path"], dtype="float32")
        measured = median_f0(wave)
        near += measured is not None and abs(measured / float(row["f0_hz"]) - 1) < 0.1
    assert near >= 36
