"""The frame of every command: its options, one line for an error, and an exit status.

    @command(__doc__, option("--rounds", type=int, default=5))
    def main(options: argparse.Namespace) -> None: ...

`main(argv)` then parses, runs, and returns the exit status.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from experiments.comparison.errors import OutputError
from experiments.comparison.suite import SuiteConfig, load_suite
from lcr.cli.status import run_command, steady_streams
from lcr.data.bank import SPLITS
from lcr.errors import LcrError

EXIT_OK, EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 0, 1, 2, 130

Option: TypeAlias = Callable[[argparse.ArgumentParser], object]
"""Adds one option, or several, to a parser."""
Work: TypeAlias = Callable[[argparse.Namespace], "int | None"]
"""Does a command's work; None stands for success."""


def option(*flags: str, **settings: Any) -> Option:  # noqa: ANN401 (as add_argument takes them)
    """Describe one argument, as `ArgumentParser.add_argument` takes it."""
    return lambda parser: parser.add_argument(*flags, **settings)


def device_option() -> Option:
    """`--device`; `resolve_device` reads it."""
    return option("--device", choices=("cpu", "cuda", "auto"), default="auto")


def set_option(help: str | None = None) -> Option:
    """`--set KEY=VALUE`, collected in `overrides`."""
    return option(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help=help
    )


def suite_options(*, per_task: int | None) -> tuple[Option, ...]:
    """Options that say which suite, of which recordings, and how much of it."""
    return (
        option("--suite", default="studio", metavar="NAME|FILE.toml", help="default: studio"),
        option("--bank", metavar="DIR", help="folder with manifest.csv, for folder suites"),
        option("--per-task", type=int, default=per_task, metavar="N", help="examples of each task"),
    )


def mixture_options(*, per_task: int) -> tuple[Option, ...]:
    """Options that say on which mixtures to measure; `suite_of` reads them."""
    split = option("--split", choices=SPLITS, default="valid", help="default: valid")
    return (*suite_options(per_task=per_task), split, set_option())


def suite_of(options: argparse.Namespace) -> SuiteConfig:
    """Load the suite that `mixture_options` name. Raises ConfigError."""
    changes = {"split": options.split, "per_task": options.per_task, "bank.path": options.bank}
    return load_suite(options.suite, overrides=options.overrides, changes=changes)


def named_path(text: str) -> tuple[str, Path]:
    """Read NAME=PATH, as an option's `type`."""
    name, _, path = text.partition("=")
    if not name or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, Path(path)


class _OneLineParser(argparse.ArgumentParser):
    """Says what is wrong with the options in one line."""

    name = ""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_BAD_INPUT, f"{self.name or self.prog}: {message}; see --help\n")


@dataclass(frozen=True, kw_only=True)
class Command:
    """A program to run from the command line; call it with the arguments."""

    name: str
    work: Work
    parser: argparse.ArgumentParser
    bad_input: tuple[type[ValueError], ...] = ()
    resumes: bool = False
    passes_on: bool = False

    def __call__(self, argv: Sequence[str] | None = None) -> int:
        """Run; returns the exit status: 2 after bad input, 130 after Ctrl-C, 143 after SIGTERM,
        129 after SIGHUP."""
        steady_streams()
        options, unknown = self.parser.parse_known_args(argv)
        if unknown and not self.passes_on:
            self.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        options.passed_on = unknown
        return run_command(
            self.name,
            lambda: self.work(options),
            bad_input=(LcrError, *self.bad_input),
            describe=_describe,
            hint="; resume with the same command" if self.resumes else "",
        )


def _describe(error: OSError) -> str:
    """A cache on a full disk, say."""
    return str(OutputError.of(Path(str(error.filename or "the output")), error))


def command(
    doc: str | None,
    *options: Option,
    name: str = "",
    prog: str | None = None,
    epilog: str | None = None,
    bad_input: tuple[type[ValueError], ...] = (),
    resumes: bool = False,
    passes_on: bool = False,
) -> Callable[[Work], Command]:
    """Make a function of parsed options a command.

    The first line of `doc` describes it; `name`, the file's by default, begins its errors.
    `bad_input` are errors that mean bad input as LcrError does. `resumes` says that the same
    command goes on where it was stopped. With `passes_on`, unknown arguments are collected in
    `passed_on`.
    """

    def wrap(work: Work) -> Command:
        parser = _OneLineParser(
            prog=prog,
            description=(doc or "").strip().partition("\n")[0],
            epilog=epilog,
            allow_abbrev=False,
        )
        parser.name = name or Path(work.__code__.co_filename).stem
        for add in options:
            add(parser)
        return Command(
            name=parser.name,
            work=work,
            parser=parser,
            bad_input=bad_input,
            resumes=resumes,
            passes_on=passes_on,
        )

    return wrap
