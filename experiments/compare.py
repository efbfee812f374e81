"""The main job: any systems, the same mixtures and prompts, and which is better by how much.

python experiments/compare.py --suite studio --systems mixture,lcr
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, get_args

from experiments.command import (
    EXIT_FAILED,
    EXIT_OK,
    command,
    device_option,
    option,
    set_option,
    suite_options,
)
from experiments.comparison.executors import Executor, InThisProcess
from experiments.comparison.runner import Run

if __name__ == "__main__":  # run as a file: import the package, not modules that lie beside it
    _HERE = Path(__file__).resolve().parent
    sys.path[:] = [str(_HERE.parent), *(p for p in sys.path if Path(p).resolve() != _HERE)]

from rich.console import Console

from experiments.comparison.environment import resolve_device
from experiments.comparison.errors import ConfigError
from experiments.comparison.examples import Examples, build_bank
from experiments.comparison.progress import Bars
from experiments.comparison.records import locked, write_atomic, write_json
from experiments.comparison.runner import run_suite
from experiments.comparison.suite import SuiteConfig, load_suite, suite_names
from experiments.comparison.summary import tables
from experiments.comparison.systems import (
    Isolate,
    ReadySystem,
    build_system,
    check_options,
    resolve_names,
)
from experiments.paper.rows import ALIASES, Form, registered
from lcr.catalogue.listing import list_systems, read_catalogue
from lcr.cli.commands.systems import show
from lcr.errors import LcrError, one_line
from lcr.extras import mending


@command(
    "Compare remixing systems on the same mixtures and prompts.",
    *suite_options(per_task=None),
    option("--manifest", metavar="FILE|DIR", help="the authors' manifest, for suite paper"),
    option(
        "--data-root",
        action="append",
        metavar="DIR|NAME=DIR",
        dest="roots",
        help="folder with the corpora that the manifest names, or with one of them; for suite "
        "paper; may be repeated",
    ),
    option(
        "--systems",
        metavar="A,B,…",
        help="names, 'table-2' for the paper's ten, or 'all' for every registered one",
    ),
    option("--seed", type=int, metavar="N", help="seed of the mixtures"),
    option("--out", type=Path, default=Path("results"), metavar="DIR"),
    device_option(),
    option(
        "--resume",
        choices=("always", "never", "only-missing"),
        default="always",
        help="always: go on, and try failed examples again; only-missing: leave those; "
        "never: set old records aside and start over",
    ),
    set_option(
        "override a key of the suite, such as mixture.level_db=6; may be repeated. "
        'options.mine={system="lcr",weights="DIR"} makes `mine` another form of a system'
    ),
    option(
        "--isolate",
        choices=get_args(Isolate),
        default="plug-ins",
        help="which systems run in a process of their own, so that nothing they do reaches the "
        "others: those of other packages (default), all, or none",
    ),
    option(
        "--executor",
        choices=("here", "ray"),
        default="here",
        help="ray: an actor a system, on the cluster at $RAY_ADDRESS or one that starts here",
    ),
    option(
        "--front-door",
        action="store_true",
        default=None,
        help="read and mend prompts as users' are before the systems get them",
    ),
    option(
        "--shard",
        metavar="I/N",
        help="run part I of N only; into OUT/SUITE/shard-I-of-N, for --merge",
    ),
    option(
        "--merge",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="put shards, or results from elsewhere, together in OUT; nothing is run",
    ),
    option("--examples", type=int, metavar="N", help="players in the report"),
    option("--list", action="store_true", help="list suites and systems, and stop"),
    prog="compare.py",
    epilog="Exit status: 0 done, 1 a system failed on every example, 2 bad input, "
    "130 interrupted. The same command goes on where it was stopped.",
    resumes=True,
)
def main(options: argparse.Namespace) -> int:
    """List what there is, or compare; returns the exit status."""
    if options.list:
        return _list()
    return _merge(options) if options.merge else _compare(options)


def resolve_config(options: argparse.Namespace) -> SuiteConfig:
    """Load the suite and apply the command's options. Raises ConfigError, UnknownSystemError."""
    changes: dict[str, object] = {
        "bank.path": options.bank,
        "bank.manifest": options.manifest,
        "bank.roots": options.roots,
        "per_task": options.per_task,
        "seed": options.seed,
        "examples": options.examples,
        "front_door": options.front_door,
    }
    if options.systems is not None:
        forms = _forms(options.systems)
        changes["systems"] = [form.name for form in forms]
        changes |= {f"options.{form.name}": dict(form.options) for form in forms if form.options}
    config = load_suite(options.suite, overrides=options.overrides, changes=changes)
    return dataclasses.replace(config, systems=resolve_names(config.systems, config.options))


def _forms(given: str) -> list[Form]:
    """The systems that --systems names, one by one or by an alias."""
    names = [name.strip() for name in given.split(",") if name.strip()]
    return [form for name in names for form in ALIASES.get(name, (registered(name),))]


def _list() -> int:
    print("suites:", *suite_names(), sep="\n  ")
    print("systems:")
    with Console(stderr=True).status("") as status:
        systems = list_systems(tell=status.update)
    show(systems, _console())
    return EXIT_OK


def _compare(options: argparse.Namespace) -> int:
    from experiments.comparison.shards import Shard, write_run

    config = resolve_config(options)
    check_options(config.options)
    shard = Shard.parse(options.shard) if options.shard else None
    if shard is None:
        _report_writer()  # what it needs is missing at once or not at all
    device = resolve_device(options.device)
    examples = Examples(config, build_bank(config.bank), shard.of if shard else range)
    several = {"all", *ALIASES} & set((options.systems or "").replace(" ", "").split(","))
    executor, build = _executor(options, device)
    systems, not_run = _build(config, build, leave_out=bool(several))
    folder = options.out.resolve() / config.name / (shard.folder if shard else "")
    with locked(folder):
        run = run_suite(
            config,
            folder=folder,
            examples=examples,
            systems=systems,
            resume=options.resume,
            device=device,
            watcher=Bars(),
            executor=executor,
        )
        if examples.missing:
            write_atomic(
                folder / "missing.txt", "".join(f"{f}\n" for f in examples.missing).encode()
            )
        run = dataclasses.replace(run, notes=(*run.notes, *examples.notes))
        if examples.indices:
            write_run(run, total=examples.total, shown=examples.all_shown, not_run=not_run)
        if shard is None:
            return _tell(run, not_run)
    print(f"{len(examples.indices)} of {examples.total} examples: {folder}")
    return EXIT_OK


def _merge(options: argparse.Namespace) -> int:
    from experiments.comparison.shards import merge

    merged = merge(options.merge, options.out.resolve())
    if merged.run is None:
        for line in (*merged.notes, *merged.gaps):
            print(f"compare: {line}", file=sys.stderr)
        return EXIT_FAILED
    with locked(merged.run.folder):
        return _tell(merged.run, merged.not_run)


def _tell(run: Run, not_run: Mapping[str, str]) -> int:
    """Write and print what a whole run's records say; the exit status."""
    # scipy.stats, which --list need not wait for.
    from experiments.comparison.summary.summarize import summarize

    summary = summarize(run, not_run=not_run)
    write_json(run.folder / "summary.json", summary)
    write_atomic(run.folder / "summary.md", tables.to_markdown(summary).encode())
    write_atomic(run.folder / "summary.csv", tables.to_csv(summary).encode())
    report = _report_writer()(run, summary)
    tables.print_tables(summary, _console())
    print(f"records, summary.md, summary.csv: {run.folder}")
    print(f"report: {report}")
    useless = [s["name"] for s in summary["systems"] if s["of"] and not s["n"]]
    for name in useless:
        print(f"compare: {name} failed on every example", file=sys.stderr)
    return EXIT_FAILED if useless else EXIT_OK


def _report_writer() -> Callable[[Run, Mapping[str, Any]], Path]:
    """Import the report only when it is needed: the light core lacks its libraries. Raises
    ConfigError."""
    try:
        from experiments.comparison.report import run_just_made, write_report
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the report needs {error.name}, which is not installed; "
            f"run: {mending(error.name or '', 'report')}"
        ) from error
    return lambda run, summary: write_report(run_just_made(run, summary))


def _executor(
    options: argparse.Namespace, device: str
) -> tuple[Executor, Callable[..., ReadySystem]]:
    """Where systems run, and what builds them there. Raises ConfigError."""
    if options.executor == "here":
        build = partial(build_system, device=device, isolate=options.isolate)
        return InThisProcess(device), build
    try:
        from experiments.comparison.cluster import OnCluster, build_on_cluster
    except ModuleNotFoundError as error:
        raise ConfigError(
            "--executor ray needs Ray: pip install -e '.[ray]' in the project's folder"
        ) from error
    return OnCluster(), partial(build_on_cluster, device=device)


def _build(
    config: SuiteConfig, build: Callable[..., ReadySystem], *, leave_out: bool
) -> tuple[list[ReadySystem], dict[str, str]]:
    """Build the systems; with `leave_out`, say at once why some cannot be built instead of
    failing: those that lack something as they ship are tried first."""
    built_by_name: dict[str, ReadySystem] = {}
    not_run: dict[str, str] = {}
    lacking = {row["name"] for row in read_catalogue()["systems"] if row["missing"]}
    for name in sorted(config.systems, key=lambda name: name not in lacking):
        try:
            options = config.options.get(name, {})
            built = build(name, options, front_door=config.front_door)
        except LcrError as error:
            if not leave_out:
                raise
            not_run[name] = str(error)
            print(f"compare: {name} is not run: {one_line(error)}", file=sys.stderr, flush=True)
        else:
            built_by_name[name] = built
    if not built_by_name:
        raise ConfigError(f"none of these systems can be built here: {'; '.join(not_run.values())}")
    return [built_by_name[name] for name in config.systems if name in built_by_name], not_run


def _console() -> Console:
    """Standard output; a log gets the whole table however wide."""
    console = Console()
    return console if console.is_terminal else Console(width=200)


if __name__ == "__main__":
    sys.exit(main())
