"""The wheel with its extra `run` in an empty environment."""

from __future__ import annotations

import json

import pytest

from experiments.benchmarks.install import UNWANTED, main


@pytest.mark.rehearsal
def test_a_newcomer_remixes_without_torch(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rounds", "1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["installed_mib"] <= 250
    assert told["remix_peak_mib"] <= 300
    assert not set(UNWANTED) & set(told["largest_mib"])
