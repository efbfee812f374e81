"""Accuracies are those of planners whose mistakes are known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from baselines.composite.planning import Plan
from experiments.analysis import planner_accuracy
from experiments.analysis.planner_accuracy import groups_of, main, read_all, read_audit
from lcr.data.authors.set import read_paper_set
from lcr.instruction import Description
from lcr.remixer import Oracle, OracleUse
from tests.lcr.data.authors.test_set import row, written


class Fixed:
    """Always the same gains; refuses prompts that say so."""

    uses_oracle: frozenset[OracleUse] = frozenset()

    def __init__(self, *gains: float) -> None:
        self.gains = gains

    def plan(
        self, prompt: str, described: Sequence[Description], *, oracle: Oracle | None = None
    ) -> Plan:
        if prompt == "refuse":
            raise ValueError("no")
        return Plan(descriptions=tuple(described), gains=self.gains, rest=1.0)


def test_right_and_wrong_are_counted(tmp_path: Path) -> None:
    mixtures = list(read_paper_set(written(tmp_path, row(), row(id="m2", prompts=["refuse"]))))
    right = read_all(Fixed(0.0, 1.0, 0.0, 1.0), mixtures)
    assert right.exact.tolist() == [1, 1, 0]
    assert right.sources.tolist() == [1, 1, 0]
    assert right.mixture.tolist() == [0, 0, 1]
    half = read_all(Fixed(0.0, 1.0, 2.0, 0.7), mixtures)
    assert half.exact.tolist() == [0, 0, 0]
    assert half.sources.tolist() == [0.5, 0.5, 0]


class InBatches(Fixed):
    """Right for prompts of the first mixture only, and only when read in batches."""

    def plan_many(
        self, prompts: Sequence[str], described: Sequence[Sequence[Description]]
    ) -> list[Plan]:
        right, wrong = (0.0, 1.0, 0.0, 1.0), (1.0, 1.0, 1.0, 1.0)
        return [
            Plan(descriptions=tuple(sources), gains=wrong if p == "refuse" else right, rest=1.0)
            for p, sources in zip(prompts, described, strict=True)
        ]


def test_planners_that_read_in_batches_are_scored_in_order(tmp_path: Path) -> None:
    mixtures = list(read_paper_set(written(tmp_path, row(), row(id="m2", prompts=["refuse"]))))
    reading = read_all(InBatches(1.0, 1.0, 1.0, 1.0), mixtures)
    assert reading.exact.tolist() == [1, 1, 0]
    assert reading.sources.tolist() == [1, 1, 0.5]
    assert reading.wording.tolist() == [0, 1, 0]
    assert len(reading.seconds) == 3


def test_judged_prompts_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(planner_accuracy.PLANNERS, "right", lambda: Fixed(0.0, 1.0, 0.0, 1.0))
    audit = tmp_path / "audit.csv"
    audit.write_text("id,prompt,verdict\nm1,0,c\nm2,0,w\nelsewhere,0,c\n")
    folder = tmp_path / "set"
    folder.mkdir()
    path = str(written(folder, row(id="m1"), row(id="m2", prompts=["refuse"])))
    command = ["--prompts", path, "--planners", "right", "--audit", str(audit)]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "| right | judged by hand (2) | 50.0 %" in out
    assert "| right | judged clear (1) | 100.0 %" in out
    assert "| right | judged wrong (1) | 0.0 %" in out
    assert "of 2 prompts judged by hand (1 clear, 0 ambiguous, 1 wrong): 50.0 %" in out
    assert main([*command, "--skip", "1"]) == 0
    assert "judged clear" not in capsys.readouterr().out
    assert main([*command, "--skip", "2"]) == 2
    assert "no mixtures are left" in capsys.readouterr().err
    audit.write_text("id,prompt,verdict\nm1,0,x\n")
    assert main(command) == 2
    assert "verdict 'x'" in capsys.readouterr().err
    audit.write_text("id,verdict\nm1,c\n")
    assert main(command) == 2
    assert "is no audit" in capsys.readouterr().err


def test_the_shipped_audit_holds_ids_and_verdicts_only() -> None:
    verdicts = read_audit(planner_accuracy.AUDIT)
    assert len(verdicts) == 200
    with planner_accuracy.AUDIT.open() as file:
        assert all(len(line.split(",")) == 3 for line in file)


def test_a_mixture_counts_in_its_task_and_where_speakers_differ(tmp_path: Path) -> None:
    (mixture,) = read_paper_set(written(tmp_path, row()))
    assert groups_of(mixture) == ["all", "task ME", "speakers differ in gender"]


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(planner_accuracy.PLANNERS, "right", lambda: Fixed(0.0, 1.0, 0.0, 1.0))
    path = str(written(tmp_path, row()))
    out = tmp_path / "out"
    assert main(["--prompts", path, "--planners", "right,keyword", "--out", str(out)]) == 0
    assert "| right | all (2) | 100.0 % |" in capsys.readouterr().out
    rows = json.loads((out / "accuracy.json").read_text())
    assert {(r["planner"], r["group"]) for r in rows} >= {("right", "all"), ("keyword", "all")}
    assert len((out / "accuracy.csv").read_text().splitlines()) == len(rows) + 1
    assert main(["--prompts", path, "--planners", "wrong"]) == 2
    assert "unknown planner 'wrong'" in capsys.readouterr().err
    assert main(["--prompts", str(tmp_path / "nowhere")]) == 2
    assert "no manifest" in capsys.readouterr().err
