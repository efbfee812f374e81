"""Sets of mixtures: the same to the byte however they are built, and read back as what they say."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lcr.cli import main
from lcr.cli.status import EXIT_BAD_INPUT
from lcr.data.authors.files import DataRoots
from lcr.data.authors.mixtures import PaperMixtures
from lcr.data.authors.set import read_paper_set
from lcr.data.build import PLANS
from lcr.data.mixtures import MixtureConfig
from lcr.errors import AudioFileError
from lcr.files import sha256_of
from lcr.instruction import patterns_by_task
from tests.corpus_trees import corpora

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = corpora(tmp_path_factory.mktemp("bank") / "corpora")
    assert main(["data", "index", str(root), "--processes", "1"]) == 0
    return root


def command(
    root: Path, out: Path, *sets: str, processes: int = 1, more: tuple[str, ...] = ()
) -> list[str]:
    options = ["--part", "20", "--processes", str(processes), *more]
    return ["data", "build", str(root), str(out), "--sets", *sets, *options]


def tree(out: Path) -> dict[str, str]:
    return {str(path.relative_to(out)): sha256_of(path) for path in sorted(out.rglob("*.*[!k]"))}


def opened(root: Path, out: Path) -> PaperMixtures:
    roots = DataRoots(root)
    return PaperMixtures(
        read_paper_set(out), roots, config=MixtureConfig(), per_task=10_000, name=""
    )


def test_the_plans_are_the_paper_s() -> None:
    assert [PLANS[name].count for name in ("train", "valid", "test")] == [100_000, 5_000, 10_000]
    assert {plan.count for name, plan in PLANS.items() if name not in ("train", "test")} == {5_000}


def test_a_set_is_read_back_as_mixtures_of_its_split(root: Path, tmp_path: Path) -> None:
    sets = ("train=48", "test=48", "zero-shot-2a=12", "fsd50k=4", "fsd50k-unseen=4")
    assert main(command(root, tmp_path, *sets)) == 0
    train = list(read_paper_set(tmp_path / "train"))
    tasks = Counter(mixture.instruction.task for mixture in train)
    assert tasks == dict.fromkeys(patterns_by_task(2, 2), 3)
    assert all(len(set(mixture.prompts)) == 5 for mixture in train)
    assert all(abs(source.level_db) <= 3 for mixture in train for source in mixture.sources)
    files = {
        name: {s.file for mixture in read_paper_set(tmp_path / name) for s in mixture.sources}
        for name in ("train", "test", "zero-shot-2a", "fsd50k", "fsd50k-unseen")
    }
    assert not files["train"] & files["test"]
    assert all(file.startswith("VGGSound/") for file in files["zero-shot-2a"])
    sounds = {file for file in files["fsd50k"] if not file.startswith("TextrolSpeech")}
    assert all(file.startswith("FSD50K/FSD50K.eval_audio") for file in sounds)
    # VGGSound has dogs barking: of FSD50K's classes marimba and zipper are new.
    unseen = {file for file in files["fsd50k-unseen"] if not file.startswith("TextrolSpeech")}
    assert unseen == {f"FSD50K/FSD50K.eval_audio/{name}.wav" for name in (201, 202)}
    example = opened(root, tmp_path / "test").example(0)
    assert example.sources.shape == (4, 80_000)
    assert (tmp_path / "README.md").read_text(encoding="utf-8").count("| train | 48 | 0 |") == 1


def test_shards_hold_what_is_mixed_on_the_fly(root: Path, tmp_path: Path) -> None:
    assert main(command(root, tmp_path / "a", "test=32")) == 0
    assert main(command(root, tmp_path / "b", "test=32", more=("--shards",))) == 0
    fly, ready = opened(root, tmp_path / "a" / "test"), opened(root, tmp_path / "b" / "test")
    assert len(ready) == len(fly) == 32
    for index in (0, 31):
        one, other = fly.example(index), ready.example(index)
        assert (one.id, one.prompt, one.clips) == (other.id, other.prompt, other.clips)
        np.testing.assert_allclose(other.sources, one.sources, atol=2**-15)
        np.testing.assert_allclose(other.target, one.target, atol=2**-12)
    with tarfile.open(tmp_path / "b" / "test" / "00001.tar") as shard:
        names = [member.name for member in shard]
    assert names[:2] == ["test-0-000020.json", "test-0-000020.0.flac"]
    assert len(names) == 12 * 5


def test_any_number_of_processes_builds_the_same(root: Path, tmp_path: Path) -> None:
    for folder, processes in (("one", 1), ("two", 2)):
        built = command(root, tmp_path / folder, "train=70", processes=processes)
        assert main([*built, "--shards"]) == 0
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    (tmp_path / "one" / "train" / "00002.jsonl").unlink()
    assert main([*command(root, tmp_path / "one", "train=70"), "--shards"]) == 0
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    with open(tmp_path / "one" / "checksums.csv", newline="", encoding="utf-8") as file:
        told = {row["file"]: row["sha256"] for row in csv.DictReader(file)}
    assert len(told) == 8
    assert all(sha256_of(tmp_path / "one" / name) == digest for name, digest in told.items())


@pytest.mark.parametrize("change", [("--seed", "1"), ("--part", "10"), ("--shards",)])
def test_a_set_is_not_gone_on_with_otherwise(
    root: Path, tmp_path: Path, change: tuple[str, ...]
) -> None:
    assert main(command(root, tmp_path, "valid=16")) == 0
    before = tree(tmp_path)
    assert main(command(root, tmp_path, "valid=16", more=change)) == EXIT_BAD_INPUT
    assert tree(tmp_path) == before


@pytest.mark.parametrize("more", [("--processes", "0"), ("--part", "0"), ("--seed", "-1")])
def test_numbers_that_make_no_sense_are_refused(
    root: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    assert main(command(root, tmp_path / "out", "test=4", more=more)) == EXIT_BAD_INPUT
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("sets", ["trian", "train=0", "train=x"])
def test_sets_that_do_not_exist_are_refused(root: Path, tmp_path: Path, sets: str) -> None:
    assert main(command(root, tmp_path / "out", sets)) == EXIT_BAD_INPUT
    assert not (tmp_path / "out").exists()


def test_a_recording_that_has_gone_bad_is_left_out_and_named(tmp_path: Path) -> None:
    root = corpora(tmp_path / "corpora")
    assert main(["data", "index", str(root), "--processes", "1"]) == 0
    assert main(command(root, tmp_path / "plan", "test=40")) == 0
    bad = next(read_paper_set(tmp_path / "plan" / "test")).sources[-1].file
    (root / bad).write_bytes(b"\0" * 100)
    assert main(command(root, tmp_path / "out", "test=40", more=("--shards",))) == 0
    planned = {
        m.id: {s.file for s in m.sources} for m in read_paper_set(tmp_path / "plan" / "test")
    }
    with_it = {name for name, files in planned.items() if bad in files}
    kept = {mixture.id for mixture in read_paper_set(tmp_path / "out" / "test")}
    assert kept == planned.keys() - with_it
    named = "".join(path.read_text() for path in (tmp_path / "out" / "test").glob("*.faults.csv"))
    assert named.count(bad) == len(with_it) > 0
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert f"| test | {len(kept)} | {len(with_it)} |" in card


def test_a_shard_that_is_cut_off_is_told(root: Path, tmp_path: Path) -> None:
    assert main(command(root, tmp_path, "test=4", more=("--shards",))) == 0
    shard = tmp_path / "test" / "00000.tar"
    shard.write_bytes(shard.read_bytes()[:10_000])
    mixtures = opened(root, tmp_path / "test")
    with pytest.raises(AudioFileError) as raised:
        mixtures.example(3)
    assert raised.value.path == shard


@pytest.mark.rehearsal
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of Unix")
def test_a_build_that_is_killed_goes_on_to_the_same_bytes(root: Path, tmp_path: Path) -> None:
    built = [*command(root, tmp_path / "rough", "train=200", processes=2), "--shards"]
    for parts in (2, 5):
        job = subprocess.Popen([sys.executable, "-m", "lcr.cli", *built], start_new_session=True)
        while len(list((tmp_path / "rough").glob("train/*.jsonl"))) < parts:
            assert job.poll() is None, "the build ended by itself"
            time.sleep(0.005)
        os.kill(job.pid, signal.SIGKILL)  # its processes must end by themselves
        job.wait()
    assert main(built) == 0
    assert main([*command(root, tmp_path / "calm", "train=200"), "--shards"]) == 0
    assert tree(tmp_path / "rough") == tree(tmp_path / "calm")
    assert not list((tmp_path / "rough").rglob(".*"))
