"""The network of LCR-Q in torch, and the vectors of names and styles that training left."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lcr.checkpoints import (
    Checkpoint,
    below,
    load_tensors,
    must_fit,
    no_larger_than,
    states_of,
)
from lcr.joint.query import Answer, Floats, QueryModel, Tables, calibration_in
from lcr.lexicon import load_lexicon
from lcr.nn.query.names import STYLE_COLUMNS, NameVectors, StyleVectors
from lcr.nn.query.remixer import Encoding, QueryConfig, QueryRemixer, unit_variance


class TorchNetwork:
    """A QueryRemixer on a `device` as `lcr.joint.query.Network`; `names` and `styles` are what it
    was trained with."""

    def __init__(
        self, remixer: QueryRemixer, names: NameVectors, styles: StyleVectors, device: str = "cpu"
    ) -> None:
        config = remixer.config
        self.remixer, self.names, self.styles = remixer.to(device).eval(), names, styles
        self.device = device
        self.n_fft, self.band_bins, self.items = config.n_fft, config.band_bins, config.items

    @torch.inference_mode()
    def hear(self, spectrum: Floats) -> Floats:
        return _array(self.remixer.hear(self._given(spectrum)[None])[0])

    @torch.inference_mode()
    def describe(self, features: Floats, power: Floats) -> Floats:
        heard, kept = self._given(features), self._given(power)
        return _array(self.remixer.encoder(heard[None], kept[None, None])[0, 0])

    @torch.inference_mode()
    def answer(
        self, features: Floats, energy: Floats, queries: Floats, others: Floats | None
    ) -> Answer:
        beside = np.zeros_like(queries) if others is None else others
        given = map(self._given, (features, energy, queries, beside))
        parts, presence = answer_of(self.remixer, *given)
        return Answer(_array(parts), _array(presence))

    def state(self) -> dict[str, Tensor]:
        return states_of(remixer=self.remixer, names=self.names, styles=self.styles)

    def _given(self, array: Floats) -> Tensor:
        return torch.from_numpy(array).to(self.device)


def answer_of(
    remixer: QueryRemixer, features: Tensor, energy: Tensor, queries: Tensor, others: Tensor
) -> tuple[Tensor, Tensor]:
    """`Network.answer` in tensors: parts and presence logits."""
    power = remixer.transform.in_bands(energy)
    heard, energy, power = features[None], energy[None], power[None]
    encoding = Encoding(energy, energy, energy, power, heard, 0)
    row = queries.new_zeros(queries.shape[0], dtype=torch.long)
    answer = remixer.answer(encoding, row, queries, others)
    presence, _ = remixer.is_present(encoding, row, queries, answer)
    return answer.mask.sigmoid(), presence


@torch.no_grad()
def tables_of(
    names: NameVectors,
    styles: StyleVectors,
    labels: Sequence[str],
    recordings: Sequence[int],
    *,
    ridge: float = 1.0,
) -> Tables:
    """`recordings` counts the original recordings of each recorded name in training: a name's
    vector is their mean and what its attributes predict, mixed n : 1."""
    regression = names.regression(ridge)
    share = torch.tensor(recordings, dtype=torch.float32).unsqueeze(-1)
    share = share / (share + 1)
    every = torch.arange(len(labels))
    named = share * names.recorded(every) + (1 - share) * regression(names.attributes)
    weight_in, bias_in, weight_out, bias_out = map(_array, styles.layers.parameters())
    return Tables(
        labels=tuple(labels),
        named=_array(unit_variance(named)),
        alone=_array(names.unheard(every)),
        weight=_array(regression.weight),
        bias=_array(regression.bias),
        columns=STYLE_COLUMNS[: styles.columns],
        styles=(weight_in, bias_in, weight_out, bias_out),
    )


def read_query_model(checkpoint: Checkpoint, *, device: str = "cpu") -> QueryModel:
    """LCR-Q from its checkpoint. Raises WeightsError for one of another kind."""
    folder, config, tensors = checkpoint.folder, checkpoint.config, checkpoint.tensors
    with must_fit(folder, "does not fit this version of lcr"):
        with no_larger_than(below(tensors, "remixer.")):
            remixer = QueryRemixer(QueryConfig.from_dict(config["remixer"]))
        told = config["names"]
        dim, lexicon = remixer.config.query_dim, load_lexicon()
        names = NameVectors(torch.zeros(len(told["labels"]), len(lexicon.attribute_names)), dim)
        columns = tensors["styles.layers.0.weight"].shape[1]
        with no_larger_than(below(tensors, "styles.")):
            styles = StyleVectors(columns, config["style_hidden"], dim)
        for prefix, module in (("remixer.", remixer), ("names.", names), ("styles.", styles)):
            load_tensors(module, tensors, prefix)
        tables = tables_of(
            names.eval(), styles, told["labels"], told["recordings"], ridge=told["ridge"]
        )
        network = TorchNetwork(remixer, names, styles, device)
        return QueryModel(network, tables, lexicon=lexicon, **calibration_in(told))


def _array(tensor: Tensor) -> Floats:
    found: Floats = tensor.float().cpu().numpy()
    return found
