"""Cascades that find out by listening which output is which source (section VI-A): `clap-cascade`
is the paper's "2 CLAPs + G.T. Actions", where the instruction is known and the sources are not."""

from __future__ import annotations

from dataclasses import replace

from baselines.clap.assign import load_matcher
from baselines.clap.checkpoint import Encoder
from baselines.composite.planning import OraclePlanner, Planner
from baselines.composite.remixer import DEFAULT_WEIGHTS, Cascade
from baselines.pit.separation import load_separator
from baselines.shipped import find_weights
from lcr.checkpoints import DESK_CORPORA
from lcr.registry import with_card
from lcr.remixer import SystemCard

CARD = SystemCard(
    name="clap-cascade",
    family="composite",
    sample_rate=16_000,
    uses_oracle=OraclePlanner.uses_oracle,
    reference="Jiang et al., arXiv 2402.03710, section VI-A",
    licence="Apache-2.0",
    trained_on=DESK_CORPORA,
)


def build_clap_cascade(
    planner: Planner,
    card: SystemCard,
    *,
    weights: str,
    speech: str,
    audio: str,
    device: str,
    encoder: Encoder = "transformers",
) -> Cascade:
    """A separator and two CLAPs by the names that they ship under, or by their paths, with any
    planner. `card` gains what they tell. Raises what `load_separator` and `load_clap` raise."""
    separator = load_separator(find_weights(weights))
    matcher = load_matcher(
        {"speech": find_weights(speech), "audio": find_weights(audio)},
        device=device,
        encoder=encoder,
    )
    licences = dict.fromkeys([card.licence, *(clap.licence for clap in matcher.claps.values())])
    card = replace(
        card,
        reference=f"{card.reference}; {separator.made}; {matcher.reference}",
        weights={**separator.weights, **matcher.weights, **card.weights},
        licence="; ".join(licences),
        trained_on=card.trained_on | separator.trained_on,
    )
    return Cascade(separator.separator, matcher.matcher, planner, card, device=device)


@with_card(CARD)
def clap_cascade(
    *,
    weights: str = DEFAULT_WEIGHTS,
    clap_speech: str = "clap-speech",
    clap_audio: str = "clap-audio",
    encoder: Encoder = "transformers",
    device: str = "cpu",
) -> Cascade:
    """The system `clap-cascade`; `weights` names a separator, and the other two a CLAP each: ones
    that ship, or the paths of others, public ones among them; `encoder` "laion-clap" runs those in
    laion-clap's own code (see `load_clap`). The paper's audio CLAP is Microsoft's, and these are
    LAION's."""
    return build_clap_cascade(
        OraclePlanner(),
        CARD,
        weights=weights,
        speech=clap_speech,
        audio=clap_audio,
        encoder=encoder,
        device=device,
    )
