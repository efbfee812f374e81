"""Completion scripts for shells, made from the parser of `lcr`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SYSTEM = "--system"


@dataclass(frozen=True, kw_only=True)
class _Option:
    flags: tuple[str, ...]
    help: str
    takes_value: bool
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Command:
    name: str
    help: str
    options: tuple[_Option, ...]
    words: tuple[str, ...]
    """What may stand where no option does; files always may."""

    @property
    def flags(self) -> list[str]:
        return [flag for option in self.options for flag in option.flags]


def script(shell: str, parser: argparse.ArgumentParser, systems: Sequence[str]) -> str:
    """The completion of `parser`, its subcommands and their options, for bash, zsh or fish; names
    of systems follow `--system`, and file names everything else."""
    commands = list(_commands(parser, tuple(systems)))
    if shell == "fish":
        return "\n".join(_fish(commands))
    lines = list(_bash(commands))
    if shell == "zsh":
        lines = ["autoload -Uz bashcompinit && bashcompinit", *lines]
    return "\n".join(lines)


def _commands(parser: argparse.ArgumentParser, systems: tuple[str, ...]) -> Iterator[_Command]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, sub in action.choices.items():
                yield _command(name, helps.get(name, ""), sub, systems)


def _command(
    name: str, help_: str, parser: argparse.ArgumentParser, systems: tuple[str, ...]
) -> _Command:
    options = []
    words: list[str] = []
    for action in parser._actions:
        values = tuple(str(choice) for choice in action.choices or ())
        if not action.option_strings:
            words += values
            continue
        if SYSTEM in action.option_strings:
            values = systems
        options.append(
            _Option(
                flags=tuple(action.option_strings),
                help=action.help or "",
                takes_value=action.nargs != 0,
                values=values,
            )
        )
    return _Command(name=name, help=help_, options=tuple(options), words=tuple(words))


def _bash(commands: Sequence[_Command]) -> Iterator[str]:
    names = " ".join(command.name for command in commands)
    yield "_lcr() {"
    yield '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" words='
    yield "    COMPREPLY=()"
    yield '    if [ "$COMP_CWORD" -eq 1 ]; then'
    yield f'        COMPREPLY=($(compgen -W "{names} --help --version" -- "$word"))'
    yield "        return"
    yield "    fi"
    yield '    case "${COMP_WORDS[1]} $before" in'
    for command in commands:
        for option in command.options:
            if option.values:
                patterns = "|".join(f'"{command.name} {flag}"' for flag in option.flags)
                reply = f'COMPREPLY=($(compgen -W "{" ".join(option.values)}" -- "$word"))'
                yield f"        {patterns}) {reply}; return;;"
    yield "    esac"
    yield '    case "${COMP_WORDS[1]} $word" in'
    for command in commands:
        flags = " ".join(command.flags)
        yield f'        "{command.name} -"*) words="{flags}";;'
        if command.words:
            yield f'        "{command.name} "*) words="{" ".join(command.words)}";;'
    yield "    esac"
    yield '    if [ -n "$words" ]; then'
    yield '        COMPREPLY=($(compgen -W "$words" -- "$word"))'
    yield "    fi"
    yield "}"
    # Where the function finds nothing, names of files are completed.
    yield "complete -o bashdefault -o default -F _lcr lcr"


def _fish(commands: Sequence[_Command]) -> Iterator[str]:
    names = " ".join(command.name for command in commands)
    for command in commands:
        yield (
            f"complete -c lcr -f -n 'not __fish_seen_subcommand_from {names}' "
            f"-a {command.name} -d {_quoted(command.help)}"
        )
        seen = f"-n '__fish_seen_subcommand_from {command.name}'"
        if command.words:
            yield f"complete -c lcr -f {seen} -a {_quoted(' '.join(command.words))}"
        for option in command.options:
            flags = " ".join(
                f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
                for flag in option.flags
            )
            takes = " -r" if option.takes_value else ""
            values = f" -f -a {_quoted(' '.join(option.values))}" if option.values else ""
            yield f"complete -c lcr {seen} {flags}{takes}{values} -d {_quoted(option.help)}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
