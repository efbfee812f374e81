"""The 16 tasks are the paper's, and they partition every pattern."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcr.instruction import (
    STYLE_VALUES,
    Action,
    AudioDescription,
    SpeechDescription,
    Task,
    instruction,
    parse_pattern,
    patterns,
    patterns_by_task,
    task_of,
    tell_apart,
)

SHARED = Path(__file__).resolve().parents[3] / "shared"

# Table I, spelled out: one, all or several sources; extract, remove, up, down.
TABLE_1 = {
    Task.TSE: {"1000", "0100"},
    Task.TSR: {"0111", "1011"},
    Task.TS_UP: {"U111", "1U11"},
    Task.TS_DOWN: {"D111", "1D11"},
    Task.TAE: {"0010", "0001"},
    Task.TAR: {"1101", "1110"},
    Task.TA_UP: {"11U1", "111U"},
    Task.TA_DOWN: {"11D1", "111D"},
    Task.SE: {"1100"},
    Task.SR: {"0011"},
    Task.S_UP: {"UU11", "11DD", "UUDD"},
    Task.S_DOWN: {"DD11", "11UU", "DDUU"},
    Task.ME: {"1010", "1001", "0110", "0101"},
    Task.OVC: {"UUUU", "DDDD"},
}

styles = st.builds(
    SpeechDescription, **{k: st.none() | st.sampled_from(v) for k, v in STYLE_VALUES.items()}
)


def test_the_tasks_partition_all_254_patterns() -> None:
    found = patterns_by_task()
    assert list(found) == list(Task)
    everything = [p for group in found.values() for p in group]
    assert len(everything) == len(set(everything)) == 4**4 - 2
    for task, expected in TABLE_1.items():
        assert set(found[task]) == expected
    left = set(everything) - set().union(*TABLE_1.values())
    assert set(found[Task.MVC]) == {p for p in left if "0" not in p}
    assert set(found[Task.MEVC]) == {p for p in left if "0" in p}
    assert len(found[Task.MVC]) == 64
    assert len(found[Task.MEVC]) == 160


@given(st.text("01UD", min_size=4, max_size=4))
def test_every_pattern_has_one_task_or_is_trivial(pattern: str) -> None:
    homes = [task for task, group in patterns_by_task().items() if pattern in group]
    if set(pattern) in ({"0"}, {"1"}):
        assert homes == []
        with pytest.raises(ValueError, match="trivial"):
            task_of(pattern, n_speech=2)
    else:
        assert homes == [task_of(pattern, n_speech=2)]


@given(st.integers(0, 3), st.integers(0, 3))
def test_every_composition_is_partitioned_too(n_speech: int, n_audio: int) -> None:
    if n_speech + n_audio == 0:
        return
    found = [p for group in patterns_by_task(n_speech, n_audio).values() for p in group]
    assert sorted(found) == sorted(patterns(n_speech, n_audio))


@given(st.text("01UD", min_size=4, max_size=4), st.booleans(), st.booleans())
def test_order_within_a_kind_does_not_change_the_task(
    pattern: str, swap_speech: bool, swap_audio: bool
) -> None:
    if set(pattern) in ({"0"}, {"1"}):
        return
    speech = pattern[1::-1] if swap_speech else pattern[:2]
    audio = pattern[:1:-1] if swap_audio else pattern[2:]
    assert task_of(speech + audio, n_speech=2) == task_of(pattern, n_speech=2)


@pytest.mark.parametrize(
    ("n_speech", "n_audio", "missing"),
    [
        (2, 0, {"TSR", "TAE", "TAR", "TA↑", "TA↓", "SE", "SR", "S↑", "S↓", "ME"}),
        (0, 2, {"TSE", "TSR", "TS↑", "TS↓", "TAR", "SE", "SR", "S↑", "S↓", "ME"}),
        (2, 1, {"TAE", "TAR", "TA↑", "TA↓", "ME"}),
        (1, 2, {"TSE", "TSR", "TS↑", "TS↓", "ME"}),
    ],
)
def test_tasks_that_table_3_leaves_empty(n_speech: int, n_audio: int, missing: set[str]) -> None:
    assert {t.value for t in Task} - {t.value for t in patterns_by_task(n_speech, n_audio)} == (
        missing
    )


def test_the_paper_tables_agree() -> None:
    path = SHARED / "paper" / "tables.json"
    if not path.exists():
        pytest.skip("the paper's tables lie beside the repository and are not here")
    tables = json.loads(path.read_text(encoding="utf-8"))["table_1_tasks"]
    for name, listed in tables.items():
        if isinstance(listed, list):
            assert sorted(listed) == sorted(patterns_by_task()[Task(name)])


def test_task_names_of_the_authors_test_set_agree_with_their_patterns() -> None:
    parts = sorted((SHARED / "paper-test-set").glob("*.jsonl.gz"))
    if not parts:
        pytest.skip("the authors' test set lies beside the repository and is not here")
    rows = 0
    for part in parts:
        with gzip.open(part, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                assert task_of(row["acts"], n_speech=2).value == row["task"]
                rows += 1
    assert rows >= 1000


def test_actions_scale_as_the_paper_says() -> None:
    assert [a.gain for a in parse_pattern("01UD")] == [0.0, 1.0, 2.0, 0.5]
    with pytest.raises(ValueError, match="only 0, 1, U and D"):
        parse_pattern("01X")
    with pytest.raises(ValueError, match="at least one"):
        parse_pattern("")


def test_an_instruction_checks_itself() -> None:
    man, rain = SpeechDescription(gender="M"), AudioDescription(label="rain")
    asked = instruction("0U", (man, rain))
    assert (asked.pattern, asked.gains, asked.n_speech) == ("0U", (0.0, 2.0), 1)
    assert asked.task is Task.MEVC
    with pytest.raises(ValueError, match="one action a source"):
        instruction("0", (man, rain))
    with pytest.raises(ValueError, match="speech sources come before"):
        instruction("01", (rain, man))
    with pytest.raises(ValueError, match="gender must be one of"):
        SpeechDescription(gender="X")
    with pytest.raises(ValueError, match="class label"):
        AudioDescription(label=" ")


@given(styles, styles)
def test_telling_apart_needs_a_known_difference(a: SpeechDescription, b: SpeechDescription) -> None:
    expected = any(
        getattr(a, name) is not None
        and getattr(b, name) is not None
        and getattr(a, name) != getattr(b, name)
        for name in STYLE_VALUES
    )
    assert tell_apart(a, b) == tell_apart(b, a) == expected
    assert not tell_apart(a, a)


def test_telling_sounds_apart() -> None:
    rain, dog = AudioDescription(label="rain"), AudioDescription(label="dog barking")
    assert tell_apart(rain, dog)
    assert not tell_apart(rain, AudioDescription(label="rain"))
    assert tell_apart(rain, SpeechDescription())


def test_actions_are_closed() -> None:
    letters = "".join(a.value for a in Action)
    assert letters == "01UD"
    assert len(list(itertools.product(letters, repeat=2))) == len(list(patterns(1, 1))) + 2
