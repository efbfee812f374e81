"""What a run records, and what going on with it does."""

from __future__ import annotations

import importlib
import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from experiments import compare
from experiments.comparison.examples import shown_indices
from experiments.comparison.records import comparable, read_records
from experiments.comparison.suite import DEFAULT_SYSTEMS, load_suite
from lcr import registry
from lcr.data import mixtures
from lcr.instruction import Instruction, Task
from lcr.prompts.generator import Prompt

DESIGN_KEYS = """
    schema suite system family uses_oracle config_digest weights data_digest example_id task
    pattern n_speech n_audio prompt seed status error metrics input_metrics undefined
    effective_gains_db cost trace
    audio code env started finished
"""
COST_KEYS = "wall_s real_time_factor peak_bytes llm_calls tokens_in tokens_out"


@pytest.fixture
def run(
    tmp_path: Path, suite: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """Run the command into one folder; gives its summary."""
    monkeypatch.setattr(
        "experiments.comparison.report.write_report", lambda run: run.folder / "report.html"
    )

    def ran(*arguments: object, status: int = 0, out: str = "out") -> dict[str, Any]:
        folder = tmp_path / out
        command = ["--suite", str(suite), "--device", "cpu", "--out", str(folder)]
        command += ["--isolate", "none"]  # tests look into the systems
        assert compare.main([*command, *map(str, arguments)]) == status
        summary: dict[str, Any] = json.loads((folder / "tiny" / "summary.json").read_text())
        return summary

    return ran


def lines(tmp_path: Path, system: str, out: str = "out") -> list[dict[str, Any]]:
    (path,) = (tmp_path / out / "tiny").glob(f"{system}@*.jsonl")
    return list(read_records(path).records)


def test_a_record_holds_what_design_promises(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    run("--systems", "half,ideal-ratio-mask")
    found = lines(tmp_path, "half")
    assert [r["index"] for r in found] == list(range(16))
    assert len({r["task"] for r in found}) == 16
    one = found[0]
    assert set(one) >= set(DESIGN_KEYS.split())
    assert set(one["cost"]) >= set(COST_KEYS.split())
    assert one["system"] == "half"
    assert one["status"] == "ok"
    assert one["cost"]["llm_calls"] == 2
    assert one["trace"][0]["data"] == {"llm_calls": 2, "odd": None}
    gain = one["metrics"]["snr_db"] - one["input_metrics"]["snr_db"]
    assert one["metrics"]["snr_improvement_db"] == pytest.approx(gain)
    assert [s["kind"] for s in one["sources"]] == ["speech", "speech", "audio", "audio"]
    assert one["effective_gains_db"] == pytest.approx([-6.02] * 4, abs=0.01)
    assert one["metrics"]["action_accuracy"] == 0
    assert one["metrics"]["harm_db"] == pytest.approx(6.02, abs=0.01)
    bound = lines(tmp_path, "ideal-ratio-mask")
    better = [
        b["metrics"]["gain_error_db"] < h["metrics"]["gain_error_db"]
        for b, h in zip(bound, found, strict=True)
    ]
    assert sum(better) > 12
    assert bound[0]["uses_oracle"] == ["instruction", "sources"]
    assert [r["prompt"] for r in bound] == [r["prompt"] for r in found]


def test_what_is_done_for_an_absent_sound_is_measured(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    options = ("--set", "mixture.absent=true", "--set", 'metrics=["exact","told"]')
    summary = run("--systems", "half,telling", *options)
    assert summary["tasks"] == []
    for name, exact, leakage, told in (("half", 0, -6.0206, 0), ("telling", 1, -100, 1)):
        for record in lines(tmp_path, name):
            metrics = record["metrics"]
            assert (metrics["exact"], metrics["told"]) == (exact, told)
            assert metrics["leakage_db"] == pytest.approx(leakage, abs=1e-3)
            assert metrics["snr_improvement_db"] is None


def test_sounds_of_shown_examples_are_kept_exactly(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    summary = run("--systems", "half", "--examples", 3)
    folder = tmp_path / "out" / "tiny"
    assert [e["index"] for e in summary["examples"]] == [0, 5, 10]
    for example in summary["examples"]:
        rate, mixture = wavfile.read(folder / example["mixture"])
        _, estimate = wavfile.read(folder / example["estimates"]["half"])
        assert rate == 16_000
        assert estimate.dtype == np.float32
        np.testing.assert_array_equal(estimate, mixture * np.float32(0.5))
    kept = [r for r in lines(tmp_path, "half") if r["audio"] is not None]
    assert [r["index"] for r in kept] == [0, 5, 10]


def test_more_players_later_run_only_those_examples(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    run("--systems", "half", "--examples", 1)
    summary = run("--systems", "half", "--examples", 2)
    assert [r["index"] for r in lines(tmp_path, "half")[16:]] == [8]
    assert all("half" in e["estimates"] for e in summary["examples"])


def test_other_tasks_are_not_defined_and_no_failures(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    system = importlib.import_module("faulty_systems").Enhancing
    system.calls = 0
    summary = run("--systems", "enhancing,mixture", "--examples", 16)
    (found, _) = summary["systems"]
    assert (found["n"], found["of"], found["failed"]) == (2, 2, 0)
    assert len(found["not_defined"]) == 14
    assert system.calls == 2
    first = lines(tmp_path, "enhancing")
    assert len(first) == 16
    for r in first:
        assert r["status"] == ("ok" if r["task"] in ("SE", "SR") else "not_defined")
        if r["status"] == "not_defined":
            assert set(r["metrics"].values()) == {None}
            assert r["undefined"].keys() >= r["metrics"].keys()
            assert r["undefined"]["snr_db"] == "not defined: it does SE, SR only"
            assert r["input_metrics"]["snr_db"] is not None

    run("--systems", "enhancing,mixture", "--examples", 16)
    assert lines(tmp_path, "enhancing") == first  # nothing to try again


def test_a_system_that_learns_more_tasks_is_run_on_them(
    run: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("--systems", "enhancing,mixture")
    more = frozenset({Task.SE, Task.SR, Task.ME})
    monkeypatch.setattr(sys.modules["faulty_systems"].Enhancing, "tasks", more)
    summary = run("--systems", "enhancing,mixture")
    assert summary["systems"][0]["n"] == 3
    assert [r["task"] for r in lines(tmp_path, "enhancing")[16:]] == ["ME"]


def test_failures_count_as_the_mixture_and_are_tried_again(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    summary = run("--systems", "flaky,mixture")
    flaky = summary["systems"][0]
    assert (flaky["n"], flaky["of"], flaky["failed"]) == (8, 16, 8)
    assert flaky["average"]["mean"] == 0.0
    assert flaky["average"]["n"] == 16
    first = lines(tmp_path, "flaky")
    errors = [r["error"]["type"] for r in first if r["status"] == "error"]
    assert errors == ["RuntimeError", "InvalidRemix", "InvalidRemix", "InvalidRemix"] * 2
    assert all(r["metrics"]["snr_db"] == r["input_metrics"]["snr_db"] for r in first if r["error"])

    run("--systems", "flaky,mixture", "--resume", "only-missing")
    assert lines(tmp_path, "flaky") == first

    sys.modules["faulty_systems"].Flaky.cured = True
    again = run("--systems", "flaky,mixture")
    assert again["systems"][0]["n"] == 16
    every = lines(tmp_path, "flaky")
    assert every[:16] == first
    assert [r["index"] for r in every[16:]] == [r["index"] for r in first if r["error"]]


def test_never_starts_over_and_keeps_the_old_records(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    run("--systems", "half")
    old = lines(tmp_path, "half")
    run("--systems", "half", "--resume", "never")
    new = lines(tmp_path, "half")
    assert new != old
    assert list(map(comparable, new)) == list(map(comparable, old))
    (aside,) = (tmp_path / "out" / "tiny").glob("*.old-1")
    assert list(read_records(aside).records) == old


def test_a_finished_run_adds_nothing(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    first = run("--systems", "half")
    assert run("--systems", "half") == first
    assert len(lines(tmp_path, "half")) == 16


def test_more_examples_go_on_from_fewer(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    run("--systems", "half", "--examples", 0)
    summary = run("--systems", "half", "--examples", 0, "--per-task", 2)
    assert [r["index"] for r in lines(tmp_path, "half")] == list(range(32))
    assert summary["n_examples"] == 32


def test_other_data_never_mix(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    first = run("--systems", "half")
    other = run("--systems", "half", "--seed", 5)
    assert first["data_digest"] != other["data_digest"]
    assert first["systems"][0]["average"] != other["systems"][0]["average"]
    assert len(lines(tmp_path, "half")) == 32
    back = run("--systems", "half")
    assert back["systems"][0]["average"] == first["systems"][0]["average"]
    assert len(lines(tmp_path, "half")) == 32


def test_a_changed_recording_is_other_data(
    run: Callable[..., dict[str, Any]], bank: Path, tmp_path: Path
) -> None:
    """Records of a recording as it was are kept, and never counted for the recording as it is."""
    arguments = ("--systems", "half", "--bank", bank)
    first = run(*arguments)
    for path in sorted(bank.glob("*.wav")):
        rate, samples = wavfile.read(path)
        wavfile.write(path, rate, samples[::-1])
    second = run(*arguments)
    assert first["data_digest"] != second["data_digest"]
    found = lines(tmp_path, "half")
    assert [r["data_digest"] for r in found] == [
        *[first["data_digest"]] * 16,
        *[second["data_digest"]] * 16,
    ]
    assert (second["systems"][0]["n"], second["systems"][0]["of"]) == (16, 16)
    assert run(*arguments) == second


def test_another_wording_is_another_example_wherever_it_is(
    run: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("--systems", "half", "--examples", 16)
    before = lines(tmp_path, "half")
    write = mixtures.write_prompt

    def reworded(instruction: Instruction, rng: np.random.Generator) -> Prompt:
        prompt = write(instruction, rng)
        changed = instruction.task in (Task.SE, Task.TAE)
        return replace(prompt, text=f"{prompt.text} Please!") if changed else prompt

    monkeypatch.setattr(mixtures, "write_prompt", reworded)
    summary = run("--systems", "half", "--examples", 16)
    assert summary["n_examples"] == 16
    again = lines(tmp_path, "half")[16:]
    assert [r["task"] for r in again] == [r["task"] for r in before if r["task"] in ("SE", "TAE")]
    assert all(r["prompt"].endswith("Please!") for r in again)
    assert any("half: 2 older record(s)" in n and "prompt" in n for n in summary["notes"])
    for example in summary["examples"]:
        assert (tmp_path / "out" / "tiny" / example["mixture"]).is_file()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"example_sha256": "0" * 64}, "the sound"),
        ({"task": "ME"}, "task"),
        ({"prompt": "something else"}, "prompt"),
    ],
)
def test_a_record_of_another_example_is_made_again(
    run: Callable[..., dict[str, Any]], tmp_path: Path, change: dict[str, str], named: str
) -> None:
    first = run("--systems", "half", "--examples", 0)
    (path,) = (tmp_path / "out" / "tiny").glob("half@*.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[3] |= change
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    second = run("--systems", "half", "--examples", 0)
    assert [r["index"] for r in lines(tmp_path, "half")[16:]] == [3]
    assert second["systems"][0]["average"] == first["systems"][0]["average"]
    assert any(f"{named} of the example differs" in note for note in second["notes"])


@pytest.mark.parametrize("change", [{"system": "mixture"}, {"config_digest": "0" * 64}])
def test_a_record_of_another_system_is_refused(
    run: Callable[..., dict[str, Any]], tmp_path: Path, change: dict[str, str]
) -> None:
    run("--systems", "half", "--examples", 0)
    (path,) = (tmp_path / "out" / "tiny").glob("half@*.jsonl")
    last = json.loads(path.read_text().splitlines()[-1])
    path.write_text(path.read_text() + json.dumps(last | change) + "\n")
    before = path.read_bytes()
    run("--systems", "half", "--examples", 0, status=2)
    assert path.read_bytes() == before


def test_an_edited_plugin_is_another_system(
    run: Callable[..., dict[str, Any]], tmp_path: Path, plugins: Path, monkeypatch: Any
) -> None:
    """Its files, its version and its defaults are part of what it is."""
    site = tmp_path / "site"
    shutil.copytree(plugins, site)
    monkeypatch.syspath_prepend(str(site))
    records = {run("--systems", "half")["systems"][0]["records"]}

    def edit(path: Path, old: str, new: str) -> list[str]:
        path.write_text(path.read_text().replace(old, new))
        sys.modules.pop("faulty_systems", None)
        importlib.invalidate_caches()
        summary = run("--systems", "half")
        records.add(summary["systems"][0]["records"])
        return [note for note in summary["notes"] if note.startswith("half: ")]

    metadata = site / "faulty_systems-1.0.dist-info" / "METADATA"
    (note,) = edit(metadata, "Version: 1.0", "Version: 1.1")
    assert "version: 1.0, now 1.1" in note
    notes = edit(site / "faulty_systems.py", "self.gain)", "self.gain * 1)")
    assert all("source_sha256: " in note for note in notes)
    notes = edit(site / "faulty_systems.py", "gain=0.5", "gain=0.25")
    assert all("options.gain: 0.5, now 0.25" in note for note in notes)
    assert len(records) == 4
    assert {r["config"]["options"]["gain"] for r in lines_of(tmp_path, records)} == {0.5, 0.25}


def lines_of(tmp_path: Path, names: set[str]) -> list[dict[str, Any]]:
    return [r for n in names for r in read_records(tmp_path / "out" / "tiny" / n).records]


def test_the_front_door_reads_prompts_as_users_prompts_are(
    run: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def misspelt(instruction: Instruction, rng: np.random.Generator) -> Prompt:
        return Prompt(' "pleese remove teh rain"  ', (), mixtures.GIVEN)

    monkeypatch.setattr(mixtures, "write_prompt", misspelt)
    raw = run("--systems", "telling")["systems"][0]["records"]
    read = run("--systems", "telling", "--front-door")["systems"][0]["records"]
    assert raw != read
    asked = {
        name: {record["trace"][0]["detail"] for record in lines_of(tmp_path, {name})}
        for name in (raw, read)
    }
    assert asked[raw] == {' "pleese remove teh rain"  '}
    found = " ".join(asked[read])
    assert "rain" in found
    assert "teh" not in found


def test_a_prompt_that_the_front_door_refuses_is_refused(
    run: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixtures, "write_prompt", lambda *_: Prompt("…", (), mixtures.GIVEN))
    summary = run("--systems", "half", "--front-door", status=1)
    assert summary["systems"][0]["statuses"] == {"refused": 16}


def test_who_swallows_the_interruption_is_late_all_the_same(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    summary = run("--systems", "swallowing,half", "--set", "timeout_s=0.02", status=1)
    assert summary["systems"][0]["statuses"] == {"timeout": 16}
    assert summary["systems"][0]["real_time_factor"] is None


def test_the_tables_reach_the_disk_and_any_terminal(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report is there before anything is printed, and no character is too much for a stream."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    command = ["--suite", str(suite), "--device", "cpu", "--out", str(tmp_path), "--systems"]
    assert compare.main([*command, "mixture", "--set", 'name="Träne"']) == 0
    assert (tmp_path / "Träne" / "report.html").is_file()
    assert b"Tr\\xe4ne" in out.buffer.getvalue()  # type: ignore[attr-defined]

    def fail(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(compare.tables, "print_tables", fail)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert compare.main([*command, "mixture", "--set", 'name="other"']) == 141
    assert (tmp_path / "other" / "report.html").is_file()


def test_options_are_part_of_a_systems_identity(run: Callable[..., dict[str, Any]]) -> None:
    first = run("--systems", "half")["systems"][0]
    second = run("--systems", "half", "--set", "options.half.gain=0.25")["systems"][0]
    assert first["records"] != second["records"]
    assert first["average"]["mean"] != second["average"]["mean"]


def test_slow_examples_time_out(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    summary = run("--systems", "slow,half", "--set", "timeout_s=0.02", status=1)
    assert summary["systems"][0]["statuses"] == {"timeout": 16}
    assert {r["error"]["type"] for r in lines(tmp_path, "slow")} == {"TimeIsUp"}
    assert summary["systems"][1]["n"] == 16


def test_batches_are_the_same_ones_after_an_interruption(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    run("--systems", "batching")
    assert sys.modules["faulty_systems"].Batching.sizes == [8, 8]
    (path,) = (tmp_path / "out" / "tiny").glob("batching@*.jsonl")
    whole = path.read_bytes()
    before = lines(tmp_path, "batching")
    for kept in (0, 3, 8, 11):
        path.write_bytes(b"".join(whole.splitlines(keepends=True)[:kept]) + b'{"half')
        summary = run("--systems", "batching")
        after = lines(tmp_path, "batching")
        assert list(map(comparable, after)) == list(map(comparable, before))
        assert summary["systems"][0]["dropped_lines"] == 1


def test_all_leaves_out_what_cannot_be_built_here(
    run: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    cheap = [s for s in registry.available() if s.name in ("mixture", "half", "unbuildable")]
    monkeypatch.setattr(registry, "available", lambda: tuple(cheap))
    summary = run("--systems", "all")
    assert [s["name"] for s in summary["systems"]] == ["half", "mixture"]
    assert summary["not_run"] == {"unbuildable": "its weights are not on this machine"}


def test_an_interruption_says_how_to_go_on(
    run: Callable[..., dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    suite: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.comparison.executors.run_batch", interrupt)
    command = ["--suite", str(suite), "--out", str(tmp_path), "--device", "cpu"]
    assert compare.main(command) == 130
    assert "resume with the same command" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wanted", "per_task", "expected"),
    [(0, 1, ()), (4, 1, (0, 4, 8, 12)), (16, 1, tuple(range(16))), (99, 1, tuple(range(16)))],
)
def test_shown_examples_spread_over_the_tasks(
    wanted: int, per_task: int, expected: tuple[int, ...]
) -> None:
    assert shown_indices(wanted, per_task=per_task, tasks=16) == expected
    many = shown_indices(18, per_task=3, tasks=16)
    assert many == (*range(16), 16, 24)


def test_overrides_and_embedded_suites_resolve() -> None:
    config = load_suite("studio", overrides=["mixture.level_db=6", "bank.seed=3", "per_task = 2"])
    assert (config.mixture.level_db, config.bank.seed, config.per_task) == (6.0, 3, 2)
    assert config.systems == DEFAULT_SYSTEMS
    assert load_suite("field").bank.kind == "folder"
