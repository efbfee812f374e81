"""The page itself: one HTML file that loads nothing and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from agents.browser import LOOK
from experiments.comparison.records import NOT_DEFINED, write_atomic
from experiments.comparison.report.examples import make_cards
from experiments.comparison.report.figures import make_figures
from experiments.comparison.report.plots import signed
from experiments.comparison.report.run import RunFolder
from experiments.comparison.summary.tables import followed_grid, rank_text
from experiments.comparison.summary.verdict import task_words, verdict
from experiments.comparison.table import p_value_text, percent_text
from lcr.audio.spectrogram import RANGE_DB

_HERE = Path(__file__).parent
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_MAX_FAILURES = 100


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Examples on which one system failed in the same way."""

    system: str
    status: str
    type: str
    message: str
    count: int
    example_id: str


def write_report(run: RunFolder) -> Path:
    """Write report.html into the run's folder, whole or not at all.

    Raises RecordsError when the summary names a sound outside of the folder, OutputError when the
    page cannot be written.
    """
    path = run.folder / "report.html"
    write_atomic(path, render(run).encode())
    return path


def render(run: RunFolder) -> str:
    """The page as text. Everything from the run is escaped by the template engine."""
    own, script = ((_HERE / name).read_text("utf-8") for name in ("style.css", "filter.js"))
    style = LOOK.read_text("utf-8") + own
    failures = list(_failures(run))
    return (
        _environment()
        .get_template("template.html.j2")
        .render(
            summary=run.summary,
            systems=run.systems,
            said=verdict(run.summary),
            rivals=set((run.summary["families"] or {"best": {}})["best"].values()),
            followed=followed_grid(run.summary),
            figures=make_figures(run, lambda text: str(_printable(text))),
            cards=make_cards(run),
            failures=failures[:_MAX_FAILURES],
            more_failures=len(failures[_MAX_FAILURES:]),
            range_db=RANGE_DB,
            policy=_policy(style=style, script=script),
            css=Markup(style),
            js=Markup(script),
        )
    )


def _policy(*, style: str, script: str) -> str:
    """The page's content security policy: even text that was not escaped could not run as code."""
    return (
        "default-src 'none'; img-src data:; media-src data:; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters.update(
        signed=signed,
        percent=percent_text,
        memory=_memory,
        p_value=p_value_text,
        figure=_figure,
        best=_best,
        pretty=_pretty,
        moment=_moment,
        rank=rank_text,
        task=task_words,
    )
    return environment


def _printable(value: object) -> object:
    """Replace by U+FFFD what HTML cannot hold: control characters and lone surrogates."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _CONTROLS.sub("�", value)
    return value


def _failures(run: RunFolder) -> Iterator[Failure]:
    """Group failed records that failed alike."""
    for system in run.systems:
        alike: dict[tuple[str, str, str], list[str]] = {}
        for record in run.records[system["name"]].values():
            if record["status"] not in ("ok", NOT_DEFINED):
                error = record["error"] or {"type": "–", "message": "no message was recorded"}
                key = (record["status"], error["type"], error["message"])
                alike.setdefault(key, []).append(record["example_id"])
        for (status, kind, message), ids in alike.items():
            yield Failure(
                system=system["name"],
                status=status,
                type=kind,
                message=message,
                count=len(ids),
                example_id=ids[0],
            )


def _best(systems: Sequence[Mapping[str, Any]], *path: str) -> frozenset[str]:
    """Find the ranked systems with the highest mean under `path`; none where there is only one."""
    means: dict[str, float] = {}
    for system in systems:
        if not system["bound"]:
            value: Any = system
            for key in path:
                value = value[key]
            if value["mean"] is not None:
                means[system["name"]] = value["mean"]
    if len(means) < 2:
        return frozenset()
    return frozenset(name for name, mean in means.items() if mean == max(means.values()))


def _memory(value: int | None) -> str:
    return "–" if value is None else f"{value / 2**20:,.0f} MiB"


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if 0 < value < 0.001 else f"{value:.3g}"


def _moment(text: str) -> str:
    """An ISO time in UTC to the minute."""
    return text[:16].replace("T", " ")


def _pretty(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
