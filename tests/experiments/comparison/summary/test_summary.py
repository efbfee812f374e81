"""Figures of the summary against hand-made records, and the tables made of it."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from experiments.comparison.runner import Run, SystemRun
from experiments.comparison.suite import SuiteConfig
from experiments.comparison.summary import tables
from experiments.comparison.summary.summarize import summarize
from experiments.comparison.summary.verdict import verdict
from experiments.comparison.systems import ReadySystem
from experiments.comparison.table import Table, fitted
from lcr.evaluation.effective import MEASURES
from lcr.remixer import OracleUse, SystemCard
from tests.experiments.record_factory import make_record


class Nothing:
    """Stands where a remixer does; a summary never runs one."""

    card = SystemCard(name="nothing", family="composite", sample_rate=None)


def record(index: int, task: str, value: float | None, *, status: str = "ok") -> dict[str, Any]:
    whole = make_record(index)
    return whole | {
        "task": task,
        "sources": [{"clip": f"clip{index}"}, {"clip": f"other{index // 2}"}],
        "status": status,
        "error": None if status == "ok" else {"type": "E|<i>", "message": "a\nb"},
        "metrics": dict.fromkeys(MEASURES) | {"snr_improvement_db": value},
        "input_metrics": {"snr_db": 1.0},
        "cost": whole["cost"]
        | {
            "real_time_factor": 0.1 * (index + 1),
            "peak_bytes": index,
            "llm_calls": 1,
            "tokens_in": 2,
            "tokens_out": 3,
        },
        "started": f"2026-01-{index + 1:02d}",
        "finished": f"2026-02-{index + 1:02d}",
    }


def summary_of(
    systems: dict[str, list[dict[str, Any]]],
    *,
    bounds: tuple[str, ...] = (),
    joint: tuple[str, ...] = (),
    trained_on: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    entries = []
    for name, records in systems.items():
        uses: frozenset[OracleUse] = frozenset({"target"} if name in bounds else ())
        card = SystemCard(
            name=name,
            family="joint" if name in joint else "composite",
            sample_rate=None,
            uses_oracle=uses,
            trained_on=trained_on,
        )
        ready = ReadySystem(
            name=name,
            remixer=Nothing(),  # type: ignore[arg-type]
            card=card,
            config_digest="0" * 64,
            device="cpu",
            load_bytes=0,
        )
        path = Path(f"{name}@0.jsonl")
        entries.append(SystemRun(system=ready, path=path, records=tuple(records), dropped=0))
    run = Run(
        config=SuiteConfig(name="hand", compare_to="b", corpora=("studio",)),
        folder=Path(),
        data_digest="d",
        shown=(),
        systems=tuple(entries),
        code={"commit": None, "dirty": None},
        env={"python": "3.11", "torch": None, "device": "cpu", "threads": 1},
    )
    return summarize(run, not_run={})


def records(*rows: tuple[str, float | None]) -> list[dict[str, Any]]:
    return [record(index, task, value) for index, (task, value) in enumerate(rows)]


TASKS = ("TSE", "TSE", "TSE", "ME", "OVC", "OVC")


def test_the_average_is_the_mean_of_the_tasks_means() -> None:
    values = (1.0, 2.0, 6.0, 8.0, 40.0, 50.0)
    (a,) = summary_of({"a": records(*zip(TASKS, values, strict=True))})["systems"]
    assert a["tasks"]["TSE"]["mean"] == pytest.approx(3.0)
    assert a["average"]["mean"] == pytest.approx((3.0 + 8.0 + 45.0) / 3)
    assert a["average_without_ovc"]["mean"] == pytest.approx((3.0 + 8.0) / 2)
    assert a["share_improved"]["mean"] == 1.0
    assert a["real_time_factor"] == pytest.approx(0.35)
    assert a["peak_bytes"] == 5


def test_stages_take_their_median_time_as_the_whole_does() -> None:
    rows = records(("TSE", 1.0), ("TSE", 2.0), ("ME", 3.0))
    for row, seconds in zip(rows, ((0.1, 0.2), (0.3, 0.3), (9.0,)), strict=True):
        steps = [{"name": "separate", "seconds": s, "info": {}} for s in seconds]
        row |= {"trace": [*steps, {"name": "mix", "seconds": None, "info": {}}]}
    (a,) = summary_of({"a": rows})["systems"]
    assert a["stages"] == {"separate": pytest.approx(0.6), "mix": 0.0}


def test_a_failure_is_no_fast_answer_and_said_to_count_0_db() -> None:
    worse = records(("TSE", -4.0), ("TSE", -2.0), ("ME", 0.0), ("ME", 0.0))
    for one in worse[2:]:
        one |= {"status": "error", "error": {"type": "E", "message": "no"}}
        one["cost"] = one["cost"] | {"real_time_factor": 1e-6}
    never = records(("TSE", 0.0), ("ME", 0.0))
    for one in never:
        one |= {"status": "error", "error": {"type": "E", "message": "no"}}
    summary = summary_of({"a": worse})
    (a,) = summary["systems"]
    assert a["average_without_ovc"]["mean"] == pytest.approx(-1.5)
    assert a["answered_mean_db"] == pytest.approx(-3.0)
    assert a["real_time_factor"] == pytest.approx(0.15)
    assert any("raised its average" in remark for remark in tables.remarks(summary))
    (b,) = summary_of({"b": never})["systems"]
    assert (b["answered_mean_db"], b["real_time_factor"], b["n"]) == (None, None, 0)


def test_the_averages_interval_ignores_how_tasks_differ() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, 40)
    flat = [("TSE" if i % 2 else "ME", float(v)) for i, v in enumerate(noise)]
    apart = [(task, v + (30.0 if task == "ME" else 0.0)) for task, v in flat]
    one = summary_of({"a": records(*flat)})["systems"][0]["average"]
    two = summary_of({"a": records(*apart)})["systems"][0]["average"]
    assert two["high"] - two["low"] == pytest.approx(one["high"] - one["low"], rel=1e-6)
    assert one["low"] < one["mean"] < one["high"]
    # About 2 x 1.96 standard errors of 40 values; a little more for two strata and clusters.
    assert 0.45 < one["high"] - one["low"] < 0.9


def test_undefined_scores_are_counted_not_averaged() -> None:
    rows = [("TSE", 1.0), ("TSE", None), ("TSE", 3.0)]
    (a,) = summary_of({"a": records(*rows)})["systems"]
    assert a["tasks"]["TSE"]["mean"] == pytest.approx(2.0)
    assert (a["undefined"], a["of"], a["tasks"]["TSE"]["n"]) == (1, 3, 2)


def test_a_system_that_does_some_tasks_only_has_no_average() -> None:
    rows = records(("TSE", 2.0), ("TSE", 4.0))
    rows += [record(2, "ME", None, status="not_defined"), record(3, "OVC", 7.0, status="error")]
    every = records(("TSE", 1.0), ("TSE", 1.0), ("ME", 1.0), ("OVC", 1.0))
    summary = summary_of({"a": rows, "b": every})
    a, b = summary["systems"]
    assert a["not_defined"] == ["ME"]
    assert b["not_defined"] == []
    assert (a["n"], a["of"], a["failed"], a["undefined"]) == (2, 3, 1, 0)
    assert a["tasks"]["TSE"]["mean"] == pytest.approx(3.0)
    assert a["tasks"]["ME"]["mean"] is a["average"]["mean"] is a["share_improved"]["mean"] is None
    assert (a["rank"], a["versus"], b["rank"]) == (None, None, 1)
    tasks, systems, followed, made = tables.grids(summary)
    assert [row[1] for row in made.rows] == [s["reference"] or "–" for s in summary["systems"]]
    assert [row[1] for row in tasks.rows] == ["3.0", "n/a", "7.0", "n/a", "n/a"]
    assert systems.rows[0][1:5] == ("–", "–", "n/a", "n/a")
    assert systems.rows[0][-1] == "2 of 3"
    assert followed.rows[0][1:] == ("–",) * 5
    assert "a does TSE, OVC only: n/a elsewhere, so it has no average and no rank." in (
        tables.remarks(summary)
    )


def test_a_system_that_does_none_of_the_tasks_is_summarised() -> None:
    rows = [record(0, "ME", None, status="not_defined")]
    summary = summary_of({"a": rows, "b": records(("ME", 1.0))})
    a = summary["systems"][0]
    assert (a["n"], a["of"], a["failed"]) == (0, 0, 0)
    assert tables.grids(summary)[1].rows[0][-3:] == ("–", "–", "0 of 0")
    assert tables.to_csv(summary)


def test_what_followed_the_prompt_is_averaged_where_it_is_defined() -> None:
    rows = records(("TSE", 1.0), ("TSE", 1.0), ("ME", 1.0))
    for row, right, harm in zip(rows, (1.0, 0.0, 1.0), (2.0, None, 4.0), strict=True):
        row["metrics"] |= {"action_accuracy": right, "harm_db": harm}
    summary = summary_of({"a": rows, "b": records(("TSE", 0.0), ("TSE", 0.0), ("ME", 0.0))})
    followed = summary["systems"][0]["followed"]
    assert (followed["action_accuracy"]["mean"], followed["action_accuracy"]["n"]) == (0.75, 3)
    assert (followed["harm_db"]["mean"], followed["harm_db"]["n"]) == (3.0, 2)
    assert tables.grids(summary)[2].rows[0][1].startswith("75 %")
    assert tables.to_csv(summary).splitlines()[1].split(",")[12:14] == ["0.75", ""]


def test_bounds_are_never_ranked_and_the_rest_is_tested_against_one() -> None:
    rng = np.random.default_rng(1)
    base = [("TSE" if i % 2 else "ME", float(v)) for i, v in enumerate(rng.normal(3, 1, 24))]
    better = [(task, v + 1.0 + 0.1 * i / 24) for i, (task, v) in enumerate(base)]
    same = [(task, v + (-1) ** i * 0.01) for i, (task, v) in enumerate(base)]
    top = [(task, 90.0) for task, _ in base]
    found = summary_of(
        {n: records(*r) for n, r in zip("abcd", (better, base, same, top), strict=True)},
        bounds=("d",),
    )
    a, b, c, d = found["systems"]
    assert found["compare_to"] == "b"
    assert (a["rank"], d["rank"], d["versus"], b["versus"]) == (1, None, None, None)
    assert {b["rank"], c["rank"]} == {2, 3}
    assert a["versus"]["win_rate"]["mean"] == 1.0
    assert a["versus"]["difference"]["mean"] == pytest.approx(1.048, abs=0.01)
    assert a["versus"]["p_holm"] < 0.01 < c["versus"]["p_holm"]
    assert a["versus"]["p_holm"] == pytest.approx(min(1.0, 2 * a["versus"]["p"]))
    assert c["versus"]["p"] == c["versus"]["p_holm"]


def test_ranks_say_who_may_be_first_and_families_who_wins() -> None:
    rng = np.random.default_rng(3)
    base = [("TSE" if i % 2 else "ME", float(v)) for i, v in enumerate(rng.normal(3, 1, 24))]
    close = [(task, v + (-1) ** (i // 2) * 0.5) for i, (task, v) in enumerate(base)]
    worse = [(task, v - 2.0) for task, v in base]
    found = summary_of(
        {n: records(*r) for n, r in zip("abc", (base, close, worse), strict=True)}, joint=("c",)
    )
    a, b, c = found["systems"]
    assert [(s["rank_low"], s["rank_high"]) for s in (a, b, c)] == [(1, 2), (1, 2), (3, 3)]
    assert a["p_first"] + b["p_first"] == pytest.approx(1.0)
    assert c["p_first"] == 0.0
    assert found["may_be_first"] == ["a", "b"]
    families = found["families"]
    assert (families["winner"], families["best"]["joint"]) == ("composite", "c")
    assert families["difference_db"] == pytest.approx(-2.0, abs=1e-6)
    assert families["low_db"] <= -2.0 <= families["high_db"] < 0
    assert families["p_joint"] == 0.0
    assert families["decided_tasks"] == {"ME": "composite", "TSE": "composite"}
    assert verdict(found)[0].startswith("Composite wins")
    alike = summary_of({"a": records(*base), "b": records(*close)}, joint=("b",))
    assert alike["families"]["winner"] is None
    assert alike["families"]["decided_tasks"] == {}
    same = summary_of({"a": records(*base), "b": records(*base)}, joint=("b",))
    assert [s["p_first"] for s in same["systems"]] == [0.5, 0.5]
    assert same["families"]["p_joint"] == 0.5


def test_a_system_that_was_trained_on_the_suites_corpus_is_marked_in_every_table() -> None:
    rows = records(("TSE", 1.0), ("ME", 2.0))
    summary = summary_of({"a": rows}, trained_on=frozenset({"studio", "other"}))
    assert summary["systems"][0]["trained_on"] == ["studio"]
    tasks, systems, followed, _ = tables.grids(summary)
    assert (tasks.heads[1], systems.rows[0][0], followed.rows[0][0]) == ("a*", "a*", "a*")
    assert any(remark.startswith("* a:") for remark in tables.remarks(summary))
    (plain,) = summary_of({"a": rows}, trained_on=frozenset({"other"}))["systems"]
    assert plain["trained_on"] == []


def test_ovc_takes_no_part_in_the_comparison() -> None:
    a = records(("TSE", 1.0), ("ME", 1.0), ("OVC", 90.0))
    b = records(("TSE", 2.0), ("ME", 2.0), ("OVC", 0.0))
    found = summary_of({"a": a, "b": b})["systems"]
    assert found[0]["versus"]["win_rate"]["mean"] == 0.0
    assert [s["rank"] for s in found] == [2, 1]


def test_tables_say_failures_and_hold_names_as_text() -> None:
    rows = records(("TSE", 1.0), ("TSE", 2.0))
    rows.append(record(2, "ME", 0.0, status="error"))
    summary = summary_of({"a|b[red]": rows, "b": records(("TSE", 0.0), ("TSE", 0.5), ("ME", 1.0))})
    markdown = tables.to_markdown(summary)
    assert r"a\|b[red]" in markdown
    assert "2 of 3" in markdown
    assert r"E\|\<i\>: a b" in markdown
    rules = [line for line in markdown.splitlines() if "---" in line]
    assert [line.count("|") for line in rules] == [4, 12, 7, 3]
    console = Console(file=io.StringIO(), width=200)
    tables.print_tables(summary, console)
    assert "a|b[red]" in console.file.getvalue()  # type: ignore[attr-defined]
    lines = list(csv.DictReader(io.StringIO(tables.to_csv(summary))))
    assert len(lines) == 2 * (2 + 2)
    first = lines[0]
    assert (first["system"], first["row"], first["n_ok"]) == ("a|b[red]", "TSE", "2")
    assert float(first["mean_snr_improvement_db"]) == pytest.approx(1.5)


def test_tables_are_whole_at_80_columns() -> None:
    rng = np.random.default_rng(2)
    tasks = [task for task in ("TSE", "ME", "OVC") for _ in range(6)]
    systems = {
        name: records(
            *((task, float(v)) for task, v in zip(tasks, rng.normal(0, 30, 18), strict=True))
        )
        for name in ("mixture", "ideal-ratio-mask", "ideal-binary-mask", "lcr", "[bold]")
    }
    summary = summary_of(systems, bounds=("ideal-ratio-mask", "ideal-binary-mask"))
    console = Console(file=io.StringIO(), width=80)
    tables.print_tables(summary, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(cell_len, shown.splitlines())) <= 80
    for grid in tables.grids(summary):
        for row in grid.rows:
            assert all(f" {cell} " in shown for cell in row[1:]), row


def test_a_wide_console_gets_each_table_in_one_piece() -> None:
    summary = summary_of({"a": records(("TSE", 1.0), ("ME", 2.0))})
    for grid in tables.grids(summary):
        ((whole, widths),) = fitted(grid, 200)
        assert whole == grid
        assert len(widths) == len(grid.heads)


def test_a_cell_wider_than_the_console_wraps_beside_a_whole_first_column() -> None:
    grid = Table(heads=("System", "Made by"), rows=(("agent-query", "word " * 40),))
    ((part, widths),) = fitted(grid, 80)
    assert part.rows == grid.rows
    assert widths[0] == len("agent-query")
    assert sum(widths) + 7 <= 80
