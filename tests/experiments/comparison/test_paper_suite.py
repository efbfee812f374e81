"""Table II on the authors' test set, in miniature, against a calculation of the test's own."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from experiments import compare
from lcr.data.authors.files import CORPORA, DataRootError, data_roots
from lcr.data.authors.mixtures import fit
from lcr.data.authors.set import PaperSetError, read_paper_set
from lcr.instruction import Task
from tests.experiments.paper_tree import SPEECH, record_of, rows, write_corpora, write_manifests

SAMPLES = 8_000
GAINS = {"0": 0.0, "1": 1.0, "U": 2.0, "D": 0.5}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpora")
    write_corpora(root)
    return root


def run(out: Path, manifest: Path, *roots: object) -> dict[str, Any]:
    words = ["--suite", "paper", "--manifest", str(manifest), "--out", str(out)]
    words += [word for root in roots for word in ("--data-root", str(root))]
    words += ["--systems", "mixture,half", "--device", "cpu", "--examples", "1"]
    assert compare.main([*words, "--set", "mixture.duration_s=0.5"]) == 0
    summary: dict[str, Any] = json.loads((out / "paper" / "summary.json").read_text("utf-8"))
    return summary


def expected(tree: Path) -> dict[str, float]:
    """SNRi of half the mixture, mean of each task: written down from the documented rule alone."""
    found: dict[str, list[float]] = {}
    for row in rows():
        mixture, target = np.zeros(SAMPLES), np.zeros(SAMPLES)
        for number, (source, act) in enumerate(zip(row["sources"], row["acts"], strict=True)):
            wave, rate = soundfile.read(tree / source["file"])
            wave = soxr.resample(wave, rate, 16_000, quality="HQ") if rate != 16_000 else wave
            word = hashlib.sha256(f"{row['id']}\n{number}".encode()).digest()[:8]
            rng = np.random.default_rng(int.from_bytes(word, "little"))
            start = rng.integers(abs(len(wave) - SAMPLES) + 1)
            crop = wave[start : start + SAMPLES] if len(wave) > SAMPLES else wave
            crop = crop * 10 ** ((source["snr_db"] - 28) / 20) / np.sqrt(np.mean(crop**2))
            at = slice(0, SAMPLES) if len(wave) > SAMPLES else slice(start, start + len(crop))
            mixture[at] += crop
            target[at] += GAINS[act] * crop
        before = np.sum((target - mixture) ** 2)
        after = np.sum((target - 0.5 * mixture) ** 2)
        score = 10 * np.log10(before / max(after, 1e-10 * np.sum(target**2)))
        # Half the mixture is exactly what OVC down asks for: as good as a score gets.
        ceiling = 100 - 10 * np.log10(np.sum(target**2) / before)
        found.setdefault(row["task"], []).append(min(score, ceiling))
    return {task: float(np.mean(scores)) for task, scores in found.items()}


def test_table_two_on_the_miniature_tree(tmp_path: Path, tree: Path, plugins: Path) -> None:
    ours, theirs = write_manifests(tmp_path)
    truth = expected(tree)
    first = run(tmp_path / "lines", ours, tree)
    half = next(s for s in first["systems"] if s["name"] == "half")
    assert first["n_examples"] == 32
    assert list(half["tasks"]) == [task.value for task in Task]
    for task, mean in truth.items():
        assert half["tasks"][task]["mean"] == pytest.approx(mean, abs=2e-3), task
    without = [mean for task, mean in truth.items() if task != "OVC"]
    assert half["average_without_ovc"]["mean"] == pytest.approx(np.mean(without), abs=1e-3)
    with (tmp_path / "lines/paper/summary.csv").open(newline="", encoding="utf-8") as file:
        table = {(r["system"], r["row"]): r for r in csv.DictReader(file)}
    assert float(table["half", "TSE"]["mean_snr_improvement_db"]) == pytest.approx(
        truth["TSE"], abs=1e-3
    )
    assert not (tmp_path / "lines/paper/missing.txt").exists()
    # The authors' layout, and a folder for each corpus, make the same mixtures.
    there = {name: tree / folder for name, folder in CORPORA.items() if (tree / folder).is_dir()}
    folders = [f"{name}={folder}" for name, folder in there.items() if name != "TextrolSpeech"]
    second = run(tmp_path / "records", theirs, *folders)
    assert second["data_digest"] == first["data_digest"]
    assert second["systems"][1]["tasks"] == half["tasks"]


def test_missing_files_are_counted_and_named(
    tmp_path: Path, plugins: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "corpora"
    write_corpora(root)
    (root / SPEECH[5]).unlink()
    (root / SPEECH[1]).rename((root / SPEECH[1]).with_suffix(".flac"))  # found all the same
    manifest, _ = write_manifests(tmp_path)
    affected = sum(any(s["file"] == SPEECH[5] for s in row["sources"]) for row in rows())
    summary = run(tmp_path / "out", manifest, root)
    assert 0 < affected < 32
    assert summary["n_examples"] == 32 - affected
    told = f"{affected} of 32 mixtures were left out: 1 source files are not there"
    assert any(note.startswith(told) for note in summary["notes"])
    assert told in capsys.readouterr().out
    assert (tmp_path / "out/paper/missing.txt").read_text("utf-8") == f"{SPEECH[5]}\n"


def test_what_cannot_run_says_what_to_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, _ = write_manifests(tmp_path)
    start = ["--suite", "paper", "--systems", "mixture"]
    for words, answer in (
        ([], "--manifest"),
        (["--manifest", str(manifest)], "--data-root DIR"),
        (["--manifest", str(manifest), "--data-root", str(tmp_path / "no")], "no such folder"),
        (["--manifest", str(manifest), "--data-root", str(tmp_path)], "none of the manifest's 32"),
    ):
        assert compare.main([*start, *words]) == 2
        assert answer in capsys.readouterr().err
    assert compare.main(["--suite", "studio", "--data-root", str(tmp_path)]) == 2


def test_paths_stay_inside_the_corpora(tmp_path: Path) -> None:
    roots = data_roots([str(tmp_path)])
    for file in ("LibriTTS/../../etc/passwd", "elsewhere/a.wav", ""):
        with pytest.raises(DataRootError, match="none of the corpora"):
            roots.find(file)


def test_a_broken_record_is_named(tmp_path: Path) -> None:
    record = record_of(rows()[0])
    path = tmp_path / "test.json"
    for changes, words in (
        ({"acts": "1X00"}, "only 0, 1, U and D"),
        ({"task": "HE"}, "is TSE, not ME"),
        ({"snr2": None}, "record 2"),
    ):
        path.write_text(json.dumps([record, record | changes]))
        with pytest.raises(PaperSetError, match=rf"^test\.json record 2: .*{words}|record 2"):
            list(read_paper_set(path))
    del record["raw_path3"]
    path.write_text(json.dumps([record]))
    with pytest.raises(PaperSetError, match="record 1: no 'raw_path3'"):
        list(read_paper_set(path))
    path.write_text(json.dumps({"acts": "1000"}))
    with pytest.raises(PaperSetError, match="expected a list"):
        list(read_paper_set(path))


def test_silence_stays_silent_and_a_silent_crop_gives_way() -> None:
    rng = np.random.default_rng(0)
    assert not fit(np.zeros(50, np.float32), 20, level_db=-28, rng=rng).any()
    wave = np.zeros(1_000, np.float32)
    wave[990:] = 0.5
    for _ in range(20):
        out = fit(wave, 20, level_db=-20, rng=rng)
        assert np.sqrt(np.mean(out**2)) == pytest.approx(0.1, rel=1e-5)
