"""Checkpoints: folders of config.json and model.safetensors, found, read and written in one way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lcr.base_weights import MissingWeightsError, find_base, weights_sha256
from lcr.errors import LcrError
from lcr.files import sha256_of, write_whole
from lcr.identity import leaves

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS = Path(__file__).parent / "weights"
"""Where the joint models lie that ship with the program."""
DESK_CORPORA = frozenset({"studio", "field-recordings"})
"""What all weights that ship here were trained on, at least."""
CONFIG_FILE, WEIGHTS_FILE, CARD_FILE = "config.json", "model.safetensors", "README.md"
_ANY_SIZE = 1 << 20
_SLACK = 4
_MOST_OF_BASE = 5_000
"""Tensors of a language model."""
_SCALAR = np.float64(0).__reduce__()[0]


class WeightsError(LcrError):
    """A checkpoint is damaged, of another kind, or does not fit; the message says which."""


def how_made(config: Mapping[str, Any]) -> str:
    """How a checkpoint was trained, in words, as far as its config.json tells."""
    begun = f"begun from {config['begun_from']}, " if "begun_from" in config else ""
    begun += f"on the ears of {config['ears']}, " if "ears" in config else ""
    minutes = f"{config.get('seconds', 0) / 60:.0f} minutes"
    if "examples" in config:
        banks = ", ".join(config["banks"])
        ways = "".join(f", {way}" for way in config.get("unlike_paper", ()))
        return f"{begun}trained on {config['examples']:,} examples of {banks} in {minutes}{ways}"
    if "steps" in config:  # of its last stage: older files tell no more
        last = f"{config['steps']:,} steps and {minutes}"
        return f"{begun}trained at last in {last} (its card tells all)"
    return "how it was trained is not told"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What config.json and model.safetensors of a folder hold, and the SHA-256 of the weights."""

    folder: Path
    config: dict[str, Any]
    tensors: dict[str, Tensor]
    sha256: str

    @classmethod
    def read(cls, folder: Path) -> Checkpoint:
        """Raises MissingWeightsError when files are absent, WeightsError when they are broken."""
        from safetensors.torch import load_file

        config_path, weights_path = folder / CONFIG_FILE, folder / WEIGHTS_FILE
        for path in (config_path, weights_path):
            if not path.is_file():
                raise MissingWeightsError(f"no {path}: not a checkpoint of lcr")
        try:
            config = json.loads(config_path.read_text(encoding="utf-8"))
            tensors = load_file(weights_path)
        except Exception as error:  # safetensors raises its own type; both mean a broken file
            raise WeightsError(f"{folder} is damaged: {error}") from error
        if not isinstance(config, dict):
            raise WeightsError(f"{config_path} holds a {type(config).__name__}, not an object")
        _check_sizes(config_path, config, tensors)
        return cls(folder=folder, config=config, tensors=tensors, sha256=sha256_of(weights_path))

    @property
    def trained_on(self) -> frozenset[str]:
        """The corpora that it learned from, as suites call them."""
        return frozenset(self.config.get("trained_on", DESK_CORPORA))

    def section(self, name: str, what: str) -> dict[str, Any]:
        """The table `name` of config.json. Raises WeightsError where there is none: the folder is
        no `what`."""
        found = self.config.get(name)
        if not isinstance(found, dict):
            raise WeightsError(f"{self.folder} is no {what}: its {CONFIG_FILE} has no `{name}`")
        return found

    @property
    def made(self) -> str:
        return how_made(self.config)

    def weights(self, base: str | None = None) -> dict[str, str]:
        """Name and SHA-256 of these weights, and of the language model `base`, for a system's
        card."""
        return {self.folder.name: self.sha256, **(base_weights(base) if base else {})}


def _check_sizes(path: Path, config: dict[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Raises WeightsError where config.json names a size that no network of these weights has."""
    most = max(_ANY_SIZE, sum(tensor.numel() for tensor in tensors.values()))
    for key, value in leaves(config):
        if isinstance(value, int) and abs(value) > most:
            raise WeightsError(f"{path}: {key} is {value}, which fits none of its weights")


def read_config(folder: Path) -> dict[str, Any]:
    """What config.json of any format holds, {} where there is none; what is wrong with it is for
    the format's own loader to say."""
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


def text_of(path: Path) -> str:
    """A text file's content, "" for none."""
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def base_weights(base: str) -> dict[str, str]:
    """Name and SHA-256 of the language model `base`. Raises MissingWeightsError."""
    return {Path(base).name: weights_sha256(find_base(base))}


def find_checkpoint(name: str | Path, shipped: Path = WEIGHTS) -> Path:
    """The checkpoint that ships under `name` in the folder `shipped`, else the path `name`, whether
    or not it is there.

    What ships comes first: a folder of the same name beside the caller must not take its place.
    """
    found = shipped / name
    return found if found.is_dir() else Path(name)


def write_checkpoint(
    folder: Path, tensors: Mapping[str, Tensor], config: Mapping[str, object]
) -> None:
    """Write what `Checkpoint.read` reads, each file whole. Raises OSError."""
    from safetensors.torch import save

    weights = save({name: value.contiguous() for name, value in tensors.items()})
    write_whole(folder / WEIGHTS_FILE, weights)
    write_whole(folder / CONFIG_FILE, json.dumps(config, indent=1) + "\n")


@contextmanager
def must_fit(place: Path, what: str = "does not fit") -> Iterator[None]:
    """Turn what building and loading a network of `place` raises into a WeightsError."""
    try:
        yield
    except (
        AttributeError, LookupError, MemoryError, TypeError, ValueError, RuntimeError
    ) as error:  # fmt: skip
        problem = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise WeightsError(f"{place} {what}: {problem}") from error


def must_be(found: str, expected: str | None, what: str) -> None:
    """Raise WeightsError unless the SHA-256 `found` is the one `expected`, where one is."""
    if expected is not None and found != expected:
        raise WeightsError(f"{what}: sha256 {found}, expected {expected}")


@contextmanager
def no_larger_than(tensors: Mapping[str, Tensor], base: str | None = None) -> Iterator[None]:
    """While networks are built in the body, raise ValueError as soon as they have far more
    parameters than `tensors` and the language model `base`: a damaged config must not fill the
    memory."""
    from torch.nn.modules.module import register_module_parameter_registration_hook

    # Some networks make a parameter anew while they are built.
    count_of, values = len(tensors), sum(tensor.numel() for tensor in tensors.values())
    if base is not None:
        count_of += _MOST_OF_BASE
        values += sum(path.stat().st_size for path in find_base(base).glob("*.safetensors"))
    left = {"tensors": _SLACK * count_of, "values": _SLACK * values}

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        if parameter is not None:
            left["tensors"] -= 1
            left["values"] -= parameter.numel()
            if min(left.values()) < 0:
                raise ValueError(f"its config tells of more than its {len(tensors)} tensors hold")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def kept_state(module: nn.Module) -> dict[str, Tensor]:
    """What a checkpoint holds of `module`: its `trained_state` where it has one, as readers do
    whose language model lies elsewhere; else all of its state."""
    whole: Any = getattr(module, "trained_state", module.state_dict)
    state: dict[str, Tensor] = whole()
    return state


def states_of(**modules: nn.Module) -> dict[str, Tensor]:
    """The `kept_state` of several modules, the names of each under its own and a dot."""
    return {f"{n}.{k}": v for n, module in modules.items() for k, v in kept_state(module).items()}


def load_tensors(module: nn.Module, tensors: Mapping[str, Tensor], prefix: str = "") -> None:
    """Load the tensors whose names begin with `prefix` into `module`, which must be those of
    `kept_state`.

    Raises ValueError for missing or unknown ones, RuntimeError for wrong shapes.
    """
    state = {name: value.float() for name, value in below(tensors, prefix).items()}
    odd = sorted(set(state) ^ set(kept_state(module)))
    if odd:
        raise ValueError(f"{len(odd)} tensors are missing or unknown, such as {odd[0]}")
    module.load_state_dict(state, strict=not hasattr(module, "trained_state"))


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, which is taken off."""
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors by name of a file of safetensors or torch.save, there also below "state_dict" as
    Lightning and laion-clap write them. Raises WeightsError."""
    import torch

    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except Exception as error:  # safetensors raises its own type
            raise WeightsError(f"{path} is damaged or cut short: {error}") from error
    content = read_pickled(path)
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise WeightsError(f"{path} holds other things than tensors by name")
    return {str(name): value for name, value in state.items()}


def read_pickled(path: Path) -> Any:  # noqa: ANN401
    """What torch.save wrote, if it is tensors, plain values, numpy's numbers and torch's version.

    No code in it is run. Raises WeightsError for anything else and for a damaged file.
    """
    import torch
    from torch.serialization import safe_globals

    try:
        with safe_globals(_harmless()):
            # Mapped: laion-clap's files hold twice as much for the optimiser as for the model.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch raises a dozen types for broken files
        code = _code_in(path)
        problem = (
            f"holds code ({', '.join(code)}), which is not run; a checkpoint of tensors and plain "
            "values is needed"
            if code
            else "is no checkpoint of torch, or is damaged or cut short"
        )
        raise WeightsError(f"{path} {problem}") from error


def _code_in(path: Path) -> list[str]:
    """What a file would import beyond tensors and numbers, looked up without running it."""
    from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

    try:
        with safe_globals(_harmless()):
            return sorted(get_unsafe_globals_in_checkpoint(path))
    except Exception:  # an older format or no checkpoint at all: nothing can be said
        return []


def _harmless() -> list[Any]:
    """Types that checkpoints may hold beyond tensors and plain values."""
    import torch

    return [
        # Training notes of laion-clap hold numpy's numbers, under the name that numpy 1 gave them.
        (_SCALAR, "numpy.core.multiarray.scalar"),
        (_SCALAR, "numpy._core.multiarray.scalar"),
        np.dtype,
        type(np.dtype(np.float64)),
        type(np.dtype(np.float32)),
        type(np.dtype(np.int64)),
        # Text with a class of its own: asteroid notes the version of torch that wrote a file.
        torch.torch_version.TorchVersion,
    ]
