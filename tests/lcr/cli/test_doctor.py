"""`lcr doctor`: what it finds here, and what it says when something is broken."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from lcr.cli import checkup, main
from lcr.cli.checkup import Check
from lcr.extras import mending


def test_here_it_works_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["works"]
    found = {check["name"]: check["status"] for check in told["checks"]}
    for name in ("lcr", "torch", "soundfile", "weights lcr-g", "system lcr", "extra model"):
        assert found[name] == "good", name
    assert any("agent-offline" in name for name in found if name.startswith("limits of "))
    for check in told["checks"]:
        assert check["found"]
        assert check["status"] == "good" or check["advice"], check["name"]


def test_what_is_broken_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = checkup.importlib.import_module

    def broken(name: str, package: str | None = None):
        if name == "torch":
            raise OSError("libc10_cuda.so: cannot open shared object file")
        if name == "peft":
            raise ModuleNotFoundError("No module named 'peft'", name="peft")
        return real(name, package)

    monkeypatch.setattr(checkup.importlib, "import_module", broken)
    monkeypatch.setattr(
        checkup,
        "_end_to_end",
        lambda: Check(name="system lcr", status="bad", found="no", advice="see above"),
    )
    assert main(["doctor"]) == 2
    lines = capsys.readouterr().out.splitlines()
    (torch,) = (line for line in lines if " torch: " in line)
    assert torch.startswith("missing")
    assert "installed, but does not load: OSError: libc10_cuda.so" in torch
    peft = next(i for i, line in enumerate(lines) if " peft: not installed" in line)
    assert "peft" in lines[peft + 1]
    assert "system lcr" in lines[-1]
    assert "torch" not in lines[-1]


def test_what_cannot_be_mended_by_the_default_extra_is_mended_by_its_own() -> None:
    assert "sounddevice" in mending("sounddevice")
    assert "torch==" in mending("sounddevice", "model,live")
    assert mending("zz_nobodys.part") == "pip install zz-nobodys"


def test_help_needs_no_heavy_library() -> None:
    heavy = ("numpy", "torch", "scipy", "soundfile", "transformers")
    code = (
        "import sys\nfrom lcr.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    for word in ("remix", "doctor", "completion", "exit status: 0 all done"):
        assert word in done.stdout
