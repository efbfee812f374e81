"""Bad input: exit status 2, one clear line on standard error, nothing half-written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from experiments import compare
from experiments.comparison.records import locked


@pytest.fixture
def run(tmp_path: Path, suite: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the command on a suite; checks the manners of the refusal and returns its line."""

    def refused(*arguments: object, out: Path = tmp_path / "out") -> str:
        command = ["--suite", str(suite), "--device", "cpu", "--out", str(out)]
        try:
            status = compare.main([*command, *map(str, arguments)])
        except SystemExit as exit:  # argparse
            status = int(exit.code or 0)
        shown = capsys.readouterr()
        assert status == 2, shown.err
        lines = [line for line in shown.err.splitlines() if not line.startswith("mixtures: ")]
        assert len(lines) == 1, shown.err
        assert lines[0].startswith("compare: ")
        assert shown.out == ""
        assert not out.is_dir() or not list(out.iterdir())
        return lines[0]

    return refused


def every_clip(bank: Path) -> Iterator[Path]:
    yield from sorted(bank.glob("*.wav"))


def spoil_with(bank: Path, samples: np.ndarray) -> None:
    for clip in every_clip(bank):
        soundfile.write(clip, samples, 16_000, subtype="FLOAT")


def test_missing_audio(run: Callable[..., str], bank: Path) -> None:
    (bank / "rain0.wav").unlink()
    line = run("--bank", bank)
    assert "line 8" in line
    assert "rain0.wav" in line


def test_corrupt_audio(run: Callable[..., str], bank: Path) -> None:
    for clip in every_clip(bank):
        clip.write_bytes(b"RIFF" + bytes(range(200)))
    assert ".wav: cannot be read as audio" in run("--bank", bank)


def test_one_corrupt_file_stops_the_run_before_its_first_record(
    run: Callable[..., str], bank: Path
) -> None:
    (bank / "cleo1.wav").write_bytes(b"no audio at all")
    assert "cleo1.wav" in run("--bank", bank, "--per-task", 4)


def test_empty_file(run: Callable[..., str], bank: Path) -> None:
    for clip in every_clip(bank):
        clip.write_bytes(b"")
    assert ".wav: " in run("--bank", bank)


def test_nan_samples(run: Callable[..., str], bank: Path) -> None:
    samples = np.ones(8_000, dtype=np.float32)
    samples[5] = np.nan
    spoil_with(bank, samples)
    assert "1 samples that are NaN" in run("--bank", bank)


def test_zero_length_clip(run: Callable[..., str], bank: Path) -> None:
    spoil_with(bank, np.zeros(0, dtype=np.float32))
    assert "holds no samples" in run("--bank", bank)


def test_silent_clip(run: Callable[..., str], bank: Path) -> None:
    spoil_with(bank, np.zeros(8_000, dtype=np.float32))
    assert "no audible sound" in run("--bank", bank)


def test_manifest_without_a_column(run: Callable[..., str], bank: Path) -> None:
    manifest = bank / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("split", "spilt", 1))
    line = run("--bank", bank)
    assert "no column 'split'" in line
    assert "line 1" in line


def test_no_such_bank(run: Callable[..., str], tmp_path: Path) -> None:
    assert "manifest.csv" in run("--bank", tmp_path / "nowhere")


def test_folder_suite_without_a_bank(run: Callable[..., str]) -> None:
    assert "--bank DIR" in run("--suite", "field")


def test_bank_for_a_suite_that_makes_its_own(run: Callable[..., str], bank: Path) -> None:
    assert "--suite field" in run("--suite", "studio", "--bank", bank)


def test_unknown_system(run: Callable[..., str]) -> None:
    line = run("--systems", "mixture,ideal-ratio-mask,ideal-ration-mask")
    assert "did you mean ideal-ratio-mask" in line


def test_unknown_suite(run: Callable[..., str]) -> None:
    assert "did you mean 'field'" in run("--suite", "feild")


def test_missing_suite_file(run: Callable[..., str], tmp_path: Path) -> None:
    assert "nope.toml" in run("--suite", tmp_path / "nope.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("per_tsak = 3", "unknown key 'per_tsak'; did you mean 'per_task'?"),
        ("[mixture]\nlevle_db = 3", "unknown key 'levle_db'; did you mean 'level_db'?"),
        ('[bank]\nkind = "foldre"', "did you mean 'folder'?"),
        ("per_task = 'many'", "per_task must be an integer"),
        ("per_task = true", "per_task must be an integer"),
        ("[mixture]\nduration_s = 'long'", "duration_s must be a number"),
        ("systems = 'lcr'", "systems must be a list"),
        ("mixture = 3", "mixture must be a table"),
        ("timeout_s = nan", "timeout_s must be a finite number"),
        ("timeout_s = inf", "timeout_s must be a finite number"),
        ("timeout_s = -1", "timeout_s must be 0 (none) or more"),
        ("[mixture]\nduration_s = nan", "mixture.duration_s must be a finite number"),
        ("[mixture]\nduration_s = 1e9", "duration_s must be from"),
        ("[mixture]\nlevel_db = inf", "mixture.level_db must be a finite number"),
        ("[mixture]\nlevel_db = 1e5", "level_db must be from"),
        ("[mixture]\nn_speech = 1000", "at most"),
        ("[options.half]\ngain = nan", "options.half.gain must be a finite number"),
        ("per_task = 1e11", "per_task must be an integer"),
        ("per_task = 100000000000", "per_task must be at most"),
        ("per_task = ", "is not TOML"),
        ("[options.nobody]\nx = 1", "unknown system 'nobody'"),
        ("[options.ideal-ratio-mask]\nexponnet = 1", "exponnet"),
        ('name = "../up"', "folder's name"),
        ('split = "tset"', "did you mean 'test'?"),
        ("seed = -1", "seed must be 0 or more"),
        ('systems = ["mixture", "mixture"]', "named twice"),
    ],
)
def test_wrong_suite_file(
    run: Callable[..., str], tmp_path: Path, suite: Path, text: str, words: str
) -> None:
    path = tmp_path / "wrong.toml"
    key = text.split("=")[0].strip() + " ="
    kept = [line for line in suite.read_text().splitlines() if not line.startswith(key)]
    if text.startswith("[") and text.splitlines()[0] in kept:
        header, line = text.splitlines()
        kept = [k for k in kept if not k.startswith(line.split("=")[0].strip() + " =")]
        kept.insert(kept.index(header) + 1, line)
        text = ""
    if text.startswith("mixture"):
        kept = kept[: kept.index("[mixture]")]
    content = [*kept, text] if text.startswith("[") else [text, *kept]
    path.write_text("\n".join(content) + "\n")
    assert words in run("--suite", path)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("per_tsak=3", "did you mean 'per_task'?"),
        ("per_task", "key=value"),
        ("per_task.deep=1", "per_task is not a table"),
        ("per_task=0", "per_task must be at least 1"),
    ],
)
def test_wrong_override(run: Callable[..., str], override: str, words: str) -> None:
    assert words in run("--set", override)


def test_no_examples(run: Callable[..., str]) -> None:
    assert "per_task must be at least 1; got 0" in run("--per-task", 0)


def test_no_systems(run: Callable[..., str]) -> None:
    assert "no system to compare" in run("--systems", ",")


def test_wrong_option(run: Callable[..., str]) -> None:
    assert "--per-task" in run("--per-task", "many")


def test_system_that_cannot_be_built(run: Callable[..., str], plugins: Path) -> None:
    assert "weights are not on this machine" in run("--systems", "mixture,unbuildable")


def test_output_below_a_file(run: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot write" in run(out=tmp_path / "file" / "out")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder nobody may write to")
def test_output_nobody_may_write_to(run: Callable[..., str]) -> None:
    assert "cannot write /proc/none" in run(out=Path("/proc/none"))


def test_full_disk_before_the_start(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1_000

    monkeypatch.setattr("experiments.comparison.runner.shutil.disk_usage", lambda path: Usage)
    assert "no space left" in run()


def test_full_disk_during_the_run(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["--suite", str(suite), "--device", "cpu", "--out", str(tmp_path), "--examples", "0"]
    sync, left = os.fsync, 5

    def fill_up(descriptor: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fill_up)
        assert compare.main(command) == 2
    shown = capsys.readouterr()
    assert "no space left" in shown.err.splitlines()[-1]
    assert "same command" in shown.err.splitlines()[-1]
    folder = tmp_path / "tiny"
    assert [p.suffix for p in folder.iterdir()] == [".jsonl"]
    assert next(folder.iterdir()).read_bytes().count(b"\n") == 5
    assert compare.main(command) == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 40 kB: a few records fill it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mount = ["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", str(folder)]
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("may not mount a file system here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_too_small_for_the_run(run: Callable[..., str], disk: Path) -> None:
    assert "no space left" in run(out=disk)


def test_a_disk_that_fills_up_during_the_run(
    suite: Path, disk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["--suite", str(suite), "--device", "cpu", "--out", str(disk), "--examples", "0"]
    with monkeypatch.context() as patch:  # someone else fills it after the check
        patch.setattr("experiments.comparison.runner._RECORD_BYTES", 0)
        assert compare.main(command) == 2
    assert "no space left" in capsys.readouterr().err.splitlines()[-1]
    records = sorted((disk / "tiny").iterdir())
    assert {path.suffix for path in records} == {".jsonl"}
    assert all(not path.stat().st_size or path.read_bytes()[-1:] == b"\n" for path in records)
    subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
    assert compare.main(command) == 0


def test_two_runs_on_one_folder(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with locked(tmp_path / "tiny"):
        status = compare.main(["--suite", str(suite), "--out", str(tmp_path), "--device", "cpu"])
    assert status == 2
    assert "another run" in capsys.readouterr().err
    assert not list(tmp_path.glob("*/*.jsonl"))


def test_a_missing_synthesizer(run: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr("lcr.data.studio.espeak._paths", None)
    assert "pip install espeakng-loader" in run("--suite", "studio", "--systems", "mixture")


def test_missing_packages_of_the_report(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("experiments.comparison.report")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert "the report needs jinja2" in run()
