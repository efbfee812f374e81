"""CLAPs in files: our own folders, and one way to load whatever is given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from baselines.clap.laion import load_laion
from baselines.clap.model import Clap, ClapConfig, TextAudioModel
from baselines.clap.public import LICENCE, REFERENCE, PublicClap, load_transformers
from lcr.base_weights import MissingWeightsError, find_base, weights_sha256
from lcr.files import write_whole
from lcr.instruction import Kind
from lcr.joint.remixer import CONFIG_FILE, WEIGHTS_FILE, Checkpoint, WeightsError, fill

OUR_LICENCE = "Apache-2.0"
OUR_REFERENCE = "HTSAT and MiniLM trained as in Wu et al., ICASSP 2023 (laion-clap)"


@dataclass(frozen=True, kw_only=True)
class LoadedClap:
    """A CLAP in eval mode and what a system's card tells of it.

    `kind` is what it was trained to tell apart, None for public models, which heard everything.
    `weights` are names with sha256; `scores` the figures of its last validation.
    """

    model: TextAudioModel
    kind: Kind | None
    reference: str
    licence: str
    weights: Mapping[str, str]
    scores: Mapping[str, float] = field(default_factory=dict)


def load_clap(path: Path, *, tokenizer: Path | None = None, device: str = "cpu") -> LoadedClap:
    """From a folder of ours, a folder of transformers' `ClapModel` (laion/clap-htsat-unfused), or a
    file of laion-clap (630k-audioset-best.pt), whose tokeniser is looked for in `tokenizer`.

    No code in a checkpoint is ever run. Raises MissingWeightsError where something is absent,
    WeightsError where it is damaged or another model's.
    """
    if path.is_dir():
        config = _read_config(path)
        if config.get("model_type") != "clap":
            return _load_ours(path, device)
        model, digest = load_transformers(path)
        return _public(path, model, digest, device)
    if not path.is_file():
        raise MissingWeightsError(f"no checkpoint of a CLAP at {path}")
    model, digest = load_laion(path, tokenizer)
    return _public(path, model, digest, device)


def fill_clap(clap: Clap, tensors: dict[str, Tensor]) -> None:
    """Load what training exports ("towers.…", and "reader.…" where that was trained). Raises
    ValueError or RuntimeError where they do not fit."""
    fill(clap.towers, tensors, "towers.", partial=False)
    fill(clap.reader, tensors, "reader.", partial=True)


def save_clap(
    clap: Clap,
    folder: Path,
    *,
    scores: Mapping[str, float] | None = None,
    precision: torch.dtype = torch.float16,
    **about: object,
) -> None:
    """Write what `load_clap` reads; `about` goes into config.json. Raises OSError."""
    state = {f"towers.{key}": value for key, value in clap.towers.state_dict().items()}
    state |= {f"reader.{key}": value for key, value in clap.reader.trained_state().items()}
    tensors = {
        key: (value.to(precision) if value.is_floating_point() else value).contiguous()
        for key, value in state.items()
    }
    config = {"schema": 1, **about, "clap": asdict(clap.config), "scores": dict(scores or {})}
    weights, words = save(tensors), json.dumps(config, indent=1) + "\n"
    write_whole(folder / WEIGHTS_FILE, lambda file: file.write(weights))
    write_whole(folder / CONFIG_FILE, lambda file: file.write(words.encode()))


def _load_ours(path: Path, device: str) -> LoadedClap:
    checkpoint = Checkpoint.read(path)
    try:
        settings = checkpoint.config["clap"]
        scores = checkpoint.config.get("scores", {})
        clap = Clap(ClapConfig.from_dict(settings))
        fill_clap(clap, checkpoint.tensors)
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        problem = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise WeightsError(f"{path} is no CLAP of this version of lcr: {problem}") from error
    base = clap.config.base
    weights = {path.name: checkpoint.sha256, Path(base).name: weights_sha256(find_base(base))}
    return LoadedClap(
        model=clap.to(device).eval(),
        kind=clap.config.kind,
        reference=OUR_REFERENCE,
        licence=OUR_LICENCE,
        weights=weights,
        scores=scores,
    )


def _public(path: Path, model: PublicClap, digest: str, device: str) -> LoadedClap:
    return LoadedClap(
        model=model.to(device).eval(),
        kind=None,
        reference=REFERENCE,
        licence=LICENCE,
        weights={path.name: digest},
    )


def _read_config(folder: Path) -> dict[str, object]:
    """config.json, {} where there is none; what is wrong with it the loaders say."""
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}
