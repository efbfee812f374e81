"""The opinion scores of a survey as one JSON file, which Table VI is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.comparison.errors import ConfigError
from experiments.paper.listening.analysis import ALL, Opinion, opinions, screen
from experiments.paper.listening.results import SCALES, SCHEMA, read_results

COLUMNS = ("Enhance", "Extract", "Remove", "Multiple", ALL)
SCORES_FILE = "table_6.json"
LETTERS = {"faithfulness": "F", "quality": "Q"}
"""The paper's names of the scales."""


def analyse(key: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Compute the scores as JSON values. Raises ConfigError when no rater's answers are left."""
    results, problems = read_results(folder, key)
    screened = screen(results, key)
    if not screened.kept:
        raise ConfigError(
            f"no rater's answers count: {len(results)} read, {len(screened.left_out)} screened "
            f"out, {len(problems)} files refused"
        )
    found = opinions(screened.kept, key)
    order = ("reference", *key["systems"], "anchor")
    return {
        "schema": SCHEMA,
        "survey": key["survey"],
        "n_items": len(key["items"]),
        "n_raters": len(screened.kept),
        "left_out": dict(screened.left_out),
        "refused_files": problems,
        "mos": {
            name: {
                group: {scale: asdict(found[name][group][scale]) for scale in SCALES}
                for group in COLUMNS
                if group in found[name]
            }
            for name in order
        },
    }


def read_table(folder: Path) -> Mapping[str, Any]:
    """Read what `analyse` found from `folder`, its scores in order. Raises ConfigError."""
    path = folder / SCORES_FILE
    try:
        table: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if table["schema"] != SCHEMA:
            raise ConfigError(f"{path} has schema {table['schema']}; this program reads {SCHEMA}")
        for system, groups in table["mos"].items():
            for group, scales in groups.items():
                if group not in COLUMNS or set(scales) != set(SCALES):
                    raise ValueError(f"{system}: no such group or scales: {group}: {list(scales)}")
                for scale in SCALES:
                    _check(Opinion(**scales[scale]), f"{system}, {group}, {scale}")
        if not table["n_raters"] > 0 < table["n_items"]:
            raise ValueError("n_raters and n_items must be above 0")
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}; give the folder that "
            "experiments.paper.listening analyse wrote its table into"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} holds no opinion scores: {error}") from error
    return table


def _check(opinion: Opinion, where: str) -> None:
    bounds = (opinion.low, opinion.high)
    low, high = (opinion.mean if bound is None else bound for bound in bounds)
    if not 1 <= low <= opinion.mean <= high <= 5:
        raise ValueError(f"{where}: 1 <= low <= mean <= high <= 5 does not hold")
    if (None in bounds) != (opinion.reason is not None):
        raise ValueError(f"{where}: either both bounds or a reason why there are none")
