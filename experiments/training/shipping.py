"""A finished run made into a checkpoint that its system loads, and its validations into a curve."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from experiments.comparison.errors import ConfigError, OutputError
from experiments.comparison.records import write_atomic
from experiments.comparison.table import csv_text
from experiments.training import baseline_stages
from experiments.training.recipe import about as recipe_table
from experiments.training.recipe import build_remixer, remixer_settings
from experiments.training.schema import Recipe, load_recipe
from lcr.checkpoints import WEIGHTS, WEIGHTS_FILE, Checkpoint, write_checkpoint
from lcr.data.studio.classes import LABELS
from lcr.files import sha256_of
from lcr.identity import differences
from lcr.joint.authors import CORPORA as PAPER_CORPORA
from lcr.training.queries.stage import NAMES_FILE

_CORPORA = {"field": ("field-recordings",), "real": ("real-sounds",), "corpus": PAPER_CORPORA}
"""The corpora of banks, as suites call them."""
CURVE_FILE = "curve.csv"
FLOAT16_BITS = 11
"""Significant bits of a 16-bit float, the implicit one counted."""


def ship(
    recipe_path: Path,
    run: Path,
    out: Path,
    overrides: Sequence[str] = (),
    *,
    bits: int = FLOAT16_BITS,
) -> str:
    """Write `out`, the model's values with `bits` significant bits (see `rounded`); the sha256 of
    its weights. Raises ConfigError when the run has no weights or they are not of this recipe,
    OutputError."""
    recipe = load_recipe(recipe_path, overrides)
    if recipe.stage == "reader" or (recipe.stage == "remixer" and not recipe.reader_from):
        raise ConfigError(f"{recipe_path}: only a joint stage holds a whole model")
    source = run / "weights.safetensors"
    if not source.exists():
        raise ConfigError(f"no {source}; train first")
    check_recipe(source, recipe)
    with safe_open(source, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        metadata = file.metadata() or {}
    about: dict[str, Any] = {
        "recipe": recipe.name,
        "steps": int(metadata.get("step", 0)),
        "seconds": int(metadata.get("seconds", 0)),
        "banks": list(recipe.banks),
    }
    about["trained_on"] = sorted(c for b in recipe.banks for c in _CORPORA.get(b, (b,)))
    if ears := recipe.init.get("ears"):
        about["ears"] = Path(ears).name
    if begun := recipe.init.get("remixer"):
        about["begun_from"] = Path(begun).name
    if recipe.query is None:
        each = recipe.training.mixtures * recipe.training.instructions
        about["examples"] = about["steps"] * each
        about["unlike_paper"] = unlike_paper(recipe)
    try:
        if recipe.stage in baseline_stages.SYSTEMS:
            scores = _last_scores(run)
            baseline_stages.ship(recipe, tensors, out, {**about, "scores": scores})
        elif recipe.query is not None:
            _write_query(recipe, run, tensors, out, about, bits)
        else:
            _check(recipe, tensors, source, recipe_path)
            _write(recipe, tensors, out, about, bits)
        return sha256_of(out / WEIGHTS_FILE)
    except OSError as error:
        raise OutputError.of(out, error) from error


def unlike_paper(recipe: Recipe) -> list[str]:
    """What a training does that the paper's does not (appendix A)."""
    loop = recipe.loop
    told = {
        f"by {loop.optimiser}": loop.optimiser != "adam",
        "loss capped at 30 dB": recipe.objective.capped and recipe.stage != "clap",
        "sources augmented": any(astuple(recipe.training.augment)),
        "gradients clipped": loop.clip_norm > 0,
        "weights averaged": loop.ema > 0,
    }
    return [way for way, true in told.items() if true]


def check_recipe(weights: Path, recipe: Recipe) -> None:
    """Raises ConfigError where a run's weights tell that another recipe made them."""
    with safe_open(weights, framework="pt") as file:
        begun = json.loads((file.metadata() or {}).get("about", "null")) or {}
    begun.pop("banks", None)
    if begun and (changed := differences(begun, recipe_table(recipe))):
        raise ConfigError(
            f"{weights} was trained by another recipe ({'; '.join(changed)}); repeat the --set of "
            "its training, or train anew in another folder"
        )


def _check(recipe: Recipe, tensors: dict[str, Tensor], source: Path, recipe_path: Path) -> None:
    remixer, _ = build_remixer(recipe)
    expected = {f"remixer.{key}": value.shape for key, value in remixer.state_dict().items()}
    if expected != {k: v.shape for k, v in tensors.items() if k.startswith("remixer.")}:
        raise ConfigError(f"{source} is not of {recipe_path}; repeat the --set of its training")


def rounded(values: Tensor, bits: int) -> Tensor:
    """Round to 16-bit floats with `bits` significant bits, 1 to 11, ties away from zero: fewer
    bits make a smaller archive. Raises ValueError for others."""
    if not 1 <= bits <= FLOAT16_BITS:
        raise ValueError(f"16-bit floats have 1 to {FLOAT16_BITS} significant bits; got {bits}")
    half = values.to(torch.float16)
    step = 1 << (FLOAT16_BITS - bits)
    # Sign and magnitude: a carry out of the fraction is the next exponent, as it should be.
    whole = half.view(torch.int16).int() & 0xFFFF
    kept = (whole + step // 2) & ~(step - 1)
    return kept.to(torch.int16).view(torch.float16)


def _write(
    recipe: Recipe, tensors: dict[str, Tensor], out: Path, about: dict[str, Any], bits: int
) -> None:
    config = {
        "schema": 1,
        **about,
        "labels": list(LABELS) if recipe.reader.slots is None else [],
        **_reader(recipe),
        "remixer": remixer_settings(recipe),
    }
    write_checkpoint(out, {key: rounded(value, bits) for key, value in tensors.items()}, config)


def _write_query(
    recipe: Recipe,
    run: Path,
    tensors: dict[str, Tensor],
    out: Path,
    about: dict[str, Any],
    bits: int,
) -> None:
    """LCR-Q: what it hears with, the vectors of its names and styles; not what only training
    used."""
    assert recipe.query is not None
    names = json.loads((run / NAMES_FILE).read_text(encoding="utf-8"))
    config = {
        "schema": 1,
        **about,
        "remixer": remixer_settings(recipe),
        "style_hidden": recipe.query.style_hidden,
        "names": {**names, "ridge": 1.0},
    }
    kept = {
        key: rounded(value, bits) if value.is_floating_point() else value
        for key, value in tensors.items()
        if key.split(".")[0] in ("remixer", "names", "styles")
    }
    write_checkpoint(out, kept, config)


def _reader(recipe: Recipe) -> dict[str, Any]:
    """Describe the reader in config.json: its settings, or which shipped weights hold it."""
    if not recipe.reader_from:
        return {"reader": asdict(recipe.reader.build())}
    digest = Checkpoint.read(WEIGHTS / recipe.reader_from).sha256
    return {"reader_from": {"weights": recipe.reader_from, "sha256": digest}}


def _last_scores(run: Path) -> dict[str, float]:
    """Read the figures of the run's last validation; {} where there was none."""
    if not (run / "log.csv").exists():
        return {}
    row = read_curve([("", run)])[-1]
    return {k: float(v) for k, v in row.items() if "/" in k and v}


def read_curve(runs: Sequence[tuple[str, Path]]) -> list[dict[str, str]]:
    """Read each validation (tasks apart) from the logs of some runs (stage name, folder). Raises
    ConfigError for a run without a log."""
    rows: list[dict[str, str]] = []
    for stage, run in runs:
        log = run / "log.csv"
        if not log.exists():
            raise ConfigError(f"no {log}; has {run} been validated?")
        with log.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                kept = {k: v for k, v in row.items() if k.count("/") == 1}
                rows.append(
                    {"stage": stage, "step": row["step"], "seconds": row["seconds"], **kept}
                )
    return rows


def write_curve(rows: Sequence[dict[str, str]], path: Path) -> None:
    """Write such rows as CSV; what a row lacks is empty. Raises OutputError."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = csv_text(columns, ([row.get(key, "") for key in columns] for row in rows))
    write_atomic(path, text.encode())
