"""What can go wrong with what a person hands in; each message says what came and what was expected.

`LcrError` is the root, so that a command can turn any of them into one line and exit status 2.
"""

from __future__ import annotations

from pathlib import Path

_LISTED = 10
_MOST_CHARS = 10_000


class LcrError(Exception):
    """Any error of this package that its caller can put right."""


def words_of(error: BaseException) -> str:
    """What an error of someone else's code says, of a very long text the beginning: text that can
    be printed and written anywhere, whatever its `str` does."""
    try:
        text = str(error)[:_MOST_CHARS]
    except (Exception, SystemExit):
        text = "(its text cannot be made)"
    return printable(text)


def printable(text: str) -> str:
    """`text` with control characters, lone surrogates and the like written as escapes; the ends
    of lines and tabs stay."""
    return "".join(c if c.isprintable() or c in "\n\t" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def one_line(error: BaseException | str) -> str:
    """What an error or a text says, in one line."""
    text = printable(error) if isinstance(error, str) else words_of(error)
    return " ".join(text.split())


def cause_of(error: OSError) -> str:
    """What went wrong with which file, without an error's number."""
    reason = error.strerror or words_of(error)
    return f"{error.filename}: {reason}" if error.filename else reason


class AudioFileError(LcrError):
    """An audio file is missing, unreadable, empty or holds samples that are not finite."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class ManifestError(LcrError):
    """A bank's manifest is not usable; `problems` holds one phrase for each thing wrong."""

    def __init__(self, path: Path, problems: tuple[str, ...]) -> None:
        super().__init__(path, problems)
        self.path = path
        self.problems = problems

    def __str__(self) -> str:
        listed = "; ".join(self.problems[:_LISTED])
        left = len(self.problems) - _LISTED
        return f"{self.path}: {listed}" + (f"; and {left} more" if left > 0 else "")
