"""`train.py` end to end: two processes, killed and resumed; errors in one line."""

from __future__ import annotations

import csv
import errno
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from experiments import train
from lcr.files import locked

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
RECIPE = """
name = "tiny"
stage = "remixer"
validation = 4
[[blends]]
speech = "field"
audio = "field"
share = 1.0
[training]
mixtures = 1
instructions = 2
duration_s = 0.5
[model]
n_fft = 128
hop = 64
channels = 8
query_channels = 8
blocks = 1
z_dim = 801
film_hidden = 8
mask_hidden = 8
band_bins = [8, 24, 33]
[loop]
steps = {steps}
save_every = 2
validate_every = {steps}
"""


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    folder = tmp_path / "bank"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = ["path,kind,split,group,label,gender"]
    for split in ("train", "valid"):
        for kind, label, gender in (
            ("speech", "", "M"),
            ("speech", "", "F"),
            ("audio", "rain", ""),
            ("audio", "helicopter", ""),
        ):
            name = f"{split}-{kind}-{label}{gender}.wav"
            soundfile.write(folder / name, 0.1 * rng.standard_normal(16000), 16000)
            rows.append(f"{name},{kind},{split},{name},{label},{gender}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def torch_as_it_was() -> Iterator[None]:
    """Undo what a training process sets for itself."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


def command(tmp_path: Path, bank: Path, steps: int, *more: str) -> list[str]:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE.format(steps=steps))
    script = str(ROOT / "experiments" / "train.py")
    run = str(tmp_path / "run")
    return [sys.executable, script, str(recipe), "--run", run, "--field", str(bank), *more]


@pytest.mark.rehearsal
def test_two_processes_train_are_killed_and_go_on(tmp_path: Path, bank: Path) -> None:
    endless = subprocess.Popen(
        command(tmp_path, bank, 100_000, "--processes", "2"),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    state = tmp_path / "run" / "state.pt"
    patience = time.monotonic() + 900
    while not state.exists():
        assert endless.poll() is None, "training ended by itself"
        assert time.monotonic() < patience, "no state was written"
        time.sleep(0.2)
    os.killpg(endless.pid, signal.SIGKILL)
    endless.wait()
    done = subprocess.run(
        command(tmp_path, bank, 100_000, "--processes", "2", "--minutes", "0.02"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "resumed at step" in done.stdout
    weights = load_file(tmp_path / "run" / "weights.safetensors")
    assert all(np.isfinite(v.numpy()).all() for v in weights.values())
    assert {key.split(".")[0] for key in weights} == {"remixer"}


@pytest.mark.rehearsal
@pytest.mark.usefixtures("torch_as_it_was")
def test_a_rank_of_accelerate_launch_is_killed_and_the_next_launch_goes_on(
    tmp_path: Path, bank: Path
) -> None:
    """What comes out is what one process makes of the batches of both."""
    launcher = "-m accelerate.commands.launch --cpu --num_processes 2 --num_machines 1"
    launcher += " --mixed_precision no --dynamo_backend no --main_process_port 0"
    adam = ("--set", 'loop.optimiser="adam"', "--threads", "1")
    python, *script = command(tmp_path, bank, 40, *adam)
    launch = [python, *launcher.split(), *script]
    run = tmp_path / "run"
    with subprocess.Popen(launch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as pair:
        while not (run / "state.pt").exists():
            assert pair.poll() is None, "training ended by itself"
            time.sleep(0.05)
        os.kill(int((run / ".lock").read_text()), signal.SIGKILL)  # rank 0
    assert pair.returncode != 0, "the other rank must not go on alone"
    assert 0 < torch.load(run / "state.pt", weights_only=True)["step"] < 40
    subprocess.run(launch, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    broken = load_file(run / "weights.safetensors")
    run.rename(tmp_path / "broken")
    assert train.main([*script[1:], "--processes", "1", "--set", "loop.accumulate=2"]) == 0
    for name, value in load_file(run / "weights.safetensors").items():
        torch.testing.assert_close(broken[name], value, rtol=1e-5, atol=1e-5)


@pytest.mark.rehearsal
def test_training_outlives_the_shell_that_started_it(tmp_path: Path, bank: Path) -> None:
    words = shlex.join(command(tmp_path, bank, 6, "--processes", "1"))
    log = shlex.quote(str(tmp_path / "log.txt"))
    subprocess.run(["sh", "-c", f"nohup {words} > {log} 2>&1 &"], check=True)
    patience = time.monotonic() + 900
    while not (tmp_path / "run" / "weights.safetensors").exists():
        assert time.monotonic() < patience, (tmp_path / "log.txt").read_text()
        time.sleep(0.2)


@pytest.mark.rehearsal
def test_processes_end_with_the_command_that_started_them(tmp_path: Path, bank: Path) -> None:
    endless = subprocess.Popen(
        command(tmp_path, bank, 100_000, "--processes", "2"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    patience = time.monotonic() + 900
    while not (tmp_path / "run" / "state.pt").exists():
        assert time.monotonic() < patience, "no state was written"
        time.sleep(0.2)
    os.kill(endless.pid, signal.SIGKILL)
    endless.wait()
    while _members(endless.pid):
        assert time.monotonic() < patience, "its processes live on"
        time.sleep(0.2)


def _members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_finished_run_is_logged(
    tmp_path: Path, bank: Path, capsys: pytest.CaptureFixture[str], torch_as_it_was: None
) -> None:
    assert train.main(command(tmp_path, bank, 2, "--processes", "1")[2:]) == 0
    assert "field/snri_without_ovc_db" in capsys.readouterr().out
    with (tmp_path / "run" / "log.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert int(float(row["step"])) == 2


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--set", "loop.stepz=3"), "did you mean 'steps'"),
        (("--set", "stage=joint", "--set", 'init={reader="/nowhere"}'), "finish that stage first"),
        (("--field", "/nowhere"), "/nowhere"),
        (("--minutes", "nan"), "--minutes must be positive"),
        (("--set", "training.duration_s=inf"), "training.duration_s must be a finite number"),
    ],
)
def test_mistakes_get_one_line_and_exit_2(
    tmp_path: Path,
    bank: Path,
    more: tuple[str, ...],
    words: str,
    capsys: pytest.CaptureFixture[str],
    torch_as_it_was: None,
) -> None:
    arguments = command(tmp_path, bank, 2, "--processes", "1", *more)[2:]
    try:
        status = train.main(arguments)
    except SystemExit as end:
        status = end.code
    assert status == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert words in line


def test_a_run_goes_on_with_its_own_model_only(
    tmp_path: Path, bank: Path, capsys: pytest.CaptureFixture[str], torch_as_it_was: None
) -> None:
    """A recipe that builds another model, or trains it otherwise, is refused by the name of the
    state; a recipe of more steps goes on."""
    arguments = command(tmp_path, bank, 2, "--processes", "1")[2:]
    assert train.main(arguments) == 0
    state = tmp_path / "run" / "state.pt"
    before = state.read_bytes()
    for change in (
        "model.channels=12",
        "training.duration_s=0.25",
        "loop.rate=9e-3",
        'loop.optimiser="adamw"',
    ):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            train.main([*arguments, "--set", change])
        assert end.value.code == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert str(state) in line
        assert change.partition("=")[0] in line
        assert state.read_bytes() == before
    assert train.main([*arguments, "--set", "loop.steps=3"]) == 0
    assert "resumed at step 2" in capsys.readouterr().out


def test_a_full_disk_gets_one_line_and_exit_2(
    tmp_path: Path,
    bank: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    torch_as_it_was: None,
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    arguments = command(tmp_path, bank, 2, "--processes", "1")[2:]
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SystemExit) as end:
        train.main(arguments)
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "no space left" in line
    assert "start the same command again" in line


def test_torchrun_hands_on_the_folder_of_the_run() -> None:
    from torch.distributed.run import get_args_parser

    given = get_args_parser().parse_args(["train.py", "R.toml", "--run-dir", "D"])
    options = train.main.parser.parse_args(given.training_script_args)
    assert options.run == Path("D")


def test_a_run_that_another_process_writes_to_is_refused(
    tmp_path: Path, bank: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with locked(tmp_path / "run"):
        assert train.main(command(tmp_path, bank, 2)[2:]) == 2
    assert f"process {os.getpid()}" in capsys.readouterr().err
