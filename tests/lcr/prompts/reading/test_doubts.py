"""What a reading leaves out is told, whoever made it."""

from __future__ import annotations

import pytest

from lcr.instruction import Action
from lcr.prompts.reading.doubts import doubts
from lcr.prompts.reading.things import NamedThing, Rest, Span


@pytest.mark.parametrize(
    ("text", "action", "rest", "told"),
    [
        ("Cut the rain. Actually, leave it in but make it soft", Action.REMOVE, "stays", ["soft"]),
        ("Make the rain soft", Action.DOWN, "stays", []),
        ("I cannot follow him with all that rain", Action.KEEP, "stays", None),
        ("there's no need to turn down the rain", Action.KEEP, "stays", []),
        ("could the rain be kept from waking her", Action.KEEP, "goes", None),
        ("I only want the rain", Action.KEEP, "goes", []),
        ("less than happy about the rain", Action.UP, "stays", None),
    ],
)
def test_what_nothing_in_the_prompt_says_is_told(
    text: str, action: Action, rest: Rest, told: list[str] | None
):
    start = text.index("rain")
    span = Span(start, start + 4, "sound", action)
    thing = NamedThing(
        words="rain", start=start, stop=start + 4, kind="sound", action=action, gain=action.gain
    )
    assert doubts(text, [span], [span], [thing], [], rest) == ([text] if told is None else told)
