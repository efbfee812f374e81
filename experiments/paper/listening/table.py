"""The opinion scores of a survey as one JSON file, which Table VI is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.comparison.errors import ConfigError
from experiments.paper.listening.analysis import (
    ALL,
    Answer,
    Opinion,
    answers,
    opinions,
    preference,
    screen,
)
from experiments.paper.listening.results import SCALES, SCHEMA, read_results
from experiments.paper.listening.survey import OTHER
from experiments.paper.rows import TABLE_2

COLUMNS = ("Enhance", "Extract", "Remove", "Multiple", OTHER, ALL)
SCORES_FILE = "table_6.json"
OURS = ("lcr-t-given", TABLE_2["LCR-T"].name)
"""LCR-T by the names that it may have in a run; the others are compared with the first there is."""
LETTERS = {"faithfulness": "F", "quality": "Q"}
"""The paper's names of the scales."""


def analyse(surveys: Sequence[tuple[Mapping[str, Any], Path]]) -> dict[str, Any]:
    """Compute the scores of one survey or several together, each by its key and the folder of its
    results, as JSON values. Raises ConfigError when no rater's answers are left."""
    given: list[Answer] = []
    left_out: dict[str, str] = {}
    refused: dict[str, str] = {}
    raters: set[str] = set()
    for key, folder in surveys:
        results, problems = read_results(folder, key)
        screened = screen(results, key)
        given += answers(screened.kept, key)
        raters |= {result.rater for result in screened.kept}
        left_out |= screened.left_out
        refused |= problems
    if not given:
        raise ConfigError(
            f"no rater's answers count: {len(left_out)} screened out, {len(refused)} files refused"
        )
    found = opinions(given)
    systems = list(dict.fromkeys(name for key, _ in surveys for name in key["systems"]))
    order = [name for name in ("reference", *systems, "anchor") if name in found]
    against = next((name for name in OURS if name in systems), None)
    return {
        "schema": SCHEMA,
        "surveys": [key["survey"] for key, _ in surveys],
        "n_items": len({one.item for one in given}),
        "n_raters": len(raters),
        "left_out": left_out,
        "refused_files": refused,
        "mos": {
            name: {
                group: {scale: asdict(found[name][group][scale]) for scale in SCALES}
                for group in COLUMNS
                if group in found[name]
            }
            for name in order
        },
        "compared": against,
        "differences": {
            name: {scale: asdict(opinion) for scale, opinion in pair.items()}
            for name in systems
            if against is not None and name != against
            if (pair := preference(given, against, name))
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
