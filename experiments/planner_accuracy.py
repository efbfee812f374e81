"""Who understands prompts? `python experiments/planner_accuracy.py --prompts DIR|FILE.jsonl`.

Every prompt of a manifest in the authors' format (`lcr.data.paper_set`) is read by each planner,
given the true descriptions of the four sources. Scores: the share of prompts whose whole pattern
is right, and of sources whose action is; by task, and by the styles that tell the speakers apart.
Intervals: bootstrap over mixtures, since the wordings of one mixture stand or fall together.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

if __name__ == "__main__":  # run as a file: import the package, not modules that lie beside it
    _HERE = Path(__file__).resolve().parent
    sys.path[:] = [str(_HERE.parent), *(p for p in sys.path if Path(p).resolve() != _HERE)]

from agents.keyword import KeywordPlanner
from baselines.planning import Planner
from experiments.errors import ConfigError
from lcr.data.paper_set import PaperMixture, read_paper_set
from lcr.errors import LcrError
from lcr.instruction import STYLE_ATTRIBUTES, Action, SpeechDescription

PLANNERS: dict[str, Callable[[], Planner]] = {"keyword": KeywordPlanner}
_ACTION_OF_GAIN = {action.gain: action for action in Action}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a planner made of all prompts: `exact` and `sources` (prompts,) hold 0 to 1 each,
    `mixture` (prompts,) the row of the mixture, `seconds` (prompts,) the time taken."""

    mixture: NDArray[np.int64]
    exact: NDArray[np.float64]
    sources: NDArray[np.float64]
    seconds: NDArray[np.float64]


def read_all(planner: Planner, mixtures: Sequence[PaperMixture]) -> Reading:
    """A prompt that the planner refuses counts as wrong in every source."""
    rows = []
    for number, mixture in enumerate(mixtures):
        true = mixture.instruction
        for prompt in mixture.prompts:
            start = time.perf_counter()
            try:
                gains = planner.plan(prompt, true.descriptions).gains
            except (ValueError, LcrError):
                gains = ()
            seconds = time.perf_counter() - start
            right = [
                _ACTION_OF_GAIN.get(gain) is action
                for gain, action in zip(gains, true.actions, strict=False)
            ]
            share = sum(right) / len(true.actions)
            rows.append((number, float(share == 1), share, seconds))
    columns = np.array(rows, dtype=np.float64).T
    return Reading(
        mixture=columns[0].astype(np.int64),
        exact=columns[1],
        sources=columns[2],
        seconds=columns[3],
    )


def interval(
    values: NDArray[np.float64], mixture: NDArray[np.int64], *, draws: int = 1000
) -> tuple[float, float, float]:
    """Mean and 95 % interval (percentile bootstrap over mixtures)."""
    _, inverse = np.unique(mixture, return_inverse=True)
    sums = np.bincount(inverse, values)
    counts = np.bincount(inverse).astype(np.float64)
    rng = np.random.default_rng(0)
    chosen = rng.integers(len(sums), size=(draws, len(sums)))
    means = sums[chosen].sum(1) / counts[chosen].sum(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(values.mean()), float(low), float(high)


def groups_of(mixture: PaperMixture) -> list[str]:
    """The rows of the table that a mixture counts in."""
    found = ["all", f"task {mixture.instruction.task.value}"]
    speakers = [d for d in mixture.instruction.descriptions if isinstance(d, SpeechDescription)]
    if len(speakers) == 2:
        told = speakers[0].distinguishing(speakers[1])
        found += [f"speakers differ in {name}" for name in STYLE_ATTRIBUTES if name in told]
    return found


def table(planners: Sequence[str], mixtures: Sequence[PaperMixture]) -> list[dict[str, object]]:
    """One row a planner and group."""
    groups: dict[str, list[int]] = {}
    for number, mixture in enumerate(mixtures):
        for name in groups_of(mixture):
            groups.setdefault(name, []).append(number)
    rows: list[dict[str, object]] = []
    for planner in planners:
        reading = read_all(PLANNERS[planner](), mixtures)
        for group, members in groups.items():
            inside = np.isin(reading.mixture, members)
            row: dict[str, object] = {
                "planner": planner,
                "group": group,
                "mixtures": len(members),
                "prompts": int(inside.sum()),
            }
            for name in ("exact", "sources"):
                scores = interval(getattr(reading, name)[inside], reading.mixture[inside])
                for suffix, value in zip(("", "_low", "_high"), scores, strict=True):
                    row[name + suffix] = round(value, 4)
            row["median_ms"] = round(1000 * float(np.median(reading.seconds[inside])), 3)
            rows.append(row)
    return rows


def show(rows: Sequence[dict[str, object]]) -> str:
    """Markdown."""
    lines = [
        "| planner | prompts | whole pattern right | sources right | median time |",
        "|---|---|---:|---:|---:|",
    ]
    for row in rows:
        shares = [
            f"{100 * float(str(row[n])):.1f} % [{100 * float(str(row[n + '_low'])):.1f}, "
            f"{100 * float(str(row[n + '_high'])):.1f}]"
            for n in ("exact", "sources")
        ]
        cells = (row["planner"], f"{row['group']} ({row['prompts']})", *shares)
        lines.append(f"| {' | '.join(map(str, cells))} | {row['median_ms']} ms |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--prompts", type=Path, required=True, metavar="DIR|FILE")
    parser.add_argument("--planners", default=",".join(PLANNERS), metavar="A,B,…")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N mixtures only")
    parser.add_argument("--out", type=Path, metavar="DIR", help="for accuracy.csv and .json")
    options = parser.parse_args(argv)
    try:
        planners = [name.strip() for name in options.planners.split(",")]
        for name in planners:
            if name not in PLANNERS:
                raise ConfigError(f"unknown planner {name!r}; there are: {', '.join(PLANNERS)}")
        rows = table(planners, list(read_paper_set(options.prompts))[: options.limit])
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            (options.out / "accuracy.json").write_text(json.dumps(rows, indent=1) + "\n")
            with (options.out / "accuracy.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
    except LcrError as error:
        print(f"planner_accuracy: {error}", file=sys.stderr)
        return 2
    print(show(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
