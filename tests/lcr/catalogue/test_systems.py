"""`lcr systems` and `compare.py --list`: everything registered, what it needs, and why not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from lcr import registry
from lcr.catalogue.listing import System, list_systems
from lcr.cli import main
from lcr.cli.commands.systems import show
from tests.lcr.test_registry import distribution

MODULE = '''
import torch
from torch import nn
from lcr.errors import LcrError
from lcr.instruction import Task
from lcr.registry import with_card
from lcr.remixer import Remix, SystemCard

KNOWN = SystemCard(
    name="zz-absent", family="composite", sample_rate=32_000, licence="MIT",
    uses_oracle=frozenset({"instruction"}), reference="Someone, 2024",
    tasks=frozenset({Task.TSE, Task.SE}),
)


class Network:
    card = SystemCard(name="zz-network", family="composite", sample_rate=8_000,
                      weights={"a.pt": "0" * 64})

    def __init__(self):
        self.net = nn.Conv1d(1, 1, 9, padding=4)

    def remix(self, mixture, sample_rate, prompt, *, oracle=None):
        with torch.inference_mode():
            out = self.net(torch.from_numpy(mixture.copy()).unsqueeze(1)).squeeze(1)
        return Remix(audio=out.numpy())


class Opaque:
    """Says nothing of itself beyond what it must."""

    card = SystemCard(name="zz-opaque", family="joint", sample_rate=None)

    def remix(self, mixture, sample_rate, prompt, *, oracle=None):
        return Remix(audio=mixture.copy())


@with_card(KNOWN)
def absent():
    raise LcrError("its weights are not here;\\n fetch them")


def secretive():
    raise LcrError("no licence key")


def exiting():
    raise SystemExit(0)


class Cardless(Opaque):
    card = "a card"
'''
POINTS = {
    "zz-network": "lcr_systems_test_plugin:Network",
    "zz-opaque": "lcr_systems_test_plugin:Opaque",
    "zz-absent": "lcr_systems_test_plugin:absent",
    "zz-secretive": "lcr_systems_test_plugin:secretive",
    "zz-broken": "not_there_at_all:x",
    "zz-exiting": "lcr_systems_test_plugin:exiting",
    "zz-cardless": "lcr_systems_test_plugin:Cardless",
}


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only systems that are registered."""
    path = distribution(tmp_path, "elsewhere", POINTS)
    (path / "lcr_systems_test_plugin.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(path))
    monkeypatch.delitem(sys.modules, "lcr_systems_test_plugin", raising=False)
    theirs = tuple(s for s in registry.available() if s.name.startswith("zz-"))
    assert len(theirs) == len(POINTS)
    monkeypatch.setattr(registry, "available", lambda: theirs)
    return path


@pytest.fixture
def listed(plugin: Path) -> dict[str, System]:
    return {system.name: system for system in list_systems()}


def test_what_runs_tells_all(listed: dict[str, System]) -> None:
    network = listed["zz-network"]
    assert (network.runs, network.missing, network.family) == (True, None, "composite")
    assert (network.parameters, network.macs_per_s) == (10, 9 * 8_000)
    assert (network.sample_rate, network.weights) == (8_000, {"a.pt": "0" * 64})
    assert (network.package, network.uncounted) == ("elsewhere", None)


def test_what_is_not_told_is_unknown(listed: dict[str, System]) -> None:
    opaque = listed["zz-opaque"]
    assert opaque.runs
    assert (opaque.parameters, opaque.macs_per_s, opaque.licence, opaque.reference) == (None,) * 4
    assert opaque.uncounted == "no network seen"


def test_what_does_not_run_tells_why_and_what_its_factory_knows(listed: dict[str, System]) -> None:
    absent = listed["zz-absent"]
    assert not absent.runs
    assert absent.missing == "its weights are not here; fetch them"
    assert (absent.family, absent.licence, absent.sample_rate) == ("composite", "MIT", 32_000)
    assert absent.uses_oracle == ("instruction",)
    assert absent.tasks == ("TSE", "SE")
    assert (listed["zz-secretive"].missing, listed["zz-secretive"].family) == (
        "no licence key",
        None,
    )
    assert "not_there_at_all" in (listed["zz-broken"].missing or "")
    assert "SystemExit" in (listed["zz-exiting"].missing or "")
    assert "card" in (listed["zz-cardless"].missing or "")


def test_the_command_shows_every_one(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systems", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in told["systems"]] == sorted(POINTS)
    assert main(["systems"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    for name in POINTS:
        assert name in words
    assert "zz-absent does not run as it is: its weights are not here; fetch them" in words
    assert "zz-absent does TSE, SE only" in words


def test_it_is_legible_at_80_columns(
    listed: dict[str, System], capsys: pytest.CaptureFixture[str]
) -> None:
    show(tuple(listed.values()), Console(width=80))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    (row,) = [line for line in out.splitlines() if "zz-network" in line and "composite" in line]
    assert row.split() == ["zz-network", "composite", "0.00", "M", "0.00", "8000", "yes"]
    assert "Someone, 2024" in out
    assert "elsewhere" in out  # where to ask about systems that name no reference


def test_ours_are_listed_without_building_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "create", lambda name: pytest.fail(f"{name} was built"))
    ours = {one.name: one for one in list_systems() if one.package == "lcr"}
    assert {one.name for one in registry.available() if one.distribution == "lcr"} == set(ours)
    assert ours["lcr"].runs
    assert ours["lcr"].macs_per_s
    assert not ours["agent-llm"].runs


def test_light_systems_are_listed_without_torch() -> None:
    code = (
        "import sys, json; sys.modules['torch'] = None; from lcr.cli import main;"
        "sys.exit(main(['systems', '--json']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    systems = {one["name"]: one for one in json.loads(done.stdout)["systems"]}
    assert systems["mixture"]["runs"]
    assert systems["mixture"]["parameters"] == 0
    assert not systems["lcr"]["runs"]
    assert "torch" in systems["lcr"]["missing"]
