"""Checkpoint folders to systems, by what lies in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import (
    CARD_FILE,
    CONFIG_FILE,
    DESK_CORPORA,
    Checkpoint,
    WeightsError,
    find_checkpoint,
    how_made,
    read_config,
    text_of,
)
from lcr.joint.open import OpenRemixer
from lcr.joint.query import SAMPLE_RATE
from lcr.nn.reader.shipped import weights_of
from lcr.prompts.reading import OpenReader
from lcr.remixer import SystemCard
from lcr.runtime import exported, read_made_of

if TYPE_CHECKING:  # with torch
    from lcr.joint.remixer import JointRemixer

    JointModel: TypeAlias = OpenRemixer | JointRemixer

DEFAULT_WEIGHTS = "lcr-q"
CORPORA = DESK_CORPORA | {"real-sounds"}
"""What the open model was trained on, as suites call it."""


def load(*, weights: str = DEFAULT_WEIGHTS, device: str = "cpu", name: str = "lcr") -> JointModel:
    """The system `lcr`: the shipped checkpoint, or any folder given as `weights`, of lcr or of the
    paper's authors (whose language model is found under $LCR_MODELS). Raises MissingWeightsError,
    WeightsError or RuntimeChoiceError."""
    return load_any(find_checkpoint(weights), name=name, device=device)


def load_any(
    folder: Path, *, name: str | None = None, base: str | None = None, device: str = "cpu"
) -> JointModel:
    """A checkpoint of lcr, or one of the paper's authors with the language model `base`; it is
    called `name`, or as its folder. Raises as `load` does."""
    if (folder / CONFIG_FILE).is_file():
        if base is not None:
            raise WeightsError(
                f"{folder} names its language model itself: base is for the authors'"
            )
        return load_checkpoint(folder, name=name or folder.name, device=device)
    from lcr.joint.authors import MASK_FILE, READER, checkpoint_folder, load_authors  # with torch

    if checkpoint_folder(folder) is None:
        raise MissingWeightsError(
            f"no checkpoint in {folder}: no {CONFIG_FILE} of lcr, no {MASK_FILE} of SpeechBrain"
        )
    reader = READER if base is None else replace(READER, base=base)
    return load_authors(folder, reader=reader, device=device)


def load_checkpoint(folder: Path, *, name: str, device: str = "cpu") -> JointModel:
    """A checkpoint of lcr, by the kind that its config.json tells; an open model is run by
    onnxruntime where it is exported (see `lcr.runtime`), else by torch. Raises as `load` does."""
    config = read_config(folder)
    if config.get("remixer", {}).get("kind") != "query":
        from lcr.joint.remixer import JointRemixer  # with torch

        return JointRemixer.from_checkpoint(folder, name=name, device=device)
    found = exported(folder) if device == "cpu" else None
    if found is not None:
        from lcr.joint.onnx_network import read_query_model

        model, sha256 = read_query_model(folder, found), read_made_of(found)["weights"][folder.name]
    else:
        from lcr.joint.torch_network import read_query_model as read_in_torch

        checkpoint = Checkpoint.read(folder)
        model, sha256 = read_in_torch(checkpoint, device=device), checkpoint.sha256
    card = SystemCard(
        name=name,
        family="joint",
        points=True,
        sample_rate=SAMPLE_RATE,
        reference="Jiang et al., Listen, Chat, and Remix, arXiv 2402.03710; query vectors; "
        + how_made(config),
        licence="Apache-2.0",
        weights={folder.name: sha256} | weights_of(),
        trained_on=CORPORA,
    )
    text = text_of(folder / CARD_FILE)
    return OpenRemixer(model, OpenReader.load(), card, config=config, model_card=text)
