"""How the paper's figures are drawn and written: one look, no font or clock in the files."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.command import Command, Option, command, option
from experiments.comparison.errors import ConfigError
from experiments.comparison.records import Record, write_atomic
from experiments.comparison.report.media import ClipError
from experiments.comparison.report.run import RunFolder, read_run
from experiments.paper.rows import TABLE_2
from lcr.extras import install_command

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_figure(
    draw: Callable[[Figure], None], out: Path, name: str, *, size: tuple[float, float]
) -> list[Path]:
    """Draw once and write `name`.png and .svg into `out`.

    `size` is (width, height) in inches. Raises ConfigError without matplotlib, OutputError.
    """
    try:
        from experiments.comparison.drawing import draw_figure
    except ModuleNotFoundError as error:
        raise ConfigError(f"figures need matplotlib: {install_command('figures')}") from error
    paths = []
    for kind, content in draw_figure(draw, size=size, kinds=("png", "svg")).items():
        paths.append(out / f"{name}.{kind}")
        write_atomic(paths[-1], content)
    return paths


def scored(run: RunFolder, system: str) -> list[Record]:
    """Select a system's records that have SNR before and after. Raises ConfigError when there are
    none.

    Failed examples and undefined scores have no place on an axis: the figure counts them.
    """
    if system not in run.records:
        raise ConfigError(f"the run has no {system}; it has {', '.join(run.records)}")
    found = [
        record
        for record in run.records[system].values()
        if record["status"] == "ok"
        and record["metrics"]["snr_db"] is not None
        and record["input_metrics"]["snr_db"] is not None
    ]
    if not found:
        raise ConfigError(f"{system} has no example with a score in this run")
    return found


def settings_of(run: RunFolder, system: str) -> dict[str, object]:
    """The options with which a system of the run was built."""
    return dict(run.summary["config"]["options"].get(system, {}))


def by_task(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Group records by task, in order of first appearance, which is the paper's."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record["task"], []).append(record)
    return found


def figure_command(
    doc: str | None,
    write: Callable[[RunFolder, argparse.Namespace], list[Path]],
    *options: Option,
    rows: Sequence[str] = ("LCR-T",),
) -> Command:
    """The command of a figure that is drawn from a finished run: of the systems in `rows` of the
    paper as far as the run has them, else of `lcr`."""
    theirs = [TABLE_2[row].name for row in rows]

    def work(given: argparse.Namespace) -> None:
        run = read_run(given.run)
        given.system = given.system or ",".join(n for n in theirs if n in run.records) or "lcr"
        for path in write(run, given):
            print(path.resolve())

    wrap = command(
        doc,
        option("--run", type=Path, required=True, metavar="DIR", help="a suite's folder"),
        option("--system", help=f"default: {','.join(theirs)}; lcr in runs without"),
        option("--out", type=Path, required=True, metavar="DIR"),
        *options,
        name="figure",
        bad_input=(ClipError,),
    )
    return wrap(work)
