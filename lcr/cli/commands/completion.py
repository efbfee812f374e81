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
    from argcomplete.shell_integration import shellcode

    print(shellcode(["lcr"], shell=options.shell))
    return 0
