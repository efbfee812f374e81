"""Checkpoints as model hubs keep them: a folder of config.json, model.safetensors and README.md, on
this machine or in a repository of huggingface_hub."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, write_checkpoint
from lcr.errors import LcrError
from lcr.files import write_whole
from lcr.joint.load import load_checkpoint

if TYPE_CHECKING:
    from lcr.joint.load import JointModel

_FILES = (CONFIG_FILE, WEIGHTS_FILE, CARD_FILE)
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
T = TypeVar("T")


class HubError(LcrError):
    """A hub did not do what it was asked; the message says what and why."""


def save_pretrained(model: JointModel, folder: str | os.PathLike[str]) -> Path:
    """Write `model` as it is now, with its card where it has one, to a folder that
    `from_pretrained` and `lcr.load` read, and return the folder. The language model of its reader
    is not in it.

    Weights are kept exactly, in 16 bits where those suffice. Raises HubError for a model that is
    no checkpoint of lcr (such as one of the paper's authors), and where the disk fails.
    """
    config = model.config
    if config is None:
        raise HubError(f"{model.card.name} is no checkpoint of lcr; save its own files instead")
    out = Path(folder)
    try:
        write_checkpoint(out, {k: _packed(value) for k, value in model.state().items()}, config)
        if not (out / CARD_FILE).exists():
            write_whole(out / CARD_FILE, model.model_card or _card_of(model))
    except OSError as error:
        raise HubError(f"{out} cannot be written: {error.strerror or error}") from error
    return out


def from_pretrained(
    name: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: str | None = None,
    device: str = "cpu",
) -> JointModel:
    """A checkpoint from a folder or from a hub's repository "OWNER/NAME", at `revision`.

    What has been downloaded before is not asked for again where the hub cannot be reached. Only
    config.json, model.safetensors and README.md are fetched, and no code. Raises
    MissingWeightsError where there is none, and WeightsError for a damaged one.
    """
    folder = Path(name)
    if not folder.is_dir():
        if not _REPOSITORY.fullmatch(os.fspath(name)):
            raise MissingWeightsError(f"no folder {name}, and no repository is named OWNER/NAME so")
        folder = _fetched(os.fspath(name), revision, token)
    return load_checkpoint(folder, name=Path(name).name, device=device)


def push_to_hub(
    model: JointModel,
    repository: str,
    *,
    token: str | None = None,
    private: bool = False,
    message: str = "Upload a checkpoint of lcr",
) -> str:
    """Upload what `save_pretrained` writes to a hub's repository "OWNER/NAME", which is made where
    there is none; the address of the commit. The hub is the one that huggingface_hub asks
    ($HF_ENDPOINT), the token the one that it keeps unless one is given. Raises HubError."""
    from huggingface_hub import HfApi

    if not _REPOSITORY.fullmatch(repository):
        raise HubError(f"a repository is named OWNER/NAME; got {repository!r}")
    api = HfApi(token=token)
    with tempfile.TemporaryDirectory() as scratch:
        folder = save_pretrained(model, scratch)

        def upload() -> str:
            api.create_repo(repository, private=private, exist_ok=True)
            done = api.upload_folder(repo_id=repository, folder_path=folder, commit_message=message)
            return str(done.commit_url)

        return _asked(f"{repository} was not uploaded", upload)


def _fetched(repository: str, revision: str | None, token: str | None) -> Path:
    from huggingface_hub import snapshot_download

    def fetch() -> Path:
        return Path(
            snapshot_download(
                repository, revision=revision, token=token, allow_patterns=list(_FILES)
            )
        )

    try:
        return _asked("", fetch)
    except HubError as error:
        raise MissingWeightsError(
            f"{repository} is no folder, was not downloaded before, and the hub did not give it "
            f"({error}). Give the path of a folder with {CONFIG_FILE} and {WEIGHTS_FILE}, or run "
            f"`hf download {repository}` where there is network"
        ) from error


def _asked(what: str, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except LcrError:
        raise
    except Exception as error:  # the client raises its own errors, httpx's and the system's
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise HubError(f"{what}: {reason}" if what else reason) from error


def _packed(value: torch.Tensor) -> torch.Tensor:
    value = value.detach().cpu().contiguous()
    half = value.to(torch.float16)
    return half if torch.equal(half.to(value.dtype), value) else value


def _card_of(model: JointModel) -> str:
    told: dict[str, Any] = {"license": "apache-2.0", "library_name": "lcr"}
    front = "\n".join(f"{key}: {value}" for key, value in told.items())
    card = model.card
    weights = "\n".join(f"- {name}: sha256 {digest}" for name, digest in card.weights.items())
    return (
        f"---\n{front}\n---\n\n# {card.name}\n\nA joint model of lcr, which remixes sound by text: "
        f'`lcr.from_pretrained("OWNER/NAME").remix("street.wav", "turn the siren down")`.\n\n'
        f"{card.reference}.\n\nMade of:\n\n{weights}\n"
    )
