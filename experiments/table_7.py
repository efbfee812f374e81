"""Table VII: the ablations of LCR-C. `python -m experiments.table_7 --arms DIR`.

DIR is what `python -m experiments.ablate experiments/ablations/table_7.toml --out DIR` ships; a
setting with several seeds is the mean over them, mixture by mixture.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from experiments.paper_runs import (
    AVERAGE,
    TASKS,
    WITHOUT_OVC,
    Options,
    Recorded,
    cells,
    main,
    recorded,
)
from experiments.paper_table import Block, Column, PaperTable, paper_numbers
from experiments.records import Record
from experiments.summary import MEASURE
from lcr.joint import CONFIG_FILE

ARMS = {
    "Fixed Prompts": "fixed-prompts",
    "MultiMask": "multi-mask",
    "MM + PIT": "multi-mask-pit",
    "Kernel 4x": "kernel-x4",
    "Causal": "causal",
    "Default": "default",
}
"""The paper's settings -> the arms of experiments/ablations/table_7.toml."""


def seeds_of(arm: str, folder: Path | None) -> list[Path]:
    """The checkpoints of an arm that are shipped, a seed each."""
    if folder is None:
        return []
    found = [folder / arm, *sorted(folder.glob(f"{arm}-seed*"))]
    return [path for path in found if (path / CONFIG_FILE).is_file()]


def measured(
    options: Options, arms: Mapping[str, str] = ARMS, *, plan: str = "table_7"
) -> dict[str, tuple[Recorded, int]]:
    """Records and the number of seeds of every setting; `arms` maps settings to arms of the plan
    experiments/ablations/PLAN.toml. Raises LcrError."""
    rows: dict[str, str | None] = {}
    weights: dict[str, str] = {}
    seeds = {setting: seeds_of(arm, options.arms) for setting, arm in arms.items()}
    for paths in seeds.values():
        rows |= dict.fromkeys(path.name for path in paths)
        weights |= {path.name: str(path) for path in paths}
    # --systems names systems of other tables.
    chosen = dataclasses.replace(options, weights=weights, systems=())
    found = recorded(rows, chosen)
    why = f"not run: train it: experiments/ablations/{plan}.toml; --arms DIR"
    return {
        setting: (_mean([found[p.name] for p in paths]) if paths else Recorded(why=why), len(paths))
        for setting, paths in seeds.items()
    }


def _mean(seeds: Sequence[Recorded]) -> Recorded:
    """One record a mixture with the mean score of all seeds; undefined where it is in any."""
    broken = next((one for one in seeds if one.why), None)
    if broken is not None:
        return broken
    return Recorded(
        records=tuple(_merge(same) for same in zip(*(s.records for s in seeds), strict=True))
    )


def _merge(records: Sequence[Record]) -> Record:
    scores = [record["metrics"][MEASURE] for record in records]
    mean = None if None in scores else fmean(scores)
    return records[0] | {"metrics": records[0]["metrics"] | {MEASURE: mean}}


def table(options: Options) -> PaperTable:
    """Table VII. Raises LcrError."""
    rows = (*TASKS, AVERAGE, WITHOUT_OVC)
    paper = {r["setting"]: r["snri"] for r in paper_numbers()["table_7_ablation_snri_lcrC"]}
    found = measured(options)
    columns = tuple(
        Column(title=setting, cells=cells(one, rows), paper=paper[setting])
        for setting, (one, _) in found.items()
    )
    seeds = ", ".join(f"{setting} {count}" for setting, (_, count) in found.items())
    return PaperTable(
        number="VII",
        title="ablations of LCR-C, SNR improvement in dB",
        here=options.here,
        scale=f"{options.scale} scale",
        blocks=(Block(title="Settings", rows=rows, columns=columns),),
        notes=(f"Seeds: {seeds}. Intervals are over mixtures, not over seeds.",),
    )


def run(argv: Sequence[str] | None = None) -> int:
    return main(table, __doc__, argv)


if __name__ == "__main__":
    raise SystemExit(run())
