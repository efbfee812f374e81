"""How long does it take to understand a prompt? `python -m experiments.analysis.planner_speed`.

The paper holds that composites that decode instructions are slow beside a joint model that reads
the prompt into one embedding (section I). Here the planners and LCR's own PromptReader take the
same prompts one at a time, interleaved in one process: `keyword` (rules), `offline` (a network that
tags), `generative` (a language model that writes JSON) and `local chat` (the same model
through transformers' chat template and LangChain).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from agents.llm.budget import Budget
from agents.llm.local import load_local
from agents.planners.generative.planner import WEIGHTS, GenerativePlanner, load_planner
from agents.planners.generative.text import inventory_of, request
from agents.planners.reading import keyword_planner, load_offline_planner
from baselines.composite.planning import Planner
from experiments.analysis.generative_failures import Case, cases_of
from experiments.benchmarks.timing import interleaved, summary
from experiments.command import command, option
from experiments.comparison.environment import machine_line
from lcr.errors import LcrError
from lcr.joint.remixer import load_default

READER, GENERATIVE = "LCR's PromptReader", "generative"


def readers() -> dict[str, Callable[[Case], object]]:
    """Load every prompt reader that can be loaded here."""
    generative = load_planner()
    joint = load_default()
    chat = load_local(str(WEIGHTS / "generative-planner"), budget=Budget())

    def ask(case: Case) -> object:
        return chat.invoke(request(case.prompt, inventory_of(case.asked.descriptions)))

    found: dict[str, Callable[[Case], object]] = {
        READER: lambda case: joint.read([case.prompt]),
        "keyword": _planning(keyword_planner()),
        GENERATIVE: _planning(generative),
        "local chat": ask,
    }
    try:
        found["offline"] = _planning(load_offline_planner())
    except LcrError as error:
        print(f"offline: not run ({error})")
    return found


def _planning(planner: Planner) -> Callable[[Case], object]:
    def read(case: Case) -> object:
        try:
            return planner.plan(case.prompt, case.asked.descriptions)
        except (ValueError, LcrError):  # a plan that is none took its time as well
            return None

    return read


def decoding(planner: GenerativePlanner, cases: Sequence[Case]) -> tuple[float, float]:
    """Measure the mean tokens written a prompt, and tokens a second."""
    written = [
        planner.write([case.prompt], [inventory_of(case.asked.descriptions)])[0] for case in cases
    ]
    tokens = sum(one.tokens for one in written)
    return tokens / len(written), tokens / sum(one.seconds for one in written)


@command(
    __doc__,
    option("--prompts", type=Path, metavar="DIR|FILE", help="default: our own"),
    option("--count", type=int, default=40, help="prompts a round (default 40)"),
    option("--rounds", type=int, default=7),
    option("--threads", type=int, default=1),
)
def main(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    cases = cases_of(options.prompts, options.count)[: options.count]
    runs = {
        name: lambda read=read: [read(case) for case in cases] for name, read in readers().items()
    }
    times = interleaved(runs, options.rounds)
    print(machine_line())
    print(
        f"{len(cases)} prompts one at a time, {torch.get_num_threads()} thread(s), "
        f"{options.rounds} interleaved rounds: median (range)"
    )
    for name, seconds in times.items():
        took = summary([1000 * s / len(cases) for s in seconds], ".2f")
        ratio = summary([s / r for s, r in zip(seconds, times[READER], strict=True)], ".2f")
        print(f"  {name:20} {took} ms a prompt   {ratio} x {READER}")
    tokens, rate = decoding(load_planner(), cases)
    print(f"  {GENERATIVE}: {tokens:.1f} tokens a plan, {rate:.0f} tokens a second")


if __name__ == "__main__":
    raise SystemExit(main())
