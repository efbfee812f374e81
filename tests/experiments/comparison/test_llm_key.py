"""A server that tells the key back, in every place an answer has: no file of a comparison holds it,
and neither does what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments import compare
from tests.agents.hearing import listener
from tests.agents.llm_server import calls, fails, raw, says, served

pytestmark = pytest.mark.slow

KEY = "sk-echoed-0123456789"
ECHOES = (
    calls(("set_action", {"source": KEY, "action": "remove"}), (KEY, {"x": KEY}), ("finish", {})),
    calls(("list_sources", f'{{"{KEY}": "'), ("finish", {"then": KEY})),
    says(f"I know {KEY}.", finish=KEY),
    says(json.dumps({"changes": [{"source": KEY, "action": "remove"}]})),
    calls(("list_sources", {}), ("finish", {})),
    says(refusal=f"No, {KEY}!"),
    fails(400, f"wrong key {KEY}"),
    raw(f"<html>{KEY}"),
)


def test_the_key_is_in_no_file(
    tmp_path: Path, suite: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("agents.llm.guard._MOST_WAIT_S", 0.01)
    monkeypatch.setattr("agents.systems.llm.load_listener", lambda **_: listener())
    out = tmp_path / "out"
    with served(*ECHOES) as script:
        options = {"model": "openai:m", "base_url": script.url, "tool": "", "steps": 4}
        told = ",".join(f"{name}={json.dumps(value)}" for name, value in options.items())
        compare.main([
            "--suite", str(suite), "--device", "cpu", "--out", str(out), "--systems", "agent-llm",
            "--set", f"options.agent-llm={{{told}}}",
        ])  # fmt: skip
    assert set(script.keys) == {f"Bearer {KEY}"}
    files = [path for path in out.rglob("*") if path.is_file()]
    assert {"report.html", "summary.json", "summary.md"} <= {path.name for path in files}
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert "$OPENAI_API_KEY" in next(p for p in files if p.suffix == ".jsonl").read_text()
    assert KEY not in "".join(capfd.readouterr())
