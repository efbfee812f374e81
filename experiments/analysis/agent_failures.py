"""Which stage of an agent fails: reading, listening, matching or separation?

python -m experiments.analysis.agent_failures --suite studio --split valid \
    --out results/agent-failures

The truth takes the place of one stage after another (see `agent_failures_measure`): the true
actions, the true descriptions of the parts, the true assignment of the parts (PIT), and parts made
by the ideal ratio mask. What that gains over the agent, on the same mixtures, is what the stage
costs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from agents.listening.listener import load_listener
from agents.planners.choose import DEFAULT_PLANNER, PLANNERS, load_planner
from agents.systems.extractors import load_extractor
from experiments.analysis.agent_failures_measure import (
    AGENT,
    IDEAL_MASKS,
    QUERY,
    QUERY_TRUE_PLAN,
    TRUE_DESCRIPTIONS,
    TRUE_MATCHING,
    TRUE_PLAN,
    VARIANTS,
    Examiner,
    Finding,
)
from experiments.analysis.facts import facts_of
from experiments.command import command, mixture_options, option, suite_of
from experiments.comparison.errors import ConfigError
from experiments.comparison.examples import Examples, build_bank
from experiments.comparison.progress import Bars
from experiments.comparison.records import locked, write_atomic, write_json
from experiments.comparison.summary import Value, interval_json, mean_interval
from experiments.comparison.table import (
    Table,
    csv_text,
    escape,
    fact_lines,
    interval_text,
)
from lcr.instruction import Task

DIFFERENCES = (
    ("reading and listening: the true plan", TRUE_PLAN, AGENT),
    ("listening and matching: the true descriptions", TRUE_DESCRIPTIONS, AGENT),
    ("matching, after the true plan: PIT", TRUE_MATCHING, TRUE_PLAN),
    ("separation, after all else: ideal masks", f"{IDEAL_MASKS}, {TRUE_MATCHING}", TRUE_MATCHING),
    ("separation, before all else: ideal masks", IDEAL_MASKS, AGENT),
    (
        "reading, after all else: true actions",
        f"{IDEAL_MASKS}, {TRUE_MATCHING}",
        f"{IDEAL_MASKS}, {TRUE_DESCRIPTIONS}",
    ),
    ("query form instead of inventory form", QUERY, AGENT),
    ("query form: reading and listening", QUERY_TRUE_PLAN, QUERY),
)
"""What is asked, the variant with the truth and the one without."""
_RIGHT: dict[str, Callable[[Finding], bool | None]] = {
    "reading: true gains from the true descriptions": lambda f: f.read,
    "listening: true gains from what is heard, where reading is right": lambda f: f.heard,
    "matching: the true plan reaches its parts": lambda f: f.matched,
    "every source has a part": lambda f: f.missing == 0,
    "all of the agent's gains are right": lambda f: not f.failed,
}


def summarise(findings: Sequence[Finding]) -> dict[str, Any]:
    """Summarise all examples but OVC: means by variant, paired differences, shares that went
    right. Raises ConfigError where nothing is left."""
    without = [f for f in findings if f.task != Task.OVC.value]
    if not without:
        raise ConfigError("no example but those of OVC has a defined score; nothing to analyse")
    names = [name for name in (*VARIANTS, QUERY, QUERY_TRUE_PLAN) if name in without[0].snri_db]
    return {
        "variants": {name: _mean(without, _gain(name)) for name in names},
        "differences": {
            words: _mean(without, _gain(a, b))
            for words, a, b in DIFFERENCES
            if a in names and b in names
        },
        "right": {name: share_json(_mean(without, of)) for name, of in _RIGHT.items()},
        "failed": {
            stage: sum(f.failed == stage for f in findings) for stage in ("reading", "listening")
        },
        "refused": sum(bool(f.refused) for f in findings),
        "tasks": {
            task.value: {name: _mean(some, _gain(name)) for name in names}
            for task in Task
            if (some := [f for f in findings if f.task == task.value])
        },
    }


def share_json(interval: dict[str, Any]) -> dict[str, Any]:
    """Clip a share's bounds to 0 and 1, which stratifying exceeds a little."""
    bounds = {key: interval[key] for key in ("low", "high") if interval[key] is not None}
    return interval | {key: min(max(bound, 0.0), 1.0) for key, bound in bounds.items()}


def _gain(name: str, over: str | None = None) -> Callable[[Finding], float]:
    return lambda f: f.snri_db[name] - (0.0 if over is None else f.snri_db[over])


def _mean(findings: Sequence[Finding], of: Callable[[Finding], float | None]) -> dict[str, Any]:
    pairs = [(f, of(f)) for f in findings]
    return interval_json(
        mean_interval(
            [
                Value(index=f.index, task=f.task, clips=f.clips, value=float(value))
                for f, value in pairs
                if value is not None
            ]
        )
    )


def to_markdown(whole: dict[str, Any]) -> str:
    """Write the tables and their sources as Markdown."""
    facts = whole["run"]
    words = f"Where the agent fails on {facts['suite']}, {facts['split']}"
    parts = [f"# {escape(words)}", ""]
    for title, key, form in (
        ("SNR improvement in dB, without OVC", "variants", ".2f"),
        ("What the truth at a stage gains, paired, in dB", "differences", "+.2f"),
        ("Share of mixtures in which a stage is right", "right", ".3f"),
    ):
        rows = tuple(
            (name, str(row["n"]), interval_text(row, form)) for name, row in whole[key].items()
        )
        parts += Table(title=title, heads=("", "n", "mean"), rows=rows).markdown()
    names = list(whole["variants"])
    table = tuple(
        (task, *(interval_text(row[n], bounds=False) for n in names))
        for task, row in whole["tasks"].items()
    )
    parts += Table(title="By task, in dB", heads=("Task", *names), rows=table).markdown()
    failed = ", ".join(f"{stage} {count}" for stage, count in whole["failed"].items())
    parts += [
        f"- Gains wrong first by: {failed}, of {facts['n_examples']}; plans refused: "
        f"{whole['refused']} (they score as the mixture).",
        "- Intervals are 95 %: BCa bootstrap, stratified by task, clustered by source clip.",
        *fact_lines(facts),
    ]
    return "\n".join(parts) + "\n"


def to_csv(findings: Sequence[Finding]) -> str:
    """Write one line an example."""
    names = list(findings[0].snri_db)
    columns = ("id", "task", "read", "heard", "matched", "missing", "failed", "refused")
    return csv_text(
        (*columns, *names),
        (
            (*(getattr(f, c) for c in columns), *(f"{f.snri_db[n]:.4f}" for n in names))
            for f in findings
        ),
    )


LISTENING_OPTIONS = (
    *mixture_options(per_task=8),
    option("--separator", default="separator", metavar="NAME|DIR"),
    option("--clap-speech", default="clap-speech", metavar="NAME|DIR"),
    option("--clap-audio", default="clap-audio", metavar="NAME|DIR"),
)
"""Which mixtures, and by what weights they are heard."""


@command(
    __doc__,
    *LISTENING_OPTIONS,
    option("--planner", default=DEFAULT_PLANNER, metavar="NAME", help=f"of {', '.join(PLANNERS)}"),
    option("--tool", default="", metavar="NAME", help="extractor of the query form"),
    option("--out", type=Path, default=Path("results/agent-failures"), metavar="DIR"),
)
def main(options: argparse.Namespace) -> None:
    """Examine every example, write and print the report."""
    config = suite_of(options)
    listener = load_listener(
        separator=options.separator, speech=options.clap_speech, audio=options.clap_audio
    )
    extractor = load_extractor(options.tool) if options.tool else None
    planner = load_planner(options.planner)
    examiner = Examiner(listener, planner, extractor)
    examples = Examples(config, build_bank(config.bank))
    findings: list[Finding] = []
    with locked(options.out):
        with Bars().stage("examples", total=len(examples.indices)) as advance:
            for index in examples.indices:
                found = examiner.examine(examples[index])
                findings += [found] if found is not None else []
                advance()
        facts = facts_of(config, examples, listener.weights)
        facts |= {"planner": options.planner or "default", "tool": options.tool or "none"}
        facts["undefined"] = len(examples.indices) - len(findings)
        whole = {"schema": 1, "run": facts, **summarise(findings)}
        write_json(options.out / "agent_failures.json", whole)
        write_atomic(options.out / "agent_failures.md", to_markdown(whole).encode())
        write_atomic(options.out / "agent_failures.csv", to_csv(findings).encode())
    print(to_markdown(whole))


if __name__ == "__main__":
    raise SystemExit(main())
