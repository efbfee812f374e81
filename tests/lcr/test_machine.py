"""What a machine may lack: devices, packages, a name for the user."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

import pytest

import lcr
from lcr.cli import main
from lcr.devices import check_device
from lcr.errors import LcrError, one_line
from lcr.registry import BrokenSystemError, create


@pytest.mark.parametrize("device", ["cuda:99", "nonsense"])
def test_a_device_that_is_not_here_is_one_line(
    device: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(LcrError):
        check_device(device)
    with pytest.raises(LcrError):
        lcr.load("mixture", device=device)
    for command in (["remix", "a.wav", "louder"], ["chat", "a.wav"]):
        assert main([*command, "--device", device]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_core_without_torch_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "lcr.joint.remixer", raising=False)
    with pytest.raises(BrokenSystemError, match="torch is not installed; run: pip install"):
        create("lcr-g")


@pytest.mark.skipif(sys.platform == "win32", reason="users without a name are of Unix")
def test_a_user_without_a_name_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "HOME"):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    lcr._name_the_user()
    assert (getpass.getuser(), Path.home()) == (str(os.getuid()), Path("/"))


def test_what_moves_the_cursor_is_escaped() -> None:
    assert one_line("a\x1b[2J\n  b\udcff\u202e") == "a\\x1b[2J b\\udcff\\u202e"
    assert one_line("Straße 日本 \N{DOG FACE}") == "Straße 日本 \N{DOG FACE}"
