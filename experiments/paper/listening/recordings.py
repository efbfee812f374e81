"""Real recordings with prompts written for them (section VI-C: AudioSet), as a survey's examples.

DIR/prompts.csv has a line a prompt: `path` of the recording, `prompt`, and the true instruction in
`pattern` ("10": keep, remove) over `sources` ("speech; dog barking", speech first; "male speech"
and "female speech" too), which gives the task, and goes to systems that are told it. There is no
target, so raters hear no hidden reference.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.comparison.errors import ConfigError
from experiments.comparison.isolation import StandIn
from experiments.comparison.report.run import RunFolder
from experiments.comparison.suite import digest_of
from experiments.comparison.systems import ReadySystem, build_system
from experiments.paper.rows import TABLE_2
from lcr.audio.core import read_audio, write_audio
from lcr.errors import LcrError
from lcr.instruction import (
    AudioDescription,
    Description,
    Instruction,
    SpeechDescription,
    instruction,
)
from lcr.remixer import Oracle

COLUMNS = ("path", "prompt", "pattern", "sources")
_SPEECH = {"speech": None, "female speech": "F", "male speech": "M"}


def remix_recordings(folder: Path, names: Sequence[str], out: Path, *, device: str) -> RunFolder:
    """Remix every recording by its prompts with each system that does the task, into OUT/sounds.
    `names` are registered systems or those of Table II's forms. Raises ConfigError, LcrError."""
    rows = _read(folder / "prompts.csv")
    if not names:
        raise ConfigError("--recordings needs --systems: which systems are to be heard?")
    forms = {form.name: form.options for form in TABLE_2.values()}
    systems = [build_system(name, forms.get(name, {}), device=device) for name in names]
    sounds = out / "sounds"
    if sounds.exists():
        raise ConfigError(f"{sounds} exists, and a survey may be of it; choose another --out")
    sounds.mkdir(parents=True)
    examples = []
    for number, (row, told) in enumerate(rows):
        clip = read_audio(folder / row["path"])
        mixture = f"sounds/{number}-mixture.wav"
        write_audio(out / mixture, clip.audio, clip.sample_rate)
        estimates = {}
        for system in systems:
            if not system.card.defines(told.task):
                continue
            path = f"sounds/{number}-{system.file_name}.wav"
            write_audio(out / path, _remix(system, clip, row, told), clip.sample_rate)
            estimates[system.name] = path
        examples.append(
            {
                "example_id": f"{row['path']} {number}",
                "task": told.task.value,
                "prompt": row["prompt"],
                "mixture": mixture,
                "target": None,
                "estimates": estimates,
            }
        )
    summary = {
        "data_digest": digest_of([row for row, _ in rows]),
        "systems": [{"name": s.name, "bound": False, "rank": None} for s in systems],
        "examples": examples,
    }
    return RunFolder(folder=out, summary=summary, records={})


def _remix(system: ReadySystem, clip: Any, row: Mapping[str, str], told: Instruction) -> Any:  # noqa: ANN401
    if isinstance(system.remixer, StandIn):
        raise ConfigError(f"{system.name} runs elsewhere; recordings are remixed here")
    oracle = Oracle(instruction=told).limited_to(system.card.uses_oracle)
    if system.card.uses_oracle - {"instruction"}:
        raise ConfigError(f"{system.name} needs a truth that nobody knows of recordings")
    mixture = clip.audio.copy()
    mixture.setflags(write=False)  # no system can change what the next one gets
    try:
        found = system.remixer.remix(mixture, clip.sample_rate, row["prompt"], oracle=oracle)
        return found.audio
    except (LcrError, ValueError) as error:
        raise ConfigError(f"{system.name} on {row['path']}: {error}") from error


def _read(path: Path) -> list[tuple[dict[str, str], Instruction]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    if not rows or set(COLUMNS) - set(rows[0]):
        raise ConfigError(f"{path} needs a line a prompt with the columns {', '.join(COLUMNS)}")
    found = []
    for number, row in enumerate(rows, start=2):
        try:
            described = [_described(words.strip()) for words in row["sources"].split(";")]
            told = instruction(row["pattern"], described)
            _ = told.task  # refuses what asks for nothing
            found.append((row, told))
        except (ValueError, KeyError, AttributeError) as error:
            raise ConfigError(f"{path} line {number}: {error}") from error
    return found


def _described(words: str) -> Description:
    if words in _SPEECH:
        return SpeechDescription(gender=_SPEECH[words])
    return AudioDescription(label=words)
