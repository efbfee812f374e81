"""Which language models of the reader presets are on this machine, and their sizes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lcr.base_weights import MINILM, MissingWeightsError, find_base
from lcr.nn.reader.config import PRESETS
from lcr.nn.reader.text_encoder import is_pooler


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A preset of the prompt reader. `parameters` of its language model and the width of its
    embedding are None where it is not on this machine, and `missing` says why."""

    name: str
    base: str
    trains: str
    parameters: int | None
    width: int | None
    missing: str | None


def find_reader(name: str) -> Reader:
    """The preset `name` as it is on this machine; nothing is downloaded or loaded."""
    settings = PRESETS[name]
    parameters, width, missing = None, None, None
    try:
        with _hub_not_asked():
            folder = find_base(settings.base)
        parameters, width = _size(folder)
    except MissingWeightsError as error:
        missing = " ".join(str(error).split())
        if settings.base != MINILM:
            missing = f"not under $LCR_MODELS, not downloaded (hf download {settings.base})"
    return Reader(
        name=name,
        base=settings.base,
        trains=settings.trains,
        parameters=parameters,
        width=width,
        missing=missing,
    )


@contextmanager
def _hub_not_asked() -> Iterator[None]:
    """A list of models must not download 13 GB of one."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _size(folder: Path) -> tuple[int, int]:
    """Parameters that a reader runs and the width, by the folder's config.json; none are loaded.

    Raises MissingWeightsError where transformers cannot make sense of it."""
    from transformers import AutoConfig, AutoModel

    kind: Any = AutoModel
    try:
        config: Any = AutoConfig.from_pretrained(folder, local_files_only=True)
        with torch.device("meta"):
            model: Any = kind.from_config(config)
        used = (p.numel() for name, p in model.named_parameters() if not is_pooler(name))
        return sum(used), int(config.hidden_size)
    except Exception as error:  # transformers raises types of its own
        raise MissingWeightsError(f"{folder} cannot be read: {error}") from error
