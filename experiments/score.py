"""Score a run's kept sound again, by further measures, without running any system.

python experiments/score.py results/studio --metrics stoi,pesq
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from experiments.command import command, option
from experiments.comparison.errors import ConfigError
from experiments.comparison.examples import sound_path
from experiments.comparison.measures import MEASURES, measure
from experiments.comparison.records import Record, write_json
from experiments.comparison.report.media import ClipError, read_clip
from experiments.comparison.report.run import RunFolder, inside, read_run
from experiments.comparison.summary.summarize import interval_json, mean_interval, value_of
from experiments.comparison.table import Table, interval_text, print_table


@command(
    __doc__,
    option("run", type=Path, help="a suite's folder, such as results/studio"),
    option("--metrics", required=True, metavar="A,B,…", help=f"of {', '.join(MEASURES)}"),
    prog="score.py",
)
def main(options: argparse.Namespace) -> int:
    """Write RUN/scores.json and print the means; returns the exit status."""
    names = [name.strip() for name in options.metrics.split(",") if name.strip()]
    run = read_run(options.run)
    if not run.summary["examples"]:
        raise ConfigError(f"{options.run} kept no sound; run it with --examples N")
    rows = [row for record in _kept(run) if (row := _score(run, record, names))]
    write_json(run.folder / "scores.json", {"schema": 1, "metrics": names, "scores": rows})
    _print(run, names, rows)
    return 0


def _kept(run: RunFolder) -> list[Record]:
    records = (record for found in run.records.values() for record in found.values())
    return [record for record in records if record["audio"] is not None]


def _score(run: RunFolder, record: Record, names: list[str]) -> dict[str, object] | None:
    """One answer's scores, its failures told; None where its sound is gone."""
    sound = record["audio"]
    assert sound is not None
    try:
        estimate = read_clip(inside(run.folder, sound["path"]))
        reference = read_clip(inside(run.folder, sound_path(record, "target")))
    except ClipError as error:
        print(f"score: {record['system']} {record['example_id']}: {error}", file=sys.stderr)
        return None
    found = measure(
        names,
        estimate=estimate.samples.T,
        reference=reference.samples.T,
        sample_rate=estimate.sample_rate,
    )
    return {
        "system": record["system"],
        "index": record["index"],
        "example_sha256": record["example_sha256"],
        "metrics": {name: score.value for name, score in found.items()},
        "undefined": {name: score.reason for name, score in found.items() if score.reason},
    }


def _print(run: RunFolder, names: list[str], rows: list[dict[str, object]]) -> None:
    cells = []
    for system in run.systems:
        of = [row for row in rows if row["system"] == system["name"]]
        means = []
        for name in names:
            values = [
                value_of(run.records[system["name"]][int(str(row["index"]))], row["metrics"][name])  # type: ignore[index]
                for row in of
                if row["metrics"][name] is not None  # type: ignore[index]
            ]
            means.append(interval_text(interval_json(mean_interval(values)), ".2f"))
        cells.append((system["name"], *means, str(len(of))))
    table = Table(
        title=f"{run.summary['suite']}: kept answers",
        heads=("System", *names, "Answers"),
        rows=tuple(cells),
    )
    print_table(table, Console())


if __name__ == "__main__":
    sys.exit(main())
