"""What a plan asks an extractor for."""

from __future__ import annotations

from collections.abc import Sequence

from baselines.composite.extraction import Queries, Query
from baselines.composite.planning import Plan
from baselines.lass.query import query_of
from lcr.instruction import SpeechDescription


def queries_for(plan: Plan, complete: bool) -> Queries:
    """What to extract for `plan`. Sources that have the gain of the rest need no extraction, and
    of several that one description fits only the first is extracted: they all come with it.

    `complete` plans are for all sources that there are; as the gain of the rest then only says
    what happens to nothing, one that asks least of the extractor takes its place: the sources' own
    gain with the least squared changes from it; among equals, of the fewest, and nearest to 1.
    """
    rest = plan.rest
    if complete and plan.gains:
        rest = min((1.0, *plan.gains), key=lambda r: _asked(plan.gains, r))
    found: dict[str, Query] = {}
    for description, gain in zip(plan.descriptions, plan.gains, strict=True):
        if isinstance(description, SpeechDescription):
            words = query_of(description) if description.known else "the speech"
        else:
            # Paraphrases are for extractors that learnt a closed set of them from true labels.
            words = query_of(description) if complete else f"the {description.label}"
        found.setdefault(words, Query(words, description.kind, gain))
    return Queries(tuple(q for q in found.values() if q.gain != rest), rest)


def _asked(gains: Sequence[float], rest: float) -> tuple[float, int, float]:
    changes = [gain - rest for gain in gains if gain != rest]
    return sum(change**2 for change in changes), len(changes), abs(rest - 1)
