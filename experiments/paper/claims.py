"""The paper's claims as tests of direction. `python -m experiments.paper.claims --out OUT`.

Each is a difference that the paper says is above (or not below) zero, measured in the tables' own
records: paired mixture by mixture where two systems are compared, with a bootstrap interval
clustered by source clip. Confirmed: the interval lies on the side of the claim. Not confirmed: on
the other. Undecided: it does neither at this scale. None of that says what holds at the paper's.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from experiments.command import command
from experiments.comparison.records import write_atomic, write_json
from experiments.comparison.table import (
    Table,
)
from experiments.paper.claims_measure import input_snr_slope, paired
from experiments.paper.runs import TABLE_OPTIONS, Options, Recorded, options_of, recorded
from experiments.paper.table_2 import ROWS
from experiments.paper.table_7 import READERS, measured
from lcr.evaluation.statistics import Interval
from lcr.instruction import Task

Verdict = Literal["confirmed", "not confirmed", "undecided", "not run"]
_EXTRACTION = (Task.TSE.value, Task.TAE.value)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A claim, and what there is for it: `effect` in `unit`, which the claim says is >= `margin`.

    `why` tells what is missing where there is no effect.
    """

    claim: str
    unit: str
    effect: Interval | None = None
    margin: float = 0.0
    why: str = ""

    @property
    def verdict(self) -> Verdict:
        found = self.effect
        if found is None or found.mean is None:
            return "not run"
        if found.low is None or found.high is None:
            return "undecided"
        if found.low > self.margin:
            return "confirmed"
        return "not confirmed" if found.high < self.margin else "undecided"


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """`better` is said to beat `worse` by at least `margin` dB; `tasks` None: all but OVC."""

    claim: str
    better: str
    worse: str
    tasks: tuple[str, ...] | None = None
    margin: float = 0.0


_BLOCKS = (
    _Pair(claim="LoRA beats frozen (LCR-C)", better="LCR-C", worse="LCR-C frozen"),
    _Pair(claim="T beats C", better="LCR-T", worse="LCR-C"),
    _Pair(claim="M beats C", better="LCR-M", worse="LCR-C"),
    _Pair(
        claim="Joint beats LASS at extracting speech",
        better="lcr",
        worse="LASS (speech)",
        tasks=_EXTRACTION[:1],
    ),
    _Pair(
        claim="Joint beats LASS at extracting sounds",
        better="lcr",
        worse="LASS (audio)",
        tasks=_EXTRACTION[1:],
    ),
)
_CASCADES = (
    _Pair(
        claim="A cascade that knows the sources beats one that finds them by CLAPs",
        better="PIT + G.T. actions",
        worse="2 CLAPs + G.T. actions",
    ),
    _Pair(
        claim="A cascade that knows the actions beats one that reads them",
        better="2 CLAPs + G.T. actions",
        worse="cascade",
    ),
)
_ABLATIONS = (
    _Pair(
        claim="One mask is enough (loses no 0.5 dB to several)",
        better="Default",
        worse="MultiMask",
        margin=-0.5,
    ),
    _Pair(claim="Rephrased prompts beat fixed (LCR-C)", better="Default", worse="Fixed Prompts"),
)
_READING = (
    _Pair(claim="LoRA beats frozen (LCR-G)", better="LoRA", worse="Frozen"),
    _Pair(
        claim="Rephrased prompts beat fixed (reader of LCR-G)",
        better="LoRA",
        worse="LoRA, fixed prompts",
    ),
)


def findings(options: Options) -> list[Finding]:
    """Test every claim. Raises RecordsError, OutputError."""
    of_systems = (*_BLOCKS, *_CASCADES)
    wanted = {name for pair in of_systems for name in (pair.better, pair.worse)}
    found = recorded({name: ROWS.get(name, name) for name in sorted(wanted)}, options)
    arms = {setting: one.mean for setting, one in measured(options).items()}
    found_claims = [_compare(pair, found) for pair in of_systems]
    found_claims += [_compare(pair, arms) for pair in _ABLATIONS]
    readers = {n: one.mean for n, one in measured(options, READERS, plan="readers").items()}
    found_claims += [_compare(pair, readers) for pair in _READING]
    ours = found["lcr"]
    slope = Finding(
        claim="SNRi does not fall as input SNR falls (lcr)",
        unit="dB lost per dB of input SNR gained, within tasks",
        effect=None if ours.why else input_snr_slope(ours.records),
        margin=-0.1,
        why=ours.why,
    )
    return [*found_claims, slope]


def _compare(pair: _Pair, found: Mapping[str, Recorded]) -> Finding:
    unit = "dB of SNRi, paired, " + (", ".join(pair.tasks) if pair.tasks else "without OVC")
    better, worse = found[pair.better], found[pair.worse]
    why = better.why or worse.why
    if why:
        return Finding(claim=pair.claim, unit=unit, why=why, margin=pair.margin)
    effect = paired(better.records, worse.records, tasks=pair.tasks)
    return Finding(claim=pair.claim, unit=unit, effect=effect, margin=pair.margin)


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
