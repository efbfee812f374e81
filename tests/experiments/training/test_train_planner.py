"""The command that trains the offline planner: stops, goes on, ships what the planner loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.planners.offline.planner import OfflinePlanner
from experiments.training.train_planner import main
from lcr.instruction import AudioDescription
from tests.tiny_bert import tiny_bert

pytestmark = pytest.mark.slow


def test_train_and_ship(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = str(tiny_bert(tmp_path / "bert"))
    run = ["--run", str(tmp_path / "run"), "--base", base, "--steps", "2"]
    out = tmp_path / "planner"
    assert main([*run, "--ship", str(out)]) == 2
    assert "train first" in capsys.readouterr().err
    assert main([*run, "--minutes", "0"]) == 0
    assert main(run) == 0
    assert "resumed at step 1" in capsys.readouterr().out
    assert main([*run, "--ship", str(out)]) == 0
    assert "after 2 steps" in capsys.readouterr().out
    plan = OfflinePlanner.from_checkpoint(out).plan("mute it", (AudioDescription(label="rain"),))
    assert len(plan.gains) == 1
