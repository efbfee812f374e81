"""CLAPs in files: our own folders, and one way to load whatever is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from baselines.clap.laion import load_laion
from baselines.clap.model import Clap, ClapConfig, TextAudioModel
from baselines.clap.official import OfficialClap, load_official
from baselines.clap.public import LICENCE, REFERENCE, PublicClap, load_transformers
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import (
    Checkpoint,
    load_tensors,
    must_fit,
    no_larger_than,
    read_config,
    states_of,
    write_checkpoint,
)
from lcr.instruction import Kind

Encoder = Literal["transformers", "laion-clap"]
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


def load_clap(
    path: Path,
    *,
    tokenizer: Path | None = None,
    device: str = "cpu",
    encoder: Encoder = "transformers",
) -> LoadedClap:
    """From a folder of ours, a folder of transformers' `ClapModel` (laion/clap-htsat-unfused), or a
    file of laion-clap (630k-audioset-best.pt), whose tokeniser is looked for in `tokenizer`. Such a
    file runs in transformers' port of it, or as `encoder` says in laion-clap's own code.

    No code in a checkpoint is ever run. Raises MissingWeightsError where something is absent,
    WeightsError where it is damaged or another model's.
    """
    if path.is_dir():
        if read_config(path).get("model_type") != "clap":
            return _load_ours(path, device)
        model, digest = load_transformers(path)
        return _public(path, model.to(device), digest)
    if not path.is_file():
        raise MissingWeightsError(f"no checkpoint of a CLAP at {path}")
    if encoder == "laion-clap":
        official, digest = load_official(path, tokenizer, device)
        return _public(path, official, digest)
    model, digest = load_laion(path, tokenizer)
    return _public(path, model.to(device), digest)


def load_clap_tensors(clap: Clap, tensors: dict[str, Tensor]) -> None:
    """Load what training exports ("towers.…", and "reader.…" where that was trained). Raises
    ValueError or RuntimeError where they do not fit."""
    load_tensors(clap.towers, tensors, "towers.")
    load_tensors(clap.reader, tensors, "reader.")


def save_clap(
    clap: Clap,
    folder: Path,
    *,
    scores: Mapping[str, float] | None = None,
    precision: torch.dtype = torch.float16,
    **about: object,
) -> None:
    """Write what `load_clap` reads; `about` goes into config.json. Raises OSError."""
    tensors = {
        key: value.to(precision) if value.is_floating_point() else value
        for key, value in states_of(towers=clap.towers, reader=clap.reader).items()
    }
    config = {"schema": 1, **about, "clap": asdict(clap.config), "scores": dict(scores or {})}
    write_checkpoint(folder, tensors, config)


def _load_ours(path: Path, device: str) -> LoadedClap:
    checkpoint = Checkpoint.read(path)
    with must_fit(path, "is no CLAP of this version of lcr"):
        config = ClapConfig.from_dict(checkpoint.config["clap"])
        with no_larger_than(checkpoint.tensors, config.base):
            clap = Clap(config, light=True)
        scores = checkpoint.config.get("scores", {})
        load_clap_tensors(clap, checkpoint.tensors)
    return LoadedClap(
        model=clap.to(device).eval(),
        kind=clap.config.kind,
        reference=f"{OUR_REFERENCE}, {checkpoint.made}",
        licence=OUR_LICENCE,
        weights=checkpoint.weights(clap.config.base),
        scores=scores,
    )


def _public(path: Path, model: PublicClap | OfficialClap, digest: str) -> LoadedClap:
    own = isinstance(model, OfficialClap)
    return LoadedClap(
        model=model.eval(),
        kind=None,
        reference=f"{REFERENCE}, {'laion_clap.CLAP_Module' if own else 'a port of it'}",
        licence=LICENCE,
        weights={path.name: digest},
    )
