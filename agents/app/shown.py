"""The page as a conversation stands: new values of its parts, by name."""

from __future__ import annotations

from typing import Any

from agents.app import markup
from agents.app.sounds import Visit
from agents.conversation.mentions import guess_of
from agents.conversation.session import Conversation
from agents.conversation.state import REST, GainDb
from agents.conversation.turn import Turn

MOST_FADERS = 9
"""Sources that the page has room for, and the rest."""
MOST_CHOICES = MOST_FADERS - 1
"""Answers to a question."""
NO_SOURCES = "What is heard in the recording appears here, a fader for each source."

Values = dict[str, Any]


def update(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 (whatever a part takes)
    """Changes to a part of the page."""
    import gradio  # seconds, and only a page that is served needs them

    return gradio.update(**changes)


def fader_ids(conversation: Conversation) -> list[str]:
    """Of the faders, in the page's order; more than the page has room for have none."""
    return [*(one.id for one in conversation.sources[: MOST_FADERS - 1]), REST]


def fader(gain_db: GainDb) -> tuple[float, bool]:
    """Where a fader stands, in dB, and whether it is muted."""
    return (0.0, True) if gain_db is None else (round(gain_db, 1), False)


def player(visit: Visit, number: int, matched: bool) -> str:
    group = f"turns {visit.folder.name[:6]}"
    return markup.player(visit.turn(number, matched=matched), group=group)


def shown(visit: Visit, matched: bool) -> Values:
    """The page as the conversation stands."""
    talk = visit.conversation
    now = talk.current
    numbers = [one.number for one in talk.turns[1:]]
    return {
        "talk": markup.talk(talk.turns),
        "choice": update(
            choices=[("Original", 0), *((f"Turn {one}", one) for one in numbers)],
            value=now.number,
            visible=True,
        ),
        "player": player(visit, now.number, matched),
        "undo": update(interactive=talk.can_undo),
        "redo": update(interactive=talk.can_redo),
        "save": markup.history(visit.name, talk.to_json()),
        "resume": update(visible=True),
        **_answers(now),
        **_desk(talk),
    }


def _answers(turn: Turn | None) -> Values:
    """Buttons for the choices that a turn asks between."""
    asks = () if turn is None else turn.asks[:MOST_CHOICES]
    values: Values = {"choices": update(visible=bool(asks))}
    for n in range(MOST_CHOICES):
        words = f"{asks[n].id}: {asks[n].words}" if n < len(asks) else ""
        values[f"choice{n}"] = update(value=words, visible=bool(words))
    return values


def _desk(talk: Conversation | None) -> Values:
    """The faders as they stand; none where there are no sources, or no gains on them."""
    by = None if talk is None else talk.current.state.by
    if talk is None:
        hint = NO_SOURCES
    elif not talk.sources:
        hint = "No source is heard in it."
    elif by is not None:
        hint = (
            f"This turn is made by {by.system}, which has no faders to override. Undo it, or carry "
            "the next prompt out by faders, to have them again."
        )
    else:
        hint = ""
    ids = [] if talk is None or hint else fader_ids(talk)
    values: Values = {
        "apply": update(interactive=bool(ids)),
        "nothing": markup.hint(hint) if hint else "",
    }
    for n in range(MOST_FADERS):
        if talk is not None and n < len(ids):
            level, mute = fader(talk.current.gains[ids[n]])
            values[f"fader{n}"] = update(value=level, label=f"{_label(talk, ids[n])}, dB")
            values[f"mute{n}"] = update(value=mute, label=f"Mute {ids[n]}")
        values[f"row{n}"] = update(visible=n < len(ids))
    return values


def _label(talk: Conversation, id_: str) -> str:
    found = [one for one in talk.sources if one.id == id_]
    told = [f"{id_}: {guess_of(one)}" for one in found]
    return told[0] if told else "the rest"


def empty() -> Values:
    """The page without a recording."""
    return {
        "visit": None,
        "talk": markup.talk(()),
        "choice": update(choices=[("Original", 0)], value=0, visible=False),
        "player": markup.NO_SOUND,
        "compared": "",
        "undo": update(interactive=False),
        "redo": update(interactive=False),
        "save": "",
        "resume": update(visible=False),
        **_answers(None),
        **_desk(None),
    }
