"""The main job: any systems, the same mixtures and prompts, and which is better by how much.

python experiments/compare.py --suite studio --systems mixture,lcr
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

if __name__ == "__main__":  # run as a file: import the package, not modules that lie beside it
    _HERE = Path(__file__).resolve().parent
    sys.path[:] = [str(_HERE.parent), *(p for p in sys.path if Path(p).resolve() != _HERE)]

from rich.console import Console

from experiments.comparison import tables
from experiments.comparison.environment import resolve_device
from experiments.comparison.errors import ConfigError, OutputError
from experiments.comparison.examples import Examples, build_bank
from experiments.comparison.progress import Bars
from experiments.comparison.records import locked, write_atomic
from experiments.comparison.runner import run_suite
from experiments.comparison.suite import SuiteConfig, load_suite, suite_names
from experiments.comparison.summary import summarize
from experiments.comparison.systems import ReadySystem, build_system, check_options, resolve_names
from lcr.catalogue.systems import list_systems
from lcr.cli.commands.systems import show
from lcr.errors import LcrError

EXIT_OK, EXIT_SYSTEM_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 0, 1, 2, 130


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_BAD_INPUT, f"compare: {message}; see --help\n")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    p = _OneLineParser(
        prog="compare.py",
        allow_abbrev=False,
        description="Compare remixing systems on the same mixtures and prompts.",
        epilog="Exit status: 0 done, 1 a system failed on every example, 2 bad input, "
        "130 interrupted. The same command goes on where it was stopped.",
    )
    p.add_argument("--suite", default="studio", metavar="NAME|FILE.toml", help="default: studio")
    p.add_argument("--bank", metavar="DIR", help="folder with manifest.csv, for folder suites")
    p.add_argument("--manifest", metavar="FILE|DIR", help="the authors' manifest, for suite paper")
    p.add_argument(
        "--data-root",
        action="append",
        default=[],
        metavar="DIR|NAME=DIR",
        dest="roots",
        help="folder with the corpora that the manifest names, or with one of them; for suite "
        "paper; may be repeated",
    )
    p.add_argument("--systems", metavar="A,B,…", help="names, or 'all' for every registered one")
    p.add_argument("--per-task", type=int, metavar="N", help="examples of each task")
    p.add_argument("--seed", type=int, metavar="N", help="seed of the mixtures")
    p.add_argument("--out", type=Path, default=Path("results"), metavar="DIR")
    p.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto")
    p.add_argument(
        "--resume",
        choices=("always", "never", "only-missing"),
        default="always",
        help="always: go on, and try failed examples again; only-missing: leave those; "
        "never: set old records aside and start over",
    )
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override a key of the suite, such as mixture.level_db=6; may be repeated. "
        'options.mine={system="lcr",weights="DIR"} makes `mine` another form of a system',
    )
    p.add_argument("--examples", type=int, metavar="N", help="players in the report")
    p.add_argument("--list", action="store_true", help="list suites and systems, and stop")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    arguments = parser().parse_args(argv)
    try:
        return _list() if arguments.list else _compare(arguments)
    except LcrError as error:
        print(f"compare: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except OSError as error:  # a cache or standard output on a full disk, say
        problem = OutputError.of(Path(str(error.filename or "the output")), error)
        print(f"compare: {problem}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("compare: interrupted; resume with the same command", file=sys.stderr)
        return EXIT_INTERRUPTED


def resolve_config(arguments: argparse.Namespace) -> SuiteConfig:
    """The suite with the command's options on top. Raises ConfigError, UnknownSystemError."""
    config = load_suite(arguments.suite, overrides=arguments.overrides)
    changes: dict[str, object] = {}
    if arguments.bank is not None:
        changes["bank"] = dataclasses.replace(config.bank, path=arguments.bank)
    if arguments.manifest is not None or arguments.roots:
        changes["bank"] = dataclasses.replace(
            config.bank,
            manifest=arguments.manifest or config.bank.manifest,
            roots=tuple(arguments.roots) or config.bank.roots,
        )
    for name in ("per_task", "seed", "examples"):
        if getattr(arguments, name) is not None:
            changes[name] = getattr(arguments, name)
    wanted = config.systems
    if arguments.systems is not None:
        wanted = tuple(name.strip() for name in arguments.systems.split(",") if name.strip())
    changes["systems"] = wanted
    config = dataclasses.replace(config, **changes)  # type: ignore[arg-type]
    return dataclasses.replace(config, systems=resolve_names(wanted, config.options))


def _list() -> int:
    print("suites:")
    for name in suite_names():
        print(f"  {name}")
    print("systems:")
    with Console(stderr=True).status("") as status:
        listing = list_systems(tell=status.update)
    show(listing, _console())
    return EXIT_OK


def _compare(arguments: argparse.Namespace) -> int:
    config = resolve_config(arguments)
    check_options(config.options)
    write_report = _report_writer()
    device = resolve_device(arguments.device)
    examples = Examples(config, build_bank(config.bank))
    every = arguments.systems is not None and arguments.systems.strip() == "all"
    systems, not_run = _build(config, device=device, leave_out=every)
    folder = arguments.out / config.name
    with locked(folder):
        run = run_suite(
            config,
            folder=folder,
            examples=examples,
            systems=systems,
            resume=arguments.resume,
            device=device,
            watcher=Bars(),
        )
        summary = summarize(run, not_run=not_run)
        summary["notes"] += examples.notes
        if examples.missing:
            write_atomic(
                folder / "missing.txt", "".join(f"{f}\n" for f in examples.missing).encode()
            )
        content = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False)
        write_atomic(folder / "summary.json", content.encode() + b"\n")
        write_atomic(folder / "summary.md", tables.to_markdown(summary).encode())
        write_atomic(folder / "summary.csv", tables.to_csv(summary).encode())
        tables.print_tables(summary, _console())
        report = write_report(folder)
    print(f"records, summary.md, summary.csv: {folder.resolve()}")
    print(f"report: {report.resolve()}")
    useless = [s["name"] for s in summary["systems"] if s["of"] and not s["n"]]
    for name in useless:
        print(f"compare: {name} failed on every example", file=sys.stderr)
    return EXIT_SYSTEM_FAILED if useless else EXIT_OK


def _report_writer() -> Callable[[Path], Path]:
    """Imported only here: the light core lacks what pages need. Raises ConfigError."""
    try:
        from experiments.comparison.report import write_report
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the report needs {error.name}, which is not installed; "
            "run: pip install -e '.[all]' in the project's folder"
        ) from error
    return write_report


def _build(
    config: SuiteConfig, *, device: str, leave_out: bool
) -> tuple[list[ReadySystem], dict[str, str]]:
    """The systems; with `leave_out`, those that cannot be built here are named with why."""
    systems: list[ReadySystem] = []
    not_run: dict[str, str] = {}
    for name in config.systems:
        try:
            systems.append(build_system(name, config.options.get(name, {}), device=device))
        except LcrError as error:
            if not leave_out:
                raise
            not_run[name] = str(error)
    if not systems:
        raise ConfigError("none of the registered systems can be built here")
    return systems, not_run


def _console() -> Console:
    """Standard output; a log gets the whole table however wide."""
    console = Console()
    return console if console.is_terminal else Console(width=200)


if __name__ == "__main__":
    sys.exit(main())
