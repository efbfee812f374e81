"""What became of the files that `lcr remix` was given, told to a person or a program."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lcr.cli.bars import Bars
from lcr.cli.batch import BatchPlan, beside
from lcr.prompts.request import reading
from lcr.remixer import Step, Understood
from lcr.running.files import FileRemix

SCHEMA = 1
Status = Literal["done", "kept", "failed", "to do"]
_DONE = {"remove": "Removed", "keep": "Kept", "turn up": "Turned up", "turn down": "Turned down"}
_NAMED = 5
"""Of the files that are skipped."""
_WORDS = {"done": "remixed", "kept": "there already", "to do": "to do", "failed": "failed"}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a file; `to do` in a dry run."""

    source: str
    target: str
    status: Status
    error: str | None = None
    duration_s: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    remix: FileRemix | None = None
    misses: bool = False
    """Something that its prompt names is not there, or was not understood."""

    def as_json(self) -> dict[str, Any]:
        fields = dataclasses.asdict(self)
        fields |= fields.pop("remix") or {}
        if self.remix is not None:
            fields |= fields.pop("encoding")
            fields["real_time_factor"] = self.remix.seconds / (self.duration_s or 1)
        return fields


class Reporter:
    """What a person or a program is told: problems on standard error, the rest on standard output,
    or on standard error as well where the audio goes to standard output."""

    def __init__(self, options: argparse.Namespace, plan: BatchPlan, bars: Bars) -> None:
        self._options, self._plan, self._bars = options, plan, bars
        self._batch = plan.root is not None
        self._out = sys.stderr if any(job.target is None for job in plan.jobs) else sys.stdout

    def outcome(self, outcome: Outcome) -> None:
        if outcome.status == "failed":
            self._bars.line(f"{outcome.source}: {outcome.error}")
        if outcome.remix is not None:
            for text in outcome.remix.warnings:
                self._bars.line(f"warning: {outcome.source}: {text}")
        if self._options.json or outcome.status == "failed":
            return
        told = _reading_of(outcome.remix) if outcome.remix is not None else ""
        explained = self._options.explain and outcome.remix is not None
        if told or explained or self._options.dry_run or not self._batch:
            self._bars.print(self._told(outcome), self._out)
        if told:
            self._bars.print(f"  {told}", self._out)
        if explained and outcome.remix is not None:
            for step in outcome.remix.trace:
                self._bars.print(f"  {_step(step)}", self._out)

    def prompt(self) -> None:
        """What was made of the prompt, where that is not what was written."""
        told = reading(self._options.asked, self._options.prompt)
        if told:
            self._bars.line(told)

    def _told(self, outcome: Outcome) -> str:
        text = f"{outcome.source} -> {outcome.target}"
        if self._options.ab:
            text += f" and {beside(outcome.target)}"
        if outcome.status == "kept":
            missing = ", without something that the prompt names" if outcome.misses else ""
            return f"{text}: there already{missing}"
        if outcome.duration_s is not None:
            text += f": {outcome.duration_s:.1f} s of audio"
        if outcome.remix is not None:
            text += f" in {outcome.remix.seconds:.1f} s"
        return text

    def summary(self, outcomes: Sequence[Outcome]) -> None:
        if self._options.json:
            told = {
                "schema": SCHEMA,
                "system": self._options.system,
                "prompt": self._options.asked,
                "read_as": self._options.prompt,
                "gain_db": self._options.gain_db,
                "start_s": self._options.start_s,
                "end_s": self._options.end_s,
                "dry_run": self._options.dry_run,
                "skipped": [str(path) for path in self._plan.skipped],
                "files": [outcome.as_json() for outcome in outcomes],
            }
            print(json.dumps(told, indent=1))
        elif self._batch:
            counts = Counter(str(outcome.status) for outcome in outcomes)
            parts = [f"{counts[key]} {word}" for key, word in _WORDS.items() if counts[key]]
            files = "1 file" if len(outcomes) == 1 else f"{len(outcomes)} files"
            print(f"{files}: {', '.join(parts)}", file=self._out)
            if names := [str(path) for path in self._plan.skipped]:
                more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
                self._bars.line(f"skipped, not named as audio: {', '.join(names[:_NAMED])}{more}")


def sentence(understood: Sequence[Understood]) -> str:
    """What was done, for a person, such as "Removed: the dog. Turned up: the woman (+6.0 dB)", or
    "Lowered: the dog (about -9 dB)" where that is all that is expected to have been reached."""
    done: dict[str, list[str]] = {}
    for one in understood:
        if one.is_missing or one.action is None:
            continue
        level = "" if not one.gain_db or one.action == "keep" else f" ({one.gain_db:+.1f} dB)"
        verb = _DONE[one.action]
        if one.falls_short and one.reached_db is not None:
            hardly = abs(one.reached_db) < 1
            level = "" if hardly else f" (about {one.reached_db:+.0f} dB)"
            verb = "Hardly changed" if hardly else "Lowered" if one.action == "remove" else verb
        done.setdefault(verb, []).append(one.words + level)
    parts = [f"{verb}: {', '.join(words)}." for verb, words in done.items()]
    if parts and not any("everything" in one.words.lower() for one in understood):
        parts.append("Everything else stayed.")
    return " ".join(parts) or "Changed nothing."


def _reading_of(remix: FileRemix) -> str:
    """How the prompt was read: what was heard of it, or what its system says of its reading."""
    details = {step.name: step.detail for step in remix.trace}
    told = sentence(remix.understood) if remix.understood else details.get("read prompt", "")
    when = details.get("time range", "")
    return f"{told} When: {when}.".lstrip() if when else told


def _step(step: Step) -> str:
    seconds = "" if step.seconds is None else f" ({step.seconds:.2f} s)"
    return f"{step.name}: {step.detail}{seconds}" if step.detail else f"{step.name}{seconds}"
