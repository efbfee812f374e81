"""Shards merge to the undivided run; what does not belong together is named, never mixed in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments import compare
from experiments.comparison.errors import ConfigError, OutputError, RecordsError
from experiments.comparison.records import comparable, read_records
from experiments.comparison.shards import Merged, Shard, merge

SYSTEMS = "half,batching,ideal-ratio-mask"
TIMES = ("started", "finished", "wall_s", "latency_s", "real_time_factor", "stages")


@pytest.fixture
def run(
    tmp_path: Path, suite: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Run the command; gives the suite's folder below `out`."""
    monkeypatch.setattr(
        "experiments.comparison.report.write_report", lambda run: run.folder / "report.html"
    )

    def ran(out: str, *arguments: object, status: int = 0) -> Path:
        command = ["--suite", str(suite), "--out", str(tmp_path / out), "--device", "cpu"]
        command += ["--isolate", "none", "--systems", SYSTEMS, "--per-task", "2"]
        assert compare.main([*command, *map(str, arguments)]) == status
        return tmp_path / out / "tiny"

    return ran


@pytest.fixture
def shards(run: Callable[..., Path]) -> list[Path]:
    return in_shards(run, 3)


def in_shards(run: Callable[..., Path], count: int, *arguments: object) -> list[Path]:
    folders = [run("parts", "--shard", f"{n}/{count}", *arguments) for n in range(1, count + 1)]
    return sorted(folders[0].glob("shard-*"))


def records(folder: Path) -> dict[str, list[dict[str, Any]]]:
    found = {p.name: read_records(p).records for p in sorted(folder.glob("*.jsonl"))}
    return {name: [comparable(record) for record in some] for name, some in found.items()}


def summary(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / "summary.json").read_text())
    for system in (found, *found["systems"]):
        for key in TIMES:
            system.pop(key, None)
        system.pop("peak_bytes", None)
    return found


def change(folder: Path, system: str, edit: Callable[[dict[str, Any]], None]) -> int:
    """Edit the first record of a system; its index."""
    (path,) = folder.glob(f"{system}@*.jsonl")
    lines = path.read_text().splitlines()
    record = json.loads(lines[0])
    edit(record)
    path.write_text("\n".join([json.dumps(record), *lines[1:]]) + "\n")
    return record["index"]  # type: ignore[no-any-return]


def merged(parts: list[Path], tmp_path: Path) -> Merged:
    return merge(parts, tmp_path / "merged")


def test_parts_are_whole_batches_and_each_example_is_in_one() -> None:
    parts = [Shard(number, 5).of(101) for number in range(1, 6)]
    assert sorted(index for part in parts for index in part) == list(range(101))
    assert all(len({i % 8 for i in part if i // 8 == part[0] // 8}) in (5, 8) for part in parts)
    for text in ("0/3", "4/3", "3", "a/b", "1/0"):
        with pytest.raises(ConfigError):
            Shard.parse(text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "per_task"), [(3, 2), pytest.param(16, 8, marks=pytest.mark.rehearsal)]
)
def test_merged_shards_are_the_undivided_run(
    run: Callable[..., Path], tmp_path: Path, count: int, per_task: int
) -> None:
    whole = run("whole", "--per-task", per_task)
    shards = in_shards(run, count, "--per-task", per_task)
    assert len(shards) == count
    out = tmp_path / "merged"
    assert compare.main(["--merge", *map(str, shards), "--out", str(out)]) == 0
    assert records(out / "tiny") == records(whole)
    assert summary(out / "tiny") == summary(whole)
    for sound in whole.rglob("*.wav"):
        assert (out / "tiny" / sound.relative_to(whole)).read_bytes() == sound.read_bytes()
    assert summary(whole)["examples"]


@pytest.mark.slow
def test_gaps_and_duplicates_are_named(shards: list[Path], tmp_path: Path) -> None:
    found = merged(shards[1:], tmp_path)
    assert found.run is None
    assert len(found.gaps) == 3
    assert "16 of 32" in found.gaps[0]
    assert compare.main(["--merge", *map(str, shards[1:]), "--out", str(tmp_path / "gaps")]) == 1
    again = tmp_path / "again"
    shutil.copytree(shards[0], again)
    found = merged([*shards, again], tmp_path)
    assert found.run is not None
    assert any("equal: kept once" in note for note in found.run.notes)


@pytest.mark.slow
def test_what_does_not_belong_is_named_and_left_out(shards: list[Path], tmp_path: Path) -> None:
    stale, other = tmp_path / "stale", tmp_path / "other"
    shutil.copytree(shards[0], stale)
    index = change(stale, "half", lambda r: r.update(example_sha256="0" * 64))
    found = merged([stale, *shards[1:]], tmp_path)
    assert found.run is None
    assert found.gaps == [f"half lacks 1 of 32 examples: {index}"]
    shutil.copytree(shards[0], other)
    change(other, "half", lambda r: r.update(prompt="another"))
    found = merged([*shards, other], tmp_path)
    assert found.run is not None
    assert any("differ: the first ones" in note for note in found.run.notes)
    (other / "run.json").write_text(
        (other / "run.json").read_text().replace(found.run.data_digest, "f" * 64)
    )
    found = merged([*shards, other], tmp_path)
    assert found.run is not None
    assert [note for note in found.run.notes if "its data differs" in note]
    with pytest.raises(RecordsError):
        merged([tmp_path], tmp_path)
    (other / "run.json").write_text("{}")
    with pytest.raises(RecordsError):
        merged([other], tmp_path)
    whole = tmp_path / "whole" / "tiny"
    shutil.copytree(shards[0], whole)
    with pytest.raises(OutputError):
        merge([whole], tmp_path / "whole")
