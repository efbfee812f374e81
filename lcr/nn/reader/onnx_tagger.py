"""The network of the open reader in onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lcr.checkpoints import WeightsError, read_config
from lcr.prompts.reading.pieces import Ids, PieceTagger, PieceTokenizer, Said
from lcr.runtime import Graph

GRAPH, TOKENIZER = "reader.onnx", "tokenizer.json"


class OnnxPieces:
    """`lcr.prompts.reading.pieces.PieceNetwork` from the graph in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._graph = Graph(folder / GRAPH)

    def __call__(self, ids: Ids, mask: Ids, *, adapted: bool = True) -> Said:
        return Said(
            *self._graph({"ids": ids, "mask": mask, "adapted": np.array(adapted, np.float32)})
        )


def read_tagger(checkpoint: Path, folder: Path) -> PieceTagger:
    """The tagger from what was exported from `checkpoint` into `folder`. Raises WeightsError."""
    try:
        most = int(read_config(checkpoint)["tagger"]["max_tokens"])
        tokenizer = PieceTokenizer(folder / TOKENIZER, most)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise WeightsError(f"{folder} is damaged: {error}") from error
    return PieceTagger(tokenizer, OnnxPieces(folder))
