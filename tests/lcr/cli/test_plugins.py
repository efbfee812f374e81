"""Packages that add commands to `lcr`: a broken one takes no other command with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lcr.cli import main

COMMAND = '''"""Greet. At length."""
EXTRA = "all"
def add_arguments(parser): parser.add_argument("--loud", action="store_true")
def run(options): print("HELLO" if options.loud else "hello"); return 0
'''
PACKAGES = {
    "zz_good": {"greet": COMMAND},
    "zz_exits": {"__init__": "import sys; sys.exit(0)"},
    "zz_raises": {"other": "raise RuntimeError('no \\udcff luck')"},
    "zz_twice": {"remix": COMMAND},
    "zz_empty": {"hollow": ""},
    "zz_odd": {"odd": COMMAND.replace("parser.add", "1/0; parser.add")},
}


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A distribution of one good package and five broken ones, and one that is not there."""
    for package, modules in PACKAGES.items():
        (tmp_path / package).mkdir()
        for name, text in {"__init__": "", **modules}.items():
            (tmp_path / package / f"{name}.py").write_text(text)
    info = tmp_path / "zz_commands-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zz-commands\nVersion: 1.0\n")
    points = "".join(f"{name} = {name}\n" for name in (*PACKAGES, "zz_absent"))
    (info / "entry_points.txt").write_text(f"[lcr.commands]\n{points}")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in [name for name in sys.modules if name.startswith("zz_")]:
        del sys.modules[name]


def test_a_broken_plugin_is_told_and_left_out(
    plugins: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["greet", "--loud"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "HELLO\n"
    told = [line.partition("plug-in ")[2].split()[0] for line in shown.err.splitlines()]
    assert told == ["zz_absent", *sorted(set(PACKAGES) - {"zz_good"})]


def test_the_own_commands_stay(plugins: None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("lcr ")
    with pytest.raises(SystemExit):
        main(["remix", "--help"])
    assert "PROMPT" in capsys.readouterr().out
