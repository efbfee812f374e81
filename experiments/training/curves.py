"""Learning curves as one Markdown table: `python -m experiments.training.curves DIR…`, each the
folder of a run, or of a checkpoint that shipped with its curve.

A cell is what a model reached on validation examples, the mean over its banks.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from experiments.command import command, option
from experiments.comparison.errors import ConfigError
from experiments.comparison.table import Table
from experiments.training.shipping import CURVE_FILE

MEASURES = {
    "snri_without_ovc_db": "SNRi without OVC in dB",
    "source_snri_db": "SNRi of sources in dB",
    "extraction_snri_db": "SNRi of what is extracted in dB",
    "recall1": "recall at 1",
    "nats": "nats a token",
}
"""What a stage is told by: the first of these that its log has."""


def curves_of(folder: Path) -> dict[str, dict[int, float]]:
    """The values by step of each stage that a training had, by its name and measure. Raises
    ConfigError for a folder of nothing."""
    path = next((p for n in ("log.csv", CURVE_FILE) if (p := folder / n).is_file()), None)
    if path is None:
        if folder.is_dir():
            return {f"{folder.name}: no validation yet": {}}
        raise ConfigError(f"{folder} is no folder of a run or a checkpoint")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    stages = list(dict.fromkeys(row.get("stage", "") for row in rows))
    found = {}
    for stage in stages:
        of_stage = [row for row in rows if row.get("stage", "") == stage]
        name = f"{folder.name}, {stage}" if len(stages) > 1 else folder.name
        for measure, words in MEASURES.items():
            curve = {
                int(row["step"]): fmean(values)
                for row in of_stage
                if (values := [float(v) for k, v in row.items() if v and k.endswith(f"/{measure}")])
            }
            if curve:
                found[f"{name}: {words}"] = curve
                break
        else:
            raise ConfigError(f"{path} has none of {', '.join(MEASURES)}")
    return found


def table(folders: Sequence[Path]) -> Table:
    """A row a training, a column a step. Raises ConfigError."""
    curves = {name: curve for folder in folders for name, curve in curves_of(folder).items()}
    steps = sorted({step for curve in curves.values() for step in curve})
    rows = (
        (name, *(f"{curve[step]:.2f}" if step in curve else "" for step in steps))
        for name, curve in curves.items()
    )
    return Table(heads=("after steps", *map(str, steps)), rows=tuple(rows))


@command(__doc__, option("folders", nargs="+", type=Path, metavar="DIR"))
def main(options: argparse.Namespace) -> None:
    """Print the table."""
    print("\n".join(table(options.folders).markdown()))


if __name__ == "__main__":
    raise SystemExit(main())
