"""The paper's systems and what fills their rows here: one mapping for tables, claims, figures and
`compare.py --systems table-2`.

At desk scale each is the paper's graph with fewer channels, trained from nothing by its recipe in
experiments/recipes/desk (`make rows`). Other systems of ours never stand in these rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Form:
    """A registered system, or under a `name` of its own another form of one: what `compare.py`
    takes as options.NAME."""

    name: str
    options: Mapping[str, object]

    @property
    def base(self) -> str:
        """The registered system that it is a form of."""
        return str(self.options.get("system", self.name))


def _form(weights: str, system: str = "lcr", **options: object) -> Form:
    return Form(name=weights, options={"system": system, "weights": weights, **options})


def registered(name: str) -> Form:
    """A registered system as it is."""
    return Form(name=name, options={})


TABLE_2: Mapping[str, Form] = {
    "PIT + G.T. actions": registered("pit-convtasnet"),
    "2 CLAPs + G.T. actions": Form(
        name="desk-clap-cascade",
        options={
            "system": "clap-cascade",
            "weights": "desk-pit",
            "clap_speech": "desk-clap-speech",
            "clap_audio": "desk-clap-audio",
        },
    ),
    "LASS (speech)": _form("desk-lass-speech", "lass-speech"),
    "LASS (audio)": _form("desk-lass-audio", "lass-audio"),
    "LCR-C GPT-2": _form("desk-lcr-c-gpt2"),
    "LCR-C frozen": _form("desk-lcr-c-frozen"),
    "LCR-C": _form("desk-lcr-c"),
    "LCR-T GPT-2": _form("desk-lcr-t-gpt2"),
    "LCR-T": _form("desk-lcr-t"),
    "LCR-M": _form("desk-lcr-m"),
}
"""Table II, in the paper's order."""

TABLE_5: Mapping[str, Form] = {
    "LCR-T zero-shot": TABLE_2["LCR-T"],
    "LCR-T 2.8 h finetuned": _form("desk-lcr-t-two-speakers"),
    "LLM-TSE": _form("desk-llm-tse", "llm-tse"),
    "LLM-TSE + audio clue": Form(
        name="desk-llm-tse-enrolled", options={"system": "llm-tse", "weights": "desk-llm-tse"}
    ),
}
"""Table V."""
WITH_CLUE = tuple(TABLE_5)[-1]
"""The row that is given a recording of the speaker as well."""

SUBSTITUTES: Mapping[str, Form] = {
    "desk-audiosep": _form("desk-audiosep", "audiosep-desk"),
    "desk-llm-tse": TABLE_5["LLM-TSE"],
} | {
    name: registered(name)
    for name in (
        *("audiosep", "sepformer-denoiser", "lcr", "lcr-g", "lcr-g-small-budget"),
        *("lcr-c", "lcr-t", "lcr-m", "pit", "clap-cascade", "lass-speech", "lass-audio"),
        *("cascade", "audiosep-desk", "llm-tse", "agent-query", "agent-offline"),
        "ideal-ratio-mask",
    )
}
"""Systems that the paper's Table II does not have, or not like this: those of its other tables,
grounded masks, remixers whose filter holds slots, band-split separators and extractors that began
with LCR-G's stem."""

ALIASES: Mapping[str, tuple[Form, ...]] = {"table-2": tuple(TABLE_2.values())}
"""What `--systems` takes for several systems at once."""
