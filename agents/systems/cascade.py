"""A cascade that nobody tells anything: a planner reads the prompt, a separator takes the mixture
apart, and two CLAPs find what the prompt names among its outputs (`cascade`).

Its reader is the one that LCR ships with, so that the two differ in how they remix and not in how
well they read. Of the mixture it takes one thing for granted, as its separator does: how many of
the sources are speakers.
"""

from __future__ import annotations

from dataclasses import replace

from agents.planners.reader import DEFAULT_READER, ToldDescriptions, load_planner
from agents.planners.reading import keyword_planner
from baselines.clap.remixer import CARD as CLAP_CASCADE_CARD
from baselines.clap.remixer import build_clap_cascade
from baselines.composite.planning import Planner
from baselines.composite.remixer import DEFAULT_WEIGHTS, Cascade
from lcr.registry import SystemOptionError, with_card

CARD = replace(CLAP_CASCADE_CARD, name="cascade", uses_oracle=frozenset())
PLANNERS = ("reader", "keyword")


@with_card(CARD)
def cascade(
    *,
    planner: str | Planner = "reader",
    reader: str = DEFAULT_READER,
    weights: str = DEFAULT_WEIGHTS,
    clap_speech: str = "clap-speech",
    clap_audio: str = "clap-audio",
    device: str = "cpu",
) -> Cascade:
    """The system `cascade`. With `planner` "reader" it is told no truth; `reader` is a joint model
    that ships, or the path of another. With "keyword" it is told the true descriptions, and its
    card says so. Raises SystemOptionError for other names."""
    card = CARD
    if planner == "reader":
        planner = load_planner(reader)
        card = replace(card, weights=planner.weights)
    elif planner == "keyword":
        planner = ToldDescriptions(keyword_planner())
        card = replace(
            card, reference=f"{card.reference}; told the descriptions, reads actions by keywords"
        )
    if isinstance(planner, str):
        raise SystemOptionError(
            f"no planner is called {planner!r}; there are {', '.join(PLANNERS)}"
        )
    return build_clap_cascade(
        planner, card, weights=weights, speech=clap_speech, audio=clap_audio, device=device
    )
