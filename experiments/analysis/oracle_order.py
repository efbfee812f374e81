"""Does the paper's order of cascades hold?
`python experiments/analysis/oracle_order.py OUT/SUITE ...`.

In Table II a cascade that is told which output is which source (`pit`) beats one that has to find
out by two CLAPs (`clap-cascade`), and that one should beat a cascade that has to read the prompt as
well (`cascade`). Here each step down is the paired difference of two systems of a finished
`compare.py` run, with an interval over mixtures that is clustered by source clip. Beside it stands
why: the share of the separator's outputs that get the gain which `pit` gives them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from experiments.command import command, option
from experiments.comparison.errors import ConfigError
from experiments.comparison.records import NOT_DEFINED, Record
from experiments.comparison.report.run import read_run
from experiments.comparison.summary import (
    mean_interval,
    paired_differences,
    value_of,
    without_ovc,
)
from lcr.evaluation.statistics import Interval

ORDER = ("pit", "clap-cascade", "cascade")
"""Best first: true sources and actions, true actions, nothing true."""

Verdict = Literal["holds", "reversed", "undecided"]


@dataclass(frozen=True, kw_only=True)
class StepDown:
    """`better` less `worse`, in dB of SNR improvement, a mixture at a time: the mean over tasks,
    and that without OVC, which decides. `n` of `of` mixtures have a score in both."""

    better: str
    worse: str
    n: int
    of: int
    difference: Interval
    without_ovc: Interval

    @property
    def verdict(self) -> Verdict:
        low, high = self.without_ovc.low, self.without_ovc.high
        if low is None or high is None:
            return "undecided"
        if low >= 0:
            return "holds"
        return "reversed" if high < 0 else "undecided"


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Share of outputs with the gain that the first of the order gives them; None where the two
    have other separators or tell nothing of their gains, `reason` says which."""

    system: str
    share: Interval | None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class OrderReport:
    """What one run says about the order: each step down, and how often gains agree."""

    suite: str
    steps: tuple[StepDown, ...]
    agreements: tuple[Agreement, ...]

    @property
    def verdict(self) -> Verdict:
        found = {step.verdict for step in self.steps}
        return "holds" if found == {"holds"} else "reversed" if "reversed" in found else "undecided"


def report(folder: Path, order: Sequence[str] = ORDER) -> OrderReport:
    """Test the order on a folder that `compare.py` has written. Raises ConfigError where the run
    or a system in it is missing, RecordsError."""
    records, suite = _read(folder, order)
    return OrderReport(
        suite=suite,
        steps=tuple(_step_down(a, b, records[a], records[b]) for a, b in pairwise(order)),
        agreements=tuple(_agreement(name, records[order[0]], records[name]) for name in order[1:]),
    )


def _read(folder: Path, order: Sequence[str]) -> tuple[Mapping[str, Mapping[int, Record]], str]:
    run = read_run(folder)
    suite = run.summary["suite"]
    if missing := [name for name in order if name not in run.records]:
        raise ConfigError(
            f"{folder} has no records of {', '.join(missing)}; run: python experiments/compare.py "
            f"--suite {suite} --systems {','.join(order)}"
        )
    return run.records, suite


def _step_down(
    better: str, worse: str, high: Mapping[int, Record], low: Mapping[int, Record]
) -> StepDown:
    shared = [i for i in sorted(high.keys() & low.keys()) if _defined(high[i], low[i])]
    values = paired_differences([high[i] for i in shared], [low[i] for i in shared])
    return StepDown(
        better=better,
        worse=worse,
        n=len(values),
        of=len(shared),
        difference=mean_interval(values),
        without_ovc=mean_interval(without_ovc(values)),
    )


def _agreement(name: str, first: Mapping[int, Record], other: Mapping[int, Record]) -> Agreement:
    shared = [i for i in sorted(first.keys() & other.keys()) if _defined(first[i], other[i])]
    if any(_weights(first[i]) - _weights(other[i]) for i in shared):
        return Agreement(system=name, share=None, reason="it has another separator")
    values = []
    for i in shared:
        true, found = _gains(first[i]), _gains(other[i])
        if true and len(true) == len(found):
            same = sum(a == b for a, b in zip(true, found, strict=True)) / len(true)
            values.append(value_of(first[i], same))
    if not values:
        return Agreement(system=name, share=None, reason="its trace tells no gains")
    return Agreement(system=name, share=mean_interval(values))


def _defined(*records: Record) -> bool:
    return all(record["status"] != NOT_DEFINED for record in records)


def _weights(record: Record) -> set[str]:
    return {weight["sha256"] for weight in record["weights"]}


def _gains(record: Record) -> list[float]:
    """Read from a trace the gain of each separated output; [] where the trace does not tell."""
    steps: dict[str, list[Any]] = {"read": [], "match": []}
    for step in record["trace"]:
        if step["name"] in steps:
            steps[step["name"]].append(step["data"])
    if len(steps["read"]) != 1 or not {"gains", "rest"} <= set(steps["read"][0]):
        return []
    gains = [*steps["read"][0]["gains"], steps["read"][0]["rest"]]  # -1, no source, is the last
    return [
        gains[source]
        for data in steps["match"]
        for row in data["source_of_output"]
        for source in row
    ]


def lines(found: OrderReport) -> list[str]:
    """The report in words."""
    words = [f"{found.suite}: SNR improvement in dB, paired, mean over tasks [95 % interval]"]
    for step in found.steps:
        words.append(
            f"  {step.better} less {step.worse}: {_words(step.without_ovc)} without OVC, "
            f"{_words(step.difference)} with it ({step.n} of {step.of} mixtures): {step.verdict}"
        )
    for agreement in found.agreements:
        share = agreement.reason if agreement.share is None else _words(agreement.share, 100, " %")
        words.append(f"  outputs of {agreement.system} with their true gain: {share}")
    endings = {
        "holds": "the paper's order holds",
        "reversed": "the paper's order does not hold",
        "undecided": "the intervals do not decide the paper's order",
    }
    return [*words, f"  {endings[found.verdict]}"]


def _words(interval: Interval, scale: float = 1, unit: str = "") -> str:
    if interval.mean is None:
        return f"none ({interval.reason})"
    if interval.low is None or interval.high is None:
        return f"{scale * interval.mean:.2f}{unit} ({interval.reason})"
    low, high = scale * interval.low, scale * interval.high
    return f"{scale * interval.mean:.2f}{unit} [{low:.2f}, {high:.2f}]"


@command(
    __doc__,
    option("folders", nargs="+", type=Path, metavar="OUT/SUITE"),
    option("--systems", default=",".join(ORDER), help="best first (default: %(default)s)"),
    option("--json", action="store_true", help="JSON instead of words"),
)
def main(options: argparse.Namespace) -> None:
    """Print whether the order holds in each run."""
    order = tuple(name.strip() for name in options.systems.split(","))
    reports = [report(folder, order) for folder in options.folders]
    if options.json:
        found = [
            {
                **dataclasses.asdict(one),
                "verdict": one.verdict,
                "verdicts": [step.verdict for step in one.steps],
            }
            for one in reports
        ]
        print(json.dumps(found, indent=1))
    else:
        print("\n".join(line for one in reports for line in lines(one)))


if __name__ == "__main__":
    raise SystemExit(main())
