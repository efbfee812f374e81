"""Words for how a voice relates to the others, as `lcr.instruction.RELATIONS`."""

from __future__ import annotations

import re

_WORDS = {
    "first": r"first",
    "second": r"second",
    "last": r"last",
    "higher": r"high(?:er|est)",
    "lower": r"(?:low|deep)(?:er|est)",
    "louder": r"loud(?:er|est)",
    "quieter": r"(?:quiet|soft)(?:er|est)",
}


def relation_of(words: str) -> str | None:
    """The relation that `words` state ("second to speak" -> "second"), None for one that has no
    name here, such as the other or the nearer voice."""
    found = (name for name, pattern in _WORDS.items() if re.match(pattern + r"\b", words.lower()))
    return next(found, None)
