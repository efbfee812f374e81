"""The network of LCR-Q in onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lcr.checkpoints import Checkpoint, WeightsError, read_config
from lcr.joint.query import Answer, Floats, QueryModel, Tables, calibration_in
from lcr.runtime import Graph

if TYPE_CHECKING:
    from torch import Tensor

TABLES = "tables.npz"


class OnnxNetwork:
    """`lcr.joint.query.Network` from the graphs hear, describe and answer in `folder`, which were
    exported from `checkpoint`."""

    def __init__(
        self,
        checkpoint: Path,
        folder: Path,
        *,
        n_fft: int,
        band_bins: tuple[int, ...],
        items: int,
    ) -> None:
        self._checkpoint = checkpoint
        self.n_fft, self.band_bins, self.items = n_fft, band_bins, items
        self._hear, self._describe, self._answer = (
            Graph(folder / f"{name}.onnx") for name in ("hear", "describe", "answer")
        )

    def hear(self, spectrum: Floats) -> Floats:
        return self._hear({"spectrum": spectrum})[0]

    def describe(self, features: Floats, power: Floats) -> Floats:
        return self._describe({"features": features, "power": power})[0]

    def answer(
        self, features: Floats, energy: Floats, queries: Floats, others: Floats | None
    ) -> Answer:
        beside = np.zeros_like(queries) if others is None else others
        given = {"features": features, "energy": energy, "queries": queries, "others": beside}
        parts, presence = self._answer(given)
        return Answer(parts, presence)

    def state(self) -> dict[str, Tensor]:
        return Checkpoint.read(self._checkpoint).tensors


def read_query_model(checkpoint: Path, folder: Path) -> QueryModel:
    """LCR-Q from what was exported from `checkpoint` into `folder`. Raises WeightsError."""
    config = read_config(checkpoint)
    try:
        with np.load(folder / TABLES) as tables:
            sizes, names = config["remixer"], config["names"]
            network = OnnxNetwork(
                checkpoint,
                folder,
                n_fft=sizes["n_fft"],
                band_bins=tuple(sizes["band_bins"]),
                items=sizes["items"],
            )
            styles = tables["styles_0"], tables["styles_1"], tables["styles_2"], tables["styles_3"]
            found = Tables(
                labels=tuple(names["labels"]),
                columns=tuple(tables["columns"].tolist()),
                styles=styles,
                **{name: tables[name] for name in ("named", "alone", "weight", "bias")},
            )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise WeightsError(f"{folder} is damaged: {error}") from error
    return QueryModel(network, found, **calibration_in(names))


def write_tables(tables: Tables, folder: Path) -> None:
    """What `read_query_model` reads beside the graphs."""
    styles = {f"styles_{i}": one for i, one in enumerate(tables.styles)}
    rows = {name: getattr(tables, name) for name in ("named", "alone", "weight", "bias")}
    arrays: dict[str, Any] = {"columns": np.array(tables.columns), **styles, **rows}
    np.savez(folder / TABLES, **arrays)
