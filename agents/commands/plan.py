"""Tell what a planner reads in a prompt. It is read against the sources that --sources describes,
separated by semicolons: a speaker by gender and style ("man", "low-pitched woman"), any other sound
by its class ("dog barking"); an amount and a time range in the prompt are heeded."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from lcr.errors import LcrError

if TYPE_CHECKING:
    from baselines.composite.planning import Plan
    from lcr.instruction import Description
    from lcr.prompts.time_words import TimedPrompt

EXTRA = "run"
SCHEMA = 1
_EXAMPLE = "man;woman;dog barking;rain"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", metavar="PROMPT", help='such as "turn the siren down"')
    parser.add_argument(
        "--planner",
        default="offline",
        metavar="NAME",
        help="offline, generative, reader or keyword (default: offline)",
    )
    parser.add_argument(
        "--sources",
        default=_EXAMPLE,
        metavar="LIST",
        help=f'what there is to hear (default: "{_EXAMPLE}")',
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(options: argparse.Namespace) -> int:
    from agents.planners.choose import load_planner
    from lcr.prompts.request import readable, reading
    from lcr.prompts.time_words import parse_range

    read = readable(options.prompt)
    timed = parse_range(read)
    described = read_sources(options.sources)
    plan = load_planner(options.planner).plan(timed.prompt, described)
    print(
        json.dumps(_as_json(options, read, timed, plan), ensure_ascii=False, indent=1)
        if options.json
        else _as_text(reading(options.prompt, read), timed, plan)
    )
    return 0


def read_sources(text: str) -> tuple[Description, ...]:
    """ "man; dog barking" as descriptions, speakers first. Raises LcrError for an empty list."""
    from agents.conversation.mentions import style_of
    from agents.listening.naming import kind_of
    from lcr.instruction import AudioDescription, SpeechDescription

    described: list[Description] = []
    for part in text.split(";"):
        words = " ".join(part.split())
        if not words:
            continue
        if kind_of(words) == "speech":
            described.append(SpeechDescription(**style_of(words)))
        else:
            described.append(AudioDescription(label=words))
    if not described:
        raise LcrError(f'no source is described; give some, such as --sources "{_EXAMPLE}"')
    return tuple(sorted(described, key=lambda one: one.kind, reverse=True))


def _rows(plan: Plan) -> list[tuple[str, float]]:
    from agents.conversation.mentions import name_of

    names = [name_of(one) for one in plan.descriptions]
    return [*zip(names, plan.gains, strict=True), ("all else", plan.rest)]


def _as_text(read: str, timed: TimedPrompt, plan: Plan) -> str:
    rows = _rows(plan)
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:{width}}  {_words(gain)}" for name, gain in rows]
    if timed.only is not None:
        lines.append(timed.only.words() if timed.only.spared else f"only {timed.only.words()}")
    told = [step.detail for step in plan.steps if step.name == "read prompt"]
    return "\n".join([*([read] if read else []), *told, *lines, *plan.warnings])


def _words(gain: float) -> str:
    from agents.conversation.state import words_of_gain

    return words_of_gain(_db(gain))


def _db(gain: float) -> float | None:
    import math

    return 20 * math.log10(gain) if gain > 0 else None


def _as_json(
    options: argparse.Namespace, read: str, timed: TimedPrompt, plan: Plan
) -> dict[str, object]:
    only = timed.only
    *sources, (_, rest) = _rows(plan)
    return {
        "schema": SCHEMA,
        "prompt": options.prompt,
        "read_as": read,
        "planner": options.planner,
        "sources": [{"source": name, "gain": gain, "gain_db": _db(gain)} for name, gain in sources],
        "all_else": {"gain": rest, "gain_db": _db(rest)},
        "range": None if only is None else only.to_json(),
        "absent": list(plan.absent),
        "not_understood": list(plan.not_understood),
        "unsure": list(plan.unsure),
    }
