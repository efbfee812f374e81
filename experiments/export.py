"""Export checkpoints to ONNX, which `lcr` then runs without torch (see `lcr.runtime`).

`python experiments/export.py` exports what the default model and `lcr live` need, each checkpoint
into its own folder `onnx`. Our weights are kept as they ship; those of the published language model
in 8 bits (of 550 prompts one is read otherwise for it).
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper, version_converter
from onnx.helper import make_node
from torch import Tensor, nn

from experiments.command import command, option
from lcr.base_weights import find_base
from lcr.checkpoints import Checkpoint, WeightsError, base_weights, find_checkpoint
from lcr.files import write_whole
from lcr.joint import live
from lcr.joint.onnx_network import write_tables
from lcr.joint.torch_live import read_network
from lcr.joint.torch_network import TorchNetwork, answer_of, read_query_model
from lcr.nn.grounded.causal import CausalRemixer
from lcr.nn.query.remixer import QueryRemixer
from lcr.nn.reader.onnx_tagger import GRAPH, TOKENIZER
from lcr.nn.reader.tagger import SpanTagger, load_tagger
from lcr.runtime import FOLDER, MADE_OF, code_digest, config_digest

DEFAULT = ("lcr-q", "open-reader", "lcr-live")
_OPSET = 17
_OPSET_OF_BLOCKS = 21
"""The first whose DequantizeLinear has a scale for each block of rows."""
_FLOAT = onnx.TensorProto.FLOAT
_SMALL, _LARGE = 1024, 2**16
"""Tensors of fewer values stay as they are; from so many on, a language model's have 8 bits."""
_GROUP = 16
"""Rows of a matrix in 8 bits that share a scale in each column."""


class _Hear(nn.Module):
    def __init__(self, remixer: QueryRemixer) -> None:
        super().__init__()
        self.remixer = remixer

    def forward(self, spectrum: Tensor) -> Tensor:
        return self.remixer.hear(spectrum[None])[0]


class _Describe(_Hear):
    def forward(self, features: Tensor, power: Tensor) -> Tensor:  # type: ignore[override]
        vector: Tensor = self.remixer.encoder(features[None], power[None, None])[0, 0]
        return vector


class _Answer(_Hear):
    def forward(  # type: ignore[override]
        self, features: Tensor, energy: Tensor, queries: Tensor, others: Tensor
    ) -> tuple[Tensor, Tensor]:
        return answer_of(self.remixer, features, energy, queries, others)


class _Advance(nn.Module):
    def __init__(self, remixer: CausalRemixer) -> None:
        super().__init__()
        self.remixer = remixer

    def forward(self, spectrum: Tensor, asked: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.remixer.advance(spectrum, asked, state)


class _Read(nn.Module):
    def __init__(self, tagger: SpanTagger) -> None:
        super().__init__()
        self.tagger = tagger

    def forward(self, ids: Tensor, mask: Tensor, adapted: Tensor) -> tuple[Tensor, ...]:
        self.tagger.bert.adapt(adapted)
        return self.tagger.said(ids, mask)


def export(checkpoint: Path, out: Path) -> None:
    """Export a checkpoint of the open model, its reader or the live model into the folder `out`,
    whole or not at all. Raises MissingWeightsError or WeightsError."""
    read = Checkpoint.read(checkpoint)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as made:
        folder = Path(made)
        weights = {checkpoint.name: read.sha256}
        if "tagger" in read.config:
            base = _export_reader(checkpoint, folder)
            weights |= base_weights(base)
        elif read.config.get("remixer", {}).get("kind") == "query":
            _export_network(read, folder)
        elif read.config.get("remixer", {}).get("kind") == "causal":
            _export_live(checkpoint, folder)
        else:
            raise WeightsError(f"{checkpoint} is no open model, open reader or live model")
        told = {
            "code": code_digest(checkpoint),
            "config": config_digest(checkpoint),
            "weights": weights,
        }
        write_whole(folder / MADE_OF, json.dumps(told, indent=1) + "\n")
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(folder, out)


def _export_network(checkpoint: Checkpoint, out: Path) -> None:
    model = read_query_model(checkpoint)
    assert isinstance(model.network, TorchNetwork)
    write_tables(model.tables, out)
    remixer = model.network.remixer
    bins, bands = model.network.n_fft // 2 + 1, len(model.network.band_bins)
    dim, channels, frames, asked = remixer.config.query_dim, remixer.config.channels, 40, 3
    features, queries = torch.randn(bands, frames, channels), torch.randn(asked, dim)
    energy, power = torch.rand(bins, frames), torch.rand(bands, frames)
    _write(
        _Hear(remixer),
        {"spectrum": torch.randn(bins, frames, 2)},
        ["features"],
        {"spectrum": {1: "frames"}},
        out / "hear.onnx",
    )
    _write(
        _Describe(remixer),
        {"features": features, "power": power},
        ["vector"],
        {"features": {1: "frames"}, "power": {1: "frames"}},
        out / "describe.onnx",
    )
    _write(
        _Answer(remixer),
        {"features": features, "energy": energy, "queries": queries, "others": queries.flip(0)},
        ["parts", "presence"],
        {
            "features": {1: "frames"}, "energy": {1: "frames"},
            "queries": {0: "asked"}, "others": {0: "asked"},
        },
        out / "answer.onnx",
    )  # fmt: skip


def _export_live(checkpoint: Path, out: Path) -> None:
    remixer = read_network(checkpoint).remixer
    config, rows, frames = remixer.config, 2, 3
    bins, bands = config.n_fft // 2 + 1, len(config.band_bins)
    given = {
        "spectrum": torch.randn(rows, bins, frames, 2),
        "asked": torch.rand(2, 2 * config.columns),
        "state": torch.randn(config.blocks, rows * bands, config.channels),
    }
    axes = {"spectrum": {0: "rows", 2: "frames"}, "asked": {0: "groups"}, "state": {1: "bands"}}
    _write(_Advance(remixer), given, ["parts", "after"], axes, out / live.GRAPH)


def _export_reader(checkpoint: Path, out: Path) -> str:
    """The name of the language model that is in it."""
    tagger = load_tagger(checkpoint)
    shutil.copyfile(find_base(tagger.config.base) / TOKENIZER, out / TOKENIZER)
    pieces = tagger.pieces(["remove the dog", "turn the old man down by 3 dB"])
    given = {
        "ids": torch.from_numpy(pieces.ids),
        "mask": torch.from_numpy(pieces.mask),
        "adapted": torch.tensor(1.0),
    }
    names = ["border", "tag", "action", "style", "rest", "request", "mean"]
    free = {0: "texts", 1: "pieces"}
    axes = {"ids": free, "mask": free}
    _write(_Read(tagger), given, names, axes, out / GRAPH, in_8_bits=True)
    return tagger.config.base


def _write(
    module: nn.Module,
    given: Mapping[str, Tensor],
    outputs: Sequence[str],
    free: Mapping[str, Mapping[int, str]],
    path: Path,
    *,
    in_8_bits: bool = False,
) -> None:
    with torch.inference_mode(), warnings.catch_warnings():
        # The tracer warns of every shape that it takes for a constant; tests run other shapes.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            tuple(given.values()),
            str(path),
            input_names=list(given),
            output_names=list(outputs),
            dynamic_axes={name: dict(axes) for name, axes in free.items()},
            opset_version=_OPSET,
            dynamo=False,
        )
    model = onnx.load(path)
    if in_8_bits:
        model = version_converter.convert_version(model, _OPSET_OF_BLOCKS)
    shrink(model.graph, in_8_bits=in_8_bits)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def shrink(graph: onnx.GraphProto, *, in_8_bits: bool) -> None:
    """Keep large tensors in 16 bits, or `in_8_bits` the largest matrices, which become 32 again as
    the graph is loaded, and tables that 16 bits do not hold exactly in 8 with a scale for each row;
    of these only what is looked up becomes 32 bits."""
    looked_up = {node.input[0] for node in graph.node if node.op_type == "Gather"}
    nodes: list[onnx.NodeProto] = []
    tables = {}
    for tensor in list(graph.initializer):
        name, values = tensor.name, numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _SMALL:
            continue
        graph.initializer.remove(tensor)
        half = values.astype(np.float16)
        if name in looked_up and not np.array_equal(half, values):
            scale = np.maximum(np.abs(values).max(-1, keepdims=True), 1e-12) / np.float32(127)
            kept = _add(graph, f"{name}/8", np.round(values / scale).astype(np.int8))
            tables[name] = (kept, _add(graph, f"{name}/scale", scale))
        elif in_8_bits and values.size >= _LARGE:
            nodes += _in_8_bits(graph, name, values)
        else:
            nodes.append(make_node("Cast", [_add(graph, f"{name}/16", half)], [name], to=_FLOAT))
    for node in graph.node:
        if node.op_type == "Gather" and node.input[0] in tables:
            out = node.output[0]
            kept, scales = (f"{out}/{half}" for half in ("8", "scale"))
            for table, rows in zip(tables[node.input[0]], (kept, scales), strict=True):
                nodes.append(make_node("Gather", [table, node.input[1]], [rows], axis=0))
            nodes.append(make_node("Cast", [kept], [f"{kept}/cast"], to=_FLOAT))
            nodes.append(make_node("Mul", [f"{kept}/cast", scales], [out]))
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def _in_8_bits(
    graph: onnx.GraphProto, name: str, values: NDArray[np.float32]
) -> list[onnx.NodeProto]:
    """What makes the matrix again, in one step: with more, as much memory is taken again."""
    groups = values.reshape(-1, _GROUP, values.shape[1])
    scale = np.maximum(np.abs(groups).max(1), 1e-6) / np.float32(127)
    kept = np.round(groups / scale[:, None]).astype(np.int8).reshape(values.shape)
    scales = _add(graph, f"{name}/scale", scale.astype(np.float16))
    given = [_add(graph, f"{name}/8", kept), f"{scales}/cast"]
    return [
        make_node("Cast", [scales], [given[1]], to=_FLOAT),
        make_node("DequantizeLinear", given, [name], axis=0, block_size=_GROUP),
    ]


def _add(graph: onnx.GraphProto, name: str, values: NDArray[Any]) -> str:
    graph.initializer.append(numpy_helper.from_array(values, name))
    return name


@command(
    __doc__,
    option("checkpoints", nargs="*", default=DEFAULT, metavar="NAME|DIR", help="default: all"),
    option("--out", type=Path, metavar="DIR", help="a folder for each, in place of its own"),
)
def main(options: argparse.Namespace) -> None:
    """Export; print the size of each."""
    for name in options.checkpoints:
        checkpoint = find_checkpoint(name)
        out = options.out / checkpoint.name if options.out else checkpoint / FOLDER
        export(checkpoint, out)
        size = sum(file.stat().st_size for file in out.iterdir()) / 2**20
        print(f"{out}: {size:.1f} MiB")


if __name__ == "__main__":
    raise SystemExit(main())
