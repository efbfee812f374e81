"""Who understands prompts?
`python experiments/analysis/planner_accuracy.py --prompts DIR|FILE.jsonl`.

Every prompt of a manifest in the authors' format (`lcr.data.authors.set`) is read by each planner,
given the true descriptions of the four sources. Scores: the share of prompts whose whole pattern
is right, and of sources whose action is; by task, and by the styles that tell the speakers apart.
Intervals: BCa bootstrap over mixtures, since the wordings of one mixture stand or fall together.

Some of the authors' prompts do not say their pattern. For 200 of them, judged by hand, the share
that does is printed as the ceiling, and scores on clear and unclear ones apart.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from agents.planners.choose import PLANNERS as BY_NAME
from baselines.composite.planning import Plan, Planner
from experiments.command import command, option
from experiments.comparison.errors import ConfigError
from experiments.comparison.records import write_atomic, write_json
from experiments.comparison.table import Table, csv_text, interval_text
from lcr.data.authors.set import PaperMixture, read_paper_set
from lcr.errors import LcrError
from lcr.evaluation.statistics import bootstrap_mean, share_improved
from lcr.instruction import STYLE_ATTRIBUTES, Action, Description, SpeechDescription

AUDIT = Path(__file__).parent / "audits" / "paper_prompts_200.csv"
Row = dict[str, object]
_BATCH, _TIMED = 64, 200
_VERDICTS = {"c": "clear", "a": "ambiguous", "w": "wrong"}


@runtime_checkable
class ReadsMany(Protocol):
    """A planner that reads prompts in batches; of what it refuses it makes no Plan."""

    def plan_many(
        self, prompts: Sequence[str], described: Sequence[Sequence[Description]]
    ) -> Sequence[object]: ...


PLANNERS: dict[str, Callable[[], Planner]] = dict(BY_NAME)
DEFAULT = ("keyword", "offline")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a planner made of all prompts: `exact` and `sources` (prompts,) hold 0 to 1 each,
    `mixture` and `wording` (prompts,) the row of the mixture and of the prompt in it, `seconds`
    the times of those that were read one by one."""

    mixture: NDArray[np.int64]
    wording: NDArray[np.int64]
    exact: NDArray[np.float64]
    sources: NDArray[np.float64]
    seconds: NDArray[np.float64]


def read_all(planner: Planner, mixtures: Sequence[PaperMixture]) -> Reading:
    """Let a planner read all prompts; a prompt that it refuses counts as wrong in every source.

    A planner that can reads in batches; its times are then those of `_TIMED` prompts, spread over
    all, that are also read one by one.
    """
    places = [(m, w) for m, mixture in enumerate(mixtures) for w in range(len(mixture.prompts))]
    texts = [mixtures[m].prompts[w] for m, w in places]
    described = [mixtures[m].instruction.descriptions for m, _ in places]
    many = isinstance(planner, ReadsMany)
    gains: list[tuple[float, ...]] = [()] * len(places)
    if isinstance(planner, ReadsMany):
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # less padding
        for start in range(0, len(order), _BATCH):
            some = order[start : start + _BATCH]
            plans = planner.plan_many([texts[i] for i in some], [described[i] for i in some])
            for i, plan in zip(some, plans, strict=True):
                gains[i] = plan.gains if isinstance(plan, Plan) else ()
    seconds = []
    step = max(1, len(places) // _TIMED) if many else 1
    for i in range(0, len(places), step):
        start_s = time.perf_counter()
        try:
            found = planner.plan(texts[i], described[i]).gains
        except (ValueError, LcrError):
            found = ()
        seconds.append(time.perf_counter() - start_s)
        if not many:
            gains[i] = found
    true = [mixtures[m].instruction.actions for m, _ in places]
    shares = np.array([_share_right(g, a) for g, a in zip(gains, true, strict=True)])
    return Reading(
        mixture=np.array([m for m, _ in places], dtype=np.int64),
        wording=np.array([w for _, w in places], dtype=np.int64),
        exact=(shares == 1).astype(np.float64),
        sources=shares,
        seconds=np.array(seconds),
    )


def _share_right(gains: Sequence[float], true: Sequence[Action]) -> float:
    right = sum(Action.of_gain(g) is a for g, a in zip(gains, true, strict=False))
    return right / len(true)


def groups_of(mixture: PaperMixture) -> list[str]:
    """Name the groups (rows of the table) that a mixture belongs to."""
    found = ["all", f"task {mixture.instruction.task.value}"]
    speakers = [d for d in mixture.instruction.descriptions if isinstance(d, SpeechDescription)]
    if len(speakers) == 2:
        styles = speakers[0].distinguishing(speakers[1])
        found += [f"speakers differ in {name}" for name in STYLE_ATTRIBUTES if name in styles]
    return found


def read_audit(path: Path) -> dict[tuple[str, int], str]:
    """Verdicts by (mixture id, number of the prompt): c(lear), a(mbiguous) or w(rong). Raises
    ConfigError for a file that holds others or cannot be read."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            found = {(r["id"], int(r["prompt"])): r["verdict"] for r in csv.DictReader(file)}
    except (OSError, KeyError, ValueError) as error:
        raise ConfigError(f"{path} is no audit (id,prompt,verdict): {error}") from error
    odd = sorted(set(found.values()) - set(_VERDICTS))
    if odd:
        raise ConfigError(f"{path}: verdict {odd[0]!r}; there are: {', '.join(_VERDICTS)}")
    return found


def table(
    planners: Sequence[str],
    mixtures: Sequence[PaperMixture],
    verdicts: Mapping[tuple[str, int], str] | None = None,
) -> list[Row]:
    """Score each planner in each group; the groups judged by hand come last."""
    groups: dict[str, list[int]] = {}
    for number, mixture in enumerate(mixtures):
        for name in groups_of(mixture):
            groups.setdefault(name, []).append(number)
    rows: list[Row] = []
    for planner in planners:
        reading = read_all(PLANNERS[planner](), mixtures)
        inside = {name: np.isin(reading.mixture, members) for name, members in groups.items()}
        inside |= _judged(reading, mixtures, verdicts or {})
        rows += [_row(planner, name, reading, some) for name, some in inside.items() if some.any()]
    return rows


def _judged(
    reading: Reading, mixtures: Sequence[PaperMixture], verdicts: Mapping[tuple[str, int], str]
) -> dict[str, NDArray[np.bool_]]:
    """Select the prompts judged by hand: all of them, and by verdict."""
    places = zip(reading.mixture.tolist(), reading.wording.tolist(), strict=True)
    given = [verdicts.get((mixtures[m].id, w), "") for m, w in places]
    said = np.array(given)
    found = {"judged by hand": said != ""}
    return found | {f"judged {words}": said == letter for letter, words in _VERDICTS.items()}


def _row(planner: str, group: str, reading: Reading, inside: NDArray[np.bool_]) -> Row:
    row: Row = {
        "planner": planner,
        "group": group,
        "mixtures": len(np.unique(reading.mixture[inside])),
        "prompts": int(inside.sum()),
    }
    for name in ("exact", "sources"):
        clusters = reading.mixture[inside].tolist()
        found = bootstrap_mean(getattr(reading, name)[inside], clusters=clusters)
        for suffix, value in (("", found.mean), ("_low", found.low), ("_high", found.high)):
            row[name + suffix] = None if value is None else round(value, 4)
    timed = group == "all"
    row["median_ms"] = round(1000 * float(np.median(reading.seconds)), 3) if timed else None
    row["p95_ms"] = round(1000 * float(np.quantile(reading.seconds, 0.95)), 3) if timed else None
    return row


def ceiling(
    mixtures: Sequence[PaperMixture], verdicts: Mapping[tuple[str, int], str]
) -> str | None:
    """Say which share of the prompts judged by hand state their pattern; None if none is here."""
    here = {(m.id, w) for m in mixtures for w in range(len(m.prompts))}
    given = [verdict for place, verdict in verdicts.items() if place in here]
    share = share_improved([float(verdict == "c") for verdict in given])
    if share.mean is None or share.low is None or share.high is None:
        return None
    counts = ", ".join(f"{given.count(v)} {words}" for v, words in _VERDICTS.items())
    return (
        f"ceiling, of {share.n} prompts judged by hand ({counts}): {100 * share.mean:.1f} % "
        f"[{100 * share.low:.1f}, {100 * share.high:.1f}] say their pattern"
    )


def show(rows: Sequence[Row]) -> str:
    """Write the rows as a Markdown table."""

    def share(row: Row, name: str) -> str:
        keys = {"mean": row[name], "low": row[f"{name}_low"], "high": row[f"{name}_high"]}
        return interval_text(keys, scale=100, unit=" %")

    cells = []
    for row in rows:
        took = "" if row["median_ms"] is None else f"{row['median_ms']} ({row['p95_ms']}) ms"
        group = f"{row['group']} ({row['prompts']})"
        cells.append((str(row["planner"]), group, share(row, "exact"), share(row, "sources"), took))
    times = "median (95th percentile)"
    heads = ("planner", "prompts", "whole pattern right", "sources right", times)
    return "\n".join(Table(heads=heads, rows=tuple(cells)).markdown()[:-1])


def write(rows: Sequence[Row], folder: Path) -> None:
    """Write accuracy.json and accuracy.csv. Raises OutputError."""
    write_json(folder / "accuracy.json", rows)
    text = csv_text(list(rows[0]), (row.values() for row in rows))
    write_atomic(folder / "accuracy.csv", text.encode())


@command(
    __doc__,
    option("--prompts", type=Path, required=True, metavar="DIR|FILE"),
    option("--planners", default=",".join(DEFAULT), metavar="A,B,…"),
    option("--skip", type=int, default=0, metavar="N", help="not the first N mixtures"),
    option("--limit", type=int, metavar="N", help="then only the next N mixtures"),
    option("--audit", type=Path, default=AUDIT, metavar="FILE", help="verdicts by hand"),
    option("--out", type=Path, metavar="DIR", help="for accuracy.csv and .json"),
)
def main(options: argparse.Namespace) -> None:
    """Score each planner, print the table and write it where asked."""
    planners = [name.strip() for name in options.planners.split(",")]
    for name in planners:
        if name not in PLANNERS:
            raise ConfigError(f"unknown planner {name!r}; there are: {', '.join(PLANNERS)}")
    mixtures = list(read_paper_set(options.prompts))[options.skip :][: options.limit]
    if not mixtures:
        raise ConfigError(f"no mixtures are left behind the first {options.skip}")
    verdicts = read_audit(options.audit)
    rows = table(planners, mixtures, verdicts)
    if options.out:
        write(rows, options.out)
    print(show(rows))
    if line := ceiling(mixtures, verdicts):
        print(f"\n{line}")


if __name__ == "__main__":
    raise SystemExit(main())
