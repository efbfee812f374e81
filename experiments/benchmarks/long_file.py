"""How long and how much memory does `lcr remix` take for a long recording?
`python -m experiments.benchmarks.long_file [--minutes 60]`.

A 44.1 kHz stereo file of 16 bits is made of the studio bank's sources, one after the other, others
in each channel, over faint noise of the full band. `lcr remix` runs on it in a process of its own,
whose peak resident memory and time are measured from outside, its start included; so does it on the
first 5 s, for the cold start, and so does `lcr --help`. Last, what was written is checked: format
and length.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from experiments.benchmarks.timing import summary
from experiments.command import command, option
from experiments.comparison.environment import machine_line
from lcr.audio.core import resample
from lcr.audio.reader import AudioFile
from lcr.data.bank import SAMPLE_RATE
from lcr.data.studio.bank import StudioBank

RATE = 44_100
PROMPT = "Turn the dog down and the speaker up."
_SOURCES = 24


@dataclass(frozen=True)
class Cost:
    wall_s: float
    cpu_s: float
    peak_bytes: int


@command(
    __doc__,
    option("--minutes", type=float, default=60.0),
    option("--system", default="lcr"),
    option("--threads", type=int, default=os.cpu_count()),
    option("--starts", type=int, default=3, help="how often the start is measured"),
)
def main(options: argparse.Namespace) -> None:
    print(machine_line(), f"{options.threads} thread(s)", sep=", ")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        make_recording(path / "long.wav", options.minutes)
        first, _ = soundfile.read(path / "long.wav", frames=5 * RATE)
        soundfile.write(path / "short.wav", first, RATE, subtype="PCM_16")

        def remix(name: str) -> Cost:
            command = ["remix", f"{name}.wav", PROMPT, "-o", f"{name}.out.wav"]
            return measured([*command, "--system", options.system], path, options.threads)

        helps = [measured(["--help"], path, options.threads) for _ in range(options.starts)]
        starts = [remix("short") for _ in range(options.starts)]
        long = remix("long")
        source = AudioFile.open(path / "long.wav")
        made = AudioFile.open(path / "long.out.wav")
    formats = [
        (f.samples, f.sample_rate, f.channels, f.container, f.subtype) for f in (source, made)
    ]
    if formats[0] != formats[1]:
        raise RuntimeError(f"the output is {formats[1]}, the input {formats[0]}")
    for name, costs in (("lcr --help", helps), ("lcr remix, 5 s, cold", starts)):
        wall, cpu = (summary([getattr(c, k) for c in costs], ".2f") for k in ("wall_s", "cpu_s"))
        print(f"{name}: {wall} s, {cpu} s of processor time, {options.starts} rounds")
    print(
        f"lcr remix, {options.minutes:g} min of {RATE} Hz stereo: {long.wall_s:.1f} s "
        f"({long.cpu_s:.1f} s of processor time), real-time factor "
        f"{long.wall_s / source.duration_s:.3f}, peak memory {long.peak_bytes / 2**30:.2f} GiB"
    )


def make_recording(path: Path, minutes: float) -> None:
    """Write the file in blocks of a second."""
    bank = StudioBank()
    entries = bank.entries("test")
    chosen = [entries[i] for i in np.linspace(0, len(entries) - 1, _SOURCES).astype(int)]
    tracks = []
    for side in range(2):
        joined = np.concatenate([bank.load(entry) for entry in chosen[side::2]])
        tracks.append(resample(joined[None], SAMPLE_RATE, RATE)[0])
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, 2, subtype="PCM_16") as file:
        for second in range(round(60 * minutes)):
            at = np.arange(second * RATE, (second + 1) * RATE)
            block = np.stack([np.take(track, at, mode="wrap") for track in tracks], axis=1)
            file.write(0.5 * block + 1e-3 * rng.standard_normal(block.shape))


def measured(arguments: Sequence[str], folder: Path, threads: int) -> Cost:
    """Run `lcr ARGUMENTS` in `folder` in a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "lcr.cli", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"lcr {' '.join(arguments)} ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(wall_s=wall, cpu_s=used.ru_utime + used.ru_stime, peak_bytes=used.ru_maxrss * unit)


if __name__ == "__main__":
    raise SystemExit(main())
