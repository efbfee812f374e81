"""The paper's claims as tests. `python -m experiments.paper.claims --out OUT`.

Each is a difference that the paper's results or discussion say is at least so large (`margin`, the
paper's own; 0 where it names none), measured in the tables' own records: paired mixture by mixture
where two systems are compared, with a bootstrap interval clustered by source clip. Confirmed: the
interval lies on the side of the claim. Not confirmed: on the other. Undecided: it does neither at
this scale. Not testable: neither of two systems beats the unprocessed mixture, so that their
difference tells nothing. None of that says what holds at the paper's scale.
"""

from __future__ import annotations

import argparse
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from experiments.command import command
from experiments.comparison.records import write_atomic, write_json
from experiments.comparison.summary import Value, mean_interval, paired_differences, values_of
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
from experiments.paper.rows import TABLE_2, TABLE_5, registered
from experiments.paper.runs import TABLE_OPTIONS, TASKS, Options, Recorded, options_of, recorded
from experiments.paper.table_4 import suite_of
from experiments.paper.table_7 import READERS, measured
from lcr.evaluation.statistics import Interval

Verdict = Literal["confirmed", "not confirmed", "undecided", "not testable", "not run"]
SPEECH, SOUNDS = TASKS[:4], TASKS[4:8]
EASY = ("OVC", "TSE", "TSR", "TAE", "TAR", "SE", "SR")
HARD = tuple(task for task in TASKS if task not in EASY)
MAIN = ""
"""The suite that --suite names."""


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


@dataclass(frozen=True)
class Side:
    """What is measured of a system: on a suite, and on these tasks (None: all but OVC)."""

    system: str
    tasks: tuple[str, ...] | None = None
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


ARMS, READER_ARMS = "table_7", "readers"
"""In a suite's place: the arms of these plans, on the suite that --suite names."""
WITH_CLUE = tuple(TABLE_5)[-1]


@dataclass(frozen=True, kw_only=True)
class Claim(ABC):
    """A claim of the paper, of `sides` whose records it needs."""

    claim: str
    margin: float = 0.0

    @property
    @abstractmethod
    def sides(self) -> tuple[Side, ...]: ...

    @property
    @abstractmethod
    def unit(self) -> str: ...

    @abstractmethod
    def effect(self, *found: Recorded) -> Interval: ...

    def testable(self, *found: Recorded) -> bool:
        return True

    def find(self, evidence: Evidence) -> Finding:
        """Measure it."""
        told = Finding(claim=self.claim, unit=self.unit, margin=self.margin)
        found = [evidence.of(side) for side in self.sides]
        if why := next((one.why for one in found if one.why), ""):
            return dataclasses.replace(told, why=why)
        return dataclasses.replace(told, effect=self.effect(*found), testable=self.testable(*found))


@dataclass(frozen=True, kw_only=True)
class Beats(Claim):
    """`better` has at least `margin` dB more than `worse` on the same mixtures; with `each` on each
    task, so that the worst one counts."""

    better: str
    worse: str
    tasks: tuple[str, ...] | None = None
    suite: str = MAIN
    measure: str = "snr_improvement_db"
    each: bool = False

    @property
    def sides(self) -> tuple[Side, ...]:
        return tuple(Side(name, self.tasks, self.suite) for name in (self.better, self.worse))

    @property
    def unit(self) -> str:
        where = f", suite {self.suite}" if self.suite not in (MAIN, ARMS, READER_ARMS) else ""
        what = "SI-SDR" if self.measure == "si_sdr_db" else "SNRi"
        return f"dB of {what}, paired, {_words(self.tasks, each=self.each)}{where}"

    def effect(self, *found: Recorded) -> Interval:
        better, worse = (one.records for one in found)
        values = chosen(paired_differences(better, worse, self.measure), self.tasks)
        return _worst(values) if self.each else mean_interval(values)

    def testable(self, *found: Recorded) -> bool:
        """Whether one of the two beats the mixture."""
        own = [mean_interval(chosen(values_of(one.records), self.tasks)) for one in found]
        return any(one.low is not None and one.low > 0 for one in own)


@dataclass(frozen=True, kw_only=True)
class Reaches(Claim):
    """A system's own figure is at least `margin`: dB of SNRi, or with `share` the share of mixtures
    that gain; with `each` on each task."""

    side: Side
    share: bool = False
    each: bool = False

    @property
    def sides(self) -> tuple[Side, ...]:
        return (self.side,)

    @property
    def unit(self) -> str:
        what = "share of mixtures that gain" if self.share else "dB of SNRi"
        return f"{what}, {_words(self.side.tasks, each=self.each)}"

    def effect(self, *found: Recorded) -> Interval:
        values = values_of(found[0].records)
        values = chosen(improved(values) if self.share else values, self.side.tasks)
        return _worst(values) if self.each else mean_interval(values)


@dataclass(frozen=True, kw_only=True)
class Apart(Claim):
    """The mean of `above` is at least `margin` dB above that of `below`, on other mixtures."""

    above: Side
    below: Side

    @property
    def sides(self) -> tuple[Side, ...]:
        return (self.above, self.below)

    @property
    def unit(self) -> str:
        return f"dB of SNRi, unpaired, {_words(self.above.tasks)}"

    def effect(self, *found: Recorded) -> Interval:
        tasks = [side.tasks for side in self.sides]
        means = [
            mean_interval(chosen(values_of(one.records), some))
            for one, some in zip(found, tasks, strict=True)
        ]
        return apart(*means)

    def testable(self, *found: Recorded) -> bool:
        return Beats.testable(Beats(claim="", better="", worse="", tasks=None), *found)


@dataclass(frozen=True, kw_only=True)
class OfOne(Claim):
    """A figure of one system's records by a function of its own."""

    side: Side
    what: Literal["slope", "final", "follows"]

    @property
    def sides(self) -> tuple[Side, ...]:
        return (self.side,)

    @property
    def unit(self) -> str:
        return {
            "slope": "dB of SNRi lost per dB of input SNR gained, within tasks",
            "final": "dB of final SNR per dB of input SNR, within tasks",
            "follows": "Spearman's correlation of 16 tasks' means and shares",
        }[self.what]

    def effect(self, *found: Recorded) -> Interval:
        records = found[0].records
        if self.what == "follows":
            return share_follows_mean(records)
        return input_snr_slope(records, final=self.what == "final")


@dataclass(frozen=True, kw_only=True)
class MoreOften(Beats):
    """`better` improves a larger share of mixtures."""

    @property
    def unit(self) -> str:
        return f"share of mixtures that gain, paired, {_words(self.tasks)}"

    def effect(self, *found: Recorded) -> Interval:
        shares = [improved(values_of(one.records)) for one in found]
        worse = {value.index: value.value for value in shares[1]}
        both = [
            dataclasses.replace(value, value=value.value - worse[value.index])
            for value in shares[0]
            if value.index in worse
        ]
        return mean_interval(chosen(both, self.tasks))


def _words(tasks: Sequence[str] | None, *, each: bool = False) -> str:
    some = "without OVC" if tasks is None else "all 16" if tasks == TASKS else ", ".join(tasks)
    return f"the worst of {some}" if each else some


def _worst(values: Sequence[Value]) -> Interval:
    """The interval of the task with the lowest mean."""
    by_task = {value.task: [v for v in values if v.task == value.task] for value in values}
    found = [mean_interval(some) for some in by_task.values()]
    known = [one for one in found if one.mean is not None]
    return min(known, key=lambda one: one.mean or 0.0) if known else mean_interval([])


PIT, CLAPS = "PIT + G.T. actions", "2 CLAPs + G.T. actions"
C, T, M, FROZEN = "LCR-C", "LCR-T", "LCR-M", "LCR-C frozen"
_TWO = ("TSE", "TS↑", "TS↓", "MVC", "MEVC")
_STYLES = ("Gender", "Energy", "Pitch", "Emotion")


def _zero_shot() -> tuple[Claim, ...]:
    """Table III: LCR-T on the paper's other mixtures against its own."""
    found: list[Claim] = []
    for words, suite, tasks in (
        ("2 Speech", "zero-shot-2s", _TWO),
        (
            "2 Speech + 1 Audio",
            "zero-shot-2s1a",
            tuple(t for t in TASKS if t[:2] not in ("TA", "ME", "OV")),
        ),
    ):
        claim = f"{words} is no harder than 2 Speech + 2 Audio (LCR-T)"
        found.append(Apart(claim=claim, above=Side(T, tasks, suite), below=Side(T, tasks)))
    for words, suite, tasks in (
        ("2 Audio", "zero-shot-2a", ("TAE", "TA↑", "TA↓", "MVC", "MEVC")),
        ("1 Speech + 2 Audio", "zero-shot-1s2a", (*SOUNDS, "SE", "SR", "S↑", "S↓", "MVC", "MEVC")),
    ):
        claim = f"{words} is harder than 2 Speech + 2 Audio (LCR-T)"
        found.append(Apart(claim=claim, above=Side(T, tasks), below=Side(T, tasks, suite)))
        found.append(
            Reaches(
                claim=f"{words} still gains 3.4 dB on every task (LCR-T)",
                side=Side(T, tasks, suite),
                margin=3.4,
                each=True,
            )
        )
    unseen = "studio-unseen"
    for other in (T, M):
        found += [
            Apart(
                claim=f"New classes cost 0.3 dB or more on sounds ({other})",
                above=Side(other, SOUNDS),
                below=Side(other, SOUNDS, unseen),
                margin=0.3,
            ),
            Apart(
                claim=f"New classes cost 1.9 dB or less on sounds ({other})",
                above=Side(other, SOUNDS, unseen),
                below=Side(other, SOUNDS),
                margin=-1.9,
            ),
        ]
    found += [
        Beats(claim="T beats M on 2 Speech", better=T, worse=M, tasks=_TWO, suite="zero-shot-2s"),
        Beats(claim="T beats M on new classes", better=T, worse=M, tasks=SOUNDS, suite=unseen),
    ]
    return tuple(found)


def _styles() -> tuple[Claim, ...]:
    """Tables IV and V."""
    found: list[Claim] = [
        Apart(
            claim=f"A difference in {style.lower()} is worth 5.3 dB more than one in tempo (LCR-T)",
            above=Side(T, None, suite_of(style)),
            below=Side(T, None, suite_of("Tempo")),
            margin=5.3,
        )
        for style in _STYLES
    ]
    found += [
        Apart(
            claim=f"Several differences are worth more than one in {style.lower()} (LCR-T)",
            above=Side(T, None, suite_of("Multiple")),
            below=Side(T, None, suite_of(style)),
        )
        for style in (*_STYLES, "Tempo")
    ]
    zero_shot, tuned, theirs, clue = TABLE_5
    for style in ("Gender", "Energy"):
        for better, worse, margin in (
            (theirs, zero_shot, 2.0),
            (tuned, theirs, 0.0),
            (tuned, clue, 0.0),
        ):
            found.append(
                Beats(
                    claim=f"{better} beats {worse} by {margin:g} dB ({style.lower()})",
                    better=better,
                    worse=worse,
                    tasks=("TSE",),
                    suite=suite_of(style),
                    measure="si_sdr_db",
                    margin=margin,
                )
            )
    return tuple(found)


CLAIMS: tuple[Claim, ...] = (
    # VI-A and Table II
    Beats(claim="The ideal cascade stays ahead of LCR-C", better=PIT, worse=C),
    Beats(claim="So does the cascade by CLAPs", better=CLAPS, worse=C),
    Beats(
        claim="LCR-C beats the cascade by CLAPs on TA↑, TA↓ and OVC",
        better=C,
        worse=CLAPS,
        tasks=("TA↑", "TA↓", "OVC"),
        each=True,
    ),
    Beats(
        claim="A cascade that knows the sources beats one that finds them by CLAPs",
        better=PIT,
        worse=CLAPS,
    ),
    Beats(claim="LCR-C beats LASS at speech", better=C, worse="LASS (speech)", tasks=("TSE",)),
    Beats(claim="LCR-C beats LASS at sounds", better=C, worse="LASS (audio)", tasks=("TAE",)),
    Beats(claim="T beats C", better=T, worse=C),
    Beats(claim="M beats C", better=M, worse=C),
    Beats(claim="M beats T", better=M, worse=T),
    Beats(claim="M is the best on every task", better=M, worse=T, tasks=TASKS, each=True),
    Beats(claim="LLaMA2 beats GPT-2 (LCR-C)", better=C, worse="LCR-C GPT-2"),
    Beats(claim="LLaMA2 beats GPT-2 (LCR-T)", better=T, worse="LCR-T GPT-2"),
    Beats(claim="LoRA beats frozen by 2 dB (LCR-C)", better=C, worse=FROZEN, margin=2.0),
    Beats(
        claim="LoRA beats frozen on every task (LCR-C)",
        better=C,
        worse=FROZEN,
        tasks=TASKS,
        each=True,
    ),
    Beats(
        claim="LoRA beats frozen by 4.5 dB (LCR-C; VI-D has this, VI-A the 2 dB)",
        better=C,
        worse=FROZEN,
        margin=4.5,
    ),
    # VI-B and figures 5 and 6
    *(
        claim
        for name in (M, T)
        for claim in (
            Reaches(
                claim=f"84.6 % of mixtures improve on every task ({name})",
                side=Side(name, TASKS),
                margin=0.846,
                share=True,
                each=True,
            ),
            Reaches(
                claim=f"94 % of mixtures improve ({name})",
                side=Side(name, TASKS),
                margin=0.94,
                share=True,
            ),
            Reaches(
                claim=f"Commonly studied tasks gain over 10 dB ({name})",
                side=Side(name, EASY),
                margin=10.0,
            ),
            Apart(
                claim=f"The other tasks are harder ({name})",
                above=Side(name, EASY),
                below=Side(name, HARD),
            ),
            Apart(
                claim=f"Sounds are 3 dB below speech ({name})",
                above=Side(name, SPEECH),
                below=Side(name, SOUNDS),
                margin=3.0,
            ),
            OfOne(
                claim=f"The share improved follows the task's mean ({name})",
                side=Side(name, TASKS),
                what="follows",
            ),
        )
    ),
    MoreOften(claim="T improves speech more often than M", better=T, worse=M, tasks=SPEECH),
    OfOne(claim="SNRi does not fall as input SNR falls (LCR-T)", side=Side(T), what="slope"),
    OfOne(claim="Noisier input stays noisier (LCR-T)", side=Side(T), what="final"),
    *_zero_shot(),
    *_styles(),
    # VI-E and Table VII
    Beats(
        claim="Rephrased prompts beat fixed ones by 1.4 dB (LCR-C)",
        better="Default",
        worse="Fixed Prompts",
        suite=ARMS,
        margin=1.4,
    ),
    *(
        Beats(
            claim=f"One mask is enough: {other} gains no more than 0.{tenths} dB",
            better="Default",
            worse=other,
            suite=ARMS,
            margin=-tenths / 10,
        )
        for other, tenths in (("MultiMask", 1), ("MM + PIT", 2))
    ),
    Beats(
        claim="LoRA beats frozen (LCR-G, not the paper's)",
        better="LoRA",
        worse="Frozen",
        suite=READER_ARMS,
    ),
)
"""Every claim of the paper's results and discussion that records can decide."""


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
            effect = None
            if pair is not None:
                effect = Interval(
                    mean=pair["mean"],
                    low=pair["low"],
                    high=pair["high"],
                    n=pair["n"],
                    n_clusters=min(pair["n_items"], pair["n_raters"]),
                    confidence=0.95,
                    reason=pair["reason"],
                )
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


def write_claims(options: Options) -> Path:
    """Write claims.md and claims.json under OUT/tables; the path of the first. Raises LcrError."""
    found = findings(options)
    folder = options.out / "tables"
    path = folder / "claims.md"
    write_atomic(path, to_markdown(found, options).encode())
    found_claims = [{**asdict(f), "verdict": f.verdict} for f in found]
    write_json(folder / "claims.json", found_claims)
    return path


@command(__doc__, *TABLE_OPTIONS, resumes=True)
def main(options: argparse.Namespace) -> None:
    """Measure every claim; print where the table is."""
    print(write_claims(options_of(options)))


if __name__ == "__main__":
    raise SystemExit(main())
