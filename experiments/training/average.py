"""Average the weights of runs that began from one another:
`average.py OUT DIR=SHARE DIR=SHARE ... --stem DIR=SHARE`.

Models trained one from the other lie in one valley, and their average is often better than each
(Wortsman et al., "Model soups", 2022). `--stem` then moves the stem alone by SHARE towards the one
it began as ("Robust fine-tuning", 2022). A tensor that some runs hold in another size is averaged
over those that hold it as the last one does.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from experiments.command import command, option
from experiments.comparison.errors import ConfigError
from lcr.checkpoints import WEIGHTS_FILE

_STEM = ("remixer.features.", "remixer.stem.", "remixer.norm.")


def share_of(text: str) -> tuple[Path, float]:
    """Read DIR=SHARE. Raises ValueError."""
    folder, _, share = text.rpartition("=")
    if not folder or not 0 < float(share) <= 1:
        raise ValueError(f"expected DIR=SHARE with a share above 0 and at most 1, got {text!r}")
    return Path(folder), float(share)


def _load(folder: Path) -> dict[str, torch.Tensor]:
    paths = (folder / "weights.safetensors", folder / WEIGHTS_FILE)
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        raise ConfigError(f"no {paths[0]}; finish that stage first")
    return {key: value.float() for key, value in load_file(path).items()}


def average(parts: list[tuple[dict[str, torch.Tensor], float]]) -> dict[str, torch.Tensor]:
    """The weighted mean of tensors by name; names and sizes are those of the last part."""
    last = parts[-1][0]
    found = {}
    for name, tensor in last.items():
        fitting = [
            (other[name], share)
            for other, share in parts
            if name in other and other[name].shape == tensor.shape
        ]
        total = sum(share for _, share in fitting)
        found[name] = torch.stack([value * (share / total) for value, share in fitting]).sum(0)
    return found


def towards(
    tensors: dict[str, torch.Tensor], origin: dict[str, torch.Tensor], share: float
) -> dict[str, torch.Tensor]:
    """`tensors` with the stem moved by `share` (0 to 1) towards that of `origin`. Raises
    ConfigError."""
    moved = {name for name in tensors if name.startswith(_STEM)}
    if not moved or any(name not in origin for name in moved):
        raise ConfigError("the two models have no stem in common")
    return {
        name: torch.lerp(value, origin[name], share) if name in moved else value
        for name, value in tensors.items()
    }


@command(
    __doc__,
    option("out", type=Path),
    option("parts", type=share_of, nargs="+", metavar="DIR=SHARE"),
    option("--stem", type=share_of, metavar="DIR=SHARE"),
)
def main(options: argparse.Namespace) -> None:
    """Write OUT/weights.safetensors."""
    tensors = average([(_load(folder), share) for folder, share in options.parts])
    if options.stem:
        tensors = towards(tensors, _load(options.stem[0]), options.stem[1])
    options.out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, options.out / "weights.safetensors")


if __name__ == "__main__":
    raise SystemExit(main())
