"""A tiny bank, a suite on it, and third-party systems that misbehave in every way."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 16_000

SPEAKERS = {"anna": ("F", "high"), "bert": ("M", "low"), "cleo": ("F", "normal")}
LABELS = ("rain", "dog barking", "church bell")

SYSTEMS = '''
import time
from dataclasses import replace
import numpy as np
from lcr.instruction import Task
from lcr.remixer import Remix, Step, SystemCard


class Base:
    def __init__(self, gain=0.5):
        self.gain = gain
        self.card = SystemCard(name="test", family="composite", sample_rate=None)

    def remix(self, mixture, sample_rate, prompt, *, oracle=None):
        assert oracle is None and not mixture.flags.writeable
        return self.answer(mixture)


class Half(Base):
    def answer(self, mixture):
        step = Step(name="scale", seconds=0.1, data={"llm_calls": 2, "odd": float("nan")})
        return Remix(audio=mixture * np.float32(self.gain), trace=(step,))


class Flaky(Base):
    """Fails on every other example, in several ways; `cured` makes it fail no more."""

    calls = 0
    cured = False

    def answer(self, mixture):
        if self.cured:
            return Remix(audio=mixture.copy())
        Flaky.calls += 1
        kind = Flaky.calls % 8
        if kind == 1:
            raise RuntimeError("<b>no</b>\\nluck")
        if kind == 3:
            return Remix(audio=mixture[:, :-1].copy())
        if kind == 5:
            return Remix(audio=np.full_like(mixture, np.nan))
        if kind == 7:
            return mixture
        return Remix(audio=mixture.copy())


class Slow(Base):
    def answer(self, mixture):
        try:
            time.sleep(5)
        except Exception:
            pass
        return Remix(audio=mixture.copy())


class Swallowing(Base):
    """Does not let itself be interrupted."""

    def answer(self, mixture):
        begun = time.monotonic()
        while time.monotonic() < begun + 0.1:
            try:
                time.sleep(0.01)
            except BaseException:
                pass
        return Remix(audio=mixture.copy())


class Telling(Base):
    """Says what it was asked."""

    def remix(self, mixture, sample_rate, prompt, *, oracle=None):
        step = Step(name="asked", detail=prompt)
        return Remix(audio=mixture.copy(), trace=(step,), warnings=("It is not there.",))


class Batching(Base):
    sizes = []

    def remix_many(self, requests):
        self.sizes.append(len(requests))
        # Depends on the batch, as rounding does.
        total = sum(float(r.mixture.sum()) for r in requests)
        return [
            Remix(audio=(r.mixture * np.float32(0.5 + 1e-3 * np.sin(total)))) for r in requests
        ]


class Enhancing(Base):
    """Does two tasks, in batches, and cannot stand to see another; `calls` are examples seen."""

    tasks = frozenset({Task.SE, Task.SR})
    calls = 0

    def __init__(self):
        super().__init__()
        self.card = replace(self.card, tasks=self.tasks, uses_oracle=frozenset({"instruction"}))

    def remix(self, mixture, sample_rate, prompt, *, oracle=None):
        assert oracle.instruction.task in self.tasks
        Enhancing.calls += 1
        return Remix(audio=mixture * np.float32(0.9))

    def remix_many(self, requests):
        return [self.remix(r.mixture, r.sample_rate, r.prompt, oracle=r.oracle) for r in requests]


class Unbuildable:
    def __init__(self):
        from lcr.errors import LcrError

        raise LcrError("its weights are not on this machine")
'''

ENTRY_POINTS = """[lcr.remixers]
half = faulty_systems:Half
flaky = faulty_systems:Flaky
slow = faulty_systems:Slow
swallowing = faulty_systems:Swallowing
telling = faulty_systems:Telling
batching = faulty_systems:Batching
enhancing = faulty_systems:Enhancing
unbuildable = faulty_systems:Unbuildable
"""


def write_bank(folder: Path) -> Path:
    """Three speakers and three sounds, two clips each, all in split test."""
    rng = np.random.default_rng(1)
    rows: list[dict[str, str]] = []
    for name, (gender, pitch) in SPEAKERS.items():
        rows += [
            {"path": f"{name}{n}.wav", "kind": "speech", "gender": gender, "pitch": pitch}
            for n in range(2)
        ]
    for label in LABELS:
        rows += [{"path": f"{label}{n}.wav", "kind": "audio", "label": label} for n in range(2)]
    folder.mkdir(parents=True)
    for row in rows:
        samples = 0.1 * rng.standard_normal(RATE // 2).astype(np.float32)
        soundfile.write(folder / row["path"], samples, RATE)
    with open(folder / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("path", "kind", "split", "label", "gender", "pitch"))
        writer.writeheader()
        writer.writerows({"split": "test", **row} for row in rows)
    return folder


@pytest.fixture(scope="session")
def shared_bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank no test may change."""
    return write_bank(tmp_path_factory.mktemp("shared") / "bank")


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    """A bank of the test's own."""
    return write_bank(tmp_path / "bank")


@pytest.fixture(scope="session")
def suite(shared_bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite file on the shared bank: half-second mixtures, one example of each task."""
    path = tmp_path_factory.mktemp("suite") / "tiny.toml"
    path.write_text(
        'systems = ["mixture", "ideal-ratio-mask"]\nper_task = 1\nexamples = 2\n'
        f'[bank]\nkind = "folder"\npath = "{shared_bank.as_posix()}"\n'
        'attributes = ["gender", "pitch"]\n[mixture]\nduration_s = 0.5\n',
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="session")
def plugin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installed distribution that registers the systems above."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "faulty_systems.py").write_text(SYSTEMS)
    info = folder / "faulty_systems-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty-systems\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


@pytest.fixture
def plugins(plugin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The plug-in on this process's path, its module fresh for every test."""
    monkeypatch.syspath_prepend(str(plugin_folder))
    yield plugin_folder
    sys.modules.pop("faulty_systems", None)
