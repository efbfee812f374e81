"""The exit statuses of `lcr`, and standard streams that cannot fail."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable

from lcr.errors import LcrError, cause_of, one_line
from lcr.signals import Stopped, stoppable

EXIT_BAD_INPUT = 2
"""Nothing was done: bad arguments, a missing package, or no file that could be remixed."""
EXIT_PARTIAL = 3
"""Some files failed and the others are done."""
EXIT_MISSING = 4
"""Something that a prompt names is not there, or was not understood; the rest is done."""
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141

MEANINGS = (
    "exit status: 0 all done; 2 nothing could be done (a line on standard error says why and what "
    "to do); 3 some files failed; 4 something named is not there or was "
    "not understood; 130 interrupted; 143 and 129 after SIGTERM and SIGHUP; 141 the reader of the "
    "output has gone; 1 a fault of lcr itself"
)


def run_command(
    name: str,
    work: Callable[[], int | None],
    *,
    bad_input: tuple[type[Exception], ...] = (LcrError,),
    describe: Callable[[OSError], str] = cause_of,
    hint: str = "",
) -> int:
    """Do the work of the command `name` and return its exit status; None stands for 0.

    Errors of the types `bad_input`, and an OSError in the words of `describe`, become one line on
    standard error; `hint` follows the line of an interruption.
    """
    try:
        with stoppable():
            status = work() or 0
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader, such as `head`, has enough
        _abandon_output()
        return EXIT_PIPE_CLOSED
    except bad_input as error:
        return fail(name, error)
    except OSError as error:
        if error.filename is None:  # standard output on a full disk, say
            _abandon_output()
        return fail(name, describe(error))
    except KeyboardInterrupt as error:
        with contextlib.suppress(OSError):  # after SIGHUP there may be no terminal
            print(f"{name}: interrupted{hint}", file=sys.stderr)
        return error.status if isinstance(error, Stopped) else EXIT_INTERRUPTED


def fail(name: str, problem: BaseException | str) -> int:
    """Write one line to standard error; returns the exit status for bad input."""
    print(f"{name}: {one_line(problem)}", file=sys.stderr)
    return EXIT_BAD_INPUT


def steady_streams() -> None:
    """Let standard output and error write as an escape what their encoding lacks: no result is
    lost for a character."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _abandon_output() -> None:
    """Drop what is still to be written to standard output, whose reader has gone or whose disk is
    full. Otherwise Python would try once more at exit and print an error of its own."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
