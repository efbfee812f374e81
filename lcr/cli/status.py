"""The exit statuses of `lcr`, and standard streams that cannot fail."""

from __future__ import annotations

import io
import os
import sys

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


def steady_streams() -> None:
    """Let standard output and error write as an escape what their encoding lacks: no result is
    lost for a character."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def abandon_output() -> None:
    """Throw away what standard output has not taken, as its reader has gone or its disk is full:
    Python would try again at its end, and fail in its own words."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
