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
from typing import Protocol, cast

from lcr.cli import commands
from lcr.cli.status import EXIT_BAD_INPUT, EXIT_INTERRUPTED, EXIT_PIPE_CLOSED, MEANINGS
from lcr.errors import LcrError

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
    known = _commands()
    options = make_parser(known).parse_args(arguments)
    try:
        status = known[options.command].run(options)
        sys.stdout.flush()
        return status
    except LcrError as error:
        return _fail(options.command, str(error))
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if not missing or missing in _OURS:
            raise
        extra = known[options.command].EXTRA
        return _fail(
            options.command,
            f"{missing} is not installed; run: pip install -e '.[{extra}]' in the project's folder",
        )
    except KeyboardInterrupt:
        print(f"lcr {options.command}: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE_CLOSED


def make_parser(known: Mapping[str, Command] | None = None) -> argparse.ArgumentParser:
    """The parser of `lcr` with the subcommands `known`, by default all."""
    parser = argparse.ArgumentParser(
        prog="lcr", description="Remix sound by text.", epilog=MEANINGS
    )
    parser.add_argument("--version", action="version", version=f"lcr {version('lcr')}")
    parsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in (_commands() if known is None else known).items():
        help_ = " ".join((command.__doc__ or "").split())
        summary = help_.partition(". ")[0].rstrip(".")
        command.add_arguments(parsers.add_parser(name, help=summary, description=help_))
    return parser


def _commands() -> dict[str, Command]:
    packages = [commands, *(point.load() for point in entry_points(group=_GROUP))]
    found = {
        module.name: f"{package.__name__}.{module.name}"
        for package in packages
        for module in iter_modules(package.__path__)
    }
    return {name: cast(Command, import_module(found[name])) for name in sorted(found)}


def _fail(command: str, message: str) -> int:
    print(f"lcr {command}: {' '.join(message.split())}", file=sys.stderr)
    return EXIT_BAD_INPUT
