"""A blind survey of a comparison or of recordings: one web page, and the key that stays at home."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from scipy.signal import butter, sosfiltfilt

from agents.browser import LOOK
from experiments.comparison.errors import ConfigError
from experiments.comparison.records import write_atomic, write_json
from experiments.comparison.report.media import Clip, ClipError, Encoding, encode, read_clip
from experiments.comparison.report.run import RunFolder, inside
from experiments.paper.listening.results import SCHEMA

LOSSLESS_LIMIT_SAMPLES = 4_000_000
"""Up to this many samples in all the page holds FLAC, above it Vorbis."""
ANCHOR_CUTOFF = 0.2
"""The low anchor is the unprocessed mixture below this share of the Nyquist frequency: it follows
no prompt and is dull, so that it is low on both scales."""

GROUPS = {"SE": "Enhance", "TSE": "Extract", "TAE": "Extract", "TSR": "Remove", "TAR": "Remove"}
GROUPS |= {"ME": "Multiple"}
"""Columns of Table VI by task, as section VI-C has them; other tasks are in none of them."""
OTHER = "Other tasks"

_HERE = Path(__file__).parent
_BEEP_HZ, _BEEP_S, _GAP_S = 1000.0, 0.2, 0.4


@dataclass(frozen=True, kw_only=True)
class SurveyOptions:
    """What to ask: `systems` of the run (none: all that are no bound), at most `items` examples,
    `checks` attention checks, ids for `raters` (0: raters name themselves)."""

    systems: tuple[str, ...] = ()
    items: int = 20
    checks: int = 2
    raters: int = 0
    seed: int = 0
    title: str = "Listening test"


@dataclass(frozen=True, kw_only=True)
class Survey:
    """`page` is HTML that says nothing of systems; `key` says which sound is whose."""

    page: str
    key: Mapping[str, Any]


def make_survey(run: RunFolder, options: SurveyOptions) -> Survey:
    """Raises ConfigError when the run has no such system or too little sound."""
    names = _systems(run, options)
    # A system that does some tasks only is asked about on those.
    rows = [r for r in run.summary["examples"] if set(names) & set(r["estimates"])]
    rows = rows[: options.items]
    if not rows:
        raise ConfigError(
            "no example has the sound of a system asked for; run experiments/compare.py with "
            "--examples 20 and these systems"
        )
    rng = np.random.default_rng(options.seed)
    salt = f"{run.summary['data_digest']} {names} {options.seed} {secrets.token_hex(8)}"
    items = [_sounds(run, row, names) for row in rows]
    total = sum(c.samples.size for clips in items for c in clips.values())
    encoding: Encoding = "FLAC" if total <= LOSSLESS_LIMIT_SAMPLES else "Vorbis"
    shown: list[dict[str, Any]] = []
    kept: list[dict[str, Any]] = []
    for row, clips in zip(rows, items, strict=True):
        gain = 1.0 / max(1.0, *(c.peak for c in clips.values()))
        ids = {name: _opaque(salt, row["example_id"], name) for name in clips}
        stimuli = [name for name in clips if name != "mixture"]
        item = _opaque(salt, row["example_id"], "item")
        shown.append(
            {
                "id": item,
                "prompt": row["prompt"],
                "mixture": encode(clips["mixture"], gain=gain, encoding=encoding),
                # Sorted by meaningless ids, so that the page's source gives no system away.
                "stimuli": sorted(
                    (
                        {"id": ids[n], "audio": encode(clips[n], gain=gain, encoding=encoding)}
                        for n in stimuli
                    ),
                    key=lambda s: s["id"],
                ),
            }
        )
        kept.append(
            {
                "id": item,
                "example_id": row["example_id"],
                "task": row["task"],
                "group": GROUPS.get(row["task"], OTHER),
                "stimuli": {ids[n]: n for n in stimuli},
            }
        )
    checks: dict[str, int] = {}
    for number in range(options.checks):
        count = int(rng.integers(1, 6))
        item, sound = _opaque(salt, str(number), "check"), _opaque(salt, str(number), "beeps")
        clip = _beeps(items[number % len(items)]["mixture"], count)
        shown.append(
            {
                "id": item,
                "check": True,
                "prompt": "Count the beeps, and give their number on both scales.",
                "stimuli": [{"id": sound, "audio": encode(clip, gain=1.0, encoding=encoding)}],
            }
        )
        checks[sound] = count
    survey = hashlib.sha256(salt.encode()).hexdigest()[:16]
    raters = [secrets.token_urlsafe(9) for _ in range(options.raters)]
    page = _render({"schema": SCHEMA, "survey": survey, "items": shown}, title=options.title)
    key = {"schema": SCHEMA, "survey": survey, "raters": raters, "systems": list(names)}
    return Survey(page=page, key=key | {"items": kept, "checks": checks})


def write_survey(run: RunFolder, out: Path, options: SurveyOptions) -> tuple[Path, Path]:
    """Write `survey.html` and `key.json` of a run into `out`; returns their paths.

    Raises ConfigError, RecordsError, OutputError. A key that exists is not written over, for
    results that were given under it would lose their meaning.
    """
    page, key = out / "survey.html", out / "key.json"
    if key.exists():
        raise ConfigError(f"{key} exists, and results may belong to it; choose another --out")
    survey = make_survey(run, options)
    write_json(key, survey.key)
    write_atomic(page, survey.page.encode())
    return page, key


def _systems(run: RunFolder, options: SurveyOptions) -> tuple[str, ...]:
    known = [s["name"] for s in run.systems]
    wanted = options.systems or tuple(
        s["name"] for s in run.systems if not s["bound"] and s["name"] != "mixture"
    )
    if missing := [n for n in wanted if n not in known]:
        raise ConfigError(f"the run has no {', '.join(missing)}; it has {', '.join(known)}")
    if not wanted:
        raise ConfigError("the run has no system to ask about besides bounds and the mixture")
    if reserved := {"mixture", "reference", "anchor"} & set(wanted):
        raise ConfigError(f"{', '.join(sorted(reserved))} is in every survey already")
    return tuple(wanted)


def _sounds(run: RunFolder, row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Clip]:
    """The open mixture, the hidden anchor, the hidden reference where a target is known (of real
    recordings there is none), and the sounds of the systems that answered."""
    try:
        mixture = read_clip(inside(run.folder, row["mixture"]))
        found = {"mixture": mixture, "anchor": low_anchor(mixture)}
        if row.get("target"):
            found["reference"] = read_clip(inside(run.folder, row["target"]))
        there = [name for name in names if name in row["estimates"]]
        return found | {n: read_clip(inside(run.folder, row["estimates"][n])) for n in there}
    except ClipError as error:
        raise ConfigError(f"example {row['example_id']}: {error}") from error


def low_anchor(mixture: Clip) -> Clip:
    """The mixture without what lies above `ANCHOR_CUTOFF` of its Nyquist frequency."""
    sos = butter(8, ANCHOR_CUTOFF, output="sos")
    pad = min(3 * (2 * len(sos) + 1), len(mixture.samples) - 1)
    dull = sosfiltfilt(sos, mixture.samples.astype(np.float64), axis=0, padlen=pad)
    return Clip(samples=dull.astype(np.float32), sample_rate=mixture.sample_rate)


def _beeps(background: Clip, count: int) -> Clip:
    """`count` clear beeps over a quiet background as long as they need."""
    rate = background.sample_rate
    step = round((_BEEP_S + _GAP_S) * rate)
    time = np.arange(round(_BEEP_S * rate)) / rate
    beep = 0.5 * np.sin(2 * np.pi * _BEEP_HZ * time) * np.hanning(len(time))
    mono = np.resize(background.samples.mean(axis=1), 6 * step)
    mono = 0.05 * mono / max(float(np.max(np.abs(mono))), 1e-9)
    for number in range(count):
        start = number * step + step // 2
        mono[start : start + len(beep)] += beep
    return Clip(samples=mono.astype(np.float32)[:, None], sample_rate=rate)


def _opaque(salt: str, *words: str) -> str:
    return hashlib.sha256(" ".join((salt, *words)).encode()).hexdigest()[:16]


def _render(data: Mapping[str, Any], *, title: str) -> str:
    own, script = ((_HERE / name).read_text("utf-8") for name in ("survey.css", "survey.js"))
    style = LOOK.read_text("utf-8") + own
    # "<" would let a prompt end the data's element; JSON's escape means the same.
    text = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("survey.html.j2").render(
        title=title,
        style=style,
        script=script,
        data=text,
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
    )


def _csp_hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
