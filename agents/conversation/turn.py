"""What was said in a conversation, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from agents.conversation.mentions import name_of
from agents.conversation.state import REST, GainDb, State, words_of_gain
from agents.plan import HeardSource
from lcr.prompts.time_range import TimeRange
from lcr.remixer import Audio


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A source that may be meant: its `id` answers the question, and so do its words."""

    id: str
    words: str


def _render_nothing(state: State) -> Audio:
    raise LookupError("a turn that was read has no sound until its conversation goes on")


@dataclass(frozen=True, kw_only=True)
class Turn:
    """`number` counts from 0, the recording as it is. `plan` tells all gains in words, `reply` what
    changed or why nothing did; `asks` are the choices of an open question, of which nothing was
    done yet."""

    number: int
    prompt: str
    reply: str
    plan: str
    state: State
    asks: tuple[Choice, ...] = ()
    render: Annotated[Callable[[State], Audio], Field(exclude=True)] = field(
        default=_render_nothing, repr=False, compare=False
    )

    @property
    def gains(self) -> Mapping[str, GainDb]:
        """In dB by source, of the whole recording and of what is none of them ("rest"); None:
        removed. None of them has one where another system made the sound."""
        if self.state.by is not None:
            return {}
        return {**self.state.whole.gains, REST: self.state.whole.rest}

    @property
    def audio(self) -> Audio:
        """(channels, samples), made from the original each time it is asked for."""
        return self.render(self.state)

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = TypeAdapter(Turn).dump_python(self, mode="json")
        return found


def plan_in_words(state: State, heard: Sequence[HeardSource]) -> str:
    """ "dog barking: removed; rain: +6 dB; the rest: as it is", and so on for parts."""
    if state.by is not None:
        return f'By {state.by.system} from the original: "{state.by.prompt}"'
    told = []
    for only, one in ((None, state.whole), *state.parts):
        names = labels(heard)
        gains = [f"{names[id_]}: {words_of_gain(gain)}" for id_, gain in one.gains.items()]
        when = "" if only is None else f"{only.words()}: "
        told.append(when + "; ".join([*gains, f"the rest: {words_of_gain(one.rest)}"]))
    return " | ".join(told)


def change_in_words(
    before: State, after: State, only: TimeRange | None, heard: Sequence[HeardSource]
) -> str:
    """What is other in the part `only`, or the whole, than it was."""
    if after.by is not None:
        return (
            f"Remixed by {after.by.system}, from the original and these words alone: there are no "
            "faders to override."
        )
    if before.by is not None:
        return f"By faders again. {plan_in_words(after, heard)}."
    old, new, names = before.shown(only), after.shown(only), {**labels(heard), REST: "the rest"}
    told = [
        f"{name}: {words_of_gain(new.gain_of(id_))}"
        for id_, name in names.items()
        if new.gain_of(id_) != old.gain_of(id_)
    ]
    when = "" if only is None else f", {only.words()}"
    return f"{'; '.join(told) or 'Other parts change'}{when}."


def labels(heard: Sequence[HeardSource]) -> dict[str, str]:
    """A name for each id, with the id where two sources have one name."""
    names = {one.id: name_of(one.description) for one in heard}
    several = [name for name in names.values() if list(names.values()).count(name) > 1]
    return {id_: f"{name} ({id_})" if name in several else name for id_, name in names.items()}
