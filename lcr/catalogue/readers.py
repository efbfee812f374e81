"""Which language models of the reader presets are on this machine, and their sizes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lcr.base_weights import MINILM, MissingWeightsError, find_base, has_hub_client
from lcr.catalogue.listing import read_catalogue
from lcr.errors import one_line
from lcr.nn.reader.config import PRESETS


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
            find_base(settings.base)
        known = read_catalogue()["readers"].get(name) or count_reader(settings.base)
        if known is None:
            raise MissingWeightsError("the config.json of its folder cannot be read")
        parameters, width = known
    except MissingWeightsError as error:
        missing = one_line(error)
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


def count_reader(base: str) -> tuple[int, int] | None:
    """Count the parameters that a reader of the language model `base` runs, and the width of its
    embedding, from config.json alone: no weights are loaded. None where `base` is not on this
    machine, or transformers cannot build it."""
    try:
        import torch
        from transformers import AutoConfig, AutoModel

        from lcr.nn.reader.text_encoder import is_pooler

        kind: Any = AutoModel
        with _hub_not_asked():
            folder = find_base(base)
        config: Any = AutoConfig.from_pretrained(folder, local_files_only=True)
        with torch.device("meta"):
            model: Any = kind.from_config(config)
    except Exception:  # transformers raises types of its own
        return None
    used = (p.numel() for name, p in model.named_parameters() if not is_pooler(name))
    return sum(used), int(config.hidden_size)


@contextmanager
def _hub_not_asked() -> Iterator[None]:
    """A list of models must not download 13 GB of one."""
    if not has_hub_client():
        yield
        return
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
