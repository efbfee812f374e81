from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments.comparison.errors import OutputError, RecordsError
from experiments.comparison.records import (
    SCHEMA,
    RecordsFile,
    comparable,
    locked,
    move_aside,
    read_records,
    write_atomic,
)
from tests.experiments.record_factory import make_record, scores


def record(index: int, **more: Any) -> dict[str, Any]:
    return make_record(index, prompt="Träne\n\u2028", **more)


def failed_record(index: int) -> dict[str, Any]:
    return record(index, status="error", error={"type": "E", "message": "no"})


def write(path: Path, *records: dict[str, Any]) -> None:
    with RecordsFile(path, size=0) as file:
        for one in records:
            file.append(one)


def test_what_is_appended_is_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.jsonl"
    write(path, record(1), record(0))
    read = read_records(path)
    assert list(read.records) == [record(1), record(0)]
    assert (read.dropped, read.size) == (0, path.stat().st_size)


def test_a_missing_file_reads_as_empty(tmp_path: Path) -> None:
    read = read_records(tmp_path / "none.jsonl")
    assert (read.records, read.dropped, read.size) == ((), 0, 0)


def test_a_last_line_cut_at_any_byte_is_dropped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, record(0), record(1))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in (*range(first, len(whole), 50), len(whole) - 1):
        path.write_bytes(whole[:cut])
        read = read_records(path)
        assert [r["index"] for r in read.records] == [0]
        assert read.dropped == int(cut > first)
        assert read.size == first
        with RecordsFile(path, size=read.size) as file:
            file.append(record(1))
        assert path.read_bytes() == whole


def test_the_latest_line_of_a_key_wins(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, failed_record(0), record(1), record(0))
    latest = read_records(path).latest
    assert list(latest) == [("d", 0), ("d", 1)]
    assert latest["d", 0]["status"] == "ok"


@pytest.mark.parametrize("line", ["{}", "[1]", "nonsense", '{"schema": 1}', "", "null"])
def test_a_whole_line_that_is_no_record_is_refused_by_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(record(0)) + "\n" + line + "\n")
    with pytest.raises(RecordsError, match="line 2"):
        read_records(path)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(record(0) | {"schema": SCHEMA + 1}) + "\n")
    with pytest.raises(RecordsError, match="schema"):
        read_records(path)


def test_a_full_disk_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    write(path, record(0))
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with RecordsFile(path, size=len(before)) as file:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="no space left"):
            file.append(record(1))
    assert path.read_bytes() == before


def test_nan_never_gets_into_a_record(tmp_path: Path) -> None:
    with (
        RecordsFile(tmp_path / "a.jsonl", size=0) as file,
        pytest.raises(ValueError, match="finite"),
    ):
        file.append(record(0, metrics=scores(float("nan"))))
    assert (tmp_path / "a.jsonl").read_bytes() == b""


def test_an_unknown_key_or_a_wrong_type_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for change, key in (({"mood": 1}, "mood"), ({"index": "1"}, "index"), ({"audio": {}}, "audio")):
        path.write_text(json.dumps(record(0) | change) + "\n")
        with pytest.raises(RecordsError, match=rf"line 1 .*{key}"):
            read_records(path)


@pytest.mark.parametrize(
    "change",
    [
        {"metrics": {"snr_improvement_db": 1.0}},
        {"input_metrics": {}},
        {"metrics": scores(1.0) | {"snr_improvement_db": 9.0}},
        {"metrics": scores(1e400)},
        {"task": "TSEE"},
        {"family": "jont"},
        {"pattern": "100"},
        {"pattern": "1X00"},
        {"sources": []},
        {"n_audio": 3},
        {"index": -1},
        {"status": "error"},
        {"status": "okay"},
        {"error": {"type": "E", "message": "no"}},
        {"cost": {"wall_s": 1.0}},
        {"cost": make_record()["cost"] | {"wall_s": -1.0}},
        {"cost": make_record()["cost"] | {"llm_calls": 1.5}},
        {"trace": [{"name": "x"}]},
        {"weights": [{"id": "a"}]},
        {"env": {}},
    ],
)
def test_a_record_that_contradicts_itself_is_refused_by_file_and_line(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f"{json.dumps(record(0))}\n{json.dumps(record(1) | change)}\n")
    with pytest.raises(RecordsError, match=r"a\.jsonl line 2"):
        read_records(path)


def test_a_record_without_any_of_its_keys_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    whole = record(0)
    for key in whole:
        path.write_text(json.dumps({k: v for k, v in whole.items() if k != key}) + "\n")
        with pytest.raises(RecordsError, match=rf"line 1 .*{key}"):
            read_records(path)


def test_comparable_drops_times_and_memory_and_nothing_else() -> None:
    step = {"name": "x", "seconds": 0.5, "detail": "", "data": {}}
    one, other = record(3, trace=[step]), record(3, trace=[step | {"seconds": 1.5}])
    other["started"], other["finished"] = "later", "later still"
    for cost in ("wall_s", "real_time_factor", "peak_bytes", "peak_device_bytes"):
        other["cost"][cost] = 9
    assert comparable(one) == comparable(other)
    for changed in ({"metrics": {}}, {"status": "error"}, {"trace": []}, {"seed": 1}):
        assert comparable(one) != comparable(other | changed)
    assert "started" in one


def test_write_atomic_writes_whole_files_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sub" / "a.txt"
    write_atomic(path, b"first")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError):
        write_atomic(path, b"second")
    assert path.read_bytes() == b"first"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_move_aside_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    assert move_aside(path) is None
    for text in ("one", "two"):
        path.write_text(text)
        move_aside(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jsonl.old-1", "a.jsonl.old-2"]
    assert (tmp_path / "a.jsonl.old-1").read_text() == "one"


def test_a_held_folder_is_refused_with_the_holders_process(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "suite"
    with locked(folder):
        program = (
            "from pathlib import Path; from experiments.comparison.records import locked\n"
            f"with locked(Path({str(folder)!r})): pass"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        assert done.returncode != 0
        assert f"process {os.getpid()}" in done.stderr
    assert not (tmp_path / "out").exists()  # nothing was put there


def test_a_lock_left_by_a_killed_process_does_not_hold(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("999999\n")
    with locked(tmp_path):
        pass
    assert not (tmp_path / ".lock").exists()
