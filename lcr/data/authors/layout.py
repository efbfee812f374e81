"""The authors' own layout of a manifest: one JSON list of flat records, as their data loader reads.

A record numbers its sources from 1, speech first: `raw_path1` (the file in the original corpora),
`snr1` (level in dB), `gender1`, `pitch1`, `tempo1`, `energy1`, `emotion1` for a speaker and
`label3` for a sound; beside them stand `acts`, `task` (in the names of their code) and
`parsed_prompts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lcr.instruction import STYLE_ATTRIBUTES

TASK_NAMES = {"HE": "ME", "HVC": "MVC", "RHVC": "MEVC"}
"""Their code's name of a task -> the paper's, where the two differ."""


def row_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """One of the authors' records as a line of our JSON Lines (see `set`).

    A record without an `id` is named by its mixture's `path`. Raises KeyError for a key it lacks,
    ValueError for a record without sources.
    """
    acts = str(record["acts"])
    sources = [_source(record, number) for number in range(1, len(acts) + 1)]
    if not sources:
        raise ValueError("acts is empty")
    task = str(record["task"])
    name = record.get("id", record.get("path"))
    if name is None:
        raise KeyError("id")
    return {
        "id": str(name).removesuffix(".wav").rpartition("/")[2],
        "task": TASK_NAMES.get(task, task),
        "acts": acts,
        "sources": sources,
        "prompts": record["parsed_prompts"],
    }


def _source(record: Mapping[str, Any], number: int) -> dict[str, Any]:
    found: dict[str, Any] = {"file": record[f"raw_path{number}"], "snr_db": record[f"snr{number}"]}
    if f"label{number}" in record:
        return found | {"kind": "audio", "label": record[f"label{number}"]}
    styles = {name: record.get(f"{name}{number}") for name in STYLE_ATTRIBUTES}
    if not any(styles.values()):
        raise KeyError(f"label{number}")
    return found | {"kind": "speech", **styles}
