"""The command as people start it: a file, from any folder, with a third-party system."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import compare
from experiments.comparison.errors import ConfigError
from experiments.paper.rows import TABLE_2
from lcr import registry

pytestmark = pytest.mark.slow

COMPARE = Path(__file__).parents[3] / "experiments" / "compare.py"


def start(folder: Path, plugin: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(COMPARE), *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(plugin), "PYTHONIOENCODING": "utf-8"},
    )


def test_it_compares_from_any_folder(tmp_path: Path, suite: Path, plugin_folder: Path) -> None:
    arguments = ("--suite", suite, "--systems", "half,ideal-ratio-mask", "--device", "cpu")
    done = start(tmp_path, plugin_folder, *arguments)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "results" / "tiny"
    for name in ("summary.json", "summary.md", "summary.csv", "report.html"):
        assert (folder / name).stat().st_size > 100
    assert str(folder / "report.html") in done.stdout
    assert "Average without OVC" in done.stdout
    assert "ideal-ratio-mask (bound)" in done.stdout
    assert "half: 16 of 16" in done.stderr
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    bound = summary["systems"][1]
    assert bound["average_without_ovc"]["mean"] > 1.0
    assert "half" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("plugins")
def test_one_system_in_two_forms(
    tmp_path: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--set", 'options.twin={system="half"}', "--systems", "half,twin", "--device", "cpu"]
    words += ["--suite", str(suite), "--out", str(tmp_path)]
    assert compare.main(words) == 0
    summary = json.loads((tmp_path / "tiny" / "summary.json").read_text("utf-8"))
    means = {s["name"]: s["average_without_ovc"]["mean"] for s in summary["systems"]}
    assert set(means) == {"half", "twin"}
    assert means["half"] == means["twin"]
    for wrong, answer in (
        ('options.twin={system="hafl"}', "unknown system 'hafl'; did you mean half?"),
        ('options.half={system="mixture"}', "options.half.system: 'half' is a system of its own"),
        ("options.other={}", "options for unknown system 'other'"),
    ):
        assert compare.main([*words, "--set", wrong]) == 2
        assert answer in capsys.readouterr().err


def test_it_lists_suites_and_systems(
    plugins: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    light = {"mixture", "ideal-binary-mask", "half", "unbuildable"}
    some = tuple(system for system in registry.available() if system.name in light)
    monkeypatch.setattr(registry, "available", lambda: some)
    assert compare.main(["--list"]) == 0
    out = capsys.readouterr().out
    for name in ("studio", "field", *light, "faulty-systems"):
        assert name in out
    assert "its weights are not on this machine" in " ".join(out.split())


def test_bad_input_ends_with_2(tmp_path: Path, plugin_folder: Path) -> None:
    done = start(tmp_path, plugin_folder, "--suite", "feild")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "compare: unknown suite 'feild'; did you mean 'field'?\n"
    assert not list(tmp_path.iterdir())


def test_table_2_stands_for_the_papers_ten_systems() -> None:
    words = ["--suite", "studio", "--systems", "table-2, mixture"]
    config = compare.resolve_config(compare.main.parser.parse_args(words))
    assert config.systems == (*(form.name for form in TABLE_2.values()), "mixture")
    assert len(set(config.systems)) == 11
    for form in TABLE_2.values():
        assert config.options.get(form.name, {}) == form.options
    words += ["--set", 'options.desk-lcr-c.weights="other"']
    changed = compare.resolve_config(compare.main.parser.parse_args(words)).options["desk-lcr-c"]
    assert changed == {"system": "lcr", "weights": "other"}
    with pytest.raises(ConfigError, match="named twice"):
        compare.resolve_config(compare.main.parser.parse_args(["--systems", "mixture,mixture"]))
