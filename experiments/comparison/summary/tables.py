"""The summary as tables: in the terminal, as Markdown, as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console

from experiments.comparison.measures import SHARES
from experiments.comparison.summary.verdict import task_words, verdict
from experiments.comparison.table import (
    Table,
    csv_text,
    escape,
    interval_text,
    number_text,
    p_value_text,
    percent_text,
    print_table,
)
from lcr.errors import one_line

Summary = Mapping[str, Any]

_NOT_DEFINED = "n/a"

FOLLOWED = {
    "action_accuracy": "Did what was asked",
    "gain_error_db": "Gain error (dB)",
    "harm_db": "Harm (dB)",
    "leakage_db": "Leakage (dB)",
    "artefacts_db": "Artefacts (dB)",
}
"""Heads of what followed the prompt; `lcr.evaluation.effective.Followed` says what they are."""
AVERAGES = (("average_without_ovc", "Average without OVC"), ("average", "Average with OVC"))


def grids(summary: Summary) -> tuple[Table, ...]:
    """Make the tables: tasks by systems, systems by all other figures, by what followed the prompt,
    and what they are."""
    made = Table(
        title=f"{summary['suite']}: what the systems are",
        heads=("System", "Reader, network, training data and budget"),
        rows=tuple((_label(s), s["reference"] or "–") for s in summary["systems"]),
    )
    return _tasks_grid(summary), _systems_grid(summary), followed_grid(summary), made


def _tasks_grid(summary: Summary) -> Table:
    systems = summary["systems"]
    rows: list[tuple[str, ...]] = []
    for task in summary["tasks"]:
        rows.append((task_words(task), *(_on(s, task) for s in systems)))
    for key, words in AVERAGES:
        rows.append((words, *(_over_all(s, key) for s in systems)))
    return Table(
        title=f"{summary['suite']}: SNR improvement in dB, mean [95 % interval]",
        heads=("Task", *(_label(s) for s in systems)),
        rows=tuple(rows),
    )


def _systems_grid(summary: Summary) -> Table:
    against = summary["compare_to"]
    heads = (
        "System",
        "Rank",
        "First",
        "Avg. w/o OVC (dB)",
        "Improved",
        f"Wins vs {against}" if against else "Wins",
        "Difference (dB)",
        "p (Holm)",
        "Real-time factor",
        "Peak memory",
        "n of N",
    )
    return Table(
        title=f"{summary['suite']}: systems",
        heads=heads,
        rows=tuple(_system_row(s) for s in summary["systems"]),
    )


def followed_grid(summary: Summary) -> Table:
    """Did each source get the gain that was asked for it?"""
    heads = FOLLOWED | {name: name for name in summary["config"].get("metrics", ())}
    return Table(
        title=f"{summary['suite']}: what followed the prompt",
        heads=("System", *heads.values()),
        rows=tuple(
            (_label(s), *(_followed(s["followed"][name], name) for name in heads))
            for s in summary["systems"]
        ),
    )


def _followed(value: Mapping[str, Any], name: str) -> str:
    if name in SHARES:
        return interval_text(value, ".0f", scale=100, unit=" %")
    return interval_text(value)


def _system_row(system: Mapping[str, Any]) -> tuple[str, ...]:
    versus = system["versus"]
    return (
        _label(system),
        rank_text(system),
        percent_text(system["p_first"]),
        _over_all(system, "average_without_ovc"),
        _NOT_DEFINED if system["not_defined"] else percent_text(system["share_improved"]["mean"]),
        percent_text(versus["win_rate"]["mean"]) if versus else "–",
        interval_text(versus["difference"]) if versus else "–",
        p_value_text(versus["p_holm"]) if versus else "–",
        "–" if system["real_time_factor"] is None else f"{system['real_time_factor']:.3g}",
        "–" if system["peak_bytes"] is None else f"{system['peak_bytes'] / 2**20:.0f} MiB",
        f"{system['n']} of {system['of']}",
    )


def rank_text(system: Mapping[str, Any]) -> str:
    """A rank with the ranks that resampling leaves open, "2 [1, 3]"."""
    if system["rank"] is None:
        return "–"
    low, high = system["rank_low"], system["rank_high"]
    return str(system["rank"]) if low is None else f"{system['rank']} [{low}, {high}]"


def _label(system: Mapping[str, Any]) -> str:
    known = "*" if system["trained_on"] else ""
    return f"{system['name']}{known}{' (bound)' if system['bound'] else ''}"


def _on(system: Mapping[str, Any], task: str) -> str:
    return _NOT_DEFINED if task in system["not_defined"] else interval_text(system["tasks"][task])


def _over_all(system: Mapping[str, Any], key: str) -> str:
    return _NOT_DEFINED if system["not_defined"] else interval_text(system[key])


def remarks(summary: Summary) -> list[str]:
    """Write one sentence for everything the tables need said: failures, what was not run, notes."""
    found = [
        "Systems marked (bound) know the truth and are never ranked; tests against "
        f"{summary['compare_to']} are paired, without OVC, Holm-corrected.",
        "A failure counts 0 dB in averages and ranks, which favours a system that fails over one "
        "that answers below 0 dB; a real-time factor is of answers only.",
    ]
    if learnt := [s["name"] for s in summary["systems"] if s["trained_on"]]:
        found.append(
            f"* {', '.join(learnt)}: trained on other recordings or voices of "
            f"{', '.join(summary['corpora'])}, which this suite is made of."
        )
    for system in summary["systems"]:
        if system["failed"]:
            error = system["first_error"]
            found.append(
                f"{system['name']} failed on {system['failed']} of {system['of']} examples, each "
                f"counted as the unprocessed mixture, 0 dB{_answered(system)}; the first: "
                f"{error['type']}: {one_line(error['message'])}"
            )
        if system["not_defined"]:
            others = ", ".join(t for t in summary["tasks"] if t not in system["not_defined"])
            found.append(
                f"{system['name']} does {others or 'none of these tasks'} only: n/a elsewhere, "
                "so it has no average and no rank."
            )
        if system["undefined"]:
            found.append(
                f"{system['name']}: {system['undefined']} of {system['of']} scores are undefined; "
                "the records say why."
            )
    for name, reason in summary["not_run"].items():
        found.append(f"{name} was not run: {reason}")
    return [*found, *summary["notes"]]


def _answered(system: Mapping[str, Any]) -> str:
    """What failures did to a system's rank."""
    mean = system["answered_mean_db"]
    if mean is None:
        return ", and answered none"
    better = ": failing raised its average" if mean < 0 else ""
    return f", where its answers have {number_text(mean, '.1f')} dB on average{better}"


def print_tables(summary: Summary, console: Console) -> None:
    """Print all tables and remarks, and at the end, where it stays in sight, what they come to."""
    for table in grids(summary):
        print_table(table, console)
    for line in (*remarks(summary), "", *verdict(summary)):
        console.print(line, markup=False, highlight=False)


def to_markdown(summary: Summary) -> str:
    """Write the tables and remarks as Markdown."""
    parts = [f"# {escape(summary['suite'])}", "", *map(escape, verdict(summary)), ""]
    for table in grids(summary):
        parts += table.markdown()
    parts += [f"- {escape(remark)}" for remark in remarks(summary)]
    facts = ("data_digest", "config_digest", "per_task", "n_examples", "finished")
    parts += [f"- {name}: {summary[name]}" for name in facts]
    return "\n".join(parts) + "\n"


CSV_COLUMNS = (
    *("suite", "system", "family", "bound", "row", "mean_snr_improvement_db", "low_db", "high_db"),
    *("n_scored", "n_ok", "n_examples", "share_improved", *FOLLOWED, "win_rate", "compared_to"),
    *("p_holm", "rank", "rank_low", "rank_high", "p_first", "trained_on", "latency_s"),
    *("real_time_factor", "peak_bytes", "config_digest", "data_digest"),
)


def to_csv(summary: Summary) -> str:
    """Write one line for each system and each task or average; figures of the whole system
    repeat."""
    return csv_text(CSV_COLUMNS, (row for s in summary["systems"] for row in _csv_rows(summary, s)))


def _csv_rows(summary: Summary, system: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    versus = system["versus"] or {"win_rate": {"mean": None}, "system": None, "p_holm": None}
    rows = {task: system["tasks"][task] for task in summary["tasks"]}
    rows |= {words: system[key] for key, words in AVERAGES}
    for row, value in rows.items():
        yield (
            summary["suite"],
            system["name"],
            system["family"],
            int(system["bound"]),
            row,
            *(value[key] for key in ("mean", "low", "high", "n")),
            system["n"],
            system["of"],
            system["share_improved"]["mean"],
            *(system["followed"][name]["mean"] for name in FOLLOWED),
            versus["win_rate"]["mean"],
            versus["system"],
            versus["p_holm"],
            *(system[key] for key in ("rank", "rank_low", "rank_high", "p_first")),
            " ".join(system["trained_on"]),
            system["latency_s"],
            system["real_time_factor"],
            system["peak_bytes"],
            system["config_digest"],
            summary["data_digest"],
        )
