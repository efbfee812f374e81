"""Ways to ask for each action and to complain, in ways.txt: lines of phrases between bars, under
"# section". {r}, {k}, {u} and {d} stand for what is to be removed, kept, turned up or down, a "b"
behind for no article. Generators write prompts with them, and readers know them again."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

FRAME_SECTIONS = (
    "wishes",
    "exceptions",
    "negations",
    "overall",
    "pairs",
    "short",
    "corrections",
    "said",
)
"""The sections of open_generator/frames.txt that ask for a remix."""


@lru_cache
def sections(path: Path) -> dict[str, tuple[str, ...]]:
    """The lines of each section of a file."""
    text = path.read_text(encoding="utf-8")
    parts = (part.partition("\n") for part in re.split(r"^# ", text, flags=re.MULTILINE)[1:])
    return {name: tuple(line for line in body.splitlines() if line) for name, _, body in parts}


@lru_cache
def ways(section: str) -> tuple[str, ...]:
    """The phrases of a section of ways.txt."""
    return tuple("|".join(sections(Path(__file__).with_name("ways.txt"))[section]).split("|"))
