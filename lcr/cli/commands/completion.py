"""Print what makes a shell complete the words of lcr. In ~/.bashrc: eval "$(lcr completion bash)";
in ~/.zshrc: eval "$(lcr completion zsh)"; for fish: lcr completion fish >
~/.config/fish/completions/lcr.fish."""

from __future__ import annotations

import argparse

EXTRA = "run"
SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS)


def run(options: argparse.Namespace) -> int:
    from lcr.cli import make_parser
    from lcr.cli.completion import script
    from lcr.registry import available

    print(script(options.shell, make_parser(), [system.name for system in available()]))
    return 0
