"""The paper's tables: cells from records, the paper's numbers in columns of their own."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.comparison.errors import ConfigError
from experiments.comparison.suite import load_suite
from experiments.comparison.table import escape_latex
from experiments.paper import claims, make_tables, tables
from experiments.paper.claims_measure import apart, input_snr_slope, share_follows_mean
from experiments.paper.published import (
    Block,
    Cell,
    Column,
    PaperTable,
    grids,
    paper_numbers,
    to_csv,
    to_latex,
    to_markdown,
    write,
)
from experiments.paper.rows import SUBSTITUTES, TABLE_2, TABLE_5, Form, registered
from experiments.paper.runs import (
    AVERAGE,
    TASKS,
    Options,
    Recorded,
    cells,
    options_of,
    recorded,
    values_of,
)
from experiments.paper.table_7 import ARMS, READERS, Setting, _mean, seeds_of
from experiments.training.ablate import Training, load_plan
from experiments.training.schema import load_recipe
from lcr.evaluation.statistics import Interval
from lcr.instruction import Task
from lcr.joint import authors
from tests.lcr.joint import test_authors

released, llama = test_authors.released, test_authors.llama
ABLATIONS = Path(tables.__file__).parents[1] / "ablations"


def record(index: int, score: float | None, **changes: Any) -> dict[str, Any]:
    return {
        "index": index,
        "task": TASKS[index % len(TASKS)],
        "status": "ok",
        "sources": [{"clip": f"clip{(index * k) % 13}"} for k in (1, 3)],
        "metrics": {"snr_improvement_db": score, "si_sdr_db": score},
        "input_metrics": {"snr_db": float(index % 7)},
    } | changes


def records(*, per_task: int = 6, shift: float = 0.0) -> Recorded:
    rng = np.random.default_rng(2)
    count = per_task * len(TASKS)
    return Recorded(tuple(record(i, shift + float(rng.normal(4, 1))) for i in range(count)))


def made(columns: tuple[Column, ...], rows: tuple[str, ...] = ("TSE", "TS↑")) -> PaperTable:
    block = Block(title="A block", rows=rows, columns=columns)
    return PaperTable(number="II", title="t_1", here="50 % of it", scale="desk", blocks=(block,))


def test_a_cell_is_the_mean_of_its_task_with_an_interval() -> None:
    found = records()
    ours = cells(found)
    for task in TASKS:
        scores = [v.value for v in values_of(found.records) if v.task == task]
        interval = ours[task].interval
        assert interval is not None
        assert interval.mean == pytest.approx(np.mean(scores))
        assert interval.low is not None
        assert interval.high is not None
        assert interval.low < np.mean(scores) < interval.high
    average = ours[AVERAGE].interval
    assert average is not None
    assert average.mean == pytest.approx(np.mean([v.value for v in values_of(found.records)]))


def test_tasks_that_do_not_exist_are_not_numbers() -> None:
    some = Recorded(tuple(r for r in records().records if r["task"] != "TSR"))
    assert cells(some)["TSR"].text == "n/a"
    one_task = tuple(
        r if r["task"] == "TSE" else record(r["index"], None, status="not_defined")
        for r in records().records
    )
    limited = cells(Recorded(one_task))
    assert (limited["TAE"].text, limited[AVERAGE].text) == ("n/a", "n/a")
    assert limited["TSE"].interval is not None
    assert cells(Recorded(why="not run: no weights"))["TSE"].text == "not run: no weights"
    lone = cells(Recorded((record(0, 3.0),)))["TSE"]
    assert lone.text == "3.0 [no interval: one value]"
    with pytest.raises(ValueError, match="either"):
        Cell()


def test_ours_and_the_papers_never_share_a_column() -> None:
    ours = {"TSE": Cell(why="n/a"), "TS↑": Cell(why="not run: why")}
    table = made((Column(title="LCR", cells=ours, paper={"TSE": 9.7, "TS↑": None}),))
    (grid,) = grids(table)
    assert grid.heads == ("", "LCR, here (desk)", "LCR, paper")
    assert grid.rows == (("TSE", "n/a", "9.7"), ("TS↑", "not run: why", "n/a"))
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert [(r["here_mean"], r["here_why_not"], r["paper"]) for r in rows] == [
        ("", "n/a", "9.7"),
        ("", "not run: why", ""),
    ]
    assert "arXiv 2402.03710" in to_markdown(table)
    four = made((Column(title="LCR", cells=ours),) * 4)
    assert [len(grid.heads) for grid in grids(four)] == [4, 2]


def test_latex_is_balanced_and_escaped() -> None:
    interval = Interval(mean=1.0, low=0.5, high=1.5, n=3)
    ours = dict.fromkeys(("TSE", "TS↑"), Cell(interval=interval))
    text = to_latex(made((Column(title="a_b & c", cells=ours, paper={"TSE": 1.0}),)))
    assert r"a\_b \& c" in text
    assert r"50 \% of it" in text
    assert r"TS$\uparrow$ & 1.0 {[}0.5, 1.5{]}" in text
    for word in ("table", "tabular"):
        assert text.count(rf"\begin{{{word}}}") == text.count(rf"\end{{{word}}}") == 1
    assert escape_latex("{~^\\}") == r"\{\textasciitilde{}\textasciicircum{}\textbackslash{}\}"


def test_the_papers_numbers_are_all_there() -> None:
    paper = paper_numbers()
    assert [row["system"] for row in paper["table_2_snri"]] == list(TABLE_2)
    assert set(paper["table_5_si_sdr"]["Gender"]) == set(TABLE_5)
    assert {row["setting"] for row in paper["table_7_ablation_snri_lcrC"]} == set(ARMS)
    assert tuple(paper["tasks"]) == TASKS


def test_what_is_recorded_is_read_and_not_run_again(
    tmp_path: Path, suite: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(suite=str(suite), out=tmp_path, per_task=1, device="cpu")
    half = registered("half")
    rows = {"A": half, "B": None, "C": registered("unbuildable"), "D": half}
    first = recorded(rows, options)
    assert first["D"] is first["A"]  # one system that fills two rows runs once
    assert len(first["A"].records) == 16
    assert first["B"].why.startswith("not run: no such weights ship")
    assert first["C"].why == "not run: its weights are not on this machine"
    import faulty_systems

    def never(*_: object) -> None:
        raise AssertionError("it was run again")

    monkeypatch.setattr(faulty_systems.Half, "answer", never)
    assert recorded(rows, options)["A"].records == first["A"].records
    paper = recorded(rows, dataclasses.replace(options, scale="paper"))
    assert paper["A"].why == "not run: needs --weights 'A=DIR' of that scale"
    only = recorded(rows, dataclasses.replace(options, systems=("half",)))
    assert only["C"].why == "not run: left out by --systems"


@test_authors.pytestmark
def test_the_authors_checkpoint_fills_its_row(
    released: Path, llama: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authors, "READER", test_authors.tiny(llama))
    rows = {"LCR-C": TABLE_2["LCR-C"], "LCR-T": TABLE_2["LCR-T"]}
    options = Options(suite=str(suite), scale="paper", out=tmp_path, per_task=1, device="cpu")
    found = recorded(rows, dataclasses.replace(options, weights={"LCR-C": str(released)}))
    assert not found["LCR-C"].why
    status = [record["status"] for record in found["LCR-C"].records]
    assert len(status) == 16
    assert status.count("ok") >= 8  # the tiny language model reads short prompts only
    weights = {one["id"] for one in found["LCR-C"].records[0]["weights"]}
    assert all(name.startswith("CKPT+") for name in weights)
    assert found["LCR-T"].why


def test_every_table_is_written_even_where_nothing_can_run(tmp_path: Path) -> None:
    """At the paper's scale without weights no system runs: every cell says why."""
    assert make_tables.main(["--scale", "paper", "--out", str(tmp_path)]) == 0
    folder = tmp_path / "tables"
    for number in range(2, 8):
        rows = list(
            csv.DictReader((folder / f"table_{number}.csv").read_text("utf-8").splitlines())
        )
        assert rows
        assert all(row["here_why_not"].startswith(("not run: ", "n/a")) for row in rows)
        assert (folder / f"table_{number}.md").stat().st_size > 300
        assert r"\end{table}" in (folder / f"table_{number}.tex").read_text("utf-8")
    assert "not run" in (folder / "claims.md").read_text("utf-8")
    only = tmp_path / "only"
    assert make_tables.main(["--only", "4", "--scale", "paper", "--out", str(only)]) == 0
    assert {path.stem for path in (only / "tables").iterdir()} == {"table_4"}
    assert make_tables.main(["--only", "4,9", "--out", str(only)]) == 2


DESK = {
    "PIT + G.T. actions": ("pit-convtasnet", ""),
    "2 CLAPs + G.T. actions": ("clap-cascade", "desk-pit desk-clap-speech desk-clap-audio"),
    "LASS (speech)": ("lass-speech", "desk-lass-speech"),
    "LASS (audio)": ("lass-audio", "desk-lass-audio"),
    "LCR-C GPT-2": ("lcr", "desk-lcr-c-gpt2"),
    "LCR-C frozen": ("lcr", "desk-lcr-c-frozen"),
    "LCR-C": ("lcr", "desk-lcr-c"),
    "LCR-T GPT-2": ("lcr", "desk-lcr-t-gpt2"),
    "LCR-T": ("lcr", "desk-lcr-t"),
    "LCR-M": ("lcr", "desk-lcr-m"),
}
RECIPES = ABLATIONS.parent / "recipes"


def asked_for(monkeypatch: pytest.MonkeyPatch, make: Any) -> list[dict[str, Form]]:
    """What a table asks to be measured, suite by suite; nothing is."""
    found: list[dict[str, Form]] = []

    def note(rows: dict[str, Form], *_: object, **__: object) -> dict[str, Recorded]:
        found.append(dict(rows))
        return {row: Recorded(why="not run: told only") for row in rows}

    monkeypatch.setattr(tables, "recorded", note)
    make(Options(unseen_bank="somewhere"))
    return found


def told(form: Form) -> tuple[str, str]:
    return form.base, " ".join(str(v) for k, v in form.options.items() if k != "system")


def test_every_row_of_every_table_is_filled_by_the_papers_own_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (second,) = asked_for(monkeypatch, tables.table_2)
    assert {row: told(second[row]) for row in DESK} == DESK
    assert {name for name in second if name not in DESK} == set(SUBSTITUTES)
    beside = {"desk-audiosep": "audiosep-desk", "desk-llm-tse": "llm-tse"}
    for name in SUBSTITUTES:
        assert told(second[name]) == ((beside[name], name) if name in beside else (name, ""))
    for suite in asked_for(monkeypatch, tables.table_3):
        assert {row: told(form) for row, form in suite.items()} == {
            "LCR-M": DESK["LCR-M"],
            "LCR-T": DESK["LCR-T"],
            "lcr": ("lcr", ""),
        }
    for suite in asked_for(monkeypatch, tables.table_4):
        assert told(suite["LCR-T"]) == DESK["LCR-T"]
    for suite in asked_for(monkeypatch, tables.table_5):
        assert told(suite["LCR-T zero-shot"]) == DESK["LCR-T"]
        assert told(suite["LCR-T 2.8 h finetuned"]) == ("lcr", "desk-lcr-t-two-speakers")
        assert told(suite["LLM-TSE"]) == told(suite["LLM-TSE + audio clue"])
        assert told(suite["LLM-TSE"]) == ("llm-tse", "desk-llm-tse")
        assert suite["LLM-TSE"].name != suite["LLM-TSE + audio clue"].name
    numbers = paper_numbers()["table_3_zero_shot_snri_lcrM_lcrT"]
    for block in tables.table_3(Options()).blocks:
        of = next(pairs for title, pairs in numbers.items() if block.title.startswith(f"{title};"))
        for place, one in enumerate(block.columns[:2]):
            assert one.title == ("LCR-M", "LCR-T")[place]
            assert one.paper == {t: of[t][place] if of[t] else None for t in TASKS}
    assert [ARMS[t] for t in ("Kernel 4x", "Causal", "MultiMask", "MM + PIT", "Fixed Prompts")] == [
        *("kernel-x4", "causal", "multi-mask", "multi-mask-pit", "fixed-prompts")
    ]


@pytest.mark.parametrize("row", [row for row in DESK if row.startswith("LCR")])
def test_the_recipe_behind_a_row_trains_what_the_row_says(row: str) -> None:
    """The letter, the reader and what of it learns, at both scales; z is the embedding alone."""
    letter = row[4]
    reader, mode = {"GPT-2": ("gpt2", "all"), "frozen": ("llama", "frozen"), "": ("llama", "lora")}[
        row[5:].strip()
    ]
    name = DESK[row][1].removeprefix("desk-")
    for path in (RECIPES / "desk" / f"desk-{name}.toml", RECIPES / "paper" / f"{name}.toml"):
        recipe = load_recipe(path, [])
        built = recipe.reader.build()
        assert recipe.sound is not None
        assert (recipe.sound.block, built.trains, built.slots) == (letter, mode, 0)
        assert reader in built.base.lower()
        assert recipe.stage == "joint"
        assert not recipe.init


def test_the_headline_is_the_average_without_ovc() -> None:
    rows = list(cells(records()))
    assert rows.index("Average without OVC") < rows.index("Average")


@pytest.mark.parametrize(("plan", "arms"), [("table_7", ARMS), ("readers", READERS)])
def test_ablations_are_equal_but_for_what_they_are_named_after(
    plan: str, arms: Mapping[str, str]
) -> None:
    trainings = load_plan(ABLATIONS / f"{plan}.toml")
    assert {t.name.partition("-seed")[0] for t in trainings} == set(arms.values())
    assert len(trainings) % len(arms) == 0
    assert len({budget_of(training) for training in trainings}) == 1


def budget_of(training: Training) -> tuple[object, ...]:
    """All that makes a training cheap or dear, of it and of the reader before it."""
    found: list[object] = []
    for one in (training, training.reader):
        if one is not None:
            recipe = load_recipe(one.recipe, one.overrides)
            mixtures = dataclasses.replace(recipe.training, fixed_prompts=False)
            sound = recipe.sound and (recipe.sound.block, recipe.sound.scale)
            size = (recipe.loop.minutes, recipe.loop.steps, str(mixtures), sound)
            found += [*size, recipe.blends, sorted(recipe.init)]
    return tuple(map(str, found))


def test_a_setting_is_the_mean_of_its_seeds(tmp_path: Path) -> None:
    for name in ("causal-seed0", "causal-seed1", "default"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    assert [p.name for p in seeds_of("causal", tmp_path)] == ["causal-seed0", "causal-seed1"]
    assert seeds_of("multi-mask", tmp_path) == []
    mean = _mean(
        [Recorded((record(0, 1.0), record(1, 2.0))), Recorded((record(0, 3.0), record(1, None)))]
    )
    assert [r["metrics"]["snr_improvement_db"] for r in mean.records] == [2.0, None]
    seeds = (records(), records(shift=2.0))
    means = [float(word) for word in Setting(mean=_mean(seeds), seeds=seeds).per_seed.split()]
    assert means[1] - means[0] == pytest.approx(2.0, abs=0.011)
    assert Setting(mean=Recorded(why="not run: x")).per_seed == "none"


@pytest.mark.parametrize(
    ("low", "high", "margin", "verdict"),
    [
        (0.1, 1.0, 0.0, "confirmed"),
        (-1.0, -0.1, 0.0, "not confirmed"),
        (-0.1, 0.1, 0.0, "undecided"),
        (-0.4, 0.1, -0.5, "confirmed"),
    ],
)
def test_the_interval_decides(low: float, high: float, margin: float, verdict: str) -> None:
    effect = Interval(mean=(low + high) / 2, low=low, high=high, n=9)
    assert claims.Finding(claim="c", unit="dB", effect=effect, margin=margin).verdict == verdict
    assert claims.Finding(claim="c", unit="dB", why="not run: x").verdict == "not run"


def beats(tasks: tuple[str, ...] | None = None) -> claims.Claim:
    sides = (claims.Side("A", tasks), claims.Side("B", tasks))
    return claims.Claim(claim="x", kind="beats", sides=sides)


def test_effects_have_the_size_that_records_were_made_with() -> None:
    base, better = records(), records(shift=1.5)
    effect = beats().effect(better, base)
    assert effect.mean == pytest.approx(1.5)
    assert effect.n == 15 * 6
    one = beats(("TSE",)).effect(better, base)
    assert one.n == 6
    sloped = [
        record(i, 5 - 0.5 * (i % 7) + (20 * (i % 16)), task=TASKS[i % 16]) for i in range(16 * 14)
    ]
    slope = input_snr_slope(sloped)
    assert slope.mean == pytest.approx(0.5)
    assert slope.n == 15 * 14
    assert input_snr_slope([]).mean is None


PAIRS = {
    "The ideal cascade stays ahead of LCR-C": ("PIT + G.T. actions", "LCR-C", 0),
    "So does the cascade by CLAPs": ("2 CLAPs + G.T. actions", "LCR-C", 0),
    "LCR-C beats the cascade by CLAPs on TA↑, TA↓ and OVC": ("LCR-C", "2 CLAPs + G.T. actions", 0),
    "A cascade that knows the sources beats one that finds them by CLAPs": (
        *("PIT + G.T. actions", "2 CLAPs + G.T. actions"),
        0,
    ),
    "LCR-C beats LASS at speech": ("LCR-C", "LASS (speech)", 0),
    "LCR-C beats LASS at sounds": ("LCR-C", "LASS (audio)", 0),
    "T beats C": ("LCR-T", "LCR-C", 0),
    "M beats C": ("LCR-M", "LCR-C", 0),
    "M beats T": ("LCR-M", "LCR-T", 0),
    "M is the best on every task": ("LCR-M", "LCR-T", 0),
    "LLaMA2 beats GPT-2 (LCR-C)": ("LCR-C", "LCR-C GPT-2", 0),
    "LLaMA2 beats GPT-2 (LCR-T)": ("LCR-T", "LCR-T GPT-2", 0),
    "LoRA beats frozen by 2 dB (LCR-C)": ("LCR-C", "LCR-C frozen", 2),
    "LoRA beats frozen on every task (LCR-C)": ("LCR-C", "LCR-C frozen", 0),
    "T improves speech more often than M": ("LCR-T", "LCR-M", 0),
    "T beats M on 2 Speech": ("LCR-T", "LCR-M", 0),
    "T beats M on new classes": ("LCR-T", "LCR-M", 0),
    "Rephrased prompts beat fixed ones by 1.4 dB (LCR-C)": ("Default", "Fixed Prompts", 1.4),
    "One mask is enough: MultiMask gains no more than 0.1 dB": ("Default", "MultiMask", -0.1),
    "LLM-TSE beats LCR-T zero-shot by 2 dB (gender)": ("LLM-TSE", "LCR-T zero-shot", 2),
    "LCR-T 2.8 h finetuned beats LLM-TSE by 0 dB (energy)": (
        *("LCR-T 2.8 h finetuned", "LLM-TSE"),
        0,
    ),
    "LCR-T 2.8 h finetuned beats LLM-TSE + audio clue by 0 dB (gender)": (
        *("LCR-T 2.8 h finetuned", "LLM-TSE + audio clue"),
        0,
    ),
}


def test_claims_compare_whom_the_paper_compares() -> None:
    pairs = {
        claim.claim: (*(side.system for side in claim.sides), claim.margin)
        for claim in claims.CLAIMS
        if claim.kind in ("beats", "more often")
    }
    assert {name: pairs[name] for name in PAIRS} == PAIRS
    names = [claim.claim for claim in claims.CLAIMS]
    assert len(names) == len(set(names))
    known = {*TABLE_2, *TABLE_5, *ARMS, *READERS}
    assert {side.system for claim in claims.CLAIMS for side in claim.sides} <= known


def test_claims_of_one_system_measure_what_their_words_say() -> None:
    """Whose figure it is, on which suites, and which side is the greater one."""
    main, unseen = "", "studio-unseen"
    worth = re.compile(r".*difference in (\w+) is worth .* one in (\w+) \(.*")
    more = re.compile(r"Several differences are worth more than one in (\w+) \(.*")
    zero_shot = re.compile(r"(\d Speech|\d Audio|\d Speech \+ \d Audio) (is|still) (\w+) .*")
    counted = 0
    for claim in claims.CLAIMS:
        suites = [side.suite for side in claim.sides]
        named = re.fullmatch(r".*\((LCR-[CTM])\)", claim.claim)
        if named and claims.ARMS not in suites:
            assert all(side.system.startswith(named[1]) for side in claim.sides), claim.claim
        if found := worth.fullmatch(claim.claim):
            wanted = [f"style-{found[1]}", f"style-{found[2]}"]
        elif found := more.fullmatch(claim.claim):
            wanted = ["style-multiple", f"style-{found[1]}"]
        elif claim.claim.startswith("New classes cost"):
            wanted = [main, unseen] if "or more" in claim.claim else [unseen, main]
        elif found := zero_shot.fullmatch(claim.claim):
            suite = "zero-shot-" + re.sub(r" \+ |peech|udio| ", "", found[1]).lower()
            wanted = {"gains": [suite], "no": [suite, main], "harder": [main, suite]}[found[3]]
        elif "gender)" in claim.claim or "energy)" in claim.claim:
            wanted = [f"style-{claim.claim[-7:-1]}"] * 2
        else:
            continue
        counted += 1
        assert suites == wanted, claim.claim
    assert counted == 25
    apart_from = {c.claim: c for c in claims.CLAIMS if c.kind == "apart"}
    for letter in "MT":
        for words, sets in (
            ("The other tasks are harder", ("easy", "hard")),
            ("Sounds are 3 dB below speech", ("speech", "sounds")),
        ):
            sides = apart_from[f"{words} (LCR-{letter})"].sides
            assert [side.tasks for side in sides] == [claims.TASK_SETS[name] for name in sets]


def test_a_claim_on_every_task_is_decided_by_the_worst() -> None:
    base, better = records(), records(shift=1.0)
    rows = tuple(
        {**r, "metrics": {**r["metrics"], "snr_improvement_db": 0.0}} if r["task"] == "SR" else r
        for r in better.records
    )
    claim = dataclasses.replace(beats(TASKS), each=True)
    assert claim.effect(better, base).mean == pytest.approx(1.0)
    worst = claim.effect(Recorded(rows), base).mean
    assert worst is not None
    assert worst < -3


def test_arms_that_never_beat_the_mixture_test_nothing() -> None:
    low, lower, high = records(shift=-8), records(shift=-9), records()
    claim = beats()
    assert not claim.testable(low, lower)
    assert claim.testable(high, lower)
    found = claims.Finding(claim="x", unit="dB", effect=claim.effect(low, lower), testable=False)
    assert found.verdict == "not testable"


def test_differences_of_other_mixtures_add_their_spreads() -> None:
    above = Interval(mean=3.0, low=2.7, high=3.3, n=9)
    below = Interval(mean=1.0, low=0.6, high=1.4, n=5)
    found = apart(above, below)
    assert (found.mean, found.n) == (2.0, 5)
    assert found.low == pytest.approx(1.5)
    assert found.high == pytest.approx(2.5)
    none = dataclasses.replace(below, low=None, high=None, reason="one value")
    assert apart(above, none).reason == "one value"


def test_shares_and_what_they_follow() -> None:
    rows = [record(i, (1.0 if i % 32 < 16 else -1.0) + i % 16) for i in range(16 * 8)]
    share = claims.Claim(claim="x", kind="improves", sides=(claims.Side("A", TASKS),))
    expected = np.mean([r["metrics"]["snr_improvement_db"] > 0 for r in rows])
    assert share.effect(Recorded(tuple(rows))).mean == pytest.approx(expected)
    follows = share_follows_mean(rows)
    assert follows.low is not None
    assert follows.high is not None
    assert -1 <= follows.low <= (follows.mean or 0) <= follows.high <= 1
    slope = input_snr_slope(
        [record(i, 5 - 0.25 * (i % 7), task=TASKS[i % 16]) for i in range(16 * 14)], final=True
    )
    assert slope.mean == pytest.approx(0.75)


def test_options_are_checked(tmp_path: Path) -> None:
    for words, answer in (
        (["--weights", "lcr"], "ROW=DIR"),
        (["--weights", f"lcr={tmp_path}/none"], "ROW=DIR"),
        (["--per-task", "0"], "at least 1"),
    ):
        with pytest.raises(ConfigError, match=answer):
            options_of(make_tables.main.parser.parse_args(words))
    found = options_of(make_tables.main.parser.parse_args(["--weights", f"LCR-C GPT-2={tmp_path}"]))
    assert found.weights == {"LCR-C GPT-2": str(tmp_path)}


def test_suites_of_tables_hold_the_tasks_of_the_paper() -> None:
    from lcr.instruction import patterns_by_task

    paper = paper_numbers()["table_3_zero_shot_snri_lcrM_lcrT"]
    for title, suite in (("2 Speech", "2s"), ("2 Audio", "2a"), ("2 Speech + 1 Audio", "2s1a")):
        mixture = load_suite(f"zero-shot-{suite}").mixture
        there = {task.value for task in patterns_by_task(mixture.n_speech, mixture.n_audio)}
        assert there == {task for task, pair in paper[title].items() if pair}
    assert Task.OVC.value not in load_suite("style-tempo").mixture.tasks


def test_write_makes_three_files(tmp_path: Path) -> None:
    paths = write(
        made((Column(title="a", cells=dict.fromkeys(("TSE", "TS↑"), Cell(why="n/a"))),)), tmp_path
    )
    assert [path.name for path in paths] == ["table_2.md", "table_2.csv", "table_2.tex"]
