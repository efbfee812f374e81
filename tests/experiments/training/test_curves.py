"""Curves of trainings side by side: the mean over banks, stage by stage."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.comparison.errors import ConfigError
from experiments.training.curves import table


def test_banks_are_averaged_and_stages_kept_apart(tmp_path: Path) -> None:
    for name in ("run", "shipped", "begun"):
        (tmp_path / name).mkdir()
    (tmp_path / "run" / "log.csv").write_text(
        "step,seconds,a/snri_without_ovc_db,b/snri_without_ovc_db,a/task/TSE\n"
        "5,1,1.0,2.0,9\n10,2,3.0,,9\n"
    )
    (tmp_path / "shipped" / "curve.csv").write_text(
        "stage,step,seconds,a/recall1,a/nats\nreader,5,1,,0.5\nclap,5,1,0.25,\n"
    )
    found = table([tmp_path / name for name in ("run", "shipped", "begun")])
    assert found.heads[1:] == ("5", "10")
    assert [row[1:] for row in found.rows] == [
        ("1.50", "3.00"),
        ("0.50", ""),
        ("0.25", ""),
        ("", ""),
    ]
    with pytest.raises(ConfigError):
        table([tmp_path / "nowhere"])
    (tmp_path / "run" / "log.csv").write_text("step,other\n1,2\n")
    with pytest.raises(ConfigError):
        table([tmp_path / "run"])
