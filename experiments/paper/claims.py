"""The paper's claims as tests: `python -m experiments.paper.make_tables --only claims`.

Each is a difference that the paper's results or discussion say is at least so large (`margin`, the
paper's own; 0 where it names none), measured in the tables' own records: paired mixture by mixture
where two systems are compared, with a bootstrap interval clustered by source clip. Confirmed: the
interval lies on the side of the claim. Not confirmed: on the other. Undecided: it does neither at
this scale. Not testable: neither of two systems beats the unprocessed mixture, so that their
difference tells nothing. None of that says what holds at the paper's scale.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, TypeAdapter

from experiments.comparison.records import write_atomic, write_json
from experiments.comparison.summary.summarize import (
    MEASURE,
    Value,
    mean_interval,
    paired_differences,
    subtract,
    values_of,
)
from experiments.comparison.table import Table
from experiments.paper.claims_measure import (
    apart,
    causal_speed,
    chosen,
    improved,
    input_snr_slope,
    share_follows_mean,
)
from experiments.paper.enrolled import enrol
from experiments.paper.listening.mean_opinions import SYSTEMS as LISTENED
from experiments.paper.listening.table import read_table
from experiments.paper.rows import TABLE_2, TABLE_5, WITH_CLUE, registered
from experiments.paper.runs import TASKS, Options, Recorded, recorded
from experiments.paper.table_7 import READERS, measured
from lcr.evaluation.statistics import Interval

Verdict = Literal["confirmed", "not confirmed", "undecided", "not testable", "not run"]
OfTwo = Literal["beats", "more often", "apart"]
OfOne = Literal["gains", "improves", "keeps gain", "stays noisier", "follows"]
TASK_SETS = {
    "all 16": TASKS,
    "speech": TASKS[:4],
    "sounds": TASKS[4:8],
    "easy": ("OVC", "TSE", "TSR", "TAE", "TAR", "SE", "SR"),
}
TASK_SETS["hard"] = tuple(task for task in TASKS if task not in TASK_SETS["easy"])
"""Names that claims.json has for several tasks."""
MAIN = ""
"""The suite that --suite names."""
ARMS, READER_ARMS = "table_7", "readers"
"""In a suite's place: the arms of these plans, on the suite that --suite names."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A claim, and what there is for it: `effect` in `unit`, which the claim says is >= `margin`.

    `why` tells what is missing where there is no effect, or why it says nothing.
    """

    claim: str
    unit: str
    effect: Interval | None = None
    margin: float = 0.0
    why: str = ""
    testable: bool = True

    @property
    def verdict(self) -> Verdict:
        found = self.effect
        if not self.testable:
            return "not testable"
        if found is None or found.mean is None:
            return "not run"
        if found.low is None or found.high is None:
            return "undecided"
        if found.low > self.margin:
            return "confirmed"
        return "not confirmed" if found.high < self.margin else "undecided"


def _named_tasks(tasks: Any) -> Any:  # noqa: ANN401 (of a data file)
    return TASK_SETS[tasks] if isinstance(tasks, str) else tasks


@dataclass(frozen=True)
class Side:
    """What is measured of a system: on a suite, and on these tasks (None: all but OVC)."""

    system: str
    tasks: Annotated[tuple[str, ...] | None, BeforeValidator(_named_tasks)] = None
    suite: str = MAIN


class Evidence:
    """The records of systems and of ablations' arms, measured once each."""

    def __init__(self, options: Options, wanted: Sequence[Side]) -> None:
        self.options = options
        self._found: dict[str, Mapping[str, Recorded]] = {}
        for suite in dict.fromkeys(side.suite for side in wanted):
            names = sorted({side.system for side in wanted if side.suite == suite})
            if suite in (ARMS, READER_ARMS):
                arms = (
                    measured(options) if suite == ARMS else measured(options, READERS, plan=suite)
                )
                self._found[suite] = {name: one.mean for name, one in arms.items()}
                continue
            forms = {n: TABLE_2.get(n) or TABLE_5.get(n) or registered(n) for n in names}
            self._found[suite] = recorded(
                forms, options, suite=suite or None, prepare={WITH_CLUE: enrol}
            )

    def of(self, side: Side) -> Recorded:
        return self._found[side.suite][side.system]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One of claims.json.

    By its kind the first of its `sides` has at least `margin` dB more than the second on the same
    mixtures ("beats"), improves a larger share of them ("more often"), or has a mean so far above
    on other mixtures ("apart"); or it has a figure of its own: dB of SNRi ("gains"), the share of
    mixtures that gain ("improves"), a slope over input SNR ("keeps gain", "stays noisier") or a
    correlation over tasks ("follows"). With `each` the worst task counts.
    """

    claim: str
    kind: OfTwo | OfOne
    sides: tuple[Side, ...]
    margin: float = 0.0
    measure: str = MEASURE
    each: bool = False

    @property
    def unit(self) -> str:
        side = self.sides[0]
        some = next((name for name, tasks in TASK_SETS.items() if side.tasks == tasks), "")
        if some != "all 16":
            some = "without OVC" if side.tasks is None else ", ".join(side.tasks)
        on = f"the worst of {some}" if self.each else some
        pair = f"paired, {on}"
        if side.suite not in (MAIN, ARMS, READER_ARMS) and self.kind == "beats":
            pair += f", suite {side.suite}"
        return {
            "beats": f"dB of {'SNRi' if self.measure == MEASURE else 'SI-SDR'}, {pair}",
            "more often": f"share of mixtures that gain, {pair}",
            "gains": f"dB of SNRi, {on}",
            "improves": f"share of mixtures that gain, {on}",
            "apart": f"dB of SNRi, unpaired, {on}",
            "keeps gain": "dB of SNRi lost per dB of input SNR gained, within tasks",
            "stays noisier": "dB of final SNR per dB of input SNR, within tasks",
            "follows": "Spearman's correlation of 16 tasks' means and shares",
        }[self.kind]

    def effect(self, *found: Recorded) -> Interval:
        """What the records of its sides, in their order, say."""
        records = [one.records for one in found]
        if self.kind == "follows":
            return share_follows_mean(records[0])
        if self.kind in ("keeps gain", "stays noisier"):
            return input_snr_slope(records[0], final=self.kind == "stays noisier")
        if self.kind == "beats":
            values = [paired_differences(records[0], records[1], self.measure)]
        else:
            values = [values_of(some) for some in records]
        if self.kind in ("improves", "more often"):
            values = [improved(some) for some in values]
        if self.kind == "more often":
            values = [subtract(values[0], values[1])]
        some = [chosen(v, side.tasks) for v, side in zip(values, self.sides, strict=False)]
        if self.kind == "apart":
            return apart(*map(mean_interval, some))
        return _worst(some[0]) if self.each else mean_interval(some[0])

    def testable(self, *found: Recorded) -> bool:
        """Whether one of two systems beats the mixture."""
        if len(found) == 1:
            return True
        tasks = None if self.kind == "apart" else self.sides[0].tasks
        own = [mean_interval(chosen(values_of(one.records), tasks)) for one in found]
        return any(one.low is not None and one.low > 0 for one in own)

    def find(self, evidence: Evidence) -> Finding:
        """Measure it."""
        told = Finding(claim=self.claim, unit=self.unit, margin=self.margin)
        found = [evidence.of(side) for side in self.sides]
        if why := next((one.why for one in found if one.why), ""):
            return dataclasses.replace(told, why=why)
        return dataclasses.replace(told, effect=self.effect(*found), testable=self.testable(*found))


def _worst(values: Sequence[Value]) -> Interval:
    """The interval of the task with the lowest mean."""
    by_task = {value.task: [v for v in values if v.task == value.task] for value in values}
    found = [mean_interval(some) for some in by_task.values()]
    known = [one for one in found if one.mean is not None]
    return min(known, key=lambda one: one.mean or 0.0) if known else mean_interval([])


CLAIMS = TypeAdapter(tuple[Claim, ...], config=ConfigDict(extra="forbid")).validate_json(
    Path(__file__).with_name("claims.json").read_text(encoding="utf-8")
)
"""Every claim of the paper's results and discussion that records can decide, in its order."""


def findings(options: Options) -> list[Finding]:
    """Test every claim. Raises RecordsError, OutputError, ConfigError."""
    evidence = Evidence(options, [side for claim in CLAIMS for side in claim.sides])
    found = [claim.find(evidence) for claim in CLAIMS]
    speed = Finding(
        claim="The causal model is 90 times as fast as real time, z at hand",
        unit="seconds of sound a second",
        margin=90.0,
        effect=causal_speed(),
        why="not run: needs a GPU",
    )
    return [*found, *_listeners(options), speed]


def _listeners(options: Options) -> list[Finding]:
    """LCR-T against what the paper's listeners heard beside it, from the survey's raters."""
    compared = read_table(options.ratings).get("differences", {}) if options.ratings else {}
    names = {title: name for name, title in LISTENED.items()}
    found = []
    for other in ("SepFormer", "AudioSep"):
        for scale in ("faithfulness", "quality"):
            pair = compared.get(names[other], {}).get(scale)
            kept = ("mean", "low", "high", "n", "reason")
            effect = Interval(**{key: pair[key] for key in kept}) if pair else None
            found.append(
                Finding(
                    claim=f"Listeners prefer LCR-T to {other} ({scale})",
                    unit="points of 5, paired by item and rater",
                    effect=effect,
                    why="not run: needs raters; --ratings DIR",
                )
            )
    return found


def to_markdown(found: Sequence[Finding], options: Options) -> str:
    rows = tuple((f.claim, f.verdict, _effect(f), f"{f.margin:g}", f.unit) for f in found)
    heads = ("Claim of the paper", f"At {options.scale} scale", "Effect", "Claimed above", "Unit")
    parts = [f"# Claims, at {options.scale} scale", "", f"Here: {options.here}.", ""]
    return "\n".join([*parts, *Table(title="Directions", heads=heads, rows=rows).markdown()])


def _effect(finding: Finding) -> str:
    found = finding.effect
    if found is None:
        return finding.why
    if found.mean is None or found.low is None or found.high is None:
        return f"no interval: {found.reason}"
    return f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}], n = {found.n}"


def write_claims(options: Options) -> list[Path]:
    """Write claims.md and claims.json under OUT/tables. Raises LcrError."""
    found = findings(options)
    paths = [options.out / "tables" / name for name in ("claims.md", "claims.json")]
    write_atomic(paths[0], to_markdown(found, options).encode())
    write_json(paths[1], [{**asdict(f), "verdict": f.verdict} for f in found])
    return paths
