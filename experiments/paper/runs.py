"""What the paper's tables are made of: records of suites, read where they are, run where not."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from experiments.command import device_option, option, suite_options
from experiments.comparison.environment import resolve_device
from experiments.comparison.errors import ConfigError
from experiments.comparison.examples import Examples, build_bank
from experiments.comparison.progress import Bars
from experiments.comparison.records import NOT_DEFINED as NOT_RUN
from experiments.comparison.records import Record, locked
from experiments.comparison.runner import run_suite
from experiments.comparison.suite import load_suite
from experiments.comparison.summary.summarize import mean_interval, values_of, without_ovc
from experiments.comparison.systems import ReadySystem, build_system
from experiments.paper.published import NOT_DEFINED, Cell, Column
from experiments.paper.rows import Form
from lcr.errors import LcrError, one_line
from lcr.instruction import Task

Scale = Literal["desk", "paper"]
TASKS = tuple(task.value for task in Task)
AVERAGE, WITHOUT_OVC = "Average", "Average without OVC"
ALL_ROWS = (*TASKS, WITHOUT_OVC, AVERAGE)
"""The headline comes before the paper's own average, which masks lift by OVC alone."""
_REASON_CHARS = 90

Prepare: TypeAlias = Callable[[ReadySystem, Examples], ReadySystem]
"""What a system needs of a suite before it can run on it."""


@dataclass(frozen=True)
class Recorded:
    """A system's records on a suite, or why there are none; `made` says what the system is: its
    reader, network, training data and budget."""

    records: tuple[Record, ...] = ()
    why: str = ""
    made: str = ""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How tables are made. `weights` maps a row of the paper ("LCR-C GPT-2") or the name of a
    system to a folder with a checkpoint; at the paper's scale no other weights are used."""

    suite: str = "studio"
    scale: Scale = "desk"
    out: Path = Path("results")
    per_task: int = 8
    device: str = "auto"
    weights: Mapping[str, str] = field(default_factory=dict)
    systems: tuple[str, ...] = ()
    bank: str | None = None
    manifest: str | None = None
    roots: tuple[str, ...] = ()
    unseen_bank: str | None = None
    arms: Path | None = None
    ratings: Path | None = None

    @property
    def here(self) -> str:
        """What the label of our columns stands for."""
        return (
            f"{self.scale} scale, mean [95 % interval], at most {self.per_task} mixtures of each "
            f"task, suite {self.suite} unless a title says otherwise"
        )


TABLE_OPTIONS = (
    *suite_options(per_task=8),
    option("--scale", choices=("desk", "paper"), default="desk"),
    option("--out", type=Path, default=Path("results"), metavar="DIR"),
    device_option(),
    option("--weights", action="append", default=[], metavar="ROW=DIR"),
    option("--systems", default="", metavar="A,B,…", help="only these systems"),
    option("--manifest", metavar="FILE|DIR", help="for --suite paper"),
    option("--data-root", action="append", default=[], dest="roots", metavar="DIR"),
    option("--unseen-bank", metavar="DIR", help="Table III: recordings no model has heard"),
    option("--arms", type=Path, metavar="DIR", help="Table VII: arms of your own"),
    option("--ratings", type=Path, metavar="DIR", help="Table VI: results of raters"),
)
"""The options that all tables have; `options_of` reads them."""


def options_of(given: argparse.Namespace) -> Options:
    """Check the options of a table's command. Raises ConfigError."""
    weights: dict[str, str] = {}
    for text in given.weights:
        row, equals, folder = text.partition("=")
        if not equals or not Path(folder).is_dir():
            raise ConfigError(f"--weights takes ROW=DIR with a checkpoint's folder; got {text!r}")
        weights[row] = folder
    if given.per_task < 1:
        raise ConfigError(f"--per-task must be at least 1; got {given.per_task}")
    values = {name: value for name, value in vars(given).items() if name in _FIELDS}
    values["systems"] = tuple(name for name in given.systems.split(",") if name)
    return Options(**values | {"weights": weights, "roots": tuple(given.roots)})


_FIELDS = {f.name for f in dataclasses.fields(Options)}


def recorded(
    rows: Mapping[str, Form | None],
    options: Options,
    *,
    suite: str | None = None,
    prepare: Mapping[str, Prepare] | None = None,
) -> dict[str, Recorded]:
    """Records of each row on a suite. `rows` maps a row's name to the system that fills it at desk
    scale, None where none does. `prepare` makes of a built system what a row needs. What is
    recorded is not run again.

    A row that cannot be run says why; so do all where the suite itself cannot be made. Raises
    RecordsError, OutputError.
    """
    found: dict[str, Recorded] = {}
    forms: dict[str, Form] = {}
    for row, form in rows.items():
        name, base = (form.name, form.base) if form else (row, "lcr")
        folder = options.weights.get(row) or options.weights.get(name)
        if options.systems and not {row, name} & set(options.systems):
            found[row] = Recorded(why="not run: left out by --systems")
        elif folder is not None:
            given = re.sub(r"\W+", "-", row).strip("-").lower() + "-given"
            # Joint models have one loader, whatever their block.
            system = "lcr" if base.startswith("lcr") else base
            told = {"system": system, "weights": folder}
            forms[row] = Form(name=given, options={**(form.options if form else {}), **told})
        elif options.scale == "paper":
            found[row] = Recorded(why=f"not run: needs --weights '{row}=DIR' of that scale")
        elif form is None:
            found[row] = Recorded(why=f"not run: no such weights ship; --weights '{row}=DIR'")
        else:
            forms[row] = form
    if not forms:
        return found
    return found | _run(forms, options, suite or options.suite, prepare or {})


def _run(
    forms: Mapping[str, Form], options: Options, suite: str, prepare: Mapping[str, Prepare]
) -> dict[str, Recorded]:
    device = resolve_device(options.device)
    config = load_suite(suite)
    bank = dataclasses.replace(
        config.bank,
        path=options.bank or config.bank.path if config.bank.kind == "folder" else "",
        manifest=(options.manifest or "") if config.bank.kind == "paper" else "",
        roots=options.roots if config.bank.kind == "paper" else (),
    )
    config = dataclasses.replace(config, bank=bank, per_task=options.per_task, examples=0)
    try:
        examples = Examples(config, build_bank(config.bank))
    except LcrError as error:
        return dict.fromkeys(forms, Recorded(why=_not_run(error)))
    found: dict[str, Recorded] = {}
    systems: dict[str, ReadySystem] = {}
    same: dict[str, str] = {}  # rows that the system of another one fills
    for row, form in forms.items():
        first = next((r for r in systems if forms[r] == form and r not in prepare), None)
        if first is not None and row not in prepare:
            same[row] = first
            continue
        try:
            built = build_system(form.name, form.options, device=device)
            systems[row] = prepare[row](built, examples) if row in prepare else built
        except LcrError as error:
            found[row] = Recorded(why=_not_run(error))
    if not systems:
        return found
    folder = options.out / config.name
    with locked(folder):
        run = run_suite(
            config,
            folder=folder,
            examples=examples,
            systems=list(systems.values()),
            resume="only-missing",
            device=device,
            watcher=Bars(),
        )
    for row, one in zip(systems, run.systems, strict=True):
        found[row] = Recorded(records=one.records, made=one.system.card.reference)
    return found | {row: found[first] for row, first in same.items()}


def _not_run(error: LcrError) -> str:
    text = one_line(error)
    return f"not run: {text if len(text) <= _REASON_CHARS else text[: _REASON_CHARS - 1] + '…'}"


def cells(found: Recorded, rows: Sequence[str] = ALL_ROWS) -> dict[str, Cell]:
    """Fill one cell a task, and the averages where the system does all tasks that there are."""
    if found.why:
        return {row: Cell(why=found.why) for row in rows}
    values = values_of(found.records)
    there = {record["task"] for record in found.records}
    does = {record["task"] for record in found.records if record["status"] != NOT_RUN}
    made: dict[str, Cell] = {}
    for row in rows:
        if row in (AVERAGE, WITHOUT_OVC):
            some = values if row == AVERAGE else without_ovc(values)
            defined = does == there
        else:
            some = [v for v in values if v.task == row]
            defined = row in does
        made[row] = Cell(interval=mean_interval(some)) if defined else Cell(why=NOT_DEFINED)
    return made


def column(
    title: str,
    found: Recorded,
    rows: Sequence[str] = ALL_ROWS,
    paper: Mapping[str, float | None] | None = None,
) -> Column:
    """Make a system's column, which says what the system is."""
    return Column(title=title, cells=cells(found, rows), paper=paper, made=found.made or found.why)
