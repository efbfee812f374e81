"""Parts of a recording: which, in samples and in words; and only they change, in every surface."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lcr.api import LoadedRemixer
from lcr.audio.core import read_audio
from lcr.audio.streams import ArraySource
from lcr.cli import main
from lcr.prompts.generator import write_prompt
from lcr.prompts.time_range import FADE_S, TimeRange, TimeRangeError, limit, limit_blocks
from lcr.prompts.time_words import parse_range, parse_time
from lcr.remixer import Audio
from lcr.running import files as remix_files
from lcr.running.chunked import AdapterConfig, AnyRateRemixer
from tests.lcr.prompts.generator.test_writer import random_instruction
from tests.lcr.running.test_files import Scaling, recording

RATE = 1000


def noise(samples: int, channels: int = 2) -> Audio:
    return np.random.default_rng(0).standard_normal((channels, samples)).astype(np.float32)


@pytest.mark.parametrize(
    ("only", "first", "last"),
    [
        (TimeRange(), 0, 5000),
        (TimeRange(start_s=1.0, end_s=2.5), 1000, 2500),
        (TimeRange(start_s=4.0, end_s=9.0), 4000, 5000),
        (TimeRange(start_s=-3.0), 2000, 5000),
        (TimeRange(start_s=-30.0), 0, 5000),
        (TimeRange(end_s=-3.0), 0, 2000),
        (TimeRange(start_s=1.0, end_s=-1.0), 1000, 4000),
    ],
)
def test_only_the_range_changes(only: TimeRange, first: int, last: int) -> None:
    before, fade = noise(5000), round(FADE_S * RATE)
    out = limit(before, -before, RATE, only)
    np.testing.assert_array_equal(out[:, :first], before[:, :first])
    np.testing.assert_array_equal(out[:, last:], before[:, last:])
    left, right = first + fade * (first > 0), last - fade * (last < 5000)
    np.testing.assert_array_equal(out[:, left:right], -before[:, left:right])
    assert np.abs(out).max() <= np.abs(before).max()


def test_an_edge_is_a_raised_cosine_without_a_click() -> None:
    before, after = np.zeros((1, 3000), np.float32), np.ones((1, 3000), np.float32)
    out = limit(before, after, RATE, TimeRange(start_s=1, end_s=2))[0]
    at = (np.arange(20) + 0.5) / 20
    np.testing.assert_allclose(out[1000:1020], 0.5 - 0.5 * np.cos(np.pi * at), atol=1e-6)
    np.testing.assert_allclose(out[1980:2000], out[1000:1020][::-1], atol=1e-6)
    np.testing.assert_allclose(
        limit(after, after, RATE, TimeRange(start_s=1, end_s=2)), after, atol=1e-6
    )


@pytest.mark.parametrize(
    ("spared", "first", "last"),
    [
        (TimeRange(start_s=1.0, end_s=2.5, spared=True), 1000, 2500),
        (TimeRange(end_s=1.0, spared=True), 0, 1000),
        (TimeRange(start_s=-1.5, spared=True), 3500, 5000),
        (TimeRange(start_s=0.01, end_s=4.995, spared=True), 10, 4995),
    ],
)
def test_a_spared_part_stays_and_all_others_change(
    spared: TimeRange, first: int, last: int
) -> None:
    before, fade = noise(5000), round(FADE_S * RATE)
    out = limit(before, -before, RATE, spared)
    np.testing.assert_array_equal(out[:, first:last], before[:, first:last])
    left, right = max(first - fade, 0), min(last + fade, 5000)
    np.testing.assert_array_equal(out[:, :left], -before[:, :left])
    np.testing.assert_array_equal(out[:, right:], -before[:, right:])


def test_edges_of_a_spared_part_lie_outside_of_it() -> None:
    before, after = np.zeros((1, 3000), np.float32), np.ones((1, 3000), np.float32)
    out = limit(before, after, RATE, TimeRange(start_s=1, end_s=2, spared=True))[0]
    at = (np.arange(20) + 0.5) / 20
    np.testing.assert_allclose(out[980:1000], 0.5 + 0.5 * np.cos(np.pi * at), atol=1e-6)
    np.testing.assert_allclose(out[2000:2020], out[980:1000][::-1], atol=1e-6)


def test_a_range_that_spares_everything_is_refused() -> None:
    with pytest.raises(TimeRangeError, match="nothing of the recording is left"):
        TimeRange(spared=True).within(5000, RATE)
    with pytest.raises(TimeRangeError, match="no part of the recording is from 7 s to 9 s"):
        TimeRange(start_s=7, end_s=9, spared=True).within(5000, RATE)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=9), st.integers(0, 300), st.booleans())
def test_ranges_survive_json(sizes: list[int], start: int, spared: bool) -> None:
    one = TimeRange(start_s=float(start), end_s=float(start + sum(sizes)), spared=spared)
    assert TimeRange(**json.loads(json.dumps(one.to_json()))) == one


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_a_range_of_few_samples(samples: int) -> None:
    before = noise(100)
    out = limit(before, before + 1, RATE, TimeRange(start_s=0.05, end_s=0.05 + samples / RATE))
    changed = np.flatnonzero((out != before).all(0))
    assert changed.tolist() == list(range(50, 50 + samples))


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(2, 1), (1, 1), (-1, -2), (float("nan"), None), (0, float("inf"))]
)
def test_what_is_no_range(start_s: float, end_s: float | None) -> None:
    with pytest.raises(TimeRangeError):
        TimeRange(start_s=start_s, end_s=end_s)


@pytest.mark.parametrize(
    "only", [TimeRange(start_s=5), TimeRange(end_s=-5), TimeRange(start_s=4, end_s=-2)]
)
def test_a_range_that_is_not_there(only: TimeRange) -> None:
    with pytest.raises(TimeRangeError, match=r"no part of the recording .* lasts 5 s"):
        only.within(5000, RATE)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=20), st.integers(0, 300), st.booleans())
@example([1] * 20, 5, True)
@example([1] * 20, 5, False)
def test_block_by_block_is_as_at_once(sizes: list[int], start: int, spared: bool) -> None:
    before = noise(max(sum(sizes), start + 1))
    cuts = np.cumsum(sizes)
    if spared:
        before = noise(before.shape[1] + 200)
        sizes = [*sizes, 200]
    only = TimeRange(start_s=start / RATE, end_s=(start + 100) / RATE, spared=spared)

    def remixed() -> Iterator[Audio]:
        yield from np.split(-before, cuts, axis=1)

    window = only.within(before.shape[1], RATE)
    blocks = list(limit_blocks(remixed(), ArraySource(before, RATE), window))
    np.testing.assert_array_equal(np.concatenate(blocks, 1), limit(before, -before, RATE, only))


@pytest.mark.parametrize(
    ("prompt", "left", "start_s", "end_s"),
    [
        ("mute the dog from 0:10 to 0:15", "mute the dog", 10, 15),
        ("From 0:10 to 0:15, mute the dog.", "mute the dog.", 10, 15),
        ("mute the dog (0:10–0:15)", "mute the dog", 10, 15),
        ("mute the dog between 5 and 10 seconds", "mute the dog", 5, 10),
        ("from 5 to 10 s mute the dog", "mute the dog", 5, 10),
        ("mute the dog from 0:10 for five seconds", "mute the dog", 10, 15),
        ("mute the dog for half a minute from 0:10", "mute the dog", 10, 40),
        ("mute the dog from the beginning to 1 min 30 s", "mute the dog", 0, 90),
        ("mute the dog from 1:02:03.5 to the end", "mute the dog", 3723.5, None),
        ("after the first minute turn the man up", "turn the man up", 60, None),
        ("mute the dog from 0:10 on and keep the man", "mute the dog and keep the man", 10, None),
        ("mute the dog, but only in the last 3 seconds.", "mute the dog.", -3, None),
        ("mute the dog from 3 seconds before the end", "mute the dog", -3, None),
        ("in the first minute, the dog should go", "the dog should go", 0, 60),
        ("remove the first ten seconds of the dog", "remove the dog", 0, 10),
        ("UNTIL 0:30 MUTE THE DOG", "MUTE THE DOG", 0, 30),
        ("mute the dog until the last 10 seconds", "mute the dog", 0, -10),
        ("mute it except in the last 3 seconds", "mute it", 0, -3),
        ("mute it except after 0:30", "mute it", 0, 30),
        ("mute it except before 0:10", "mute it", 10, None),
        ("mute the vehicle but from 0:10 to 0:15", "mute the vehicle", 10, 15),
        ("keep all but the dog from 0:10 to 0:15", "keep all but the dog", 10, 15),
        ("mute the dog after 10 seconds and before 20 seconds", "mute the dog", 10, 20),
        ("the man up by 3 dB between 1:00 and 1:30", "the man up by 3 dB", 60, 90),
    ],
)
def test_ranges_in_words(prompt: str, left: str, start_s: float, end_s: float | None) -> None:
    found = parse_range(prompt)
    assert found.prompt == left
    assert found.only == TimeRange(start_s=start_s, end_s=end_s)


@pytest.mark.parametrize(
    ("prompt", "left"),
    [
        ("mute the dog except from 0:10 to 0:15", "mute the dog"),
        ("Mute the dog everywhere but between 0:10 and 0:15.", "Mute the dog."),
        ("everywhere except 0:10-0:15, remove the rain", "remove the rain"),
        ("turn it up by 3 dB but not from 10 to 15 seconds", "turn it up by 3 dB"),
        ("keep only the woman outside 0:10 to 0:15", "keep only the woman"),
        ("turn it down, except for the part from 0:10 to 0:15", "turn it down"),
    ],
)
def test_what_is_spared_in_words(prompt: str, left: str) -> None:
    found = parse_range(prompt)
    assert found.prompt == left
    assert found.only == TimeRange(start_s=10, end_s=15, spared=True)


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("mute the dog at 0:10", '"0:10" is no time range'),
        ("mute the dog for 10 seconds", "is no time range"),
        ("mute the dog 3 seconds before the end", "is no time range"),
        ("mute the first 10 seconds", "is no time range"),
        ("mute the dog in the second half", "is no time range"),
        ("mute it except from 0:10 to 0:20 and from 0:30 to 0:35", "one time range at a time"),
        ("from 0:10 to 0:15", "not what to do"),
        ("mute the dog from 0:15 to 0:10", "end after it begins"),
        ("the dog from 0:10 to 0:15 and the man from 0:20 to 0:25", "one time range at a time"),
    ],
)
def test_times_that_make_no_range_are_not_ignored(prompt: str, says: str) -> None:
    with pytest.raises(TimeRangeError, match=says):
        parse_range(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "turn down the 80s music",
        "remove a second man from a second woman",
        "lower by 10 %",
        "as before",
    ],
)
def test_words_that_are_no_times(prompt: str) -> None:
    assert parse_range(prompt).only is None
    assert parse_range(prompt).prompt == prompt


def test_prompts_of_the_training_set_say_nothing_of_time() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        text = write_prompt(random_instruction(rng), rng).text
        assert parse_range(text) == parse_range(text)
        assert parse_range(text).only is None


def test_times() -> None:
    texts = ["90", "-3", "0:10", "1:02:03.5", "1 min 30 s", "2m", "3 seconds before the end"]
    assert [parse_time(text) for text in texts] == [90, -3, 10, 3723.5, 90, 120, -3]
    for text in ("", "soon", "0:75", "the end", "1:2:3:4"):
        with pytest.raises(TimeRangeError, match="is no time"):
            parse_time(text)


def test_arrays() -> None:
    half, sound = LoadedRemixer(Scaling(0.5)), noise(5000)
    said = half.remix(sound, RATE, "halve it from 0:01 to 0:02")
    assert [step.name for step in said.trace] == ["halve it", "time range"]
    given = half.remix(sound, RATE, "halve it", start_s=1, end_s=2)
    np.testing.assert_array_equal(said.audio, given.audio)
    np.testing.assert_array_equal(said.audio[:, :1000], sound[:, :1000])
    np.testing.assert_array_equal(said.audio[:, 2000:], sound[:, 2000:])
    np.testing.assert_array_equal(said.audio[:, 1020:1980], sound[:, 1020:1980] / 2)
    mono = half.remix(sound[0], RATE, "halve it", start_s=-1.0)
    np.testing.assert_array_equal(mono.audio[:4000], sound[0, :4000])
    with pytest.raises(TimeRangeError, match="gives a time range itself"):
        half.remix(sound, RATE, "halve it from 0:01 to 0:02", start_s=1)
    with pytest.raises(TimeRangeError, match="no part of the recording"):
        half.remix(sound, RATE, "halve it", start_s=5)


@pytest.mark.parametrize("prepared", [True, False])
def test_files_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepared: bool) -> None:
    monkeypatch.setattr(remix_files, "_PART_S", 0.5)
    config = AdapterConfig(native_rate=16_000, chunk_s=0.5, overlap_s=0.1)
    system = AnyRateRemixer(Scaling(0.25), config) if prepared else Scaling(0.25)
    source = recording(tmp_path / "a.wav", subtype="FLOAT")
    remix = LoadedRemixer(system).remix_file(
        source.path, tmp_path / "b.wav", "quarter in the last second"
    )
    assert remix.trace[-1].detail == "from 1 s before the end to the end"
    before, after = read_audio(source.path).audio, read_audio(tmp_path / "b.wav").audio
    first, fade = source.samples - 44_100, round(FADE_S * 44_100)
    np.testing.assert_array_equal(after[:, :first], before[:, :first])
    np.testing.assert_allclose(
        after[:, first + fade :], before[:, first + fade :] / 4, rtol=0, atol=1e-5
    )
    with pytest.raises(TimeRangeError, match="lasts 3 s"):
        LoadedRemixer(system).remix_file(source.path, tmp_path / "c.wav", "quarter", start_s=3)
    assert not (tmp_path / "c.wav").exists()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = recording(tmp_path / "a.wav", subtype="PCM_16")
    command = ["remix", "--system", "mixture", "--json", str(source.path), "keep it"]
    assert main([*command, "--from", "0:01", "--to", "-1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["start_s"], told["end_s"]) == (1, -1)
    assert (tmp_path / "a.remixed.wav").read_bytes() == source.path.read_bytes()
    assert main([*command, "--from", "2", "--to", "1"]) == 2
    assert "must end after it begins" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*command, "--from", "soon"])
    assert "is no time" in capsys.readouterr().err
