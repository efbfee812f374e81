"""`lcr remix` as people run it: files, folders, pipes, and what is told when something is wrong."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from baselines.mixture import MixtureRemixer
from lcr.audio.core import read_audio
from lcr.cli import main
from lcr.cli.batch import LEDGER, BatchError, plan_batch
from lcr.cli.status import EXIT_MISSING, EXIT_PARTIAL
from lcr.files import locked
from tests.lcr.audio.test_containers import wav_with
from tests.lcr.running.test_files import recording

PROMPT = "leave it as it is"
BROKEN = 10
TOTAL = 200


def tiny(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.1 * np.random.default_rng(seed).standard_normal(160)
    soundfile.write(path, noise, 16_000, subtype="PCM_16")
    return path


def remix(*arguments: object, system: str = "mixture") -> int:
    return main(["remix", "--system", system, *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """200 short recordings in folders, 10 of them broken, beside what is no audio."""
    for number in range(TOTAL):
        path = tiny(tmp_path / "in" / f"{number % 3}" / f"{number:03}.wav", number)
        if number % (TOTAL // BROKEN) == 7:
            kind = number // (TOTAL // BROKEN) % 3
            content = path.read_bytes()
            path.write_bytes([b"", b"RIFF junk", content[: len(content) // 2]][kind])
    (tmp_path / "in" / "notes.txt").write_text("not audio")
    tiny(tmp_path / "in" / ".hidden.wav")
    return tmp_path / "in"


def test_a_folder_with_broken_files(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert remix(folder, PROMPT, "-o", out) == 3
    told = capsys.readouterr()
    *lines, skipped = told.err.splitlines()
    assert "notes.txt" in skipped
    assert len(lines) == BROKEN
    for line in lines:
        assert line.startswith(f"lcr remix: {folder}")
        assert "cannot be read as audio" in line or "is cut off" in line
    assert told.out == f"{TOTAL} files: {TOTAL - BROKEN} remixed, {BROKEN} failed\n"
    made = sorted(path.relative_to(out) for path in out.rglob("*.wav"))
    assert len(made) == TOTAL - BROKEN
    for path in made:
        assert (out / path).read_bytes() == (folder / path).read_bytes()
    assert {p.name for p in out.iterdir()} == {"0", "1", "2", LEDGER}


def killed_remix(arguments: list[str], out: Path, files: int) -> None:
    """Remix; kill -9 this process from within as soon as `files` outputs are there."""

    def kill() -> None:
        while sum(1 for _ in out.rglob("*.wav")) < files:
            time.sleep(0.0005)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    main(arguments)


@pytest.mark.rehearsal
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of Unix")
def test_after_kill_9_the_rest_is_made_and_nothing_twice(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["remix", "--system", "mixture", str(folder), PROMPT, "-o", str(out)]
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.lcr.cli.test_remix", "baselines.mixture"])
    made: dict[Path, int] = {}
    for files in (40, 90):
        process = processes.Process(target=killed_remix, args=(arguments, out, files))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the run had ended before it was killed"
        now = {path: path.stat().st_mtime_ns for path in out.rglob("*.wav")}
        assert files <= len(now) < TOTAL - BROKEN
        assert {path: now[path] for path in made} == made
        made = now
    assert main(arguments) == 3
    rest = TOTAL - BROKEN - len(made)
    assert capsys.readouterr().out == (
        f"{TOTAL} files: {rest} remixed, {len(made)} there already, {BROKEN} failed\n"
    )
    for path, when in made.items():
        assert path.stat().st_mtime_ns == when
    assert [path for path in out.rglob("*") if path.suffix == ".tmp"] == []
    for path in out.rglob("*.wav"):
        assert path.read_bytes() == (folder / path.relative_to(out)).read_bytes()


def statuses(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    told = json.loads(capsys.readouterr().out)
    return {Path(file["source"]).name: file["status"] for file in told["files"]}


def test_what_has_changed_is_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "abc":
        tiny(tmp_path / "in" / f"{name}.wav")
    command = [tmp_path / "in", PROMPT, "-o", tmp_path / "out", "--json"]
    kept, done = dict.fromkeys(("a.wav", "b.wav", "c.wav"), "kept"), "done"

    def run(*more: object) -> dict[str, str]:
        assert remix(*command, *more) == 0
        return statuses(capsys)

    assert set(run().values()) == {done}
    assert run() == kept
    tiny(tmp_path / "in" / "a.wav", seed=1)
    assert run() == kept | {"a.wav": done}
    (tmp_path / "out" / "b.wav").unlink()
    assert run() == kept | {"b.wav": done}
    (tmp_path / "out" / "c.wav").write_bytes(b"of somebody else")
    assert run() == kept | {"c.wav": done}
    assert set(run("--gain-db", "-3").values()) == {done}
    assert run("--gain-db", "-3") == kept
    assert set(run("--force", "--gain-db", "-3").values()) == {done}
    ledger = tmp_path / "out" / LEDGER
    ledger.write_bytes(ledger.read_bytes()[:-9])  # a kill while the last line was written
    assert run("--gain-db", "-3") == kept | {"c.wav": done}
    assert run("--gain-db", "-3") == kept


def test_dry_run_writes_nothing_and_builds_no_system(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny(tmp_path / "in" / "a.wav")
    (tmp_path / "in" / "b.wav").write_bytes(b"")
    command = [tmp_path / "in", PROMPT, "-o", tmp_path / "out", "--dry-run", "--json"]
    assert remix(*command, system="not-there") == 3
    assert statuses(capsys) == {"a.wav": "to do", "b.wav": "failed"}
    assert not (tmp_path / "out").exists()


def test_one_file_goes_beside_itself_or_where_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = recording(tmp_path / "a.flac", 0.1).path
    assert remix(source, PROMPT) == 0
    assert capsys.readouterr().out.startswith(f"{source} -> {tmp_path / 'a.remixed.flac'}: 0.1 s")
    assert remix(source, PROMPT, "-o", tmp_path / "b.wav", "--explain") == 0
    np.testing.assert_array_equal(read_audio(tmp_path / "b.wav").audio, read_audio(source).audio)
    assert not (tmp_path / LEDGER).exists()
    assert remix(source, PROMPT, "-o", source) == 2
    assert "is its own source" in capsys.readouterr().err


def test_pipes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = recording(tmp_path / "a.wav", 0.2, subtype="PCM_24").path.read_bytes()
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    assert remix("-", PROMPT) == 0
    assert out.getvalue() == content
    assert capsys.readouterr().err.startswith("standard input -> standard output: 0.2 s")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"junk")))
    assert remix("-", PROMPT) == 2
    assert capsys.readouterr().err.startswith("lcr remix: standard input: cannot be read as audio")
    assert remix(tmp_path / "a.wav", PROMPT, "-o", "-", "--json") == 2
    assert "both want standard output" in capsys.readouterr().err


def test_json_says_all_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = recording(tmp_path / "a.wav", 0.5, subtype="PCM_16").path
    assert remix(source, PROMPT, "--gain-db", "20", "--json") == 0
    told = capsys.readouterr()
    (file,) = json.loads(told.out)["files"]
    expected = {"status": "done", "sample_rate": 44_100, "channels": 2, "subtype": "PCM_16"}
    assert expected.items() <= file.items()
    assert file["clipped_samples"] > 0
    assert file["peak_db"] > 0
    assert f"warning: {source}: {file['clipped_samples']} samples are beyond" in told.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.wav", "b.wav"], "the prompt comes last, and b.wav is a file"),
        (["a.wav", " "], "the prompt is empty"),
        (["a.wav", "b.wav", PROMPT], "-o FOLDER"),
        (["in", PROMPT, "-o", "a.wav"], "a.wav is a file"),
        (["in", PROMPT, "-o", "in"], "would be overwritten"),
        (["a.wav", "in/a.wav", PROMPT, "-o", "out"], "would both become"),
        (["-", "a.wav", PROMPT], "cannot be one of several"),
        (["none.wav", PROMPT], "none.wav: does not exist"),
        (["*.mp3", PROMPT, "-o", "out"], "*.mp3: matches no file"),
        (["empty", PROMPT, "-o", "out"], "empty: holds no audio files"),
        (["a.wav", PROMPT, "-o", "out.xyz"], "names no audio format"),
        (["a.wav", PROMPT, "--system", "mixtur"], "did you mean mixture"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("a.wav", "b.wav", "in/a.wav"):
        tiny(Path(path))
    Path("empty").mkdir()
    assert remix(*arguments) == 2
    told = capsys.readouterr()
    assert words in told.err
    assert len(told.err.splitlines()) == 1


def test_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("in/a.wav", "in/deep/b.FLAC", "in/[odd].wav", "in/out/old.wav"):
        tiny(Path(path).with_suffix(".wav")).rename(path)

    def targets(inputs: list[str], output: str) -> set[str]:
        return {str(job.target) for job in plan_batch(inputs, output).jobs}

    whole = {"in/out/a.wav", "in/out/deep/b.FLAC", "in/out/[odd].wav"}
    assert targets(["in"], "in/out") == whole
    assert targets(["in/*.wav"], "new") == {"new/a.wav", "new/[odd].wav"}
    assert targets(["in/[odd].wav"], "new/") == {"new/[odd].wav"}
    assert targets(["in/**/*.FLAC"], "new") == {"new/b.FLAC"}
    assert plan_batch(["in/a.wav"], "b.wav").root is None
    with pytest.raises(BatchError):
        plan_batch(["in"], "-")


def test_a_folder_that_another_run_writes_to_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with locked(out):
        assert remix(tiny(tmp_path / "in" / "a.wav").parent, PROMPT, "-o", out) == 2
        assert os.listdir(out) == [".lock"]
    assert f"process {os.getpid()}" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_as_an_interruption_does(
    number: int, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny(tmp_path / "a.wav")

    def stopped(*_: object, **__: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(60)

    monkeypatch.setattr(MixtureRemixer, "remix", stopped)
    assert remix(source, PROMPT, "-o", tmp_path / "b.wav") == status
    assert os.listdir(tmp_path) == ["a.wav"]
    assert signal.getsignal(number) == signal.SIG_DFL


def test_a_link_and_a_pipe_are_not_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tiny(tmp_path / "a.wav")
    (tmp_path / "other").write_bytes(b"kept")
    (tmp_path / "link.wav").symlink_to(tmp_path / "other")
    os.mkfifo(tmp_path / "pipe.wav")
    for name in ("link.wav", "pipe.wav"):
        assert remix(source, PROMPT, "-o", tmp_path / name) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert (tmp_path / "other").read_bytes() == b"kept"
    assert (tmp_path / "link.wav").is_symlink()
    assert (tmp_path / "pipe.wav").is_fifo()


def test_what_is_not_carried_over_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = wav_with(tmp_path / "a.wav", (b"bext", bytes(602)), (b"cue ", bytes(4))).path
    assert remix(source, PROMPT, "--json") == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert file["warnings"] == ["not carried over: bext, cue"]
    soundfile.write(tmp_path / "b.wav", np.zeros(100), 8000, format="FLAC", subtype="PCM_16")
    assert remix(tmp_path / "b.wav", PROMPT, "--json") == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert (file["container"], len(file["warnings"])) == ("WAV", 1)


def test_odd_names_do_no_harm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["caf\udce9.wav", "red\x1b[31m.wav", "\N{FACE WITH TEARS OF JOY}" * 62 + "abc.wav"]
    for name in names:
        tiny(tmp_path / "a.wav").rename(tmp_path / name)
        assert remix(tmp_path / name, PROMPT, "-o", tmp_path / "out" / name) == 0
        assert (tmp_path / "out" / name).is_file()
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "red\\x1b[31m.wav" in told
    assert "caf\\udce9.wav" in told
    assert remix(tmp_path / names[2], PROMPT) == 2  # with .remixed it is too long
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_preview_is_the_beginning_and_a_split_file_holds_both(
    tmp_path: Path, suffix: str
) -> None:
    source = tmp_path / f"talk.{suffix}"
    noise = 0.1 * np.random.default_rng(0).standard_normal((12 * 8_000, 2))
    soundfile.write(source, noise, 8_000, subtype="PCM_16")
    assert remix(source, PROMPT, "--preview", "--ab") == 0
    whole, made = (read_audio(p).audio for p in (source, tmp_path / f"talk.preview.{suffix}"))
    np.testing.assert_array_equal(made, whole[:, : 10 * 8_000])
    both = read_audio(tmp_path / "talk.preview.ab.wav").audio
    np.testing.assert_allclose(both, [made.mean(0), made.mean(0)], atol=1e-6)
    assert remix(source, PROMPT, "--ab", "-o", "-") == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "lcr" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("lcr rem", {"remix "}),
        ("lcr remix a.wav --dr", {"--dry-run "}),
        ("lcr remix --system mix", {"mixture "}),
        ("lcr completion z", {"zsh "}),
        ("lcr remix in/a", {"in/a.wav "}),
        ("lcr remix b", set()),
    ],
)
def test_what_a_shell_is_told(
    line: str, words: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny(tmp_path / "in" / "a.wav")
    told = tmp_path / "told"
    ask = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line))}
    ask |= {"_ARGCOMPLETE_STDOUT_FILENAME": str(told), "_ARGCOMPLETE_IFS": "\n"}
    code = "from lcr.cli import main; main()"
    subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **ask}, cwd=tmp_path, check=True
    )
    assert set(told.read_text().split("\n")) - {""} == words


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ('""', "is empty"),
        ("quita el perro y sube la lluvia", "English only"),
        ("把狗去掉", "script"),
    ],
)
def test_prompts_that_cannot_be_read(
    prompt: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tiny(tmp_path / "a.wav")
    assert remix(source, prompt) == 2
    assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [source]


def test_a_pasted_prompt_is_read_without_its_quotes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pasted = "“leave  it\nas it is”"
    assert remix(tiny(tmp_path / "a.wav"), pasted, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["prompt"], told["read_as"]) == (pasted, PROMPT)


def test_what_was_read_of_a_misspelt_prompt_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert remix(tiny(tmp_path / "a.wav"), "remvoe teh dogg") == 0
    told = capsys.readouterr()
    assert 'read as "remove the dog"' in told.out + told.err


def test_folders_that_are_not_looked_into_are_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    tiny(tmp_path / "in" / "a.wav")
    (tmp_path / "elsewhere").mkdir()
    tiny(tmp_path / "elsewhere" / "b.wav")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "elsewhere")
    jobs = plan_batch([str(tmp_path / "in")], str(tmp_path / "out")).jobs
    assert [(Path(job.name).name, job.problem is None) for job in jobs] == [
        ("a.wav", True),
        ("linked", False),
    ]


def test_what_a_file_misses_is_told_again_when_it_is_there_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny(tmp_path / "a.wav")
    arguments = (tmp_path / "a.wav", PROMPT, "-o", f"{tmp_path / 'out'}{os.sep}")
    monkeypatch.setattr("lcr.cli.commands.remix._misses", lambda done: True)
    assert [remix(*arguments) for _ in range(2)] == [EXIT_MISSING] * 2
    assert len((tmp_path / "out" / LEDGER).read_text().splitlines()) == 1
    (tmp_path / "b.wav").write_bytes(b"")
    assert remix(tmp_path / "b.wav", *arguments) == EXIT_PARTIAL  # which is worse
