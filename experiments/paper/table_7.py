"""Table VII: ablations, of LCR-C and of readers.

The DIR of `--arms` (experiments/ablations/weights without it) is what `experiments.training.ablate`
ships of experiments/ablations/table_7.toml and readers.toml; a setting with several seeds is the
mean over them, mixture by mixture.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from experiments.comparison.records import Record
from experiments.comparison.summary.summarize import MEASURE
from experiments.paper.published import Block, PaperTable, paper_numbers
from experiments.paper.rows import Form
from experiments.paper.runs import ALL_ROWS, WITHOUT_OVC, Options, Recorded, cells, column, recorded
from lcr.checkpoints import CONFIG_FILE

ARMS = {
    "Fixed Prompts": "fixed-prompts",
    "MultiMask": "multi-mask",
    "MM + PIT": "multi-mask-pit",
    "Kernel 4x": "kernel-x4",
    "Causal": "causal",
    "Default": "default",
}
"""The paper's settings -> the arms of experiments/ablations/table_7.toml."""

READERS = {
    "Frozen": "reader-frozen",
    "LoRA": "reader-lora",
    "Full": "reader-full",
    "LoRA, fixed prompts": "reader-fixed-prompts",
}
"""What of the language model is trained -> the arms of experiments/ablations/readers.toml."""


SHIPPED = Path(__file__).parents[1] / "ablations" / "weights"


def seeds_of(arm: str, folder: Path) -> list[Path]:
    """Find the shipped checkpoints of an arm, one a seed."""
    found = [folder / arm, *sorted(folder.glob(f"{arm}-seed*"))]
    return [path for path in found if (path / CONFIG_FILE).is_file()]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A setting's mean over its seeds, and what each seed has."""

    mean: Recorded
    seeds: tuple[Recorded, ...] = ()

    @property
    def per_seed(self) -> str:
        """Each seed's mean over tasks without OVC."""
        if self.mean.why:
            return "none"
        means = [cells(one, (WITHOUT_OVC,))[WITHOUT_OVC] for one in self.seeds]
        return " ".join(
            f"{m.interval.mean:.2f}"
            for m in means
            if m.interval is not None and m.interval.mean is not None
        )


def measured(
    options: Options, arms: Mapping[str, str] = ARMS, *, plan: str = "table_7"
) -> dict[str, Setting]:
    """Measure every setting; `arms` maps settings to arms of the plan
    experiments/ablations/PLAN.toml. Raises LcrError."""
    rows: dict[str, Form | None] = {}
    weights: dict[str, str] = {}
    seeds = {setting: seeds_of(arm, options.arms or SHIPPED) for setting, arm in arms.items()}
    for paths in seeds.values():
        rows |= dict.fromkeys(path.name for path in paths)
        weights |= {path.name: str(path) for path in paths}
    # --systems names systems of other tables.
    chosen = dataclasses.replace(options, weights=weights, systems=())
    found = recorded(rows, chosen)
    why = f"not run: train it: experiments/ablations/{plan}.toml; --arms DIR"
    settings = {}
    for setting, paths in seeds.items():
        some = tuple(found[path.name] for path in paths)
        settings[setting] = Setting(mean=_mean(some) if some else Recorded(why=why), seeds=some)
    return settings


def _mean(seeds: Sequence[Recorded]) -> Recorded:
    """Average the scores of all seeds, mixture by mixture; undefined where one is."""
    broken = next((one for one in seeds if one.why), None)
    if broken is not None:
        return broken
    return Recorded(
        records=tuple(_merge(same) for same in zip(*(s.records for s in seeds), strict=True)),
        made=seeds[0].made,
    )


def _merge(records: Sequence[Record]) -> Record:
    scores = [record["metrics"][MEASURE] for record in records]
    known = [score for score in scores if score is not None]
    mean = fmean(known) if len(known) == len(scores) else None
    return {**records[0], "metrics": {**records[0]["metrics"], MEASURE: mean}}


def table(options: Options) -> PaperTable:
    """Make Table VII from the comparisons of the trained variants. Raises LcrError."""
    paper = {r["setting"]: r["snri"] for r in paper_numbers()["table_7_ablation_snri_lcrC"]}
    found = measured(options)
    readers = measured(options, READERS, plan="readers")
    columns = tuple(column(n, one.mean, paper=paper[n]) for n, one in found.items())
    of_readers = tuple(column(name, one.mean) for name, one in readers.items())
    seeds = "; ".join(f"{name} {one.per_seed}" for name, one in (found | readers).items())
    return PaperTable(
        number="VII",
        title="ablations, SNR improvement in dB",
        here=options.here,
        scale=f"{options.scale} scale",
        blocks=(
            Block(title="LCR-C", rows=ALL_ROWS, columns=columns),
            Block(title="Readers of LCR-G", rows=ALL_ROWS, columns=of_readers),
        ),
        notes=(
            f"Seed by seed, average without OVC: {seeds}.",
            "Intervals are over mixtures, not over seeds.",
        ),
    )
