"""The command `lcr`; its subcommands are the modules of `lcr.cli.commands`, and of the packages
that the entry-point group `lcr.commands` names: what builds on more than `lcr`, such as agents."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points, version
from pkgutil import iter_modules
from types import ModuleType
from typing import Protocol, cast

from lcr.cli import commands
from lcr.cli.status import MEANINGS, fail, run_command, steady_streams
from lcr.devices import check_device
from lcr.errors import LcrError, words_of

_GROUP = "lcr.commands"
_OURS = {"lcr", "baselines", "agents", "experiments"}


class Command(Protocol):
    """What a module of such a package holds."""

    __doc__: str | None
    EXTRA: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, options: argparse.Namespace) -> int: ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `lcr ARGUMENTS` and return its exit status: 2, with one line on standard error, for
    whatever the caller can put right, a missing package included."""
    steady_streams()
    known = _commands()
    parser = make_parser(known)
    if "_ARGCOMPLETE" in os.environ:
        from lcr.cli.completion import answer_shell

        answer_shell(parser)
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = parser.parse_args(given or ["--help"])
    command = known[options.command]

    def work() -> int:
        if getattr(options, "device", None) not in (None, "cpu"):
            check_device(options.device)
        try:
            return command.run(options)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if not missing or missing in _OURS:
                raise
            from lcr.extras import mending

            raise LcrError(
                f"{missing} is not installed; run: {mending(missing, command.EXTRA)}"
            ) from error

    return run_command(f"lcr {options.command}", work)


def make_parser(known: Mapping[str, Command] | None = None) -> argparse.ArgumentParser:
    """The parser of `lcr` with the subcommands `known`, by default all."""
    parser = argparse.ArgumentParser(
        prog="lcr", description="Remix sound by text.", epilog=MEANINGS
    )
    parser.add_argument("--version", action="version", version=f"lcr {version('lcr')}")
    parsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in (_commands() if known is None else known).items():
        help_ = _help_of(command)
        summary = help_.partition(". ")[0].rstrip(".")
        command.add_arguments(parsers.add_parser(name, help=summary, description=help_))
    return parser


def _help_of(command: Command) -> str:
    return " ".join((command.__doc__ or "").split())


def _commands() -> dict[str, Command]:
    """Every command by name. A broken plug-in is told on standard error and left out: it must not
    take the other commands with it."""
    found = _commands_of(commands)
    for point in sorted(entry_points(group=_GROUP)):
        try:
            added = _commands_of(point.load())
            for name, command in added.items():
                command.add_arguments(
                    argparse.ArgumentParser(prog=name, description=_help_of(command))
                )
                if (
                    name in found
                    or not callable(getattr(command, "run", None))
                    or not command.EXTRA
                ):
                    raise TypeError(f"{name} is there already, or is no command")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit, too
            words = f"{type(error).__name__}: {words_of(error)}"
            fail("lcr", f"the plug-in {point.name} ({point.value}) is left out: {words}")
        else:
            found |= added
    return dict(sorted(found.items()))


def _commands_of(package: ModuleType) -> dict[str, Command]:
    return {
        module.name: cast(Command, import_module(f"{package.__name__}.{module.name}"))
        for module in iter_modules(package.__path__)
    }
