"""Completion in shells, by argcomplete: the shell asks `lcr` what may stand at the cursor."""

from __future__ import annotations

import argparse

import argcomplete
from argcomplete.completers import FilesCompleter

from lcr.registry import available


def answer_shell(parser: argparse.ArgumentParser) -> None:
    """Where a shell asks, write the words that `parser` takes there and exit; else do nothing."""
    argcomplete.autocomplete(parser, default_completer=_Values())


class _Values(FilesCompleter):
    """Values of options without choices: names of systems for `--system`, else of files."""

    def __call__(self, prefix: str, **given: object) -> list[str]:
        if getattr(given["action"], "dest", "") == "system":
            return [system.name for system in available()]
        return super().__call__(prefix)
