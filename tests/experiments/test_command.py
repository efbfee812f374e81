"""The frame of commands: exit statuses, one line for an error, options."""

from __future__ import annotations

import argparse
import errno

import pytest

from experiments.command import (
    EXIT_BAD_INPUT,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    command,
    mixture_options,
    option,
    suite_of,
)
from lcr.errors import LcrError


def failing(error: BaseException, **settings):
    @command("Fail.\nMore.", name="fail", **settings)
    def main(options: argparse.Namespace) -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (LcrError("first\nsecond"), EXIT_BAD_INPUT),
        (OSError(errno.ENOSPC, "full", "file"), EXIT_BAD_INPUT),
        (KeyboardInterrupt(), EXIT_INTERRUPTED),
    ],
)
def test_an_error_is_one_line_and_a_status(error, status, capsys) -> None:
    assert failing(error)([]) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("fail: ")


def test_only_named_errors_are_bad_input() -> None:
    with pytest.raises(ValueError, match="x"):
        failing(ValueError("x"))([])
    assert failing(ValueError("x"), bad_input=(ValueError,))([]) == EXIT_BAD_INPUT


def test_wrong_options_are_one_line(capsys) -> None:
    for words in (["--no-such"], ["--rounds", "many"]):
        with pytest.raises(SystemExit) as ended:
            command("Do.", option("--rounds", type=int), name="do")(lambda options: None)(words)
        assert ended.value.code == EXIT_BAD_INPUT
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("do: ")


def test_the_work_gives_the_status() -> None:
    assert command("Do.")(lambda options: None)([]) == EXIT_OK
    assert command("Do.")(lambda options: EXIT_FAILED)([]) == EXIT_FAILED


def test_arguments_are_passed_on_where_wanted() -> None:
    found = []
    main = command("Do.", passes_on=True)(lambda options: found.extend(options.passed_on))
    assert main(["--field", "DIR"]) == EXIT_OK
    assert found == ["--field", "DIR"]


def test_mixture_options_name_a_suite() -> None:
    main = command("Do.", *mixture_options(per_task=3))(lambda options: None)
    config = suite_of(main.parser.parse_args([]))
    assert (config.name, config.split, config.per_task) == ("studio", "valid", 3)
    config = suite_of(main.parser.parse_args(["--set", "mixture.level_db=6", "--split", "test"]))
    assert (config.split, config.mixture.level_db) == ("test", 6.0)
