"""Table VI written down: Markdown, CSV and JSON, ours beside the paper's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.comparison.errors import ConfigError
from experiments.comparison.records import write_atomic, write_json
from experiments.comparison.table import Table, csv_text, escape
from experiments.paper.listening.analysis import ALL, Opinion, opinions, screen
from experiments.paper.listening.results import SCALES, SCHEMA, read_results

COLUMNS = ("Enhance", "Extract", "Remove", "Multiple", ALL)
LETTERS = {"faithfulness": "F", "quality": "Q"}
"""The paper's names of the scales."""


def read_paper(path: Path | None) -> Mapping[str, Any]:
    """The paper's MOS by system, group and letter; empty without a file. Raises ConfigError."""
    if path is None:
        return {}
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["table_6_mos"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"cannot read table_6_mos from {path}: {error}") from error
    return found


def analyse(key: Mapping[str, Any], folder: Path, *, paper: Mapping[str, Any]) -> dict[str, Any]:
    """Compute the table as JSON values. Raises ConfigError when no rater's answers are left."""
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
        "paper": paper,
    }


def write_table(table: Mapping[str, Any], out: Path) -> None:
    """Write table_6.md, .csv and .json into `out`. Raises OutputError."""
    write_json(out / "table_6.json", table)
    write_atomic(out / "table_6.md", to_markdown(table).encode())
    write_atomic(out / "table_6.csv", to_csv(table).encode())


def read_table(folder: Path) -> Mapping[str, Any]:
    """Read what `write_table` wrote into `folder`, its scores in order. Raises ConfigError."""
    path = folder / "table_6.json"
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


def to_markdown(table: Mapping[str, Any]) -> str:
    """Write the table, and whose answers were left out, as Markdown."""
    heads = [f"{group} {LETTERS[scale]}" for group in COLUMNS for scale in SCALES]
    rows = [
        (name, *(_cell(groups.get(g, {}).get(s)) for g in COLUMNS for s in SCALES))
        for name, groups in table["mos"].items()
    ]
    for name, groups in table["paper"].items():
        scores = [groups.get(g, {}).get(LETTERS[s]) for g in COLUMNS for s in SCALES]
        rows.append((f"{name} (paper)", *("n/a" if s is None else f"{s:.2f}" for s in scores)))
    lines = [
        "# Table VI: mean opinion scores",
        "",
        f"{table['n_items']} items, {table['n_raters']} raters after screening "
        f"({len(table['left_out'])} left out, {len(table['refused_files'])} files refused). "
        "F is faithfulness to the prompt, Q quality, 1 to 5; 95 % intervals take items and raters "
        "as drawn at random. The paper's rows are of other listeners and other sounds, and it "
        "gives no interval: only differences within one survey compare.",
        "",
        *Table(heads=("system", *heads), rows=tuple(rows)).markdown(),
    ]
    for title, reasons in (("left out", table["left_out"]), ("refused", table["refused_files"])):
        lines += [f"- {title}: {escape(name)}: {escape(why)}" for name, why in reasons.items()]
    return "\n".join(lines).rstrip() + "\n"


def to_csv(table: Mapping[str, Any]) -> str:
    """Write one line a score."""
    names = [f for f in Opinion.__dataclass_fields__ if f != "reason"]
    rows: list[tuple[object, ...]] = [
        ("survey", system, group, scale, *(opinion[n] for n in names))
        for system, groups in table["mos"].items()
        for group, scales in groups.items()
        for scale, opinion in scales.items()
    ]
    rows += [
        ("paper", system, group, s, letters[LETTERS[s]], *[None] * (len(names) - 1))
        for system, groups in table["paper"].items()
        for group, letters in groups.items()
        for s in SCALES
    ]
    return csv_text(("source", "system", "group", "scale", *names), rows)


def _cell(opinion: Mapping[str, Any] | None) -> str:
    if opinion is None:
        return "not asked"
    if opinion["low"] is None:
        return f"{opinion['mean']:.2f} ({opinion['reason']})"
    return f"{opinion['mean']:.2f} [{opinion['low']:.2f}, {opinion['high']:.2f}]"
