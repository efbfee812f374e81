"""The order of cascades, from records with known differences."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.analysis import oracle_order
from experiments.analysis.oracle_order import ORDER, report
from lcr.instruction import Task
from tests.experiments.record_factory import make_record

TASKS = (Task.TSE.value, Task.TAR.value, Task.OVC.value)
N = 48
GAINS = [1.0, 0.0, 2.0, 0.5]


def record(name: str, index: int, score: float | None, **changes: Any) -> dict[str, Any]:
    trace = [
        {"name": "read", "detail": "", "seconds": 0, "data": {"gains": GAINS, "rest": 1.0}},
        {"name": "separate", "detail": "", "seconds": 0, "data": {}},
        {"name": "match", "detail": "", "seconds": 0, "data": {"source_of_output": [[0, 1, 2, 3]]}},
    ]
    (source,) = make_record()["sources"]
    return (
        make_record(
            index,
            system=name,
            task=TASKS[index % len(TASKS)],
            sources=[source | {"clip": f"clip{(index * k) % 17}"} for k in (1, 3, 5, 7)],
            metrics={"snr_improvement_db": score},
            weights=[{"id": "separator", "sha256": "a" * 64}],
            trace=trace,
        )
        | changes
    )


Scores = Mapping[str, Callable[[int], float | None]]


def write_run(folder: Path, scores: Scores, **changes: Callable[[int], dict[str, Any]]) -> Path:
    """A finished run; `changes` by system, with _ for -."""
    folder.mkdir()
    for name, score in scores.items():
        change = changes.get(name.replace("-", "_"), lambda index: {})
        rows = [record(name, i, score(i), **change(i)) for i in range(N)]
        stale = record(name, 0, 99.0, data_digest="older")
        text = "".join(json.dumps(row) + "\n" for row in [stale, record(name, 0, -99.0), *rows])
        (folder / f"{name}@x.jsonl").write_text(text)
    systems = [{"name": name, "records": f"{name}@x.jsonl"} for name in scores]
    summary = {"suite": "made", "data_digest": "d", "systems": systems}
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def noise(name: str, index: int) -> float:
    return float(np.random.default_rng([index, *name.encode()]).normal(0, 0.3))


def ladder(*means: float) -> Scores:
    """Scores of ORDER about these means; every one has the same easy and hard mixtures."""

    def score(name: str, mean: float) -> Callable[[int], float]:
        return lambda i: mean + 5 * noise("mixture", i) + noise(name, i)

    return {name: score(name, mean) for name, mean in zip(ORDER, means, strict=True)}


def test_the_order_holds_where_every_step_is_down(tmp_path: Path) -> None:
    found = report(write_run(tmp_path / "run", ladder(8, 6, 3)))
    assert found.verdict == "holds"
    first, second = found.steps
    assert (first.better, first.worse, first.n, first.of) == ("pit", "clap-cascade", N, N)
    assert first.without_ovc.mean == pytest.approx(2, abs=0.3)
    assert second.without_ovc.mean == pytest.approx(3, abs=0.3)
    for interval in (first.without_ovc, second.without_ovc):
        assert interval.low is not None
        assert interval.high is not None
        assert interval.low < (interval.mean or 0) < interval.high
    assert first.without_ovc.n == N * 2 // 3
    assert first.difference.n == N


def test_a_step_up_is_reversed_and_a_flat_one_undecided(tmp_path: Path) -> None:
    up = report(write_run(tmp_path / "up", ladder(5, 7, 3)))
    assert [step.verdict for step in up.steps] == ["reversed", "holds"]
    assert up.verdict == "reversed"
    flat = report(write_run(tmp_path / "flat", ladder(5, 5, 3)))
    assert [step.verdict for step in flat.steps] == ["undecided", "holds"]
    assert flat.verdict == "undecided"


def test_ovc_alone_decides_nothing(tmp_path: Path) -> None:
    scores = dict(ladder(5, 5, 3))
    plain = scores["pit"]
    scores["pit"] = lambda i: (plain(i) or 0) + 40 * (TASKS[i % 3] == Task.OVC.value)
    first = report(write_run(tmp_path / "run", scores)).steps[0]
    assert first.verdict == "undecided"
    assert (first.difference.mean or 0) > 10


def test_mixtures_without_a_score_are_counted(tmp_path: Path) -> None:
    scores = dict(ladder(8, 6, 3))
    plain = scores["clap-cascade"]
    scores["clap-cascade"] = lambda i: None if i < 6 else plain(i)
    not_defined = {"status": "not_defined"}
    folder = write_run(
        tmp_path / "run", scores, cascade=lambda i: not_defined if i >= N - 3 else {}
    )
    first, second = report(folder).steps
    assert (first.n, first.of) == (N - 6, N)
    assert (second.n, second.of) == (N - 9, N - 3)


def matching(rows: list[list[int]]) -> dict[str, Any]:
    trace = record("x", 0, 0.0)["trace"]
    trace[-1]["data"] = {"source_of_output": rows}
    return {"trace": trace}


def test_gains_agree_as_often_as_they_do(tmp_path: Path) -> None:
    """The CLAPs swap two outputs of four in every mixture; the planner's cascade takes one output
    for none of the sources, which has a gain of 1 as well."""
    folder = write_run(
        tmp_path / "run",
        ladder(8, 6, 3),
        clap_cascade=lambda i: matching([[1, 0, 2, 3]]),
        cascade=lambda i: matching([[-1, 1, 2, 3]]),
    )
    clap, planned = report(folder).agreements
    assert clap.share is not None
    assert (clap.share.mean, clap.share.low, clap.share.high) == (0.5, 0.5, 0.5)
    assert planned.share is not None
    assert planned.share.mean == 1


def test_other_separators_and_silent_traces_are_told(tmp_path: Path) -> None:
    folder = write_run(
        tmp_path / "run",
        ladder(8, 6, 3),
        clap_cascade=lambda i: {"weights": [{"id": "other", "sha256": "b" * 64}]},
        cascade=lambda i: {"trace": []},
    )
    clap, planned = report(folder).agreements
    assert (clap.share, clap.reason) == (None, "it has another separator")
    assert (planned.share, planned.reason) == (None, "its trace tells no gains")


def test_the_command_tells_in_words_and_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(write_run(tmp_path / "run", ladder(8, 6, 3)))
    assert oracle_order.main([folder]) == 0
    out = capsys.readouterr().out
    assert "pit less clap-cascade: " in out
    assert "outputs of cascade with their true gain: 100.00 %" in out
    assert "the paper's order holds" in out
    assert oracle_order.main([folder, "--json", "--systems", "clap-cascade,pit"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["verdicts"]) == ("reversed", ["reversed"])


def test_what_was_not_run_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_run(tmp_path / "run", {"pit": lambda i: 1.0})
    assert oracle_order.main([str(folder)]) == 2
    assert "no records of clap-cascade, cascade; run: " in capsys.readouterr().err
    assert oracle_order.main([str(tmp_path)]) == 2
    assert "no summary of a finished compare.py run" in capsys.readouterr().err
