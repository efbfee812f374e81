"""Figures 5 and 6: closed-form numbers, valid files, equal bytes."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
pytest.importorskip("jinja2", reason="the run's reader needs the extra report")
from PIL import Image

from experiments import figure_5, figure_6
from lcr.instruction import Task
from tests.experiments.report_run import Contender, blend, build_run


def _record(task: str, before: float, after: float) -> dict[str, object]:
    return {"task": task, "input_metrics": {"snr_db": before}, "metrics": {"snr_db": after}}


def test_quartiles_and_share_improved() -> None:
    rows = [_record("SE", b, a) for b, a in ((0, 4), (1, 3), (2, 2), (3, 1), (4, 10))]
    (found,) = figure_5.spreads(rows)
    assert found.before_db == (1, 2, 3)
    assert found.after_db == (2, 3, 4)
    assert (found.improved, found.n) == (0.6, 5)  # 3, 2 and 0 dB better; equal is not improved


def test_correlation_and_its_interval() -> None:
    found = figure_6.correlate([0, 0, 1, 1], [0, 1, 0, 1])
    assert found.r == pytest.approx(0)
    assert found.high == pytest.approx(np.tanh(1.959964))  # Fisher's z: 1.96 / sqrt(4 - 3)
    assert found.low == pytest.approx(-np.tanh(1.959964))
    assert figure_6.correlate([1, 2, 3, 4], [2, 4, 6, 8]).low == pytest.approx(1)
    assert figure_6.correlate([1, 1, 1], [1, 2, 3]).reason == "all values alike"
    assert figure_6.correlate([1], [1]).words == "r: 1 examples"


@pytest.mark.parametrize("figure", [figure_5, figure_6], ids=["5", "6"])
def test_files_are_valid_and_repeat(figure: object, tmp_path: Path) -> None:
    name = figure.__name__.rpartition(".")[2]  # type: ignore[attr-defined]
    run = build_run(
        tmp_path / "run",
        [Contender(name="lcr", answer=blend(0.8))],
        tasks=[Task.SE, Task.TS_UP, Task.MVC],
        per_task=4,
        seconds=0.1,
    )
    for out in ("a", "b"):
        assert figure.main(["--run", str(run), "--out", str(tmp_path / out)]) == 0  # type: ignore[attr-defined]
    for kind in ("png", "svg"):
        first, second = ((tmp_path / o / f"{name}.{kind}").read_bytes() for o in ("a", "b"))
        assert first == second
    with Image.open(tmp_path / "a" / f"{name}.png") as image:
        image.verify()
    assert ElementTree.parse(tmp_path / "a" / f"{name}.svg").getroot().tag.endswith("svg")


def test_unknown_system_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = build_run(
        tmp_path, [Contender(name="lcr", answer=blend(0.8))], tasks=[Task.SE], seconds=0.1
    )
    options = ["--run", str(run), "--out", str(tmp_path), "--system", "other"]
    assert figure_5.main(options) == 2
    assert "the run has no other; it has lcr" in capsys.readouterr().err
